"""Which sorts are symmetric, why others are not, and that permuting those would be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from reduction import assert_same, essence, group_of
from systems import check, instance, truth, violations

from pvcheck.model.instance import Instance
from pvcheck.model.layout import Layout
from pvcheck.model.model import LockOrder
from pvcheck.model.semantics import Semantics
from pvcheck.model.symmetry import Group
from pvcheck.model.types import Sort
from pvcheck.reduce.asymmetry import Asymmetry
from pvcheck.reduce.symmetry import remarks, symmetry

HEAD = """system s;
sort U;
sort T;
ordered sort O;
struct E { u: U; o: O?; }
"""
SIZES: Mapping[str, int] = {"U": 2, "T": 2, "O": 2}


def of(text: str, **sizes: int) -> Instance:
    return instance(HEAD + text, **{**SIZES, **sizes})


def refusals(what: Instance, sort: str = "U") -> list[str]:
    found = symmetry(Semantics(what)).asymmetries
    return [f"{what.model.where(a.span)} {a.why}" for a in found if a.sort == sort]


ALIKE = {
    "data": """
lock k[U]: mutex;
var x[u: U]: E? guarded by k[u];
thread t[T] { any u: U; acquire k[u]; x[u] = E(u, none); release k[u]; }
""",
    "a loop in every order": """
var x[U]: bool atomic;
thread t { for u in U { x[u] = true; } }
""",
    "a loop over a list": """
var l: list<U> atomic;
thread t { atomic { any u: U; append(l, u); } atomic { for u in l { assert u in l; } } }
""",
    "quantifiers that cannot fault": """
var x[U]: U? atomic;
var at[U]: E? atomic;
fn half(o: O): O = O(int(o) / 2);
var y[O]: bool atomic;
thread t { atomic { await forall u: U: x[u] != none => x[x[u]] == none || x[u] == u; } }
thread s { atomic { assert !(exists u: U: at[u] != none && at[u].u == u); } }
thread r { atomic { assert forall u: U where at[u] != none: at[u].o == none || y[half(at[u].o)]; } }
thread q { any u: U; x[u] = u; }
invariant a(u: U): x[u] == none || x[u] != none && (x[u] == u || true);
""",
    "one kind of fault, at every element": """
var x[U]: U? atomic;
thread t[T] { any v: U; x[v] = v; atomic { any u: U where x[x[u]] == none; } }
""",
    "a local that is set on every way": """
var x: bool atomic;
var y: U? atomic;
thread t {
  let u: U?;
  if x { any v: U; u = v; } else { any w: U; u = w; }
  y = u;
  assert u != none;
}
""",
    "an invariant that faults": """
var x[U]: U? atomic;
when forall w: U: x[w] == none: invariant none_yet(u: U, v: U): x[x[u]] == x[v];
thread t { any u: U; x[u] = u; }
""",
    "a snapshot": """
lock k[U]: mutex;
gen g[u: U] guarded by k[u];
thread t[T] {
  any u: U;
  acquire k[u]; let s = snapshot(g[u]); release k[u];
  acquire k[u]; bump(g[u]); assert changed(g[u], s); release k[u];
}
""",
    "locks of a class taken together": """
lock k[U]: mutex;
thread t[T] { any u: U; acquire k[u]; any v: U where v != u; acquire k[v]; release k[v]; release k[u]; }
""",
    "a thread that is no element": """
var x[T]: U? atomic;
var y: bool atomic;
thread t[T] { any u: U; x[self] = u; }
thread lone { y = true; }
""",
    "readers": """
lock w: rw;
lock k[U]: rw;
order w < k;
thread t[T] { any u: U; acquire read w; acquire k[u]; downgrade k[u]; if try upgrade w { } release k[u]; release w; }
""",
}


@pytest.mark.parametrize("name", ALIKE)
def test_elements_are_alike(name: str) -> None:
    what = of(ALIKE[name])
    group = group_of(what)

    assert refusals(what) == refusals(what, "T") == []
    assert group is not None
    assert len(group.renamings) == 4
    without, reduced = assert_same(what, group)
    assert reduced.statistics.states < without.statistics.states


TOLD_APART = {
    "a local without a value": (
        """
var x[U]: bool atomic;
thread t { any u: U; x[u] = true; let v: U; assert x[v]; }
""",
        "one element is singled out",
    ),
    "a local that a jump leaves without a value": (
        """
var x[U]: bool atomic;
thread t {
  any u: U;
  x[u] = true;
  goto over;
  any v: U where v == u;
over:
  assert x[v];
}
""",
        "t begins with a value that singles one element out",
    ),
    "a variable without a value": (
        """
var x: U atomic;
thread t { any u: U; atomic { assert x == u; } }
""",
        "x begins with a value that singles one element out",
    ),
    "a thread that begins with a local without a value": (
        """
var x[U]: bool atomic;
thread t { let v: U; x[v] = true; any u: U; assert x[u]; }
""",
        "t begins with a value that singles one element out",
    ),
    "a quantifier that stops early": (
        """
var x[U]: bool? atomic;
thread t { any u: U; x[u] = true; atomic { await exists v: U: x[v]; } }
""",
        "the order in which its elements are looked at may decide about none-access",
    ),
    "two kinds of faults in a choice": (
        """
var x[U]: bool? atomic;
var o: 0..3 atomic;
thread t { any u: U; x[u] = true; atomic { any v: U where (x[v] ? 1 / o : 0) == 1; } }
""",
        "the order in which its elements are looked at may decide about bounds or none-access",
    ),
    "two kinds of faults in a set": (
        """
var x[U]: bool? atomic;
var o: 0..3 atomic;
thread t { any u: U; x[u] = true; atomic { assert empty({v: U where (x[v] ? 1 / o : 0) == 1}); } }
""",
        "the order in which its elements are looked at may decide about bounds or none-access",
    ),
    "a window that faults": (
        """
var x[U]: bool? = true atomic;
var y: bool atomic;
when y && x[u]: invariant a(u: U): true;
thread t { any u: U; x[u] = none; y = true; }
""",
        "the order in which its elements are looked at may decide about none-access",
    ),
    "a loop over a set of structs": (
        """
var x[U]: bool? atomic;
thread t { any u: U; x[u] = true; atomic { await exists e in {f: E}: x[e.u]; } }
""",
        "the order in which its elements are looked at may decide about none-access",
    ),
}


@pytest.mark.parametrize("name", TOLD_APART)
def test_elements_are_told_apart(name: str) -> None:
    """The reason is found; and without it there would be another result."""
    text, why = TOLD_APART[name]
    what = of(text)
    lines = [f"test.pv:{n}" for n, line in enumerate((HEAD + text).splitlines(), 1) if line]

    (reason, *_) = refusals(what)

    assert reason.split(" ", 1)[0] in lines
    assert why in reason
    assert "U" not in (group.moved if (group := group_of(what)) else {})
    assert not is_symmetry(what, "U")


def is_symmetry(what: Instance, sort: str) -> bool:
    """Whether permuting the sort, against all reason, would leave the results as they are."""
    group = Group(Layout(what), {sort: what.sizes[sort]})
    try:
        return essence(check(what, group=group)) == essence(check(what))
    except AssertionError:  # a counterexample that is no run
        return False


def unordered(value: Any, name: str) -> Any:
    """A model in which the sort of that name has no order, though the language would refuse it."""
    if isinstance(value, Sort) and value.name == name:
        return Sort(name, ordered=False)
    if isinstance(value, tuple):
        return tuple(unordered(v, name) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: unordered(getattr(value, f.name), name) for f in fields(value)}
        return type(value)(**changed)
    return value


NOT_IN_THE_LANGUAGE = {
    "one step that goes through the elements": (
        """
var seen: O? atomic;
thread t { atomic { for o in O { seen = o; } } any p: O; atomic { assert seen != p; } }
""",
        "one step takes its elements in order",
    ),
    "a comparison": (
        "var n: O? atomic; thread t { any o: O; n = o; any p: O where p < o; }",
        "its elements are ordered by <",
    ),
    "a number": (
        "var n: O? atomic; thread t { any o: O; n = o; assert int(o) == 0; }",
        "its elements are ordered by int",
    ),
    "a least element": (
        "var n: O? atomic; thread t { any o: O; n = o; assert min({p: O}) == o; }",
        "its elements are ordered by min",
    ),
    "an element by its number": (
        "var n: O? atomic; thread t { any o: O; n = o; assert O(0) == o; }",
        "its elements are ordered by element",
    ),
    "a lock order by index": (
        """
lock k[O]: mutex;
order k ascending;
thread t { any o: O; acquire k[o]; any p: O where p != o; acquire k[p]; release k[p]; release k[o]; }
""",
        "lock k is ordered by index",
    ),
}


@pytest.mark.parametrize("name", NOT_IN_THE_LANGUAGE)
def test_models_that_the_language_cannot_say(name: str) -> None:
    text, why = NOT_IN_THE_LANGUAGE[name]
    what = of(text)
    what = replace(what, model=unordered(what.model, "O"))

    assert any(why in reason for reason in refusals(what, "O"))
    assert not is_symmetry(what, "O")


def test_a_class_ordered_by_index_is_not_symmetric() -> None:
    text = "lock k[T][U]: mutex; thread t { any u: U; any v: T; acquire k[v][u]; release k[v][u]; }"
    what = of(text)
    model = replace(what.model, order=LockOrder(frozenset(), frozenset(), frozenset({"k"})))

    for sort in ("T", "U"):
        assert refusals(replace(what, model=model), sort)
        assert not refusals(what, sort)


def test_sorts_are_permuted_one_without_the_other() -> None:
    what = of("var x: U atomic; var y[T]: bool atomic; thread t { any v: T; y[v] = true; }")

    group = group_of(what)

    assert group is not None
    assert group.moved == {"T": 2}


def test_a_sort_of_one_element_needs_no_reason() -> None:
    found = symmetry(Semantics(of("var x: U atomic; thread t { atomic { x = x; } }", U=1, T=1)))

    assert found.group is None
    assert found.asymmetries == ()


def test_a_large_group_is_cut_down() -> None:
    text = "var x[U]: bool atomic; var y[T]: bool atomic; thread t { any u: U; x[u] = true; }"

    found = symmetry(Semantics(of(text, U=9, T=3)))

    assert found.group is not None
    assert found.group.moved == {"U": 7}
    assert len(found.group.renamings) == 5040
    assert found.fixed == ("U", "T")


def test_remarks_say_why_the_search_is_not_reduced_more() -> None:
    text = "var x: U atomic; var y[T]: bool atomic; thread t { any v: T; y[v] = true; }"
    what = of(text, U=2, T=9)

    assert remarks(symmetry(Semantics(what)), what.model) == (
        "test.pv:6: U is not symmetric: x begins with a value that singles one element out",
        "T is symmetric, but only 7 of its elements are permuted: there would be too many renamings",
    )


def test_a_large_state_makes_the_group_smaller() -> None:
    text = "var x[U][O][O]: bool atomic; thread t { any u: U; x[u][O(0)][O(0)] = true; }"

    found = symmetry(Semantics(of(text, U=7, T=1, O=8)))

    assert found.group is not None
    assert found.group.moved == {"U": 6}
    assert found.fixed == ("U",)


def test_part_of_the_elements_is_enough_to_reduce() -> None:
    what = of("var x[U]: bool atomic; thread t { any u: U; x[u] = true; }", U=4, T=1)
    layout = Layout(what)

    states = [
        assert_same(what, Group(layout, {"U": moved}))[1].statistics.states for moved in (2, 3, 4)
    ]

    assert states == sorted(states, reverse=True)
    assert states[0] < check(what).statistics.states


def test_an_expression_nested_too_deeply_costs_symmetry_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_deep(_: Semantics) -> Iterator[Asymmetry]:
        raise RecursionError

    monkeypatch.setattr("pvcheck.reduce.symmetry.asymmetries", too_deep)
    what = of("var x[U]: bool atomic; thread t { any u: U; x[u] = true; }", T=1)

    assert group_of(what) is None
    assert refusals(what) == ["test.pv:2 an expression is nested too deeply to be looked into"]


def test_a_run_that_cannot_begin_has_no_symmetries() -> None:
    what = of("var x[u: U]: 0..1 = 1 / 0 atomic; thread t { }")

    assert group_of(what) is None
    assert violations(check(what)) == truth(what).shortest
