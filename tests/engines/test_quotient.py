"""The explicit engine with symmetries: real runs, both directions of lock edges, the same answers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from reduction import assert_same, group_of
from systems import check, instance, trace, violations

from pvcheck.engines.base import Limits
from pvcheck.model.model import BUILT_IN
from pvcheck.model.replay import Mismatch, follow
from pvcheck.model.semantics import Semantics
from pvcheck.model.trace import Move
from pvcheck.model.unwind import rename, through, tidy
from pvcheck.model.verdict import Checked, Inconclusive, Violated

ABBA = """
system abba;
sort Thread; sort Page;
lock pv[Page]: mutex;
var newest: Page? atomic;
thread cpu[Thread] {
  any p: Page;
  any q: Page where q != p;
  acquire pv[p];
  acquire pv[q];
  newest = q;
  release pv[q];
  release pv[p];
}
invariant never_newest(p: Page): newest != p;
"""
COUNTER = """
system counter;
sort Thread;
lock m: mutex;
var owner: Thread? guarded by m;
var n: 0..2 atomic;
thread cpu[Thread] {
  acquire m;
  owner = self;
  atomic { n += 1; }
  release m;
}
"""


@pytest.mark.parametrize(("threads", "pages"), [(2, 2), (3, 2), (2, 3)])
def test_deadlock_and_its_cycle(threads: int, pages: int) -> None:
    what = instance(ABBA, Thread=threads, Page=pages)
    group = group_of(what)
    assert group is not None

    _, reduced = assert_same(what, group)

    assert violations(reduced) == {"deadlock": 4, "lock-order": 2, "never_newest": 4}
    assert len(trace(reduced, "deadlock").cycle) == 2


def test_every_counterexample_is_a_run() -> None:
    what = instance(ABBA, Thread=3, Page=3)
    result = check(what, group=group_of(what))
    semantics = Semantics(what)

    violated = [v.trace for v in result.verdicts.values() if isinstance(v, Violated)]

    assert len(violated) == 3
    for found in violated:
        assert not isinstance(follow(semantics, found), Mismatch)


def test_the_last_step_is_of_thread_0_and_low_elements_come_first() -> None:
    what = instance(ABBA, Thread=3, Page=3)

    found = trace(check(what, group=group_of(what)), "never_newest")

    assert {step.thread for step in found.steps} == {"cpu[0]"}
    assert [c for step in found.steps for c in step.chosen] == [("p", "0"), ("q", "1")]
    assert found.steps[-1].changes[0].after == "1"


def test_lock_edges_come_in_both_directions_each_with_a_run() -> None:
    what = instance(ABBA, Thread=2, Page=2)
    edges = {e.direction: e for e in check(what, group=group_of(what)).lock_edges}

    assert set(edges) == {"ascending", "descending"}
    for direction, edge in edges.items():
        indices = [name.removeprefix("pv[")[:-1] for name in edge.example.held_after]
        assert (indices[0] < indices[1]) == (direction == "ascending"), edge
        assert len(edge.example.held_before) == 1


def test_a_fault_after_symmetric_steps() -> None:
    what = instance(COUNTER, Thread=3)
    group = group_of(what)
    assert group is not None

    without, reduced = assert_same(what, group)

    assert violations(reduced) == {"bounds": 11}
    assert reduced.statistics.states < without.statistics.states / 3
    steps = trace(reduced, "bounds").steps
    assert steps[-1].thread == "cpu[0]", "the thread that fails"
    assert [a.thread for a, b in pairwise(steps) if a.thread != b.thread] == ["cpu[1]", "cpu[2]"]


@pytest.mark.parametrize("limits", [Limits(depth=3), Limits(states=5), Limits(seconds=0)])
def test_limits_are_kept(limits: Limits) -> None:
    what = instance(COUNTER, Thread=2)

    result = check(what, limits=limits, group=group_of(what))

    assert {type(v) for v in result.verdicts.values()} == {Inconclusive}


def test_depth_limits_mean_the_same() -> None:
    what = instance(ABBA, Thread=3, Page=2)

    for depth in range(6):
        limits = Limits(depth=depth)
        reduced = check(what, limits=limits, group=group_of(what))
        assert violations(reduced) == violations(check(what, limits=limits))


def test_threads_that_differ_only_by_name() -> None:
    what = instance(COUNTER, Thread=2)

    result = check(what, group=group_of(what))

    assert result.verdicts == dict.fromkeys(BUILT_IN, Checked(result.statistics.states))


def test_runs_are_unwound_without_the_help_of_an_engine() -> None:
    what = instance(ABBA, Thread=2, Page=2)
    semantics, group = Semantics(what), group_of(what)
    assert group is not None
    states = [semantics.initial]
    for thread in (0, 0, 1):
        (*_, after) = (s for t, _, s in semantics.successors(states[-1]) if t == thread)
        assert after is not None
        states.append(after)
    symmetric = [
        states[0],
        group.renamings[1].state(states[1]),
        group.canonical(states[2]),
        group.renamings[3].state(states[3]),
    ]

    moves = through(semantics, group, symmetric)

    assert end(semantics, moves) == symmetric[-1]
    for renaming in group.renamings:
        assert end(semantics, rename(semantics, renaming, moves)) == renaming.state(symmetric[-1])
    assert tidy(semantics, group, moves)[-1].thread == 0


def end(semantics: Semantics, moves: list[Move]) -> object:
    shared, locals_ = semantics.initial
    for move in moves:
        result = semantics.run(shared, locals_[move.thread], move.thread, move.choices)
        assert result is not None
        shared, local = result[0].shared, result[0].local
        locals_ = (*locals_[: move.thread], local, *locals_[move.thread + 1 :])
    return shared, locals_
