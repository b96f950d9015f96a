"""Induction: what it calls checked is so, and what it shows of the rest is a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from strategies import specifications
from systems import Watcher, check, instance, truth, violations

from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.symbolic.induction import Induction
from pvcheck.engines.symbolic.proving import ProvingEngine
from pvcheck.engines.symbolic.solver import Z3
from pvcheck.model.instance import Instance
from pvcheck.model.model import BUILT_IN, Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.replay import Mismatch, follow
from pvcheck.model.result import Result
from pvcheck.model.verdict import Checked, Inconclusive, Violated
from pvcheck.reduce.lock_facts import situations
from pvcheck.reduce.movers import movers
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
WRITTEN = sorted((ROOT / "agreement" / "specs").glob("*.pv"))
BY_LOCKS = "it follows from what control flow says of locks"


def induction(
    what: Instance,
    depth: int = 2,
    *,
    transactions: bool = True,
    properties: tuple[str, ...] | None = None,
    limits: Limits | None = None,
) -> Result:
    reduction = Reduction(None, movers(what.semantics)) if transactions else UNREDUCED
    return ProvingEngine("induction", Induction, depth, Z3, situations).check(
        what,
        what.model.properties if properties is None else properties,
        limits or Limits(),
        Watcher(),
        reduction=reduction,
    )


def agrees(what: Instance, found: Result, shortest: dict[str, int]) -> None:
    """Nothing is said that is not so."""
    for name, verdict in found.verdicts.items():
        match verdict:
            case Checked():
                assert name not in shortest
                assert not set(shortest) & set(Fault)
            case Violated(trace):
                assert name in shortest
                assert not isinstance(follow(what.semantics, trace), Mismatch)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("transactions", [False, True])
def test_what_it_says_is_so(path: Path, transactions: bool) -> None:
    for job in prepare(path, Selection(all_instances=True)):
        complete = truth(job.instance)
        assert complete is not None

        found = induction(job.instance, transactions=transactions)

        agrees(job.instance, found, complete.shortest)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(specifications(2))
def test_what_it_says_of_random_specifications_is_so(text: str) -> None:
    try:
        what = instance(text)
    except SpecError:
        assume(False)
    expected = truth(what, 2_000)
    assume(expected is not None)
    assert expected is not None

    for transactions in (False, True):
        found = induction(what, 1, transactions=transactions)

        agrees(what, found, expected.shortest)
        event(f"{sum(isinstance(v, Checked) for v in found.verdicts.values())} checked")


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(2))
def test_random_specifications_at_length(text: str) -> None:
    test_what_it_says_of_random_specifications_is_so.hypothesis.inner_test(text)  # type: ignore[attr-defined]


ORDERED = """
system ordered_; ordered sort T; lock a: mutex; lock b[T]: mutex; lock r: rw;
order a < b; order b ascending; order b < r;
var x: bool guarded by a;
var y[t: T]: bool guarded by b[t];
op work(t: T) {
  acquire a; x = !x;
  for u in T ascending { acquire b[u]; }
  y[t] = x;
  release a;
  acquire read r;
  release r;
  for u in T descending { release b[u]; }
}
thread cpu[T] { while true { any t: T; work(t); } }
"""


def test_locks_alone_prove_what_only_locks_decide() -> None:
    found = induction(instance(ORDERED, T=2), 0)

    assert found.verdicts == dict.fromkeys(BUILT_IN, Checked(None, BY_LOCKS))


@pytest.mark.parametrize(
    ("before", "after", "property_"),
    [
        ("for u in T ascending { acquire", "for u in T descending { acquire", "lock-order"),
        ("y[t] = x;\n  release a;", "release a; y[t] = x;", "race"),
        ("release r;", "", "lock-misuse"),
        ("for u in T ascending { acquire b[u]; }", "acquire b[t];", "lock-misuse"),
    ],
)
def test_what_is_wrong_with_locks_is_not_proved(before: str, after: str, property_: str) -> None:
    assert before in ORDERED
    what = instance(ORDERED.replace(before, after), T=2)

    found = induction(what, 0)

    assert property_ in violations(check(what))
    assert not isinstance(found.verdicts[property_], Checked)


COUNTS = """
system counts; lock m: mutex; var x: 0..9 = 0 guarded by m; var y: 0..9 = 0 guarded by m;
op up() { acquire m; if x < 5 { x += 1; } if y < 5 { y = x; } release m; }
thread one { while true { up(); } }
thread two { while true { up(); } }
when free(m): invariant low: y < 6;
when free(m): invariant helps: x < 6;
"""


def test_one_property_helps_another() -> None:
    what = instance(COUNTS)

    both = induction(what, 3).verdicts["low"]
    alone = induction(instance(COUNTS.replace("helps: x < 6", "helps: true")), 1).verdicts["low"]

    assert isinstance(both, Checked)
    assert both.argument == "by induction over 1 transaction"
    assert isinstance(alone, Inconclusive)


def test_a_step_that_is_not_inductive_is_shown_as_simple_as_can_be() -> None:
    text = COUNTS.replace("when free(m): invariant helps: x < 6;", "")
    text = text.replace("if x < 5 { x += 1; }", "if x != 5 { x += 1; }")

    verdict = induction(instance(text), 1).verdicts["bounds"]

    assert isinstance(verdict, Inconclusive)
    assert verdict.reason.startswith("not inductive over 1 transaction")
    assert verdict.reason.endswith("cannot be reached: a false alarm")
    assert verdict.example is not None
    assert dict(verdict.example.trace.initial) == {"x": "9", "y": "0"}


def test_a_violation_far_away_is_found_from_the_step_that_breaks_it() -> None:
    what = instance("""
    system far; lock m: mutex; var x: 0..9 = 0 guarded by m;
    thread one { while true { acquire m; if x < 8 { x += 1; } release m; } }
    when free(m): invariant low: x < 8;
    """)

    found = induction(what, 1)

    assert violations(check(what)) == {"low": 32}
    assert set(violations(found)) == {"low"}
    agrees(what, found, {"low": 32})


def test_a_fault_that_cannot_be_excluded_leaves_all_open() -> None:
    text = COUNTS.replace("if x < 5 { x += 1; }", "if x != 5 { x += 1; }")

    found = induction(instance(text), 0, properties=("lock-order",))

    assert found.verdicts["lock-order"] == Inconclusive(
        None, "inductive, but runs may end before, at the bounds"
    )


def test_progress_is_not_judged() -> None:
    text = COUNTS + "progress up;"

    verdict = induction(instance(text), 0).verdicts["progress-up"]

    assert verdict == Inconclusive(None, "induction judges no progress")


def test_limits_end_it() -> None:
    found = induction(instance(COUNTS), limits=Limits(seconds=1e-9))

    assert {type(v) for v in found.verdicts.values()} == {Inconclusive}
