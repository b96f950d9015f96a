"""What shared variables are at the head of a loop, compared with what they were when it was entered.

Only invariants need these candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import z3

from pvcheck.model.expr import Bound, Expr
from pvcheck.model.model import Variable
from pvcheck.model.types import ListOf, Optional, SetOf, Type
from pvcheck.proof.candidate import Entry, Template
from pvcheck.proof.evaluation import Notes
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.loop_body import TURN, Body, Transfer
from pvcheck.proof.state import Nothing, Setting, ThreadState
from pvcheck.proof.theory import inner
from pvcheck.proof.traversal import Over, turn_past
from pvcheck.proof.values import (
    Function,
    Maybe,
    OutsideFragment,
    Terms,
    Value,
    all_of,
    any_of,
    equal_terms,
    implies,
    members,
    negation,
    terms,
)
from pvcheck.proof.variables import as_often, mentions, same_value
from pvcheck.proof.z3_terms import for_all

Formula = Callable[[ThreadState], Any]


def data(entry: Entry, overs: Sequence[Over]) -> Iterator[Template]:
    """Candidates about what the loop writes, or others may write while it does not hold the lock."""
    for variable in entry.setting.theory.data:
        written = variable.name in entry.changes.written
        if written or entry.setting.protecting[variable.name] & entry.changes.locks:
            yield from _kept(entry, variable, written=written)
    body = Body(entry)
    for over in overs:
        yield from _known(entry, _of_turn(entry, over, body))
        yield from _transfers(entry, over, body)
        yield from _known(entry, _tests(entry, over, body))
        yield from _known(entry, _results(entry, over, body))


# Elements that stay


def _kept(entry: Entry, variable: Variable, *, written: bool) -> Iterator[Template]:
    """What locals name is as it was; where nothing is written, all that has the same lock as a local. Where
    something is, of an optional one nothing has come there."""
    if entry.setting.theory.is_opaque(variable.type) or variable.guard is None:
        return
    by_lock = {
        index.number
        for guard in variable.guard.locks
        for index in guard.lock.indices
        if isinstance(index, Bound)
    }
    same = partial(same_value, entry.setting.theory, type_=variable.type)
    if not written:
        yield from _compared(entry, variable, by_lock, same, "same")
    elif not isinstance(variable.type, ListOf | SetOf):
        yield from _compared(entry, variable, {b.number for b in variable.binders}, same, "same")
        if isinstance(variable.type, Optional):
            yield from _compared(entry, variable, by_lock, _no_more, "no more")


def _no_more(now: Value, was: Value) -> Any:
    assert isinstance(now, Maybe)
    assert isinstance(was, Maybe)
    return implies(now.some, was.some)


def _compared(
    entry: Entry,
    variable: Variable,
    named: Collection[int],
    how: Callable[[Value, Value], Any],
    what: str,
) -> Iterator[Template]:
    """Elements at the head, and when the loop was entered. ``named``: the binders of which locals are values."""
    binders = [b for b in variable.binders if b.number in named]
    if not binders:
        return
    for slots in product(*(_unchanged(entry, b.type) for b in binders)):
        names = ", ".join(entry.setting.family.locals[slot].name for slot in slots)
        at = dict(zip((b.number for b in binders), slots, strict=True))
        name = f"{variable.name} of {names} {what}"
        yield Template(name, _comparison(entry, variable, at, how), True)


def _unchanged(entry: Entry, type_: Type) -> list[int]:
    """Locals of a type that the loop does not change, those that are the same as another left out."""
    found: dict[tuple[int, ...], int] = {}
    for slot in entry.location.live:
        if entry.setting.family.locals[slot].type == type_ and slot not in entry.changes.slots:
            key = tuple(t.get_id() for t in terms(entry.state.locals[slot]))
            found.setdefault(key, slot)
    return list(found.values())


def _comparison(
    entry: Entry, variable: Variable, at: dict[int, int], how: Callable[[Value, Value], Any]
) -> Formula:
    """``at``: by binder, the local that is its value."""
    theory, was = entry.setting.theory, entry.state.heap[variable.name]

    def formula(state: ThreadState) -> Any:
        index: list[Any] = []
        free: list[Any] = []
        for binder in variable.binders:
            if binder.number in at:
                index += terms(state.locals[at[binder.number]])
            else:
                new = theory.constants("i", binder.type)
                index += new
                free += new
        holds = how(state.heap[variable.name](*index), was(*index))
        return z3.ForAll(free, holds) if free else holds

    return formula


# Elements that come or go, one in each turn


def _transfers(entry: Entry, over: Over, body: Body) -> Iterator[Template]:
    for transfer in body.transfers(over):
        name = f"{transfer.variable.name} by {entry.setting.family.locals[over.turn].name}"
        turn = entry.setting.theory.constants("x", over.type)
        try:
            _element(entry, over, transfer, entry.state, turn)
        except OutsideFragment:
            continue
        gone = not transfer.comes
        so_far = _past(entry, over, transfer, there=not gone)
        yield Template(f"{name} so far", so_far, True)
        yield Template(f"{name} else same", _else_same(entry, over, transfer), True)
        if gone:
            was = entry.state.heap[transfer.variable.name]
            yield Template(f"{name} were there", _past(entry, over, transfer, was), True)


class _Seen(Nothing):
    """What a thread knows of a state."""

    def __init__(self, setting: Setting, state: ThreadState) -> None:
        super().__init__(setting)
        self._state = state

    def local(self, slot: int, type_: Type) -> Value:
        return self._state.locals[slot]

    def read(self, variable: str, indices: Terms) -> Value:
        found: Value = self._state.heap[variable](*indices)
        return found


def _known(entry: Entry, candidates: Iterable[tuple[str, Formula]]) -> Iterator[Template]:
    """Those of which no part is unknown."""
    for name, formula in candidates:
        try:
            formula(entry.state)
        except OutsideFragment:
            continue
        yield Template(name, formula, True)


def _for_past_turns(entry: Entry, over: Over, fact: Callable[[ThreadState, Terms], Any]) -> Formula:
    """``fact``: of a state, and an element of the set."""

    def formula(state: ThreadState) -> Any:
        turn = entry.setting.theory.constants("x", over.type)
        holds = fact(state, turn)
        past = turn_past(entry.setting, state, over, turn)
        return z3.ForAll(list(turn), implies(past, holds))

    return formula


def _of_turn(entry: Entry, over: Over, body: Body) -> Iterator[tuple[str, Formula]]:
    locals_ = entry.setting.family.locals
    for slot, value in body.of_turn(over):
        name = f"{locals_[slot].name} by {locals_[over.turn].name}"
        yield name, _equals(entry, over, slot, value)


def _equals(entry: Entry, over: Over, slot: int, value: Expr) -> Formula:
    type_ = entry.setting.family.locals[slot].type

    def formula(state: ThreadState) -> Any:
        found = _evaluated(entry, over, (value, type_), state, terms(state.locals[over.turn]))
        return equal_terms(terms(state.locals[slot]), found)

    return formula


def _evaluated(
    entry: Entry, over: Over, expr: tuple[Expr, Type], state: ThreadState, turn: Terms
) -> Terms:
    """An expression about an element of the set, as a value of a type.

    Raises:
        OutsideFragment: its value is unknown.
    """
    setting, notes = entry.setting, Notes()
    evaluator = Evaluator(setting.theory, _Seen(setting, state), notes, guarded=False, over=turn)
    evaluator.bound[TURN] = setting.theory.shape(over.type, list(turn))
    found = terms(evaluator.as_type(*expr))
    if notes.facts:
        raise OutsideFragment("an unknown element")
    return found


# What past turns have made sure of


def _tests(entry: Entry, over: Over, body: Body) -> Iterator[tuple[str, Formula]]:
    for number, (condition, truth) in enumerate(body.tests(over), 1):
        name = f"test {number} by {entry.setting.family.locals[over.turn].name}"
        yield name, _passed(entry, over, condition, truth=truth)


def _passed(entry: Entry, over: Over, condition: Expr, *, truth: bool) -> Formula:
    def passed(state: ThreadState, turn: Terms) -> Any:
        [holds] = _evaluated(entry, over, (condition, condition.type), state, turn)
        return holds if truth else negation(holds)

    return _for_past_turns(entry, over, passed)


# What past turns have left


def _results(entry: Entry, over: Over, body: Body) -> Iterator[tuple[str, Formula]]:
    for variable, index, value in body.results(over):
        name = f"{variable.name} by {entry.setting.family.locals[over.turn].name} left"
        yield name, _left(entry, over, variable, (index, value))


def _left(
    entry: Entry, over: Over, variable: Variable, assigned: tuple[Sequence[Expr], Expr]
) -> Formula:
    theory = entry.setting.theory
    types = theory.binder_types(variable.name)
    index, value = assigned

    def left(state: ThreadState, turn: Terms) -> Any:
        at = [
            term
            for expr in zip(index, types, strict=True)
            for term in _evaluated(entry, over, expr, state, turn)
        ]
        found = _evaluated(entry, over, (value, variable.type), state, turn)
        now = state.heap[variable.name](*at)
        return same_value(theory, now, theory.shape(variable.type, list(found)), variable.type)

    return _for_past_turns(entry, over, left)


def _element(
    entry: Entry, over: Over, transfer: Transfer, state: ThreadState, turn: Terms
) -> Terms:
    """What comes or goes in the turn of an element of the set.

    Raises:
        OutsideFragment: that is unknown.
    """
    type_ = inner(transfer.variable.type)
    return _evaluated(entry, over, (transfer.element, type_), state, turn)


def _past(
    entry: Entry,
    over: Over,
    transfer: Transfer,
    of: Function | None = None,
    *,
    there: bool = True,
) -> Formula:
    """The elements of past turns are there, or not. ``of``: the variable at another time."""

    def past(state: ThreadState, turn: Terms) -> Any:
        element = _element(entry, over, transfer, state, turn)
        heap = state.heap[transfer.variable.name] if of is None else of
        inside = members(heap(*turn))(*element)
        return inside if there else negation(inside)

    return _for_past_turns(entry, over, past)


def _else_same(entry: Entry, over: Over, transfer: Transfer) -> Formula:
    """No others have."""
    variable = transfer.variable
    was = entry.state.heap[variable.name]

    def formula(state: ThreadState) -> Any:
        turn = entry.setting.theory.constants("x", over.type)
        element = _element(entry, over, transfer, state, turn)
        e = entry.setting.theory.constants("e", inner(variable.type))
        now = state.heap[variable.name](*turn)
        past = turn_past(entry.setting, state, over, turn)
        is_it = all_of([past, equal_terms(e, element)])
        same = as_often(now, was(*turn), e)
        return for_all((*turn, *e), any_of([is_it, same]), *mentions(now, e))

    return formula
