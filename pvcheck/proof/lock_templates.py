"""Which locks a thread holds at the head of a loop: candidates in terms of its locals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import z3

from pvcheck.model.expr import Const
from pvcheck.model.model import Variable
from pvcheck.model.types import INT, Bool, Optional, Sort, Struct, Type
from pvcheck.proof.candidate import Entry, Template
from pvcheck.proof.state import Setting, ThreadState, owned, writable
from pvcheck.proof.traversal import Over, turn_past
from pvcheck.proof.values import (
    Atom,
    Function,
    Maybe,
    Terms,
    Tuple,
    Value,
    all_of,
    any_of,
    equal_terms,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, for_all


def none_held(entry: Entry) -> Iterator[Template]:
    """No lock of a class is held."""
    for name in sorted(entry.changes.locks):
        yield Template(f"{name} none", _exactly(entry.setting, name, lambda _, x: FALSE))


_Held = Callable[[ThreadState, Terms], Any]


def locks(entry: Entry, overs: Sequence[Over]) -> Iterator[Template]:
    """Which locks are held: as before, or those that a local names, or both, or those of elements past."""
    setting = entry.setting
    for name in sorted(entry.changes.locks):
        indices = setting.theory.locks[name].indices
        was = entry.state.exclusive[name]
        through = [over for over in overs if indices == (over.type,)]
        yield Template(f"{name} shared same", _shared_same(entry, name))
        for over in through:
            if name in entry.changes.taken:
                held = _with_past(setting, over, was)
                yield Template(f"{name} taken so far", _exactly(setting, name, held))
            if name in entry.changes.released:
                held = _without_past(setting, over, was)
                yield Template(f"{name} given back so far", _exactly(setting, name, held))
        if through:
            continue
        yield Template(f"{name} same", _exactly(setting, name, _as_before(was)))
        for slot in entry.location.live:
            local = setting.family.locals[slot]
            nested_flag = isinstance(local.type, Struct) and not indices
            if _names(setting, local.type, indices) and not nested_flag:
                held = _covered(setting, slot, indices)
                yield Template(f"{name} by {local.name}", _exactly(setting, name, held))
                if isinstance(local.type, Optional) and slot in entry.changes.slots:
                    held = _either(_as_before(was), held)
                    yield Template(f"{name} same and {local.name}", _exactly(setting, name, held))
                for part, held in _parts_that_cover(setting, slot, indices):
                    held_by = f"{name} by {local.name}.{part}"
                    yield Template(held_by, _exactly(setting, name, held))
            elif (
                indices == (local.type,)
                and slot in entry.changes.slots
                # The lock of a page is named by what is carried, if at all: it would be a candidate in vain.
                and setting.theory.parts(local.type) is None
            ):
                yield Template(f"{name} just by {local.name}", _exactly(setting, name, _just(slot)))


def _exactly(setting: Setting, name: str, held: _Held) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        x = setting.theory.lock_index(name)
        now = state.exclusive[name](*x)
        return for_all(x, now == held(state, x), now)

    return formula


def _as_before(was: Function) -> _Held:
    return lambda _, x: was(*x)


def _just(slot: int) -> _Held:
    return lambda s, x: equal_terms(x, terms(s.locals[slot]))


def _either(one: _Held, other: _Held) -> _Held:
    return lambda s, x: any_of([one(s, x), other(s, x)])


def _with_past(setting: Setting, over: Over, was: Function) -> _Held:
    return lambda s, x: any_of([was(*x), turn_past(setting, s, over, x)])


def _without_past(setting: Setting, over: Over, was: Function) -> _Held:
    return lambda s, x: all_of([was(*x), negation(turn_past(setting, s, over, x))])


def _shared_same(entry: Entry, name: str) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        x = entry.setting.theory.lock_index(name)
        return for_all(x, z3.simplify(state.shared[name](*x) == entry.state.shared[name](*x)))

    return formula


def _names(setting: Setting, type_: Type, lock: Sequence[Type], *, optional: bool = False) -> bool:
    """Whether a local can say which locks of the class are held, and that none is."""
    match type_:
        case Optional(of=of):
            return _names(setting, of, lock, optional=True)
        case Struct(fields=fields):
            return any(_names(setting, field, lock) for _, field in fields)
        case Bool():
            return all(_single(setting, index) for index in lock)
        case Sort() if optional:
            runs = [p.run for index in lock if (p := setting.theory.parts(index)) is not None]
            return type_ in (*lock, *runs)
    return False


def _single(setting: Setting, type_: Type) -> bool:
    """Whether it has one value."""
    return isinstance(type_, Sort) and setting.theory.sizes.get(type_) == Const(1, INT)


def _covered(setting: Setting, slot: int, lock: Sequence[Type]) -> _Held:
    type_ = setting.family.locals[slot].type
    return lambda s, x: _covers(setting, s.locals[slot], type_, lock, x)


def _parts_that_cover(
    setting: Setting, slot: int, lock: Sequence[Type]
) -> Iterator[tuple[str, _Held]]:
    """The parts of a struct that can each name the lock, where there are several."""
    type_ = setting.family.locals[slot].type
    if not isinstance(type_, Struct):
        return
    able = [n for n, (_, field) in enumerate(type_.fields) if _names(setting, field, lock)]
    for n in able if len(able) > 1 else ():
        name, field = type_.fields[n]

        def held(s: ThreadState, x: Terms, n: int = n, field: Type = field) -> Any:
            whole = s.locals[slot]
            assert isinstance(whole, Tuple)
            return _covers(setting, whole.parts[n], field, lock, x)

        yield name, held


def _covers(setting: Setting, value: Value, type_: Type, lock: Sequence[Type], x: Terms) -> Any:
    """Whether the local names the lock of that index: as the index, or as the run that it is in."""
    match value, type_:
        case Maybe(some, of), Optional(of=there):
            return all_of([some, _covers(setting, of, there, lock, x)])
        case Tuple(values), Struct(fields=fields):
            return any_of(
                [
                    _covers(setting, part, field, lock, x)
                    for part, (_, field) in zip(values, fields, strict=True)
                    if _names(setting, field, lock)
                ]
            )
        case Atom(term), Bool():
            return term
    leaves = terms(value)
    for index in lock:
        if type_ == index:
            return equal_terms(x, leaves)
        parts = setting.theory.parts(index)
        if parts is not None and parts.run == type_:
            return equal_terms(x[: len(leaves)], leaves)
    return FALSE


def guarded(entry: Entry) -> Iterator[Template]:
    """The thread holds a lock that guards what a local names."""
    setting = entry.setting
    seen: set[tuple[Any, ...]] = set()
    for variable in setting.theory.data:
        guard = variable.guard
        if guard is None or len(variable.binders) != 1:
            continue
        if not entry.changes.locks & {g.lock.lock for g in guard.locks}:
            continue
        for slot in entry.location.live:
            local = setting.family.locals[slot]
            if local.type != variable.binders[0].type or slot in entry.changes.slots:
                continue
            formula = _owned(setting, variable, slot)
            index = tuple(t.get_id() for t in terms(entry.state.locals[slot]))
            key = (slot, *index, tuple(g.lock.lock for g in guard.locks), str(guard.locks[0].where))
            if key not in seen:
                seen.add(key)
                yield Template(f"{variable.name} of {local.name} guarded", formula)
                if any(g.binder is not None for g in guard.locks):
                    formula = _writable(setting, variable, slot)
                    yield Template(f"{variable.name} of {local.name} writable", formula)


def _owned(setting: Setting, variable: Variable, slot: int) -> Callable[[ThreadState], Any]:
    return lambda s: owned(setting, s, variable, terms(s.locals[slot]))


def _writable(setting: Setting, variable: Variable, slot: int) -> Callable[[ThreadState], Any]:
    return lambda s: writable(setting, s, variable, terms(s.locals[slot]))
