"""What shared variables are at the head of a loop, compared with what they were when it was entered.

Only invariants need these candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import z3

from pvcheck.model.code import Assign, ForEach, Pick
from pvcheck.model.expr import Apply, Bound, Expr, Local, Op, Read
from pvcheck.model.model import Variable
from pvcheck.model.parts import rebuild
from pvcheck.model.types import ListOf, SetOf, Type
from pvcheck.model.walk import nodes
from pvcheck.proof.candidate import Entry, Template
from pvcheck.proof.evaluation import Notes
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.state import Nothing, Setting, ThreadState
from pvcheck.proof.theory import inner
from pvcheck.proof.traversal import Over, turn_past
from pvcheck.proof.values import (
    Function,
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


def data(entry: Entry, overs: Sequence[Over]) -> Iterator[Template]:
    """Candidates about what the loop writes, or others may write while it does not hold the lock."""
    for variable in entry.setting.theory.data:
        written = variable.name in entry.changes.written
        if written or entry.setting.protecting[variable.name] & entry.changes.locks:
            yield from _kept(entry, variable, written=written)
    body = _Body(entry)
    for over in overs:
        yield from _of_turn(entry, over, body)
        yield from _transfers(entry, over, body)


# Elements that stay


def _kept(entry: Entry, variable: Variable, *, written: bool) -> Iterator[Template]:
    """What locals name is as it was; where nothing is written, all that has the same lock as a local."""
    if entry.setting.theory.is_opaque(variable.type) or variable.guard is None:
        return
    by_lock = {
        index.number
        for guard in variable.guard.locks
        for index in guard.lock.indices
        if isinstance(index, Bound)
    }
    named = [b for b in variable.binders if written or b.number in by_lock]
    if not named or (written and isinstance(variable.type, ListOf | SetOf)):
        return
    for slots in product(*(_unchanged(entry, b.type) for b in named)):
        names = ", ".join(entry.setting.family.locals[slot].name for slot in slots)
        at = dict(zip((b.number for b in named), slots, strict=True))
        yield Template(f"{variable.name} of {names} same", _same(entry, variable, at), True)


def _unchanged(entry: Entry, type_: Type) -> list[int]:
    """Locals of a type that the loop does not change, those that are the same as another left out."""
    found: dict[tuple[int, ...], int] = {}
    for slot in entry.location.live:
        if entry.setting.family.locals[slot].type == type_ and slot not in entry.changes.slots:
            key = tuple(t.get_id() for t in terms(entry.state.locals[slot]))
            found.setdefault(key, slot)
    return list(found.values())


def _same(entry: Entry, variable: Variable, at: dict[int, int]) -> Callable[[ThreadState], Any]:
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
        now = state.heap[variable.name]
        same = same_value(theory, now(*index), was(*index), variable.type)
        return z3.ForAll(free, same) if free else same

    return formula


# Elements that come or go, one in each turn

_COMES = (Op.APPEND, Op.PREPEND, Op.INSERT)
_GOES = (Op.REMOVE, Op.DISCARD)


@dataclass(frozen=True)
class _Transfer:
    """``V[x] = V[x] with E(x)``, or without, in the turn of ``x``."""

    variable: Variable
    comes: bool
    element: Expr
    """The turn's element is bound in it."""


_TURN = -1
"""The number of a binder."""


def _transfers(entry: Entry, over: Over, body: _Body) -> Iterator[Template]:
    for transfer in body.transfers(over):
        name = f"{transfer.variable.name} by {entry.setting.family.locals[over.turn].name}"
        try:
            _element(entry, over, transfer, entry.state)
        except OutsideFragment:
            continue
        gone = not transfer.comes
        so_far = _past(entry, over, transfer, there=not gone)
        yield Template(f"{name} so far", so_far, True)
        yield Template(f"{name} else same", _else_same(entry, over, transfer), True)
        if gone:
            was = entry.state.heap[transfer.variable.name]
            yield Template(f"{name} were there", _past(entry, over, transfer, was), True)


class _Body:
    """The assignments of a loop."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._assigns = [n for n in nodes(entry.body) if isinstance(n, Assign)]
        self._otherwise = {n.slot for n in nodes(entry.body) if isinstance(n, Pick | ForEach)}

    @cached_property
    def _values(self) -> dict[int, list[Expr]]:
        """By local: what is assigned to it."""
        found: dict[int, list[Expr]] = {}
        for assign in self._assigns:
            if assign.place.slot is not None:
                partly = bool(assign.place.path) or assign.place.slot in self._otherwise
                found.setdefault(assign.place.slot, []).extend([assign.value] * (1 + partly))
        return found

    def of_turn(self, over: Over) -> Iterator[tuple[int, Expr]]:
        """Locals that are the same in each turn of an element, and what they are."""
        for slot in self._entry.location.live:
            if slot in self._entry.changes.slots and slot not in (over.turn, over.rest):
                local = Local(slot, self._entry.setting.family.locals[slot].type)
                value = self._resolve(local, over)
                if value is not None:
                    yield slot, value

    def transfers(self, over: Over) -> Iterator[_Transfer]:
        for assign in self._assigns:
            name = assign.place.variable
            if name is None or assign.place.path or len(assign.place.indices) != 1:
                continue
            if sum(a.place.variable == name for a in self._assigns) > 1:
                continue
            variable = self._entry.setting.theory.variables[name]
            match assign.value:
                case Apply(op=op, args=(Read(variable=read, indices=at), element)) if (
                    op in _COMES + _GOES and read == name and at == assign.place.indices
                ):
                    index, of_turn = self._resolve(at[0], over), self._resolve(element, over)
                    if index == Bound(_TURN, over.type) and of_turn is not None:
                        yield _Transfer(variable, op in _COMES, of_turn)

    def _resolve(self, expr: Expr, over: Over) -> Expr | None:
        """In terms of what the loop does not change, and of the element whose turn it is."""
        try:
            return self._in_terms(expr, over)
        except _NotConstant:
            return None

    def _in_terms(self, expr: Expr, over: Over, inside: frozenset[int] = frozenset()) -> Expr:
        """``inside``: of the values of which locals it is a part."""
        match expr:
            case Read():
                raise _NotConstant
            case Local(slot=slot) if slot == over.turn:
                return Bound(_TURN, over.type)
            case Local(slot=slot) if slot in self._entry.changes.slots:
                values = self._values.get(slot, [])
                if len(values) != 1 or slot in inside:
                    raise _NotConstant
                return self._in_terms(values[0], over, inside | {slot})
            case Local(slot=slot) if slot not in self._entry.state.locals:
                raise _NotConstant
        return rebuild(expr, lambda part: self._in_terms(part, over, inside))


class _NotConstant(Exception):
    """It is something else in each turn."""


class _Locals(Nothing):
    def __init__(self, setting: Setting, state: ThreadState) -> None:
        super().__init__(setting)
        self._locals = state.locals

    def local(self, slot: int, type_: Type) -> Value:
        return self._locals[slot]


def _of_turn(entry: Entry, over: Over, body: _Body) -> Iterator[Template]:
    locals_ = entry.setting.family.locals
    for slot, value in body.of_turn(over):
        try:
            formula = _equals(entry, over, slot, value)
            formula(entry.state)
        except OutsideFragment:
            continue
        name = f"{locals_[slot].name} by {locals_[over.turn].name}"
        yield Template(name, formula, True)


def _equals(entry: Entry, over: Over, slot: int, value: Expr) -> Callable[[ThreadState], Any]:
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
    evaluator = Evaluator(setting.theory, _Locals(setting, state), notes, guarded=False, over=turn)
    evaluator.bound[_TURN] = setting.theory.shape(over.type, list(turn))
    found = terms(evaluator.as_type(*expr))
    if notes.facts:
        raise OutsideFragment("an unknown element")
    return found


def _element(
    entry: Entry, over: Over, transfer: _Transfer, state: ThreadState
) -> tuple[Terms, Terms]:
    """A constant for an element of the set, and what comes or goes in its turn.

    Raises:
        OutsideFragment: that is unknown.
    """
    turn = entry.setting.theory.constants("x", over.type)
    type_ = inner(transfer.variable.type)
    return turn, _evaluated(entry, over, (transfer.element, type_), state, turn)


def _past(
    entry: Entry,
    over: Over,
    transfer: _Transfer,
    of: Function | None = None,
    *,
    there: bool = True,
) -> Callable[[ThreadState], Any]:
    """The elements of past turns are there, or not. ``of``: the variable at another time."""

    def formula(state: ThreadState) -> Any:
        turn, element = _element(entry, over, transfer, state)
        heap = state.heap[transfer.variable.name] if of is None else of
        inside = members(heap(*turn))(*element)
        past = turn_past(entry.setting, state, over, turn)
        return z3.ForAll(list(turn), implies(past, inside if there else negation(inside)))

    return formula


def _else_same(entry: Entry, over: Over, transfer: _Transfer) -> Callable[[ThreadState], Any]:
    """No others have."""
    variable = transfer.variable
    was = entry.state.heap[variable.name]

    def formula(state: ThreadState) -> Any:
        turn, element = _element(entry, over, transfer, state)
        e = entry.setting.theory.constants("e", inner(variable.type))
        now = state.heap[variable.name](*turn)
        past = turn_past(entry.setting, state, over, turn)
        is_it = all_of([past, equal_terms(e, element)])
        same = as_often(now, was(*turn), e)
        return for_all((*turn, *e), any_of([is_it, same]), *mentions(now, e))

    return formula
