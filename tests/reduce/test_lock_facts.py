"""Every reachable state is in the situations that control flow allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from reduction import reachable
from strategies import specifications
from systems import instance

from pvcheck.diagnostics import SpecError
from pvcheck.model.code import Mode
from pvcheck.model.instance import Instance
from pvcheck.model.semantics import State
from pvcheck.model.situation import Situation
from pvcheck.reduce import lock_facts
from pvcheck.reduce.lock_facts import situations
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
WRITTEN = [
    *sorted((ROOT / "agreement" / "specs").glob("*.pv")),
    *(ROOT / "specs" / f"{name}.pv" for name in ("abba", "good", "hidden_order")),
    *(ROOT.parent / "specs" / "primitives").glob("*_*.pv"),
]


def allowed(what: Instance, state: State, thread: int, found: frozenset[Situation]) -> bool:
    shared, locals_ = state
    family, _ = what.threads[thread]
    location, *values = locals_[thread]
    snapshots = what.semantics.layout.snapshot_slots[family.name]
    live = family.locations[location].live if location >= 0 else ()
    known = dict(zip((s for s in live if s not in snapshots), values, strict=True))
    held = tuple(
        (cell, Mode.SHARED if shared[cell] < 0 else Mode.EXCLUSIVE)
        for cell in sorted(what.semantics.held(shared, thread))
    )
    return any(
        s.location == location
        and s.held == held
        and all(known[slot] == value for slot, value in s.locals)
        for s in found
    )


def judge(what: Instance, most: int = 3_000) -> bool:
    if what.semantics.initial_fault is not None:
        return False
    states = reachable(what.semantics, most)
    if states is None:
        return False
    for thread, found in enumerate(situations(what.semantics)):
        if found is None:
            continue
        seen = {(s[1][thread], tuple(s[0][: what.semantics.layout.lock_cells])): s for s in states}
        for state in seen.values():
            if state[1][thread][0] != -2:
                assert allowed(what, state, thread, found), (state, thread)
    return True


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_written_specifications(path: Path) -> None:
    for job in prepare(path, Selection(all_instances=True)):
        judge(job.instance)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(specifications(3))
def test_random_specifications(text: str) -> None:
    try:
        judged = judge(instance(text))
    except SpecError:
        judged = False
    assume(judged)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(3))
def test_random_specifications_at_length(text: str) -> None:
    test_random_specifications.hypothesis.inner_test(text)  # type: ignore[attr-defined]


LOOP = """
system loop; ordered sort T; sort P;
lock b[T]: mutex; lock m: mutex;
var x: T atomic;
thread cpu[P] {
  while true {
    for t in T ascending { acquire b[t]; }
    let u = x;
    for t in T descending { release b[t]; }
    if try m { acquire b[u]; release b[u]; release m; }
  }
}
"""


def test_a_loop_over_locks_is_followed_exactly() -> None:
    what = instance(LOOP, T=2, P=2)
    (found, _) = situations(what.semantics)
    assert found is not None

    held = {s.held for s in found}

    b0, b1, m = (0, Mode.EXCLUSIVE), (1, Mode.EXCLUSIVE), (2, Mode.EXCLUSIVE)
    assert held == {(), (b0,), (b0, b1), (m,), (b0, m), (b1, m)}


def test_too_many_situations_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_facts, "MOST_SITUATIONS", 3)

    assert situations(instance(LOOP, T=2, P=2).semantics) == [None, None]
