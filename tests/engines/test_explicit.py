"""The explicit engine on small systems whose answers are known, and within limits."""

from __future__ import annotations

import pytest
from systems import Watcher, check, instance, run, trace, truth, violations

from pvcheck.engines.base import Limits
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.model.model import BUILT_IN
from pvcheck.model.verdict import Checked, Inconclusive, Violated

MUTEX = """
system mutex;
sort Thread;
lock m: mutex;
thread cpu[Thread] { acquire m; release m; }
"""

PHILOSOPHERS = """
system philosophers;
ordered sort Fork;
lock fork[Fork]: mutex;
order fork ascending;
fn right(f: Fork): Fork = int(f) + 1 == size(Fork) ? Fork(0) : f + 1;
thread philosopher[Fork] {
  while true {
    acquire fork[self];
    acquire fork[right(self)];
    release fork[right(self)];
    release fork[self];
  }
}
"""

PETERSON = """
system peterson;
ordered sort Thread;
var wants[Thread]: bool = false atomic;
var turn: Thread atomic;
var inside[Thread]: bool = false atomic;
fn other(t: Thread): Thread = Thread(1 - int(t));
thread cpu[Thread] {
  while true {
    wants[self] = true;
    turn = self;
  busy:
    if wants[other(self)] { if turn == self { goto busy; } }
    inside[self] = true;
    inside[self] = false;
    wants[self] = false;
  }
}
invariant exclusion(a: Thread, b: Thread): inside[a] && inside[b] => a == b;
"""


def test_two_threads_and_a_mutex_have_eight_states() -> None:
    result = run(MUTEX, Thread=2)

    assert result.verdicts == dict.fromkeys(BUILT_IN, Checked(8))
    assert (result.statistics.states, result.statistics.transitions) == (8, 8)
    assert result.statistics.depth == 4
    assert not result.interrupted


def test_verdicts_come_in_the_order_of_the_properties_and_only_those_asked_for() -> None:
    result = check(instance(MUTEX, Thread=2), ["race", "deadlock"])

    assert list(result.verdicts) == ["deadlock", "race"]


@pytest.mark.parametrize("size", [2, 3, 4])
def test_philosophers_deadlock_when_all_hold_their_first_fork(size: int) -> None:
    result = run(PHILOSOPHERS, Fork=size)

    assert violations(result)["deadlock"] == size
    assert len(trace(result, "deadlock").cycle) == size
    assert violations(result)["lock-order"] == 1, "the last one takes its forks in the wrong order"


def test_peterson() -> None:
    assert violations(run(PETERSON, Thread=2)) == {}
    swapped = PETERSON.replace(
        "wants[self] = true;\n    turn", "turn = self; wants[self] = true;\n    // turn"
    )
    assert violations(run(swapped, Thread=2)) == {"exclusion": 9}


def test_a_cycle_is_a_deadlock_while_a_third_thread_runs_on() -> None:
    result = run("""
        system cycle;
        lock a: mutex; lock b: mutex; lock c: mutex;
        thread one { acquire a; acquire b; release b; release a; }
        thread two { acquire b; acquire a; release a; release b; }
        thread busy { while true { acquire c; release c; } }
    """)

    assert violations(result)["deadlock"] == 2
    assert [w.thread for w in trace(result, "deadlock").cycle] == ["one", "two"]


def test_waiting_for_a_thread_that_has_finished_is_a_deadlock() -> None:
    result = run("""
        system leak;
        lock a: mutex; lock b: mutex;
        thread one { acquire a; }
        thread two { acquire a; release a; }
        thread busy { while true { acquire b; release b; } }
    """)

    assert violations(result) == {"deadlock": 1}
    assert "one has finished and never lets go" in trace(result, "deadlock").why


def test_nobody_can_move_is_a_deadlock_but_not_when_all_have_finished() -> None:
    text = "system s; var x: 0..1 = 0 atomic; thread one { await x == 1; } thread two { x = %d; }"

    assert violations(run(text % 1)) == {}
    assert violations(run(text % 0)) == {"deadlock": 1}


def test_awaiting_is_no_deadlock_while_others_run() -> None:
    result = run("""
        system s;
        var x: 0..1 = 0 atomic;
        thread one { await x == 1; }
        thread two { while true { x = 0; } }
    """)

    assert violations(result) == {}


def test_two_upgrades_deadlock() -> None:
    result = run(
        """
        system upgrades;
        sort Thread;
        lock l: rw;
        thread cpu[Thread] { acquire read l; upgrade l; downgrade l; release l; }
    """,
        Thread=2,
    )

    assert violations(result) == {"deadlock": 2}
    assert trace(result, "deadlock").steps[-1].held_after == ("l (read)",)


def test_after_a_fault_the_rest_is_inconclusive() -> None:
    result = run("""
        system fault;
        var x: 0..9 = 0 atomic;
        thread cpu { x = 1; x = 2; assert x == 1; x = 3; }
        invariant small: x <= 2;
        invariant tiny: x <= 1;
    """)

    assert violations(result) == {"assertion": 3, "tiny": 2}
    assert result.verdicts["small"] == Inconclusive(2, "runs end at the assertion")
    assert result.verdicts["race"] == Inconclusive(2, "runs end at the assertion")


def test_a_fault_that_nobody_asked_for_leaves_the_rest_inconclusive() -> None:
    text = "system s; var x: 0..1 = 0 atomic; thread t { assert x == 1; } invariant i: x == 0;"

    result = check(instance(text), ["i"])

    assert result.verdicts == {"i": Inconclusive(0, "runs end at the assertion")}


def test_an_initial_value_out_of_range_is_a_violation_without_steps() -> None:
    result = run("system s; param N = 7; var x: 0..3 = N atomic; thread t { x = 1; }")

    assert violations(result) == {"bounds": 0}
    assert result.verdicts["race"] == Inconclusive(0, "runs end at the bounds")


COUNTER = """
system s;
var x: 0..99 = 0 atomic;
thread t { while x < 99 { atomic { x += 1; } } }
invariant i: x < %d;
"""


@pytest.mark.parametrize("depth", [0, 1, 7])
def test_depth_limit(depth: int) -> None:
    result = check(instance(COUNTER % 99), limits=Limits(depth=depth))

    assert result.verdicts["i"] == Inconclusive(depth, f"depth limit {depth}")
    assert result.statistics.depth == depth


def test_a_depth_limit_beyond_the_last_state_is_not_met() -> None:
    known = truth(instance(COUNTER % 100))
    assert known is not None
    deep = known.depth

    at = check(instance(COUNTER % 100), limits=Limits(depth=deep)).verdicts["i"]
    beyond = check(instance(COUNTER % 100), limits=Limits(depth=deep + 1)).verdicts["i"]

    assert isinstance(at, Inconclusive)
    assert isinstance(beyond, Checked)


def test_the_states_on_the_depth_limit_are_judged() -> None:
    text = "system s; lock a: mutex; thread t { acquire a; acquire a; }"
    order = """
        system s; lock a: mutex; lock b: mutex; order a < b;
        thread t { acquire b; acquire a; release a; release b; }
    """
    deadlock = "system s; lock a: mutex; thread t { acquire a; } thread u { acquire a; }"

    assert violations(check(instance(text), limits=Limits(depth=1))) == {}
    assert violations(check(instance(order), limits=Limits(depth=1))) == {"lock-order": 1}
    assert violations(check(instance(deadlock), limits=Limits(depth=1))) == {"deadlock": 1}


def test_state_limit() -> None:
    result = check(instance(COUNTER % 100), limits=Limits(states=10))

    assert result.statistics.states == 10
    verdict = result.verdicts["i"]
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason == "state limit 10"
    assert verdict.depth <= 9


def test_a_violation_found_before_the_limit_is_reported() -> None:
    assert violations(check(instance(COUNTER % 3), limits=Limits(states=10))) == {"i": 6}


def test_time_and_memory_limits() -> None:
    no_time = check(instance(COUNTER % 100), limits=Limits(seconds=0.0))
    assert no_time.verdicts["i"] == Inconclusive(0, "time limit 0 s")

    philosophers = instance(PHILOSOPHERS, Fork=7)
    little = check(philosophers, ["race"], Limits(bytes=2**20))
    assert little.verdicts["race"] in (
        Checked(little.statistics.states),
        Inconclusive(little.statistics.depth, "memory limit 1 MiB"),
    )


def test_stop_when_violated() -> None:
    what = instance(COUNTER % 3)

    result = check(what, stop=["i"])

    assert violations(result) == {"i": 6}
    assert result.verdicts["race"] == Inconclusive(5, "stopped after the violation of i")
    assert violations(check(what, stop=["race"])) == {"i": 6}


class Impatient(Watcher):
    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        raise KeyboardInterrupt


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pvcheck.engines.meter.INTERVAL", 0.0)

    what = instance(COUNTER % 2)
    result = ExplicitEngine().check(what, ["i", "race"], Limits(), Impatient())

    assert result.interrupted
    assert all(
        isinstance(v, Violated) or v.reason == "interrupted"  # type: ignore[union-attr]
        for v in result.verdicts.values()
    )


def test_the_same_run_gives_the_same_result() -> None:
    first, second = (run(PHILOSOPHERS, Fork=4) for _ in range(2))

    assert first.verdicts == second.verdicts
    assert first.coverage == second.coverage
    assert first.lock_edges == second.lock_edges


def test_lock_edges_are_those_of_acquires_that_may_wait() -> None:
    result = run(
        """
        system edges;
        ordered sort I;
        lock a: mutex; lock b[I]: mutex; lock c: mutex;
        order a < b; order b ascending;
        thread t {
          acquire a;
          for i in I ascending { acquire b[i]; }
          if try c { release c; }
          for i in I descending { release b[i]; }
          release a;
        }
    """,
        I=2,
    )

    assert [(e.before, e.after, e.direction) for e in result.lock_edges] == [
        ("a", "b", ""),
        ("b", "b", "ascending"),
    ]
    example = result.lock_edges[1].example
    assert (example.held_before, example.held_after) == (("a", "b[0]"), ("a", "b[0]", "b[1]"))
    assert (example.changes, example.state) == ((), ())


def test_coverage() -> None:
    text = """
        system cover;
        sort Thread;
        lock a: mutex; lock quiet[Thread]: mutex; lock tried: mutex;
        var x: 0..3 = 0 guarded by a;
        op used() { acquire a; if x > 0 { x = 0; } release a; }
        op silent() { acquire a; release a; }
        op endless() { while true { acquire quiet[self]; release quiet[self]; } }
        thread cpu[Thread] {
          acquire tried;
          if try tried { assert false; }
          release tried;
          choose { { used(); } or { endless(); } }
        }
        when x == 2: invariant shut: false;
        invariant open: x == 0 => free(a) || !free(a);
    """
    what = instance(text, Thread=2)

    result = check(what)

    source = what.model.sources[0]
    executed = {source.snippet(s) for s in result.coverage.executed}
    assert violations(result) == {}
    assert result.coverage.started == {"used", "endless"}
    assert result.coverage.finished == {"used"}
    assert result.coverage.contended == {"a", "tried"}
    assert result.coverage.open_windows == {"open"}
    assert {
        (source.snippet(s), o) for s, o in result.coverage.branches if "x" in source.snippet(s)
    } == {("x > 0", False)}
    assert "release a;" in executed
    assert "x = 0;" not in executed


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher()
    monkeypatch.setattr("pvcheck.engines.meter.INTERVAL", 0.0)

    ExplicitEngine().check(instance(PHILOSOPHERS, Fork=3), ["deadlock"], Limits(), watcher)

    assert [u["states"] for u in watcher.updates] == sorted(u["states"] for u in watcher.updates)
    assert all(u["frontier"] >= 0 for u in watcher.updates)
    assert watcher.updates[-1]["frontier"] == 0


def test_readers_do_not_wait_for_readers() -> None:
    text = """
        system readers;
        lock a: rw; lock b: rw;
        order a < b;
        thread one { acquire read a; acquire read b; release b; release a; }
        thread two { acquire read b; acquire %s a; release a; release b; }
    """

    result = run(text % "read")
    known = truth(instance(text % "read"))

    assert known is not None
    assert violations(result) == known.shortest == {"lock-order": 1}
    assert result.coverage.contended == frozenset()
    assert violations(run(text % "write")) == {"lock-order": 1}
    assert run(text % "write").coverage.contended == {"a"}
