"""What renaming elements does to values, locks, snapshots and states."""

from __future__ import annotations

from typing import Any

import pytest
from systems import instance

from pvcheck.model.layout import Layout
from pvcheck.model.model import FINISHED
from pvcheck.model.semantics import STUCK, Semantics
from pvcheck.model.symmetry import Group, Renaming, sorts_in, undone
from pvcheck.model.types import (
    BOOL,
    INT,
    ArrayOf,
    Enum,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)

TEXT = """
system s;
sort T; sort U; ordered sort O;
lock k[O][U]: mutex;
lock w: rw;
var x[o: O][u: U]: U? = none atomic;
var y: list<T> atomic;
gen g[u: U][o: O] atomic;
gen h atomic;
thread cpu[T] {
  let at: U?;
  any u: U;
  let s = snapshot(g[u, O(1)]);
  let one = snapshot(h);
  acquire k[O(1)][u];
  at = u;
  assert !changed(g[u, O(1)], s);
  assert !changed(h, one);
  release k[O(1)][u];
  assert at == u;
}
thread lone { bump(h); }
"""
WHAT = instance(TEXT, T=3, U=3, O=2)
LAYOUT = Layout(WHAT)
TURN = Renaming(LAYOUT, {"T": (1, 2, 0), "U": (0, 2, 1)})
T, U, ORDERED = Sort("T", ordered=False), Sort("U", ordered=False), Sort("O", ordered=True)
PAIR = Struct("Pair", (("u", U), ("n", INT), ("t", Optional(T))))

VALUES: list[tuple[Type, Any, Any]] = [
    (BOOL, True, True),
    (INT, 2, 2),
    (Enum("E", ("a", "b", "c")), 1, 1),
    (ORDERED, 1, 1),
    (U, 1, 2),
    (T, 2, 0),
    (Optional(U), None, None),
    (Optional(U), 1, 2),
    (PAIR, (2, 1, 0), (1, 1, 1)),
    (PAIR, (0, 2, None), (0, 2, None)),
    (ListOf(U), (2, 0, 1), (1, 0, 2)),
    (ListOf(ORDERED), (1, 0), (1, 0)),
    (SetOf(T), frozenset({0, 2}), frozenset({1, 0})),
    (SetOf(PAIR), frozenset({(1, 1, 1)}), frozenset({(2, 1, 2)})),
    (ArrayOf(U, INT), (5, 6, 7), (5, 7, 6)),
    (ArrayOf(U, T), (0, 1, 2), (1, 0, 2)),
    (ArrayOf(ORDERED, U), (1, 2), (2, 1)),
    (ArrayOf(T, ListOf(U)), ((), (1,), (2, 1)), ((1, 2), (), (2,))),
    (Snapshot("g"), None, None),
    (Snapshot("g"), -1, -1),
    (Snapshot("g"), 3, 5),
    (Snapshot("h"), 0, 0),
    (LockSet(), frozenset({0, 4, 6}), frozenset({0, 5, 6})),
]


@pytest.mark.parametrize(("type_", "value", "renamed"), VALUES, ids=str)
def test_values_are_renamed_by_their_type(type_: Type, value: Any, renamed: Any) -> None:
    change = TURN.change(type_)

    assert (value if change is None else change(value)) == renamed


def test_a_type_without_moved_elements_stays() -> None:
    only = Renaming(LAYOUT, {"T": (1, 0, 2)})

    assert only.change(U) is only.change(PAIR.fields[0][1]) is only.change(Snapshot("g")) is None
    assert Renaming(LAYOUT, {"U": (1, 0, 2)}).lock_change is None


@pytest.mark.parametrize(
    ("cell", "renamed"), [(0, 0), (1, 2), (3, 1), (4, 4), (-0b101, -0b011), (-0b1010, -0b1100)]
)
def test_locks_name_their_holders_anew(cell: int, renamed: int) -> None:
    assert TURN.lock_change is not None
    assert TURN.lock_change(cell) == renamed


def test_threads_go_with_their_elements_and_cells_with_their_indices() -> None:
    assert TURN.threads == (1, 2, 0, 3)
    assert TURN.cells[:7] == (0, 2, 1, 3, 5, 4, 6), "k[O][U], then w"
    assert TURN.cells[7:14] == (7, 9, 8, 10, 12, 11, 13), "x[O][U], then y"
    assert TURN.cells[14:] == (16, 17, 18, 19, 14, 15), "two snapshots of each thread cpu"


def test_a_state_is_renamed_in_all_its_parts() -> None:
    shared = (0, 1, 0, 0, 0, 0, -0b100, None, 2, None, None, None, 1, (0, 2), 4, 0, None, -1, 2, 0)
    locals_ = ((6, None, 1), (FINISHED,), (STUCK,), (0,))
    state = TURN.state((shared, locals_))

    assert state[0][:7] == (0, 0, 2, 0, 0, 0, -0b001)
    assert state[0][7:14] == (None, None, 1, None, 2, None, (1, 0))
    assert state[0][14:] == (4, 0, 2, 0, None, -1)
    assert state[1] == ((STUCK,), (6, None, 2), (FINISHED,), (0,)), "at and u are live at 6"


def test_local_parts_are_renamed_by_what_is_live() -> None:
    semantics = Semantics(WHAT)
    shared, locals_ = semantics.initial

    outcomes = {TURN.local(0, o.local) for o in semantics.outcomes(shared, locals_[0], 0)}

    assert len(outcomes) == 3
    assert outcomes == {o.local for o in semantics.outcomes(shared, locals_[1], 1)}


def test_the_group_is_closed_and_begins_with_the_identity() -> None:
    group = Group(LAYOUT, {"T": 3, "U": 2})
    elements = [tuple(r.elements.items()) for r in group.renamings]

    assert len(set(elements)) == len(elements) == 12
    assert group.renamings[0].is_identity
    assert all(r.elements["U"][2] == 2 for r in group.renamings)
    for number, renaming in enumerate(group.renamings):
        back = group.renamings[group.inverse[number]]
        assert back.elements == {s: undone(p) for s, p in renaming.elements.items()}


def test_sorts_inside_types() -> None:
    assert sorts_in(SetOf(PAIR)) == {"U", "T"}
    assert sorts_in(ArrayOf(U, ListOf(Optional(ORDERED)))) == {"U", "O"}
    assert sorts_in(Snapshot("g")) == sorts_in(BOOL) == sorts_in(LockSet()) == frozenset()
