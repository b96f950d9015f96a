"""Loops over ordered sets: what is left, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pvcheck.model.code import Assign, Place
from pvcheck.model.expr import Apply, Local, Op
from pvcheck.model.model import ThreadFamily
from pvcheck.model.types import SetOf, Type
from pvcheck.model.walk import nodes
from pvcheck.proof.candidate import Entry, Takes, Template
from pvcheck.proof.state import Setting, ThreadState
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Function,
    Set,
    Terms,
    all_of,
    any_of,
    equal_terms,
    terms,
)
from pvcheck.proof.z3_terms import for_all


@dataclass(frozen=True, slots=True)
class Over:
    """A loop over an ordered set: what is left, and whose turn it is."""

    rest: int
    turn: int
    type: Type
    all: Function
    """The set that is gone through."""
    up: bool


def sets_gone_through(entry: Entry) -> tuple[list[Over], list[Any]]:
    """The loops over sets that this loop is, and what is true of the names for the whole sets."""
    found, facts = [], []
    family = entry.setting.family
    for rest in entry.location.live:
        type_ = family.locals[rest].type
        was = entry.state.locals[rest]
        if rest not in entry.changes.slots or not isinstance(was, Set):
            continue
        assert isinstance(type_, SetOf)
        for turn in entry.location.live:
            how = entry.takes.get((turn, rest))
            if turn not in entry.changes.slots or how is None:
                continue
            first = terms(entry.state.locals[turn])
            everything, meaning = entry.setting.theory.named(
                "all", inner(type_), (), _with(was.has, first)
            )
            facts.append(meaning)
            found.append(Over(rest, turn, inner(type_), everything, how is Op.MIN))
    return found, facts


def _with(has: Function, element: Terms) -> Function:
    return Function(lambda *t: any_of([has(*t), equal_terms(t, element)]))


def takes(family: ThreadFamily) -> Takes:
    """Which locals are elements taken from which sets."""
    found: dict[tuple[int, int], Op] = {}
    copies: dict[int, set[int]] = {}
    for location in family.locations:
        for node in nodes(location.code):
            match node:
                case Assign(
                    place=Place(slot=int() as turn),
                    value=Apply(op=Op.MIN | Op.MAX as op, args=(Local(slot=rest),)),
                ):
                    found[turn, rest] = op
                case Assign(place=Place(slot=int() as copy, path=()), value=Local(slot=turn)):
                    copies.setdefault(turn, set()).add(copy)
    # The argument of a procedure that is called for each element, and of those that this one calls.
    waiting = list(found)
    while waiting:
        turn, rest = waiting.pop()
        for copy in copies.get(turn, ()):
            if (copy, rest) not in found:
                found[copy, rest] = found[turn, rest]
                waiting.append((copy, rest))
    return found


def loops_over(entry: Entry, overs: Sequence[Over]) -> Iterator[Template]:
    """What is left are the elements beyond the one whose turn it is."""
    names = entry.setting.family.locals
    for over in overs:
        yield Template(f"{names[over.rest].name} beyond", _rest_is(entry.setting, over))
        yield Template(f"{names[over.turn].name} in it", _turn_in_it(over))


def _turn_in_it(over: Over) -> Callable[[ThreadState], Any]:
    return lambda s: over.all(*terms(s.locals[over.turn]))


def _rest_is(setting: Setting, over: Over) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        x = setting.theory.constants("e", over.type)
        rest = state.locals[over.rest]
        assert isinstance(rest, Set)
        left = all_of([over.all(*x), _turn_before(setting, state, over, x)])
        return for_all(x, rest.has(*x) == left, rest.has(*x), over.all(*x))

    return formula


def _turn_before(setting: Setting, state: ThreadState, over: Over, x: Terms) -> Any:
    """Whether the turn of an element is still to come."""
    element = setting.theory.shape(over.type, list(x))
    turn = state.locals[over.turn]
    first, second = (turn, element) if over.up else (element, turn)
    return setting.theory.less(first, second, over.type)


def turn_past(setting: Setting, state: ThreadState, over: Over, x: Terms) -> Any:
    """Whether an element had its turn before the one whose turn it is."""
    element = setting.theory.shape(over.type, list(x))
    turn = state.locals[over.turn]
    first, second = (element, turn) if over.up else (turn, element)
    return all_of([over.all(*x), setting.theory.less(first, second, over.type)])
