"""Cycles in the observed lock order."""

from __future__ import annotations

from systems import run, trace

from pvcheck.analysis.lock_order import classes, cycles
from pvcheck.model.result import LockEdge

TEXT = """
system cycles;
ordered sort I;
lock gate: mutex; lock a: mutex; lock b: mutex; lock c: mutex; lock d[I]: mutex;
order gate < a; order gate < b; order gate < c; order gate < d;
thread t {
  acquire gate;
  choose { { acquire a; acquire b; release b; release a; }
    or { acquire b; acquire c; release c; release b; }
    or { acquire c; acquire a; release a; release c; }
    or { acquire b; acquire a; release a; release b; }
    or { acquire d[I(0)]; acquire d[I(1)]; release d[I(1)]; release d[I(0)]; }
    or { acquire d[I(1)]; acquire d[I(0)]; release d[I(0)]; release d[I(1)]; } }
  release gate;
}
"""


def names(cycle: tuple[LockEdge, ...]) -> str:
    return " ".join(e.before + (f"({e.direction})" if e.direction else "") for e in cycle)


def test_every_cycle_is_found_though_none_deadlocks() -> None:
    result = run(TEXT, I=2)

    assert [names(c) for c in cycles(result.lock_edges)] == [
        "a b",
        "d(ascending) d(descending)",
        "a b c",
    ]
    assert classes(result.lock_edges) == ("a", "b", "c", "d", "gate")
    assert "deadlock" not in [k for k, v in result.verdicts.items() if hasattr(v, "trace")]
    assert len(trace(result, "lock-order").steps) == 3


def test_each_cycle_closes() -> None:
    for cycle in cycles(run(TEXT, I=2).lock_edges):
        for edge, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert edge.after == following.before
            assert edge.example.statement.startswith("acquire")


def test_one_direction_inside_a_class_is_no_cycle() -> None:
    text = TEXT.replace(
        "or { acquire d[I(1)]; acquire d[I(0)];", "or { acquire d[I(0)]; acquire d[I(1)];"
    )
    found = cycles(run(text, I=2).lock_edges)

    assert [names(c) for c in found] == ["a b", "a b c"]
