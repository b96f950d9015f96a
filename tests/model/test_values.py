"""All values of a type, in order; how many; as text."""

from __future__ import annotations

import random

import pytest
from systems import instance

from pvcheck.model.expr import Const
from pvcheck.model.types import (
    BOOL,
    INT,
    ArrayOf,
    Enum,
    Int,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)
from pvcheck.model.values import TooLarge, count, default, show, sort_key, values

I = Sort("I", ordered=True)  # noqa: E741
E = Enum("E", ("red", "green"))
SMALL = Int(Const(-1, INT), Const(1, INT))
S = Struct("S", (("i", I), ("e", E)))
INSTANCE = instance(
    "system s; ordered sort I; var x: bool = true atomic; thread t { x = true; }", I=3
)

TYPES: list[tuple[Type, int]] = [
    (BOOL, 2),
    (SMALL, 3),
    (I, 3),
    (E, 2),
    (Optional(E), 3),
    (S, 6),
    (Optional(S), 7),
    (SetOf(I), 8),
    (SetOf(SetOf(E)), 16),
    (ListOf(E), 1 + 2 + 4),
    (ListOf(I, Const(1, INT)), 4),
    (ArrayOf(I, BOOL), 8),
    (ArrayOf(E, Optional(E)), 9),
    (ListOf(Optional(E), Const(2, INT)), 1 + 3 + 9),
]


@pytest.mark.parametrize(("type_", "number"), TYPES)
def test_all_values_in_order(type_: Type, number: int) -> None:
    everything = values(type_, INSTANCE)

    assert count(type_, INSTANCE) == len(everything) == len(set(everything)) == number
    assert len({show(v, type_) for v in everything}) == number
    shuffled = random.Random(0).sample(everything, number)
    assert tuple(sorted(shuffled, key=sort_key(type_))) == everything
    assert default(type_, INSTANCE) in everything


def test_as_text() -> None:
    assert show(None, Optional(I)) == "none"
    assert show(True, BOOL) == "true"
    assert show(1, E) == "green"
    assert show((2, 0), S) == "{i: 2, e: red}"
    assert show((1, 0), ListOf(I)) == "[1, 0]"
    assert show(frozenset({1, 0}), SetOf(E)) == "{red, green}"
    assert show(frozenset({None, 1}), SetOf(Optional(I))) == "{none, 1}"
    assert [show(v, Snapshot("g")) for v in (None, 0, 7, -1)] == ["none", "fresh", "fresh", "stale"]


@pytest.mark.parametrize(
    "type_",
    [INT, SetOf(SetOf(SetOf(SetOf(I)))), ListOf(SetOf(I)), Snapshot("g"), LockSet(), ListOf(INT)],
)
def test_what_is_not_enumerated_is_refused_at_once(type_: Type) -> None:
    if not isinstance(type_, Snapshot | LockSet):
        with pytest.raises(TooLarge):
            values(type_, INSTANCE)
    number = count(type_, INSTANCE)
    assert number is None or number > 10**6
