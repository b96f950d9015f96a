"""Which faults an expression may end in, as its text tells."""

from __future__ import annotations

import pytest
from reduction import reachable
from systems import instance

from pvcheck.model.compile_model import judged
from pvcheck.model.expr import Domain
from pvcheck.model.semantics import Semantics
from pvcheck.reduce.definedness import Definedness, Faults

HEAD = """
system s;
sort U;
ordered sort O;
ordered sort R = size(O) / 2;
struct E { u: U?; o: O; n: 0..2; }
param TWO = 2;
lock m: mutex;
var x[U]: U? atomic;
var e: E? atomic;
var l: list<O> atomic;
var n: 0..2 atomic;
var o: O atomic;
var y[R]: bool atomic;
gen g atomic;
fn half(a: O): R = R(int(a) / TWO);
fn twice(b: R): O = O(int(b) * TWO);
fn huge(i: 0..9): 0..9 = i * i * i * i * i * i;
fn far(i: 0..2): 0..9 = i;
thread t { any u: U; x[u] = u; o = O(3); n = 2; e = E(none, O(1), 1); l = [O(1)]; bump(g); }
"""
DEFINED = [
    "x[u] != none",
    "x[u] != none && x[x[u]] == none",
    "!(x[u] == none) => x[x[u]] == u",
    "x[u] == none || x[x[u]] == u",
    "x[u] == none ? true : x[x[u]] == u",
    "none != e && (e.u != none && x[e.u] == u) || true",
    "forall v: U where x[v] != none: x[x[v]] == v",
    "empty(l) || first(l) == last(l)",
    "empty(l) ? true : first(l) in l",
    "y[half(o)]",
    "y[half(twice(half(o)))]",
    "twice(R(0)) == O(0)",
    "(count a: O: y[half(a)]) >= 0",
    "n + n / 2 + n % TWO == 3",
    "exists i: -1..1: O(i + 1) == o || O(1 - i) == o || i * i * i == -n",
    "exists i: 0..2: O(i * 1 + (i == 0 ? 1 : 0)) == o || i / 2 + i % 3 == 7 - TWO",
    "(count a: O: int(a) * 1000000 * 1000000 == 0) == 1",
    "far(9) == 9",
]
PERHAPS_NOT = {
    "x[x[u]] == u": "none-access",
    "x[u] == none && x[x[u]] == u": "none-access",
    "x[u] != none || x[x[u]] == u": "none-access",
    "x[u] != none => true && (exists v: U: x[x[v]] == u)": "none-access",
    "(x[u] != none) == (x[x[u]] == u)": "none-access",
    "forall v: U where x[u] != none: x[x[v]] == v": "none-access",
    "e.u != none": "none-access",
    "e != none && x[e.u] == u": "none-access",
    "first(l) == O(0)": "empty-list",
    "empty(l) => first(l) == o": "empty-list",
    "next(l, O(0)) == none": "empty-list",
    "min({a: O where a > o}) == o": "empty-list",
    "O(n * n + n) == o": "bounds",
    "O(n) == o": "bounds",
    "n * n == 4": "bounds",
    "exists i: -1..1: O(i * 4) == o": "bounds",
    "huge(huge(huge(huge(huge(huge(9)))))) == 1": "bounds",
    "O(n - 1) == o": "bounds",
    "o + 1 == O(1)": "bounds",
    "exists i: 0..4: O(i) == o": "bounds",
    "O(far(9)) == o": "bounds",
    "1 / n == 1": "bounds",
    "TWO % (n - 1) == 1": "bounds",
    "O(size(l)) == o": "bounds",
    "size(l) * size(l) == 4": "bounds",
    "O(n / TWO * 4) == o": "bounds",
    "(exists a: O: int(a) * 100000000 * 100000000 * 100000000 == 0)": "bounds",
}


def nobody_watches(_: Domain, __: Faults, ___: bool) -> None:
    """Loops are looked at in test_which_sorts.py."""


def faults(expression: str) -> Faults:
    """What the text tells; checked against the states in which the expression is evaluated."""
    what = instance(f"{HEAD} invariant i(u: U): {expression};", U=2, O=4)
    (invariant,) = what.model.invariants
    semantics = Semantics(what)
    found = Definedness(what, nobody_watches).faults(judged(invariant), in_step=False)
    body = instance(f"{HEAD} thread s {{ any u: U; atomic {{ assume {expression}; }} }}", U=2, O=4)
    met = {
        outcome.fault.kind
        for semantics in (Semantics(body),)
        for state in reachable(semantics, 10_000) or ()
        for _, outcome, _ in semantics.successors(state)
        if outcome.fault is not None
    }
    assert met <= found
    assert semantics.initial_fault is None
    return found


@pytest.mark.parametrize("expression", DEFINED)
def test_it_is_seen_that_an_expression_is_defined(expression: str) -> None:
    assert faults(expression) == frozenset()


@pytest.mark.parametrize("expression", PERHAPS_NOT)
def test_a_fault_is_expected_where_nothing_excludes_it(expression: str) -> None:
    assert faults(expression) == {PERHAPS_NOT[expression]}
