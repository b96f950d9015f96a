"""The tool, the oracle and the definition of shortest on random specifications."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from compare import front_end, oracle_says, tool_says
from hypothesis import HealthCheck, event, given, settings
from oracle import TooLarge
from strategies import HEAD, specifications
from systems import check, truth, violations

from pvcheck.diagnostics import SpecError
from pvcheck.lang import ast
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.replay import Mismatch, follow, trace_of
from pvcheck.model.result import Result
from pvcheck.model.semantics import Semantics
from pvcheck.model.verdict import Checked, Inconclusive, Violated

MOST_STATES = 3_000
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
FEW = settings(QUIET, max_examples=25, derandomize=True)
MANY = settings(QUIET, max_examples=3_000)


def for_each(
    how: settings, spoil: int, judge: Callable[[ast.Specification, Instance], bool]
) -> Counter[str]:
    """Judges random specifications; fails if less than half of them are judged at all.

    ``judge`` says whether the specification was small enough.
    """
    fate: Counter[str] = Counter()

    @how
    @given(specifications(spoil))
    def each(text: str) -> None:
        try:
            tree, instance = front_end(HEAD, text.removeprefix(HEAD))
        except SpecError as error:
            fate["rejected"] += 1
            event(f"rejected: {error.diagnostics[0].message}")
            return
        judged = judge(tree, instance)
        fate["judged" if judged else "too large"] += 1
        event("judged" if judged else "too large")

    each()
    assert fate["judged"] > fate.total() / 2, fate
    return fate


def the_oracle_agrees(tree: ast.Specification, instance: Instance) -> bool:
    try:
        oracle = oracle_says(tree, instance, MOST_STATES)
    except TooLarge:
        return False
    tool = tool_says(instance, MOST_STATES)
    for name in oracle.shortest:
        event(f"violates {name}")
    assert tool.shortest == oracle.shortest
    assert tool.shared == oracle.shared
    assert tool.states == oracle.states
    return True


def the_engine_is_exact(_: ast.Specification, instance: Instance) -> bool:
    result = check(instance)
    if result.statistics.states > MOST_STATES:
        return False
    expected = truth(instance)
    assert violations(result) == expected.shortest
    assert result.statistics.states == expected.states
    assert result.statistics.transitions == expected.transitions
    faulty = any(fault in expected.shortest for fault in Fault)
    semantics = Semantics(instance)
    for name, verdict in result.verdicts.items():
        match verdict:
            case Violated(trace):
                moves = follow(semantics, trace)
                assert not isinstance(moves, Mismatch), moves
                assert trace_of(semantics, name, moves) == trace
            case Checked(states):
                assert not faulty
                assert states == expected.states
            case Inconclusive():
                assert faulty
    assert timeless(check(instance)) == timeless(result)
    return True


def timeless(result: Result) -> Result:
    return replace(result, statistics=replace(result.statistics, seconds=0.0))


@pytest.mark.parametrize("spoil", [1, 10])
def test_the_tool_means_what_the_oracle_says(spoil: int) -> None:
    for_each(FEW, spoil, the_oracle_agrees)


def test_the_engine_finds_the_shortest_and_only_that() -> None:
    for_each(FEW, 5, the_engine_is_exact)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [0, 3, 20])
def test_many_mean_what_the_oracle_says(spoil: int) -> None:
    for_each(MANY, spoil, the_oracle_agrees)


@pytest.mark.slow
def test_the_engine_on_many() -> None:
    for_each(MANY, 5, the_engine_is_exact)
