"""IC3: it finds the invariant that a proof needs, which a second look confirms."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from strategies import specifications
from systems import Watcher, check, instance, truth, violations

from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic import ic3
from pvcheck.engines.symbolic.facts import facts
from pvcheck.engines.symbolic.ic3 import Frames, Ic3
from pvcheck.engines.symbolic.invariant import Cube, read, recheck, written
from pvcheck.engines.symbolic.proving import ProvingEngine
from pvcheck.engines.symbolic.solver import Z3
from pvcheck.engines.symbolic.system import system
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.replay import Mismatch, follow
from pvcheck.model.result import Result
from pvcheck.model.verdict import Checked, Inconclusive, Violated
from pvcheck.reduce.lock_facts import situations
from pvcheck.reduce.movers import movers
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
COUNTS = """
system counts; lock m: mutex; var x: 0..9 = 0 guarded by m; var y: 0..9 = 0 guarded by m;
op up() { acquire m; if x < 5 { x += 1; } if y < 5 { y = x; } release m; }
thread one { while true { up(); } }
thread two { while true { up(); } }
when free(m): invariant low: y < 6;
"""


def proved(what: Instance, *, seconds: float | None = None, transactions: bool = True) -> Result:
    from pvcheck.model.reduction import UNREDUCED, Reduction  # noqa: PLC0415

    reduction = Reduction(None, movers(what.semantics)) if transactions else UNREDUCED
    return ProvingEngine("ic3", Ic3, 0, Z3, situations).check(
        what, what.model.properties, Limits(seconds=seconds), Watcher(), reduction=reduction
    )


def agrees(what: Instance, found: Result, shortest: dict[str, int]) -> None:
    for name, verdict in found.verdicts.items():
        match verdict:
            case Checked():
                assert name not in shortest
                assert not set(shortest) & set(Fault)
            case Violated(trace):
                assert name in shortest
                assert not isinstance(follow(what.semantics, trace), Mismatch)


def test_it_finds_what_induction_would_have_to_be_told() -> None:
    found = proved(instance(COUNTS))

    assert {type(v) for v in found.verdicts.values()} == {Checked}
    verdict = found.verdicts["low"]
    assert isinstance(verdict, Checked)
    assert verdict.argument == f"by an invariant of {len(verdict.certificate)} clauses"
    assert any("x." in clause for clause in verdict.certificate)


def test_it_finds_violations_too_and_proves_the_rest() -> None:
    what = instance(COUNTS.replace("y < 6", "y < 3"))

    found = proved(what)

    assert set(violations(found)) == set(violations(check(what))) == {"low"}
    agrees(what, found, violations(check(what)))
    others = [v for name, v in found.verdicts.items() if name != "low"]
    assert {type(v) for v in others} == {Checked}


def test_a_fault_leaves_the_rest_open() -> None:
    text = COUNTS.replace("0..9", "0..3").replace("if x < 5", "if x < 4")

    found = proved(instance(text))

    assert set(violations(found)) == {"bounds"}
    assert not any(isinstance(v, Checked) for v in found.verdicts.values())


@pytest.mark.parametrize("name", ["abba", "good", "hidden_order"])
def test_written_specifications(name: str) -> None:
    for job in prepare(ROOT / "specs" / f"{name}.pv", Selection(all_instances=True)):
        complete = truth(job.instance)
        assert complete is not None

        found = proved(job.instance)

        agrees(job.instance, found, complete.shortest)
        assert not any(isinstance(v, Inconclusive) for v in found.verdicts.values())


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(specifications(2))
def test_random_specifications(text: str) -> None:
    try:
        what = instance(text)
    except SpecError:
        assume(False)
    expected = truth(what, 1_000)
    assume(expected is not None)
    assert expected is not None

    for transactions in (False, True):
        found = proved(what, seconds=3, transactions=transactions)

        agrees(what, found, expected.shortest)
        event(f"{sum(isinstance(v, Checked) for v in found.verdicts.values())} checked")


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(2))
def test_random_specifications_at_length(text: str) -> None:
    test_random_specifications.hypothesis.inner_test(text)  # type: ignore[attr-defined]


def test_a_certificate_that_says_too_much_or_too_little_is_refused() -> None:
    what = instance(COUNTS)
    made = system(what, movers(what.semantics), ("low",))
    fact, goals = facts(made, situations), {"low": made.violated["low"]}
    frames = Frames(made, Z3, fact, goals, Meter(Limits(), Watcher()))
    assert frames.prove()
    clauses = frames.clauses

    def holds(cubes: list[Cube]) -> bool:
        return recheck(made, Z3, fact, goals, cubes)

    initially = tuple(enumerate(made.encode(what.semantics.initial)))
    assert holds(clauses)
    assert list(read(made, written(made, clauses))) == clauses
    assert not holds([])
    assert not holds([*clauses, initially])
    reached = next(s for _, _, s in what.semantics.successors(what.semantics.initial))
    if reached is not None and reached[1][0][0] in made.bits.families["one"].locations:
        assert not holds([*clauses, tuple(enumerate(made.encode(reached)))])


def test_a_proof_that_does_not_recheck_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ic3, "recheck", lambda *_: False)

    with pytest.raises(ic3.Wrong):
        proved(instance(COUNTS))


def test_limits_end_it() -> None:
    found = proved(instance(COUNTS), seconds=1e-9)

    assert {type(v) for v in found.verdicts.values()} == {Inconclusive}
