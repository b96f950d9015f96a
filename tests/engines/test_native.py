"""The native engine says exactly what the reference engine says, traces and coverage included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from everything import EVERYTHING
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_agrees import agreed
from strategies import specifications as any_specifications
from systems import Watcher, check, instance, model, violations
from test_agreement import specifications
from test_explicit import MUTEX, PETERSON, PHILOSOPHERS

from pvcheck.cli.main import main
from pvcheck.cli.options import MOST_WORKERS
from pvcheck.diagnostics import SpecError
from pvcheck.engines import fastest
from pvcheck.engines.base import Limits
from pvcheck.engines.fastest import FastestEngine
from pvcheck.engines.native.compiler import Compiler, NoCompiler, find
from pvcheck.engines.native.engine import Compiled, NativeEngine
from pvcheck.engines.native.library import Library
from pvcheck.load import instances, load, mutants
from pvcheck.model.encoding import Unsupported
from pvcheck.model.reduction import UNREDUCED
from pvcheck.model.verdict import Checked, Inconclusive
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

COUNTERS = """
system counters;
ordered sort T;
var n[T]: 0..50 = 0 atomic;
thread cpu[T] { while true { atomic { await n[self] < 50; n[self] = n[self] + 1; } } }
invariant small: forall t: T: n[t] <= 50;
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries are shared by the tests, and nothing of the user's is touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def test_small_systems() -> None:
    agreed(instance(MUTEX, Thread=3))
    agreed(instance(PHILOSOPHERS, Fork=3))
    agreed(instance(PETERSON, Thread=2))


@pytest.mark.parametrize("workers", [1, 3])
def test_where_everything_is_used(workers: int) -> None:
    agreed(instance(EVERYTHING, I=2, T=1), workers=workers)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.stem)
def test_specifications_of_the_tests(path: Path) -> None:
    for what in instances(load(path), all_instances=True):
        agreed(what)


def test_more_threads_than_fit_in_a_key() -> None:
    agreed(instance(PHILOSOPHERS, Fork=5))


def test_numbers_of_states_where_all_tables_grow_and_workers_meet() -> None:
    for threads, states in ((2, 51**2), (3, 51**3)):
        what = instance(COUNTERS, T=threads)
        found = NativeEngine(find(), 4).check(what, ("small",), Limits(), Watcher())

        assert found.verdicts == {"small": Checked(states)}
        assert found.statistics.transitions == threads * states - threads * 51 ** (threads - 1)


def test_values_and_states_of_several_words() -> None:
    text = """
    system wide;
    ordered sort N;
    var s[N]: set<N> = {} atomic;
    var l: list<N>[24] = [] atomic;
    thread one { while true { any n: N where n == N(0) || n == N(12); choose {
      { atomic { s[n] = s[n] | {n}; } }
      or { if !(n in s[N(0)]) { atomic { append(l, n); assume size(l) < 4; } } } } } }
    invariant short: size(l) <= 2;
    """
    assert "short" in violations(agreed(instance(text, N=13)))


@settings(max_examples=12, deadline=None)
@given(specifications(), st.none() | st.integers(0, 12))
def test_random_systems(text: str, depth: int | None) -> None:
    agreed(instance(text, T=2), depth=depth)


def judged(text: str) -> bool:
    """Whether a random specification could be compared."""
    try:
        (what,) = instances(model(text))
    except SpecError:
        return False
    if check(what, limits=Limits(states=MOST_STATES)).statistics.states >= MOST_STATES:
        return False
    try:
        agreed(what)
    except Unsupported:
        return False
    return True


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_specifications(5))
def test_random_specifications(text: str) -> None:
    judged(text)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [0, 3, 15])
def test_many_random_specifications(spoil: int) -> None:
    fate = {True: 0, False: 0}

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(any_specifications(spoil))
    def each(text: str) -> None:
        fate[judged(text)] += 1

    each()
    assert fate[True] > fate[False]


@pytest.mark.parametrize("mutant", ["MU03", "MU13", "MU30"])
def test_mutants(mutant: str) -> None:
    for job in prepare(OBM, Selection(mutant=mutant)):
        assert violations(agreed(job.instance))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [m.name for m in mutants(OBM)])
def test_all_mutants(mutant: str) -> None:
    for job in prepare(OBM, Selection(mutant=mutant)):
        agreed(job.instance)


@pytest.mark.slow
@pytest.mark.parametrize("what", GALLERY, ids=lambda i: i.name)
def test_instances_of_the_gallery(what: object) -> None:
    agreed(what, workers=2)  # type: ignore[arg-type]


def test_limits() -> None:
    what = instance(COUNTERS, T=3)

    def verdict(limits: Limits) -> Inconclusive:
        found = NativeEngine(find(), 2).check(what, ("small",), limits, Watcher())
        (only,) = found.verdicts.values()
        assert isinstance(only, Inconclusive)
        return only

    assert verdict(Limits(depth=7)) == Inconclusive(7, "depth limit 7")
    assert verdict(Limits(states=5000)).reason == "state limit 5000"
    assert verdict(Limits(seconds=0.0)).reason == "time limit 0 s"
    assert verdict(Limits(bytes=1 << 20)).reason.startswith("memory limit 1 MiB, with ")


# ---- where there is no compiler, or not yet ---------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Compiler:
    """A compiler that fails."""
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\necho no space left >&2\nexit 3\n")
    script.chmod(0o755)
    return Compiler((str(script),), "broken 1")


def test_a_compiler_that_fails_is_named(broken: Compiler) -> None:
    with pytest.raises(NoCompiler, match=r"broken fails with status 3: no space left"):
        NativeEngine(broken).check(instance(MUTEX, Thread=2), (), Limits(), Watcher())


def test_the_interpreter_takes_over(broken: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastest, "SOON_ALONE", 0.0)
    notes: list[str] = []
    what = instance(COUNTERS, T=3)

    found = FastestEngine(broken, 1, notes.append).check(what, ("small",), Limits(), Watcher())

    assert found.verdicts == {"small": Checked(51**3)}
    assert len(notes) == 1
    assert "the interpreter runs" in notes[0]


def test_the_interpreter_is_done_before_a_slow_compiler(tmp_path: Path) -> None:
    script = tmp_path / "slow"
    script.write_text("#!/bin/sh\nsleep 60\n")
    script.chmod(0o755)
    what = instance(MUTEX, Thread=2)

    found = FastestEngine(Compiler((str(script),), ""), 1, pytest.fail).check(
        what, what.model.properties, Limits(), Watcher()
    )

    assert found.statistics.states == 8


def test_the_compiler_is_done_before_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastest, "SOON", 0.0)
    what = instance(COUNTERS, T=4)

    found = FastestEngine(find(), 2, pytest.fail).check(what, ("small",), Limits(), Watcher())

    assert found.verdicts == {"small": Checked(51**4)}


def test_a_library_is_made_once() -> None:
    compiled = Compiled(instance(MUTEX, Thread=2), find(), UNREDUCED)
    compiled.check((), Limits(), Watcher(), workers=1, stop=())
    compiled.close()

    again = Compiled(instance(MUTEX, Thread=2), find(), UNREDUCED)
    again.start()

    assert again.ready()


def test_without_a_cache_nothing_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    agreed(instance(MUTEX, Thread=2))

    assert os.listdir(tmp_path) == ["file"]


def test_a_chosen_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")

    with pytest.raises(NoCompiler, match=r"'no-such-compiler' \(from \$CC\)"):
        find()


def test_no_text_of_the_specification_is_c(tmp_path: Path) -> None:
    text = MUTEX.replace("acquire m;", "acquire m; /* */ assert true; // */ #error \\\n")
    agreed(instance(text, Thread=2))


# ---- what must not come out as checked --------------------------------------------------------------


def test_a_number_without_a_code_in_an_invariant_is_not_passed_over() -> None:
    text = """
    system far; struct R { n: 0..2; }
    var r: R = R(0) atomic; var a: 0..2 = 0 atomic;
    thread t { a = 1; }
    invariant i: r == R(a + 5);
    """
    assert "i" in violations(check(instance(text)))

    with pytest.raises(Unsupported, match="a number without room"):
        NativeEngine(find()).check(instance(text), ("i",), Limits(), Watcher())


def test_a_number_that_grows_is_no_fault_where_its_place_has_no_bounds() -> None:
    text = "system s; var x: bool atomic; thread t { let n = 1; while true { x = true; n = n * 65536; } }"

    with pytest.raises(Unsupported, match="a number without room"):
        NativeEngine(find()).check(instance(text), ("bounds",), Limits(), Watcher())


def test_what_lies_behind_the_depth_limit_is_not_reported() -> None:
    """The runs to what was found are searched again, one step further than it."""
    text = """
    system s; ordered sort T; lock a: mutex; var y: 0..2 = 0 atomic;
    thread cpu[T] { while y == 0 { while y == 0 { acquire a; acquire a; } } }
    thread one { acquire a; }
    """
    for depth in range(6):
        agreed(instance(text, T=2), depth=depth)


def test_more_choices_than_sixteen_bits_count() -> None:
    text = """
    system many; var a: 0..65999 = 0 atomic;
    thread t { any n: 0..65999; a = n; }
    invariant i: a < 65990;
    """
    limits = Limits(depth=2)
    found = NativeEngine(find()).check(instance(text), ("i",), limits, Watcher())

    assert violations(found) == {"i": 2}
    assert found.statistics.states == 132_001


def test_a_violation_that_cannot_be_shown_is_not_called_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = COUNTERS.replace("<= 50;", "<= 40;")
    search = Library.search

    def without_memory(self: Library, run: Any) -> int | None:
        if run.record:
            run.most_states = 1
        return search(self, run)

    monkeypatch.setattr(Library, "search", without_memory)
    found = NativeEngine(find()).check(
        instance(text, T=2), ("small", "lock-order", "race"), Limits(), Watcher()
    )

    assert found.verdicts["small"] == Inconclusive(
        100, "out of memory for the runs to what was found"
    )
    assert isinstance(found.verdicts["lock-order"], Inconclusive)
    assert found.verdicts["race"] == Checked(51**2)


def test_the_workers_are_as_many_as_the_search_core_has_room_for() -> None:
    core = (ROOT / "pvcheck/engines/native/runtime/search.h").read_text()

    assert f"#define MOST_WORKERS {MOST_WORKERS}\n" in core
    assert main(["verify", "none.pv", "--workers", str(MOST_WORKERS + 1)]) == 2
