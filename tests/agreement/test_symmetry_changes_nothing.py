"""Symmetry changes no verdict: random specifications with and without, and what that rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from reduction import assert_same, group_of, reachable
from strategies import specifications
from strategies_symmetric import symmetric_specifications
from systems import instance as instance_of

from pvcheck.diagnostics import SpecError
from pvcheck.model.instance import Instance
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.symmetry import Group, Renaming

MOST_STATES = 2_000
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
FEW = settings(QUIET, max_examples=40, derandomize=True)
MANY = settings(QUIET, max_examples=2_000)

Judge = Callable[[Instance, Group, list[State]], None]


def for_each(how: settings, texts: st.SearchStrategy[str], judge: Judge) -> Counter[str]:
    """Judges random specifications that have symmetries and are small."""
    fate: Counter[str] = Counter()

    @how
    @given(texts)
    def each(text: str) -> None:
        try:
            instance = instance_of(text)
        except SpecError as error:
            fate["rejected"] += 1
            event(f"rejected: {error.diagnostics[0].message}")
            return
        group = group_of(instance)
        states = reachable(Semantics(instance), MOST_STATES)
        if group is None or states is None:
            fate["without symmetries" if group is None else "too large"] += 1
            return
        fate["judged"] += 1
        event("judged")
        judge(instance, group, states)

    each()
    return fate


def nothing_changes(instance: Instance, group: Group, states: list[State]) -> None:
    without, reduced = assert_same(instance, group)
    for verdict in without.verdicts:
        event(f"{verdict}: {type(without.verdicts[verdict]).__name__}")
    assert without.statistics.states == len(states)
    orbits = {group.canonical(state) for state in states}
    assert reduced.statistics.states == len(orbits)


def renamings_are_symmetries(instance: Instance, group: Group, states: list[State]) -> None:
    """Everything that is asked of a state commutes with renaming it."""
    semantics = Semantics(instance)
    assert all(r.state(semantics.initial) == semantics.initial for r in group.renamings)
    for state in states[:: 1 + len(states) // 60]:
        for renaming in group.renamings[:6]:
            renamed = renaming.state(state)
            assert after(semantics, renamed) == {
                rename_step(renaming, step) for step in after(semantics, state)
            }
            assert judged(semantics, renamed) == judged(semantics, state)
            assert waiting(semantics, renamed) == {
                (renaming.threads[t], sum(1 << renaming.threads[h] for h in bits(holders)))
                for t, holders in waiting(semantics, state)
            }


Step = tuple[int, State | None, object, int]


def after(semantics: Semantics, state: State) -> set[Step]:
    """Who steps, to where, or with which fault; what that covers."""
    return {
        (thread, reached, outcome.fault and (outcome.fault.kind, outcome.fault.span), covered)
        for thread, outcome, reached in semantics.successors(state)
        for covered in (outcome.covered,)
    }


def rename_step(renaming: Renaming, step: Step) -> Step:
    thread, reached, fault, covered = step
    there = None if reached is None else renaming.state(reached)
    return renaming.threads[thread], there, fault, covered


def judged(semantics: Semantics, state: State) -> list[bool]:
    shared, locals_ = state
    names = [i.name for i in semantics.model.invariants]
    return [
        *(semantics.holds(name, shared) for name in names),
        *(semantics.opens(name, shared) for name in names),
        semantics.deadlocked(state),
        any(semantics.out_of_order(shared, x, t) for t, x in enumerate(locals_)),
    ]


def waiting(semantics: Semantics, state: State) -> set[tuple[int, int]]:
    return set(semantics.waits_for(state).items())


def bits(threads: int) -> list[int]:
    return [t for t in range(threads.bit_length()) if threads >> t & 1]


def is_a_group_action(_: Instance, group: Group, states: list[State]) -> None:
    renamings = group.renamings
    assert renamings[0].is_identity
    for state in states[:: 1 + len(states) // 30]:
        canonical = group.canonical(state)
        for number, renaming in enumerate(renamings):
            renamed = renaming.state(state)
            assert renamings[group.inverse[number]].state(renamed) == state
            assert group.canonical(renamed) == canonical
            assert group.renaming(state, renamed).state(state) == renamed
        for one in renamings[:4]:
            for other in renamings[-4:]:
                both = {s: tuple(other.elements[s][e] for e in p) for s, p in one.elements.items()}
                composed = Renaming(group.layout, both)
                assert composed.state(state) == other.state(one.state(state))


JUDGES = [nothing_changes, renamings_are_symmetries, is_a_group_action]


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("spoil", [1, 12])
def test_random_symmetric_specifications(spoil: int, judge: Judge) -> None:
    fate = for_each(FEW, symmetric_specifications(spoil), judge)

    assert fate["judged"] > fate.total() / 3, fate


@pytest.mark.parametrize("judge", JUDGES)
def test_random_specifications(judge: Judge) -> None:
    fate = for_each(FEW, specifications(5), judge)

    assert fate["judged"] > fate.total() / 3, fate


@pytest.mark.slow
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("spoil", [1, 12])
def test_many_random_symmetric_specifications(spoil: int, judge: Judge) -> None:
    for_each(MANY, symmetric_specifications(spoil), judge)


@pytest.mark.slow
@pytest.mark.parametrize("judge", JUDGES)
def test_many_random_specifications(judge: Judge) -> None:
    for_each(MANY, specifications(5), judge)
