"""Random walks: what they show is true, can be shown again, and does not depend on who walks."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import specifications
from systems import Watcher, check, instance, model
from test_explicit import MUTEX, PHILOSOPHERS

from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.simulate import Plan, Simulation, Walker, simulate
from pvcheck.load import instances
from pvcheck.model.instance import Instance
from pvcheck.model.replay import Mismatch, follow, violated
from pvcheck.model.semantics import after
from pvcheck.model.shorten import shortened
from pvcheck.model.verdict import Checked, Inconclusive, Violated


def walked(what: Instance, plan: Plan, workers: int = 1, **limits: float) -> Simulation:
    properties = what.model.safety
    return simulate(what, properties, plan, Limits(**limits), Watcher(), workers=workers)  # type: ignore[arg-type]


def violations(found: Simulation) -> dict[str, int]:
    return {
        n: len(v.trace.steps) for n, v in found.result.verdicts.items() if isinstance(v, Violated)
    }


def test_a_deadlock_is_found_and_is_as_short_as_can_be() -> None:
    what = instance(PHILOSOPHERS, Fork=3)
    shortest = check(what).verdicts["deadlock"]
    assert isinstance(shortest, Violated)

    found = walked(what, Plan(seed=1, walks=50, steps=200))

    assert violations(found)["deadlock"] == len(shortest.trace.steps)
    assert not isinstance(follow(what.semantics, found.result.verdicts["deadlock"].trace), Mismatch)


def test_nothing_is_checked_by_walking() -> None:
    found = walked(instance(MUTEX, Thread=2), Plan(seed=1, walks=20, steps=50))

    assert {type(v) for v in found.result.verdicts.values()} == {Inconclusive}
    assert found.walks == 20


@pytest.mark.parametrize("workers", [2, 3])
def test_the_walks_are_the_same_whoever_takes_them(workers: int) -> None:
    what = instance(PHILOSOPHERS, Fork=3)
    plan = Plan(seed=7, walks=60, steps=40)
    alone, together = walked(what, plan), walked(what, plan, workers)

    assert together.result.verdicts == alone.result.verdicts
    assert together.result.coverage == alone.result.coverage
    assert (together.walks, together.steps, together.first) == (
        alone.walks,
        alone.steps,
        alone.first,
    )


def test_a_walk_can_be_taken_again_by_its_number() -> None:
    what = instance(PHILOSOPHERS, Fork=4)
    all_ = walked(what, Plan(seed=3, walks=100, steps=60))
    number = all_.first["deadlock"]
    again = walked(what, Plan(seed=3, walks=1, steps=60, first=number))

    assert again.first["deadlock"] == number
    assert again.result.verdicts["deadlock"] == all_.result.verdicts["deadlock"]


def test_the_time_limit_ends_the_walks() -> None:
    what = instance(MUTEX, Thread=2)
    found = walked(what, Plan(seed=1, walks=10**9, steps=100), 2, seconds=0.3)

    assert 0 < found.walks < 10**9
    assert found.result.statistics.seconds < 5


def test_what_walks_cover() -> None:
    text = """
    system s; lock a: mutex; var x: 0..3 = 0 guarded by a;
    op work() { acquire a; if x < 3 { x += 1; } else { x = 0; } release a; }
    thread p { while true { work(); } } thread q { while true { work(); } }
    when free(a): invariant small: x <= 3;
    """
    what = instance(text)
    found = walked(what, Plan(seed=1, walks=20, steps=100))

    assert found.result.coverage == check(what).coverage


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(5), st.integers(0, 99))
def test_walks_find_only_what_a_search_finds(text: str, seed: int) -> None:
    try:
        (what,) = instances(model(text))
    except SpecError:
        assume(False)
    found = walked(what, Plan(seed=seed, walks=5, steps=60))
    known = check(what, limits=Limits(states=20_000))
    for name in violations(found):
        assert not isinstance(known.verdicts[name], Checked)
    assert found.result.coverage.executed <= known.coverage.executed or known.fault is not None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(5), st.integers(0, 99))
def test_shortened_runs_violate_and_have_no_needless_step(text: str, seed: int) -> None:
    try:
        (what,) = instances(model(text))
    except SpecError:
        assume(False)
    semantics = what.semantics
    walker = Walker(semantics, what.model.safety)
    walker.walk(seed, 0, 80)
    for name, (_, moves) in walker.taken().found.items():
        shorter = shortened(semantics, name, moves, 30)
        assert len(shorter) <= len(moves)
        assert shortened(semantics, name, shorter, 30) == shorter
        state, fault = semantics.initial, semantics.initial_fault
        for move in shorter:
            assert not violated(semantics, name, state, fault)
            result = semantics.run(state[0], state[1][move.thread], move.thread, move.choices)
            assert result is not None
            state, fault = after(state, move.thread, result[0]) or state, result[0].fault
        assert violated(semantics, name, state, fault)


def test_walks_with_other_seeds_are_others() -> None:
    what = instance(PHILOSOPHERS, Fork=4)
    lengths = {walked(what, Plan(seed=seed, walks=1, steps=500)).steps for seed in range(10)}
    assert len(lengths) > 1
