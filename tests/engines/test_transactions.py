"""Taking several steps as one changes no answer; each place where a transaction ends is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from everything import EVERYTHING
from hypothesis import HealthCheck, given, settings
from native_agrees import result
from reduction import words
from strategies import specifications as any_specifications
from systems import instance, model
from test_agreement import specifications
from test_explicit import MUTEX, PETERSON, PHILOSOPHERS

from pvcheck.cli.main import main
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits, Silent
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.load import instances, load, mutants
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import Reduction
from pvcheck.model.replay import Mismatch, follow
from pvcheck.model.result import Result
from pvcheck.model.verdict import Violated
from pvcheck.reduce.movers import movers
from pvcheck.reduce.symmetry import symmetry
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent.parent
OBM = ROOT / "specs" / "obm.pv"
WRITTEN = [
    path
    for path in sorted((ROOT / "tests").glob("*specs/*.pv"))
    + sorted((ROOT / "tests" / "agreement" / "specs").glob("*.pv"))
    if path.stem not in ("broken", "large")
]
MOST_STATES = 3000
GALLERY = [
    i for i in instances(load(OBM), all_instances=True) if i.name not in {"bench", "deep"}
]  # those are too large for the interpreter
""""bench" would take the interpreter minutes."""


def same(what: Instance, *, native: bool = True) -> dict[str, int]:
    """The numbers of states: all, by transactions, by symmetry, by both. One opinion on all the rest.

    Where a run ends in a fault, only the violated properties found with and without must not contradict.
    """
    semantics = what.semantics
    found: dict[str, int] = {}
    first: Result | None = None
    for name, reduction in {
        "all": Reduction(),
        "transactions": Reduction(None, movers(semantics)),
        "symmetry": Reduction(symmetry(semantics).group),
        "both": Reduction(symmetry(semantics).group, movers(semantics)),
    }.items():
        made = result(ExplicitEngine(), what, Limits(), (), reduction)
        first = first or made
        if native:
            again = result(NativeEngine(find(), 2), what, Limits(), (), reduction)
            assert words(again) == words(made)
            assert again.statistics.states == made.statistics.states
        assert (made.fault is None) == (first.fault is None)
        if first.fault is None:
            assert words(made) == words(first)
            assert made.coverage.contended <= first.coverage.contended
        for verdict in made.verdicts.values():
            if isinstance(verdict, Violated):
                assert not isinstance(follow(semantics, verdict.trace), Mismatch)
        found[name] = made.statistics.states
    assert found["both"] <= min(found["transactions"], found["symmetry"]) <= found["all"]
    return found


def violated(text: str, **sizes: int) -> set[str]:
    """What is violated, with and without."""
    what = instance(text, **sizes)
    same(what)
    made = result(ExplicitEngine(), what, Limits(), (), Reduction(None, movers(what.semantics)))
    return {name for name, v in made.verdicts.items() if isinstance(v, Violated)}


HEAD = """
system small;
ordered sort K;
lock a: mutex; lock b: mutex; lock k[K]: mutex;
order a < b < k; order k ascending;
var x: 0..3 = 0 guarded by a;
var z[i: K]: 0..3 = 0 guarded by k[i];
var w: 0..3 = 0 guarded by a or b;
var y: 0..3 = 0 atomic;
gen g guarded by a;
"""

CASES = {
    "a failing try sees that a lock is held": (
        "thread p { acquire a; x = 1; release a; }"
        "thread q { if try a { release a; } else { y = 1; } }"
        "invariant i: y == 0;",
        {"i"},
    ),
    "a question in the code sees that a lock is held": (
        "thread p { acquire a; x = 1; release a; } thread q { if !free(a) { y = 1; } }"
        "invariant i: y == 0;",
        {"i"},
    ),
    "an invariant without a window sees what is guarded": (
        "thread p { acquire a; x = 1; x = 0; release a; } invariant i: x == 0;",
        {"i"},
    ),
    "one with a window does not": (
        "thread p { acquire a; x = 1; x = 0; release a; } when free(a): invariant i: x == 0;",
        set(),
    ),
    "one with the window of another lock does": (
        "thread p { acquire a; x = 1; x = 0; release a; } when free(b): invariant i: x == 0;",
        {"i"},
    ),
    "one with the window of another element does": (
        "thread p { acquire k[K(0)]; z[K(0)] = 1; z[K(0)] = 0; release k[K(0)]; }"
        "when free(k[i]): invariant i(i: K): forall j: K: z[j] == 0;",
        {"i"},
    ),
    "one with the windows of all elements does not": (
        "thread p { acquire k[K(0)]; z[K(0)] = 1; z[K(0)] = 0; release k[K(0)]; }"
        "when forall i: K: free(k[i]): invariant i: forall j: K: z[j] == 0;",
        set(),
    ),
    "who writes holds all locks of a guard, and either makes a window": (
        "thread p { acquire a; acquire b; w = 1; w = 0; release b; release a; }"
        "when free(b): invariant i: w == 0;",
        set(),
    ),
    "a window that is no window": (
        "thread p { acquire a; x = 1; x = 0; release a; }"
        "when free(a) || true: invariant i: x == 0;",
        {"i"},
    ),
    "two threads between their writes": (
        "thread p { acquire a; x = 1; x = 0; release a; }"
        "thread q { acquire k[K(0)]; z[K(0)] = 1; z[K(0)] = 0; release k[K(0)]; }"
        "invariant i: !(x == 1 && z[K(0)] == 1);",
        {"i"},
    ),
    "what a thread does before it waits for good": (
        "thread p { while true { choose { { any i: K; atomic { await y == 1; y = 1; } } or { y = 0; } } } }",
        {"deadlock"},
    ),
    "what a thread holds together": (
        "thread p[K] { acquire a; acquire b; release b; release a; }"
        "invariant i: holder(a) != none && holder(a) == holder(b) => false;",
        {"i"},
    ),
    "two accesses of a lock-free variable": (
        "thread p { y = 1; y = 0; } thread q { if y == 1 { y = 2; } } invariant i: y != 2;",
        {"i"},
    ),
    "a choice that is never possible": (
        "thread p { while true { choose { { atomic { await y == 1; y = 1; } } or { y = 0; } } } }",
        {"deadlock"},
    ),
    "two threads that made the wrong choice": (
        "thread p[K] { while true { choose {"
        " { atomic { await y == 1; y = 0; } } or { atomic { await y != 1; y = 1; } } } } }",
        {"deadlock"},
    ),
    "a wait behind a transaction": (
        "thread p { acquire a; x = 1; acquire b; release b; release a; }"
        "thread q { acquire b; acquire a; release a; release b; }",
        {"deadlock", "lock-order"},
    ),
    "a wait for one that has ended": (
        "thread p { acquire a; x = 1; } thread q { acquire a; release a; }",
        {"deadlock"},
    ),
    "a fault inside": (
        "thread p { acquire a; x = 3; x += 1; release a; }",
        {"bounds"},
    ),
    "a generation counter": (
        "thread p { acquire a; let s = snapshot(g); release a; acquire a;"
        " if changed(g, s) { y = 1; } release a; }"
        "thread q { acquire a; bump(g); release a; }"
        "invariant i: y == 0;",
        {"i"},
    ),
    "a loop without end": (
        "thread p { acquire a; while true { x = 1; x = 0; } }thread q { acquire a; release a; }",
        set(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    text, expected = CASES[name]

    assert violated(HEAD + text, K=2) == expected


def test_a_critical_section_is_one_step() -> None:
    text = HEAD + "thread p[K] { acquire a; x = 1; x = 2; x = 0; release a; }"

    found = same(instance(text, K=2))

    # Not begun, ended; and nothing in between.
    assert found["transactions"] == 4


def test_small_systems() -> None:
    same(instance(MUTEX, Thread=3))
    same(instance(PHILOSOPHERS, Fork=3))
    same(instance(PETERSON, Thread=2))
    same(instance(EVERYTHING, I=2, T=1))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.stem)
def test_specifications_of_the_tests(path: Path) -> None:
    for what in instances(load(path), all_instances=True):
        same(what)


@settings(max_examples=40, deadline=None)
@given(specifications())
def test_random_systems(text: str) -> None:
    what = instance(text, T=2)
    limited = ExplicitEngine().check(what, (), Limits(states=MOST_STATES), Silent())
    if limited.statistics.states < MOST_STATES:
        same(what, native=False)


def judged(text: str, *, native: bool) -> bool:
    """Whether a random specification could be compared."""
    try:
        (what,) = instances(model(text))
    except SpecError:
        return False
    limited = ExplicitEngine().check(what, (), Limits(states=MOST_STATES), Silent())
    if limited.statistics.states >= MOST_STATES:
        return False
    try:
        same(what, native=native)
    except Unsupported:
        return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_specifications(3))
def test_random_specifications(text: str) -> None:
    judged(text, native=False)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [0, 3])
def test_many_random_specifications(spoil: int) -> None:
    fate = {True: 0, False: 0}

    @settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(any_specifications(spoil))
    def each(text: str) -> None:
        fate[judged(text, native=False)] += 1

    each()
    assert fate[True] > fate[False]


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(specifications())
def test_many_random_systems(text: str) -> None:
    test_random_systems.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["one_run", "two_pmaps"])
def test_instances_of_the_gallery(name: str) -> None:
    (what,) = instances(load(OBM), names=[name])

    found = same(what)

    # (Lemmas ask who holds a lock, so that taking one is seen.)
    assert found["transactions"] * 3 < found["all"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("what", GALLERY, ids=lambda i: i.name)
def test_all_instances_of_the_gallery(what: Instance) -> None:
    same(what)


@pytest.mark.parametrize("mutant", ["MU03", "MU13"])
def test_mutants(mutant: str) -> None:
    for job in prepare(OBM, Selection(mutant=mutant)):
        same(job.instance, native=False)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [m.name for m in mutants(OBM)])
def test_all_mutants(mutant: str) -> None:
    for job in prepare(OBM, Selection(mutant=mutant)):
        same(job.instance)


def test_a_lock_is_not_called_uncontended_before_all_states_were_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who waits here comes while the holder is inside a transaction."""
    text = """system unseen;
    lock a: mutex; var y: 0..1 = 0 atomic;
    thread p { acquire a; y = 1; release a; }
    thread q { atomic { await y == 1; } acquire a; release a; }"""
    spec = tmp_path / "unseen.pv"
    spec.write_text(text)
    what = instance(text)
    reduction = Reduction(None, movers(what.semantics))

    reduced = result(ExplicitEngine(), what, Limits(), (), reduction)
    status = main(["verify", str(spec), "--strict"])

    assert reduced.coverage.contended == frozenset()
    assert status == 0
    assert "contended" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "acquires",
    [
        "acquire a; assume false;",
        "acquire a; assert false;",
    ],
)
def test_a_lock_that_nobody_gets_is_not_contended(acquires: str) -> None:
    what = instance(f"system nobody; sort T; lock a: mutex; thread p[T] {{ {acquires} }}", T=2)
    reduction = Reduction(None, movers(what.semantics))

    for engine in (ExplicitEngine(), NativeEngine(find(), 1)):
        assert result(engine, what, Limits(), (), reduction).coverage.contended == frozenset()


@pytest.mark.parametrize("other", ["acquire a", "acquire read a"])
def test_a_lock_that_is_held_only_inside_a_transaction_is_contended(other: str) -> None:
    text = f"""system shortly; lock a: rw; var x: 0..1 = 0 guarded by a;
    thread p {{ acquire a; x = 1; x = 0; release a; }} thread q {{ {other}; release a; }}"""
    what = instance(text)
    reduction = Reduction(None, movers(what.semantics))

    for engine in (ExplicitEngine(), NativeEngine(find(), 1)):
        assert result(engine, what, Limits(), (), reduction).coverage.contended == {"a"}
