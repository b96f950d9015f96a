"""What often holds at the head of a loop: candidates, of which those that do not hold are dropped.

Each compares a state at the head with the one in which the loop was entered, or says which locks are held
in terms of the thread's locals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import z3

from pvcheck.model.code import Assign, Place
from pvcheck.model.expr import Apply, Const, Local, Op
from pvcheck.model.model import Location, ThreadFamily, Variable
from pvcheck.model.types import INT, Bool, Optional, SetOf, Sort, Struct, Type
from pvcheck.model.walk import nodes
from pvcheck.proof.flow import Changes
from pvcheck.proof.state import Setting, ThreadState, owned, same_value, writable
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Atom,
    Function,
    List,
    Locks,
    Maybe,
    Set,
    Terms,
    Tuple,
    Value,
    all_of,
    any_of,
    equal_terms,
    implies,
    members,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, for_all


@dataclass(frozen=True, slots=True)
class Template:
    """A fact about a state at the head, in which the entry state is fixed."""

    name: str
    formula: Callable[[ThreadState], Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A loop and the state in which it is entered."""

    setting: Setting
    location: Location
    changes: Changes
    state: ThreadState
    takes: Takes


Takes = Mapping[tuple[int, int], Op]
"""Locals that are the least (``MIN``) or the greatest of what is left in another, or were."""


def templates(entry: Entry) -> tuple[list[Template], list[Any]]:
    """Candidates, and what is true of the names they use."""
    overs, facts = _sets(entry)
    found = [
        *_locals(entry),
        *_copies(entry),
        *_loops_over(entry, overs),
        *_locks(entry, overs),
        *_guarded(entry),
    ]
    return found, facts


def meetings(entry: Entry) -> list[Template]:
    """Candidates for where ways meet."""
    return [
        *(t for t in _locals(entry) if " with " in t.name),
        *(t for t in _locks(entry, ()) if " by " in t.name),
        *_none_held(entry),
        *_guarded(entry),
    ]


def at_cut(entry: Entry) -> list[Template]:
    """Candidates between two operations, which mean the same in all parts of a proof."""
    return [_as_entered(entry, name) for name in entry.setting.theory.locks]


def _as_entered(entry: Entry, name: str) -> Template:
    """The thread holds the locks that it held when it came into the loop: none, mostly."""
    exclusive, shared = entry.state.exclusive[name], entry.state.shared[name]

    def formula(state: ThreadState) -> Any:
        x = entry.setting.theory.lock_index(name)
        now = state.exclusive[name](*x)
        same = all_of([now == exclusive(*x), state.shared[name](*x) == shared(*x)])
        return for_all(x, z3.simplify(same), now)

    return Template(f"holds the {name} locks as before", formula)


# Locals


def _locals(entry: Entry) -> Iterator[Template]:
    """A local is as it was, a set has lost elements, not both of two optional parts are there."""
    turns = {turn for turn, _ in entry.takes}
    for slot in entry.location.live:
        if slot not in entry.changes.slots or slot in turns:
            continue
        local = entry.setting.family.locals[slot]
        was = entry.state.locals[slot]
        if isinstance(was, Set | List):
            yield Template(f"{local.name} loses", _subset(entry.setting, slot, was, local.type))
            yield Template(f"{local.name} filled", _filled(entry.setting, slot, local.type))
        elif isinstance(was, Locks):
            yield Template(f"{local.name} same", _same_locks(entry.setting, slot, was))
        else:
            yield Template(f"{local.name} same", _same(entry.setting, slot, was, local.type))
            for first, second in combinations(_optional(was), 2):
                name = f"{local.name}: not {first} with {second}"
                yield Template(name, _not_both(slot, first, second))


def _copies(entry: Entry) -> Iterator[Template]:
    """Two locals that are the same when the loop is entered are the same each time round."""
    changed = [slot for slot in entry.location.live if slot in entry.changes.slots]
    locals_ = entry.setting.family.locals
    for one, other in combinations(changed, 2):
        if locals_[one].type != locals_[other].type:
            continue
        left, right = entry.state.locals[one], entry.state.locals[other]
        if isinstance(left, Atom | Tuple | Maybe) and _plainly_equal(left, right):
            name = f"{locals_[one].name} is {locals_[other].name}"
            yield Template(name, _equal(entry.setting, one, other))


def _plainly_equal(a: Value, b: Value) -> bool:
    return all(x.eq(y) for x, y in zip(terms(a), terms(b), strict=True))


def _equal(setting: Setting, one: int, other: int) -> Callable[[ThreadState], Any]:
    type_ = setting.family.locals[one].type
    return lambda s: same_value(setting.theory, s.locals[one], s.locals[other], type_)


def _same(setting: Setting, slot: int, was: Value, type_: Type) -> Callable[[ThreadState], Any]:
    return lambda s: same_value(setting.theory, s.locals[slot], was, type_)


def _not_both(
    slot: int, first: tuple[int, ...], second: tuple[int, ...]
) -> Callable[[ThreadState], Any]:
    return lambda s: negation(
        all_of([_there(s.locals[slot], first), _there(s.locals[slot], second)])
    )


def _subset(setting: Setting, slot: int, was: Value, type_: Type) -> Callable[[ThreadState], Any]:
    element = inner(type_)
    of = inner(element) if isinstance(element, SetOf) else element

    def formula(state: ThreadState) -> Any:
        x = setting.theory.constants("e", of)
        now = state.locals[slot]
        if not (isinstance(was, List) and isinstance(now, List)):
            return z3.ForAll(list(x), implies(members(now)(*x), members(was)(*x)))
        return z3.ForAll(
            list(x),
            all_of([implies(now.once(*x), was.once(*x)), implies(now.twice(*x), was.twice(*x))]),
        )

    return formula


def _filled(setting: Setting, slot: int, type_: Type) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        now = state.locals[slot]
        if isinstance(now, List):
            return now.filled
        x = setting.theory.constants("e", inner(type_))
        assert isinstance(now, Set)
        return z3.Exists(list(x), (now.meaning or now.has)(*x))

    return formula


def _same_locks(setting: Setting, slot: int, was: Locks) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        now = state.locals[slot]
        assert isinstance(now, Locks)
        same = []
        for name in was.exclusive:
            x = setting.theory.lock_index(name)
            body = all_of(
                [
                    now.exclusive[name](*x) == was.exclusive[name](*x),
                    now.shared[name](*x) == was.shared[name](*x),
                ]
            )
            same.append(for_all(x, body))
        return all_of(same)

    return formula


def _optional(value: Value, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Where the optional parts of a struct are."""
    match value:
        case Maybe() if path:
            yield path
        case Tuple(parts):
            for n, part in enumerate(parts):
                yield from _optional(part, (*path, n))


def _there(value: Value, path: tuple[int, ...]) -> Any:
    """Whether the optional part is there."""
    for n in path:
        assert isinstance(value, Tuple)
        value = value.parts[n]
    assert isinstance(value, Maybe)
    return value.some


# Loops over sets


@dataclass(frozen=True, slots=True)
class _Over:
    """A loop over an ordered set: what is left, and whose turn it is."""

    rest: int
    turn: int
    type: Type
    all: Function
    """The set that is gone through."""
    up: bool


def _sets(entry: Entry) -> tuple[list[_Over], list[Any]]:
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
            found.append(_Over(rest, turn, inner(type_), everything, how is Op.MIN))
    return found, facts


def _with(has: Function, element: Terms) -> Function:
    return Function(lambda *t: any_of([has(*t), equal_terms(t, element)]))


def takes(family: ThreadFamily) -> Takes:
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


def _loops_over(entry: Entry, overs: Sequence[_Over]) -> Iterator[Template]:
    """What is left are the elements beyond the one whose turn it is."""
    names = entry.setting.family.locals
    for over in overs:
        yield Template(f"{names[over.rest].name} beyond", _rest_is(entry.setting, over))
        yield Template(f"{names[over.turn].name} in it", _turn_in_it(over))


def _turn_in_it(over: _Over) -> Callable[[ThreadState], Any]:
    return lambda s: over.all(*terms(s.locals[over.turn]))


def _rest_is(setting: Setting, over: _Over) -> Callable[[ThreadState], Any]:
    def formula(state: ThreadState) -> Any:
        x = setting.theory.constants("e", over.type)
        rest = state.locals[over.rest]
        assert isinstance(rest, Set)
        left = all_of([over.all(*x), _turn_before(setting, state, over, x)])
        return for_all(x, rest.has(*x) == left, rest.has(*x), over.all(*x))

    return formula


def _turn_before(setting: Setting, state: ThreadState, over: _Over, x: Terms) -> Any:
    """Whether the turn of an element is still to come."""
    element = setting.theory.shape(over.type, list(x))
    turn = state.locals[over.turn]
    first, second = (turn, element) if over.up else (element, turn)
    return setting.theory.less(first, second, over.type)


def _turn_past(setting: Setting, state: ThreadState, over: _Over, x: Terms) -> Any:
    """Whether an element had its turn before the one whose turn it is."""
    element = setting.theory.shape(over.type, list(x))
    turn = state.locals[over.turn]
    first, second = (element, turn) if over.up else (turn, element)
    return all_of([over.all(*x), setting.theory.less(first, second, over.type)])


# Locks


def _none_held(entry: Entry) -> Iterator[Template]:
    for name in sorted(entry.changes.locks):
        yield Template(f"{name} none", _exactly(entry.setting, name, lambda _, x: FALSE))


_Held = Callable[[ThreadState, Terms], Any]


def _locks(entry: Entry, overs: Sequence[_Over]) -> Iterator[Template]:
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


def _with_past(setting: Setting, over: _Over, was: Function) -> _Held:
    return lambda s, x: any_of([was(*x), _turn_past(setting, s, over, x)])


def _without_past(setting: Setting, over: _Over, was: Function) -> _Held:
    return lambda s, x: all_of([was(*x), negation(_turn_past(setting, s, over, x))])


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


# Shared data


def _guarded(entry: Entry) -> Iterator[Template]:
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
