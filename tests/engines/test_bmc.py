"""Bounded search: as long counterexamples as breadth-first search, and no claim beyond the bound."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from strategies import specifications
from systems import Watcher, check, instance, truth, violations

from pvcheck.diagnostics import SpecError, UsageError
from pvcheck.engines.base import Limits, Start
from pvcheck.engines.symbolic.bmc import BoundedEngine
from pvcheck.engines.symbolic.circuit import Circuit
from pvcheck.engines.symbolic.reach import Reached, reached
from pvcheck.engines.symbolic.solver import Z3, Clauses, Maker, NoSolver, choose
from pvcheck.load import condition_of, mutants
from pvcheck.model.instance import Instance
from pvcheck.model.model import BUILT_IN, Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.replay import Mismatch, follow
from pvcheck.model.result import Result
from pvcheck.model.verdict import Checked, Inconclusive, Violated
from pvcheck.pipeline import choose_solver
from pvcheck.reduce.movers import movers
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
WRITTEN = [
    *sorted((ROOT / "agreement" / "specs").glob("*.pv")),
    *(ROOT / "specs" / f"{name}.pv" for name in ("abba", "hidden_order", "swapped")),
]
DEPTH = 6


def bounded(
    what: Instance,
    depth: int = DEPTH,
    *,
    transactions: bool = False,
    maker: Maker = Z3,
    start: str | None = None,
    stop: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Result:
    begin = None if start is None else Start(condition(what, start), start)
    reduction = Reduction(None, movers(what.semantics)) if transactions else UNREDUCED
    return BoundedEngine(depth, maker, begin).check(
        what,
        what.model.properties,
        limits or Limits(),
        Watcher(),
        stop_when_violated=stop,
        reduction=reduction,
    )


def condition(what: Instance, text: str):  # type: ignore[no-untyped-def]
    from pvcheck.lang.parse import parse  # noqa: PLC0415
    from pvcheck.load import Specification  # noqa: PLC0415

    (source,) = what.model.sources
    return condition_of(Specification(parse(source), (source,)), text)


def replays(what: Instance, result: Result) -> None:
    for verdict in result.verdicts.values():
        if isinstance(verdict, Violated):
            assert not isinstance(follow(what.semantics, verdict.trace), Mismatch)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_counterexamples_are_as_long_as_those_of_breadth_first_search(path: Path) -> None:
    for job in prepare(path, Selection(all_instances=True)):
        expected = check(job.instance, limits=Limits(depth=DEPTH))
        faulty = expected.fault is not None

        found = bounded(job.instance)

        replays(job.instance, found)
        assert violations(found) == violations(expected)
        assert (found.fault is not None) == faulty


def test_some_specification_violates_each_built_in_property() -> None:
    violated = set(violations(bounded(instance(FAILS, T=2))))
    for path in WRITTEN:
        if path.stem in ("faults", "deadlocks", "locks", "abba"):
            for job in prepare(path, Selection(all_instances=True)):
                violated |= set(violations(bounded(job.instance)))

    assert violated >= set(BUILT_IN)


MUTANTS = [
    (path, mutant.name)
    for path in (ROOT / "specs" / "mutants.pv", ROOT / "specs" / "swapped.pv")
    for mutant in mutants(path)
]


@pytest.mark.parametrize(
    ("path", "mutant"), MUTANTS, ids=lambda value: getattr(value, "stem", value)
)
def test_mutants_are_found_in_as_many_steps(path: Path, mutant: str) -> None:
    (job,) = prepare(path, Selection(mutant=mutant))

    assert violations(bounded(job.instance, 9)) == violations(
        check(job.instance, limits=Limits(depth=9))
    )


FAILS = "system fails; sort T; thread cpu[T] { any t: T; assert t == self; }"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_transactions_lead_to_the_same_violations(path: Path) -> None:
    for job in prepare(path, Selection(all_instances=True)):
        complete = truth(job.instance)
        assert complete is not None

        found = bounded(job.instance, 6, transactions=True)

        replays(job.instance, found)
        short = {n for n, steps in complete.shortest.items() if steps <= 4}
        assert short <= set(violations(found)) <= set(complete.shortest)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(specifications(5))
def test_random_specifications(text: str) -> None:
    try:
        what = instance(text)
    except SpecError:
        assume(False)
    expected = truth(what, 3_000)
    assume(expected is not None)
    assert expected is not None

    for transactions in (False, True):
        found = bounded(what, 5, transactions=transactions)

        replays(what, found)
        event(f"violated: {sorted(violations(found))}")
        near = {n: steps for n, steps in expected.shortest.items() if steps <= 5}
        if transactions:
            assert set(violations(found)) <= set(expected.shortest)
        else:
            assert violations(found) == near
        for name, verdict in found.verdicts.items():
            assert not isinstance(verdict, Checked) or name not in expected.shortest


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(5))
def test_random_specifications_at_length(text: str) -> None:
    test_random_specifications.hypothesis.inner_test(text)  # type: ignore[attr-defined]


def test_both_solvers_find_the_same_lengths() -> None:
    pytest.importorskip("pysat")
    for path in WRITTEN:
        for job in prepare(path, Selection(all_instances=True)):
            assert violations(bounded(job.instance, 5, maker=Clauses)) == violations(
                bounded(job.instance, 5)
            )


LOOP = """
system loop; sort T; lock m: mutex; var x: 0..9 = 0 guarded by m;
thread cpu[T] { while true { acquire m; x = x == 9 ? 0 : x + 1; release m; } }
invariant small: x < 3;
"""
ONCE = """
system once; ordered sort T; lock m: mutex; var x: 0..9 = 0 guarded by m;
thread cpu[T] { acquire m; x += 1; release m; }
invariant small: x < 3;
"""


def test_nothing_is_claimed_beyond_the_bound() -> None:
    found = bounded(instance(LOOP, T=2), 4).verdicts["small"]

    assert found == Inconclusive(None, "no violation up to 4 steps")


def test_what_has_no_longer_runs_is_checked() -> None:
    found = bounded(instance(ONCE, T=2), 20)

    assert set(found.verdicts.values()) == {Checked(None, "no run is longer than 6 steps")}


def test_a_fault_leaves_open_what_comes_behind_it() -> None:
    text = ONCE.replace("release m; }", "release m; assert int(self) == 0; }")

    found = bounded(instance(text, T=2), 20)

    assert violations(found) == {"assertion": 3}
    assert found.fault is Fault.ASSERTION
    small = found.verdicts["small"]
    assert small == Inconclusive(None, "no violation up to 5 steps: runs end at the assertion")


def test_a_fault_that_is_not_asked_for_leaves_it_open_too() -> None:
    text = ONCE.replace("release m; }", "release m; assert int(self) == 0; }")
    what = instance(text, T=2)

    found = BoundedEngine(20, Z3).check(what, ("small",), Limits(), Watcher())

    (verdict,) = found.verdicts.values()
    assert verdict == Inconclusive(None, "no violation up to 5 steps: runs end at the assertion")


def test_a_number_without_room_leaves_it_open() -> None:
    text = "system s; var x: bool atomic; thread t { let n = 1; while true { x = true; n = n * 65536; } }"

    found = bounded(instance(text), 6)

    (reason,) = {v.reason for v in found.verdicts.values() if isinstance(v, Inconclusive)}
    assert "a number beyond what there is room for after 1 steps" in reason


@pytest.mark.parametrize("condition", ["r == R(a + 5)", "r != R(a + 5)"])
def test_a_number_without_room_in_an_invariant_leaves_it_open(condition: str) -> None:
    text = f"""
    system far; struct R {{ n: 0..2; }}
    var r: R = R(0) atomic; var a: 0..2 = 0 atomic;
    thread t {{ a = 1; }}
    invariant i: {condition};
    """

    verdict = bounded(instance(text)).verdicts["i"]

    assert isinstance(verdict, Inconclusive)
    assert "a number beyond what there is room for" in verdict.reason


def test_what_has_no_bits_is_inconclusive() -> None:
    text = "system s; sort T; var l: list<T>[200] = [] atomic; thread t { l = []; }"

    found = bounded(instance(text, T=2))

    assert {type(v) for v in found.verdicts.values()} == {Inconclusive}


def test_it_stops_when_that_is_enough() -> None:
    (job,) = prepare(ROOT / "specs" / "abba.pv", Selection())

    found = bounded(job.instance, stop=("lock-order",))

    assert found.statistics.depth == 2
    assert isinstance(found.verdicts["deadlock"], Inconclusive)


def test_limits_end_it() -> None:
    found = bounded(instance(LOOP, T=2), 50, limits=Limits(seconds=1e-9))

    assert {v.reason for v in found.verdicts.values() if isinstance(v, Inconclusive)} == {
        "time limit 1e-09 s"
    }


def test_an_interrupt_keeps_what_was_found() -> None:
    (job,) = prepare(ROOT / "specs" / "abba.pv", Selection())

    def impatient(circuit: object) -> Z3:
        solver = Z3(circuit)  # type: ignore[arg-type]
        solve: Callable[..., bool | None] = solver.solve
        asked = iter(range(6))

        def interrupted(*question: object) -> bool | None:
            if next(asked) == 5:
                raise KeyboardInterrupt
            return solve(*question)

        solver.solve = interrupted  # type: ignore[method-assign]
        return solver

    found = bounded(job.instance, maker=impatient)

    assert found.interrupted
    assert violations(found) == {"lock-order": 2}


# --- other starts ---------------------------------------------------------------------------------

DEEP = """
system deep; sort T; lock m: mutex; var x: 0..9 = 0 guarded by m; var y: 0..9 = 0 guarded by m;
thread cpu[T] { while true { acquire m; if x < 8 { x += 1; } assert y == 0; release m; } }
invariant small: x < 8;
"""


def test_a_start_near_a_violation_makes_a_whole_counterexample() -> None:
    what = instance(DEEP, T=1)

    found = bounded(what, 3, start="x == 7 && y == 0")

    assert violations(found) == {"small": violations(check(what))["small"]}
    replays(what, found)


def test_a_start_that_cannot_be_reached_is_a_false_alarm() -> None:
    verdict = bounded(instance(DEEP, T=1), 4, start="y == 1 && x == 3").verdicts["assertion"]

    assert isinstance(verdict, Inconclusive)
    assert verdict.reason.endswith("the state that it begins in cannot be reached: a false alarm")
    assert verdict.example is not None
    assert dict(verdict.example.trace.initial) == {"x": "3", "y": "1"}


def test_a_start_that_contradicts_itself_shows_nothing() -> None:
    found = bounded(instance(DEEP, T=1), 3, start="x == 9")

    assert set(found.verdicts.values()) == {
        Inconclusive(None, "there is no such start: a well-formed start where x == 9")
    }


def test_a_start_keeps_the_invariants() -> None:
    verdict = bounded(instance(DEEP, T=1), 0, start="true").verdicts["small"]

    assert verdict == Inconclusive(None, "no violation up to 0 steps from a well-formed start")


def test_a_start_far_away_is_not_known_to_be_reachable() -> None:
    what = instance(DEEP, T=2)
    far = next(s for _, _, s in what.semantics.successors(what.semantics.initial))

    assert reached(what.semantics, far or what.semantics.initial, 0) is Reached.UNKNOWN


@pytest.mark.parametrize("text", ["true; invariant other: false", "x +", "nowhere == 1"])
def test_a_start_is_one_condition(text: str) -> None:
    with pytest.raises((UsageError, SpecError)):
        condition(instance(DEEP, T=1), text)


# --- solvers --------------------------------------------------------------------------------------


def test_a_solver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pvcheck.engines.symbolic.solver.find_spec", lambda name: True if name == "z3" else None
    )

    assert choose(None) is Z3
    with pytest.raises(NoSolver):
        choose("cadical")
    with pytest.raises(UsageError, match="cadical is not installed"):
        choose_solver("bmc", "cadical", None)


def test_no_solver_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pvcheck.engines.symbolic.solver.find_spec", lambda name: None if name == "z3" else True
    )

    assert choose(None) is Clauses
    with pytest.raises(UsageError, match="z3 is not installed"):
        choose_solver("induction", None, None, timed=True)


def test_an_interrupt_of_a_solver_is_one() -> None:
    class Interrupted:
        def add_clause(self, clause: list[int]) -> None:
            pass

        def solve(self, assumptions: list[int]) -> bool:
            raise RuntimeError("Caught keyboard interrupt")

    pytest.importorskip("pysat")
    solver = Clauses(Circuit())
    solver._solver = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        solver.solve([], None)


@pytest.mark.parametrize("maker", [Z3, Clauses])
def test_solvers_name_a_core(maker: Maker) -> None:
    if maker is Clauses:
        pytest.importorskip("pysat")
    circuit = Circuit()
    a, b, c = circuit.inputs(3)
    solver = maker(circuit)
    solver.require([circuit.conj(a, b) ^ 1])
    solve = partial(solver.solve, seconds=None)

    assert solve([a, c]) is True
    assert solver.values([a, b, c, circuit.disj(b, c)]) == (1, 0, 1, 1)
    assert solve([c, a, b]) is False
    assert set(solver.core()) == {a, b}
