"""What often holds at the head of a loop: candidates, of which those that do not hold are dropped.

Each compares a state at the head with the one in which the loop was entered, or says which locks are held
in terms of the thread's locals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import z3

from pvcheck.model.types import Bool, SetOf, Struct, Type
from pvcheck.proof.candidate import Entry, Template
from pvcheck.proof.data_templates import data
from pvcheck.proof.lock_templates import guarded, locks, none_held
from pvcheck.proof.state import Setting, ThreadState
from pvcheck.proof.theory import inner
from pvcheck.proof.traversal import loops_over, sets_gone_through
from pvcheck.proof.values import (
    Atom,
    List,
    Locks,
    Maybe,
    Set,
    Tuple,
    Value,
    all_of,
    equal_terms,
    implies,
    members,
    negation,
    terms,
)
from pvcheck.proof.variables import same_value
from pvcheck.proof.z3_terms import for_all


def templates(entry: Entry) -> tuple[list[Template], list[Any]]:
    """Candidates, and what is true of the names they use."""
    overs, facts = sets_gone_through(entry)
    found = [
        *_locals(entry),
        *_copies(entry),
        *loops_over(entry, overs),
        *locks(entry, overs),
        *guarded(entry),
    ]
    if entry.setting.about_data:
        found += data(entry, overs)
    return found, facts


def meetings(entry: Entry) -> list[Template]:
    """Candidates for where ways meet."""
    return [
        *(t for t in _locals(entry) if " with " in t.name),
        *(t for t in locks(entry, ()) if " by " in t.name),
        *none_held(entry),
        *guarded(entry),
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
            for path, name in _flags(local.type):
                flag = _same_flag(slot, path, _part(was, path))
                yield Template(f"{local.name}{name} same", flag)


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


def _same_flag(slot: int, path: Path, was: Value) -> Callable[[ThreadState], Any]:
    return lambda s: equal_terms(terms(_part(s.locals[slot], path)), terms(was))


def _not_both(slot: int, first: Path, second: Path) -> Callable[[ThreadState], Any]:
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


Path = tuple[int, ...]
"""Where a part of a struct is: numbers of fields, from the outside in."""


def _part(value: Value, path: Path) -> Value:
    for n in path:
        assert isinstance(value, Tuple)
        value = value.parts[n]
    return value


def _flags(type_: Type, path: Path = (), name: str = "") -> Iterator[tuple[Path, str]]:
    """The truth values in a struct, and what they are called."""
    match type_:
        case Bool() if path:
            yield path, name
        case Struct(fields=fields):
            for n, (field, of) in enumerate(fields):
                yield from _flags(of, (*path, n), f"{name}.{field}")


def _optional(value: Value, path: Path = ()) -> Iterator[Path]:
    """Where the optional parts of a struct are."""
    match value:
        case Maybe() if path:
            yield path
        case Tuple(parts):
            for n, part in enumerate(parts):
                yield from _optional(part, (*path, n))


def _there(value: Value, path: Path) -> Any:
    """Whether the optional part is there."""
    part = _part(value, path)
    assert isinstance(part, Maybe)
    return part.some
