"""The explicit engine against the definition, on random specifications with random limits."""

from __future__ import annotations

from collections.abc import Callable

import interpreter
import pytest
from everything import EVERYTHING
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from systems import check, instance, truth, violations

from pvcheck.engines.base import Limits
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.verdict import Checked, Inconclusive, Violated

HEAD = """
system random_;
ordered sort T;
lock a: mutex; lock b[T]: mutex; lock r: rw;
order a < b; order b ascending;
gen g guarded by a;
var x: 0..2 = 0 guarded by a;
var l: list<T> = [] guarded by r;
var y: 0..2 = 0 atomic;
fn other(t: T): T = T(1 - int(t));
"""
MOST_STATES = 1500
TAIL = """
invariant low: x < 2;
when free(a): invariant apart(t: T): !(t in l) || y == 0;
"""

SIMPLE = [
    "acquire a;",
    "release a;",
    "acquire a; x = (x + 1) % 3; release a;",
    "acquire a; x += 1; release a;",
    "{ acquire a; let s = snapshot(g); release a;"
    "  acquire a; if changed(g, s) { x = 2; } release a; }",
    "{ any t: T where t != self || y == 0; acquire b[t]; release b[t]; }",
    "acquire a; bump(g); release a;",
    "acquire b[self];",
    "release b[self];",
    "acquire b[other(self)]; release b[other(self)];",
    "acquire read r; if empty(l) { y = 1; } release r;",
    "acquire write r; append(l, self); release r;",
    "acquire read r; if try upgrade r { l = []; } release r;",
    "acquire read r; upgrade r; downgrade r; release r;",
    "if try a { release a; }",
    "y = 0;",
    "atomic { await y != 0; y = 0; }",
    "atomic { y = (y + 1) % 3; }",
    "assert y < 2;",
    "x = 0;",
]


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blocks = st.lists(inner, min_size=1, max_size=2).map(" ".join)
    return st.one_of(
        st.tuples(blocks, blocks).map(lambda b: f"choose {{ {{ {b[0]} }} or {{ {b[1]} }} }}"),
        st.tuples(blocks, blocks).map(lambda b: f"if y == 0 {{ {b[0]} }} else {{ {b[1]} }}"),
        blocks.map(lambda b: f"if int(self) == 0 {{ {b} }}"),
        blocks.map(lambda b: f"while y == 0 {{ {b} }}"),
    )


statements = st.recursive(st.sampled_from(SIMPLE), nested, max_leaves=4)
bodies = st.lists(statements, min_size=1, max_size=4).map(" ".join)


@st.composite
def specifications(draw: Callable[[st.SearchStrategy[str]], str]) -> str:
    first, second = draw(bodies), draw(bodies)
    loop = draw(st.sampled_from(["{}", "while true {{ {} }}"]))
    other = second.replace("self", "T(0)")
    return f"{HEAD}thread cpu[T] {{ {loop.format(first)} }}\nthread one {{ {other} }}\n{TAIL}"


@settings(max_examples=40, deadline=None)
@given(specifications())
def test_without_limits(text: str) -> None:
    what = instance(text, T=2)
    expected = truth(what, MOST_STATES)
    assume(expected is not None)
    assert expected is not None

    result = check(what)

    event(f"violated: {sorted(expected.shortest)}")
    assert violations(result) == expected.shortest
    found = result.statistics
    assert (found.states, found.transitions) == (expected.states, expected.transitions)
    faulty = any(kind in expected.shortest for kind in Fault)
    for verdict in result.verdicts.values():
        assert isinstance(verdict, Violated | (Inconclusive if faulty else Checked))
        assert not isinstance(verdict, Checked) or verdict.states == expected.states


@settings(max_examples=40, deadline=None)
@given(specifications(), st.none() | st.integers(0, 12), st.none() | st.integers(1, 60))
def test_within_limits(text: str, depth: int | None, states: int | None) -> None:
    what = instance(text, T=2)
    expected = truth(what, MOST_STATES)
    assume(expected is not None)
    assert expected is not None

    result = check(what, limits=Limits(depth=depth, states=states))

    for name, verdict in result.verdicts.items():
        shortest = expected.shortest.get(name)
        match verdict:
            case Violated(trace):
                assert len(trace.steps) == shortest
            case Checked(count):
                assert (shortest, count) == (None, expected.states)
            case Inconclusive(searched):
                assert shortest is None or shortest > searched
                assert searched <= expected.depth


@settings(max_examples=20, deadline=None)
@given(specifications())
def test_the_interpreter_reaches_as_many_states(text: str) -> None:
    what = instance(text, T=2)

    states, faults = reachable(what)
    assume(states <= MOST_STATES)

    result = check(what)
    assert result.statistics.states == states
    assert {p for p in violations(result) if p in tuple(Fault)} == faults


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(specifications())
def test_without_limits_at_length(text: str) -> None:
    test_without_limits.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(specifications(), st.none() | st.integers(0, 12), st.none() | st.integers(1, 60))
def test_within_limits_at_length(text: str, depth: int | None, states: int | None) -> None:
    test_within_limits.hypothesis.inner_test(text, depth, states)  # type: ignore[attr-defined]


def reachable(what: Instance) -> tuple[int, set[str]]:
    """The number of states, and the kinds of faults, that the plain interpreter meets."""
    try:
        todo = [interpreter.initial(what)]
    except interpreter.Wrong as wrong:
        return 0, {wrong.kind}
    seen = {todo[0].key()}
    faults: set[str] = set()
    for world in todo:
        if len(seen) > MOST_STATES:
            break
        for thread in range(len(what.threads)):
            for outcome in interpreter.outcomes(what, world, thread):
                if isinstance(outcome, Fault):
                    faults.add(outcome)
                elif outcome.key() not in seen:
                    seen.add(outcome.key())
                    todo.append(outcome)
    return len(seen), faults


def test_as_many_states_as_the_definition_where_everything_is_used() -> None:
    what = instance(EVERYTHING, I=2, T=1)
    expected = truth(what)
    assert expected is not None

    found = check(what).statistics

    assert (found.states, found.transitions) == (expected.states, expected.transitions)
