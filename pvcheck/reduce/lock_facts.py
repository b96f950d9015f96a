"""Which locks a thread may hold, wherever it can be between two steps, and what its locals say of that.

Each thread is followed alone, through all that it can do if what it reads from shared variables may be
anything, and so may be who else holds a lock. Followed are the locks it holds and the locals that say which
locks it takes and gives back; other locals may have any value. So more is found than can really be, and
never less: in every reachable state each thread is in one of the situations found for it.

This is what everybody would write down first who wants to prove something by induction, and nobody has to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pvcheck.model import values
from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Begin,
    Check,
    Choose,
    Code,
    Finish,
    ForEach,
    Goto,
    If,
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
    TryLock,
)
from pvcheck.model.expr import (
    Apply,
    Ask,
    Changed,
    Domain,
    Expr,
    Field,
    Local,
    LockRef,
    LockTest,
    Op,
    Read,
    Self,
    TakeSnapshot,
)
from pvcheck.model.model import ThreadFamily
from pvcheck.model.parts import walk
from pvcheck.model.runtime import Faulted
from pvcheck.model.semantics import Semantics
from pvcheck.model.situation import Situation, Situations
from pvcheck.model.stores import store
from pvcheck.model.types import LockSet, Snapshot, Type
from pvcheck.model.walk import nodes

MOST_SITUATIONS = 60_000
"""Of one thread; with more, nothing is known of it."""
MOST_WAYS = 20_000
"""Through one step, likewise."""
MOST_VALUES = 64
"""Of a local that are told apart where it may have any."""


class _Anything:
    def __repr__(self) -> str:
        return "anything"


ANYTHING: Any = _Anything()
"""A value that is not followed."""


def situations(semantics: Semantics) -> Situations:
    """Per thread, every situation that it can be in, that of having ended too; ``None``: there are too many."""
    found: Situations = []
    alike: dict[str, frozenset[Situation] | None] = {}
    """Of families whose threads take the same locks, whichever of them they are."""
    for thread, (family, _) in enumerate(semantics.instance.threads):
        if family.name not in alike:
            walk_ = _Walk(semantics, thread)
            try:
                here: frozenset[Situation] | None = walk_.found()
            except _TooMany:
                here = None
            found.append(here)
            if here is None or not walk_.personal:
                alike[family.name] = here
        else:
            found.append(alike[family.name])
    return found


class _TooMany(Exception):
    pass


class _Gone(Exception):
    """The run ends here, in a fault or because an assumption fails."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A run of a step so far."""

    locals: Mapping[int, Any]
    held: Mapping[int, Mode]

    def put(self, slot: int, value: Any) -> _Way:
        return replace(self, locals={**self.locals, slot: value})

    def hold(self, cell: int, mode: Mode | None) -> _Way:
        held = {k: m for k, m in self.held.items() if k != cell}
        if mode is not None:
            held[cell] = mode
        return replace(self, held=held)


_End = tuple[int, _Way]


class _Walk:
    def __init__(self, semantics: Semantics, thread: int) -> None:
        self.semantics = semantics
        self.layout = semantics.layout
        self.instance = semantics.instance
        self.family, self.element = semantics.instance.threads[thread]
        self.followed = followed(self.family)
        self._functions: dict[Expr, tuple[tuple[int, ...], Callable[..., Any]] | None] = {}
        self._ways = 0
        self.personal = False
        """Whether something depended on which of its family's threads it is."""

    def found(self) -> frozenset[Situation]:
        begin = _Way({}, {})
        todo = list(dict.fromkeys(self._after(self.family.start, begin)))
        seen = set(todo)
        while todo:
            situation = todo.pop()
            if situation.location < 0:
                continue
            live = self.family.locations[situation.location].live
            kept = {slot: ANYTHING for slot in live if slot in self.followed}
            way = _Way({**kept, **dict(situation.locals)}, dict(situation.held))
            for after in self._after(self.family.locations[situation.location].code, way):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
                    if len(seen) > MOST_SITUATIONS:
                        raise _TooMany
        return frozenset(seen)

    def _after(self, code: Code, way: _Way) -> Iterator[Situation]:
        self._ways = 0
        for end in self._block(code, way):
            assert isinstance(end, tuple), "a step ends at a location"
            location, at_end = end
            live = self.family.locations[location].live if location >= 0 else ()
            kept = tuple(
                (slot, value)
                for slot in live
                if slot in self.followed and not _unknown(value := self._local(slot, at_end))
            )
            yield Situation(location, kept, tuple(sorted(at_end.held.items(), key=_cell)))

    def _local(self, slot: int, way: _Way) -> Any:
        if slot not in self.followed:
            return ANYTHING
        if slot in way.locals:
            return way.locals[slot]
        # Neither live where the step began, nor assigned since.
        return values.default(self.family.locals[slot].type, self.instance)

    # Steps

    def _block(self, code: Code, way: _Way) -> Iterator[_Way | _End]:
        self._ways += 1
        if self._ways > MOST_WAYS:
            raise _TooMany
        if not code:
            yield way
            return
        first, rest = code[0], code[1:]
        if isinstance(first, Goto):
            yield first.location, way
            return
        try:
            for after in self._instruction(first, way):
                if isinstance(after, tuple):
                    yield after
                else:
                    yield from self._block(rest, after)
        except _Gone:
            return

    def _instruction(self, instruction: Instruction, way: _Way) -> Iterator[_Way | _End]:
        match instruction:
            case If(condition=condition, then=then, otherwise=otherwise):
                outcome = self._value(condition, way)
                if outcome is not False:
                    yield from self._block(then, way)
                if outcome is not True:
                    yield from self._block(otherwise, way)
            case (
                Await(condition=condition)
                | Assume(condition=condition)
                | Check(condition=condition)
            ):
                if self._value(condition, way) is not False:
                    yield way
            case Choose(alternatives=alternatives):
                for block in alternatives:
                    yield from self._block(block, way)
            case Lock() | TryLock():
                yield from self._lock(instruction, way)
            case Assign(place=Place(slot=int() as slot, path=path), value=value):
                given = ANYTHING if path else self._value(value, way)
                yield from self._stored(slot, given, way)
            case Pick(slot=slot, domain=domain, where=where):
                yield from self._picked(slot, domain, where, way)
            case ForEach():
                yield from self._each(instruction, way)
            case Begin() | Finish():
                yield from self._operation(instruction, way)
            case _:
                yield way

    def _operation(self, instruction: Begin | Finish, way: _Way) -> Iterator[_Way]:
        now = frozenset(way.held)
        if isinstance(instruction, Begin):
            yield way.put(instruction.held, now)
            return
        before = self._local(instruction.held, way)
        if _unknown(before) or before == now:
            yield way

    def _stored(self, slot: int, value: Any, way: _Way) -> Iterator[_Way]:
        """With the value, or one way for each that it may be."""
        if slot not in self.followed:
            yield way.put(slot, ANYTHING)
        elif not _unknown(value):
            if self._fits(slot, value):
                yield way.put(slot, value)
        else:
            for each in self._all(self.family.locals[slot].type):
                yield way.put(slot, each)

    def _fits(self, slot: int, value: Any) -> bool:
        """Whether the local takes the value, else the run ends."""
        check = store(self.family.locals[slot].type, self.instance)
        try:
            return check is None or check(value, 0) == value
        except Faulted:
            return False

    def _all(self, type_: Type) -> Sequence[Any]:
        """All values of a type, if they are few."""
        if isinstance(type_, Snapshot | LockSet):
            return (ANYTHING,)
        number = values.count(type_, self.instance)
        if number is None or number > MOST_VALUES:
            return (ANYTHING,)
        return values.values(type_, self.instance)

    def _elements(self, domain: Domain, way: _Way) -> Sequence[Any] | None:
        """What a loop comes to; ``None``: not known."""
        if domain.within is None:
            return self._all(domain.type)
        within = self._value(domain.within, way)
        if _unknown(within):
            return None
        return sorted(within) if isinstance(within, frozenset) else list(dict.fromkeys(within))

    def _picked(self, slot: int, domain: Domain, where: Expr | None, way: _Way) -> Iterator[_Way]:
        if slot not in self.followed:
            yield way.put(slot, ANYTHING)
            return
        elements = self._elements(domain, way)
        if elements is None:
            elements = self._all(self.family.locals[slot].type)
        for element in elements:
            after = way.put(slot, element)
            if where is None or self._value(where, after) is not False:
                yield after

    def _each(self, loop: ForEach, way: _Way) -> Iterator[_Way | _End]:
        changed = {loop.slot, *(s for n in nodes(loop.body) if (s := _set_by(n)) is not None)}
        elements = self._elements(loop.domain, way) if changed & self.followed else None
        if elements is None or any(map(_unknown, elements)):
            forgotten = dict.fromkeys(changed, ANYTHING)
            yield replace(way, locals={**way.locals, **forgotten})
            return
        if loop.descending:
            elements = list(reversed(elements))
        ways: list[_Way] = [way]
        for element in elements:
            ends = [
                end
                for each in ways
                for begun in self._stored(loop.slot, element, each)
                for end in self._block(loop.body, begun)
            ]
            ways = [end for end in ends if isinstance(end, _Way)]
            if len(ways) > MOST_WAYS:
                raise _TooMany
        yield from ways

    # Locks

    def _cells(self, lock: LockRef, way: _Way) -> list[int]:
        """The lock that is meant, or all that may be."""
        block = self.layout.lock_blocks[lock.lock]
        known = [self._value(index, way) for index in lock.indices]
        cells = []
        for position in range(block.cells):
            element = block.element(position)
            if all(_unknown(k) or int(k) == e for k, e in zip(known, element, strict=True)):
                cells.append(block.start + position)
        return cells

    def _lock(self, instruction: Lock | TryLock, way: _Way) -> Iterator[_Way | _End]:
        for cell in self._cells(instruction.lock, way):
            held = way.held.get(cell)
            if isinstance(instruction, TryLock):
                yield from self._tried(instruction, cell, held, way)
                continue
            match instruction.action:
                case LockAction.ACQUIRE if held is None:
                    yield way.hold(cell, instruction.mode)
                case LockAction.RELEASE if held is not None:
                    yield way.hold(cell, None)
                case LockAction.UPGRADE if held is Mode.SHARED:
                    yield way.hold(cell, Mode.EXCLUSIVE)
                case LockAction.DOWNGRADE if held is Mode.EXCLUSIVE:
                    yield way.hold(cell, Mode.SHARED)

    def _tried(
        self, instruction: TryLock, cell: int, held: Mode | None, way: _Way
    ) -> Iterator[_Way | _End]:
        if instruction.upgrade and held is not Mode.SHARED:
            return
        if instruction.upgrade or held is None:
            mode = Mode.EXCLUSIVE if instruction.upgrade else instruction.mode
            yield from self._block(instruction.success, way.hold(cell, mode))
        yield from self._block(instruction.failure, way)

    # Values

    def _value(self, expr: Expr, way: _Way) -> Any:
        """
        Raises:
            _Gone: there is none.
        """
        function = self._function(expr)
        if function is not None:
            slots, compute = function
            self.personal |= any(isinstance(n, Self) for n in walk(expr))
            given = [self._local(slot, way) for slot in slots]
            if not any(map(_unknown, given)):
                try:
                    return compute(self.element, *given)
                except Faulted:
                    raise _Gone from None
        match expr:
            case Apply(op=Op.AND | Op.OR as op, args=args):
                return self._chain(args, op is Op.OR, way)
            case Apply(op=Op.NOT, args=(of,)):
                inner = self._value(of, way)
                return ANYTHING if _unknown(inner) else not inner
            case Apply(op=Op.ITE, args=(condition, then, otherwise)):
                outcome = self._value(condition, way)
                if _unknown(outcome):
                    return ANYTHING
                return self._value(then if outcome else otherwise, way)
            case Apply(op=Op.STRUCT, args=args):
                return tuple(self._value(a, way) for a in args)
            case Field(of=of, position=position):
                whole = self._value(of, way)
                return whole[position] if isinstance(whole, tuple) else ANYTHING
            case LockTest(ask=Ask.HELD, lock=lock):
                cells = self._cells(lock, way)
                return cells[0] in way.held if len(cells) == 1 else ANYTHING
        return ANYTHING

    def _chain(self, args: Sequence[Expr], decided: bool, way: _Way) -> Any:
        """A conjunction or, with ``decided``, a disjunction. What would not have been evaluated may fault here:
        then nothing is known."""
        known = True
        for arg in args:
            try:
                outcome = self._value(arg, way)
            except _Gone:
                if known:
                    raise
                return ANYTHING
            if outcome is decided and not _unknown(outcome):
                return decided
            known &= not _unknown(outcome)
        return (not decided) if known else ANYTHING

    def _function(self, expr: Expr) -> tuple[tuple[int, ...], Callable[..., Any]] | None:
        """For an expression of locals alone: which, and what computes it."""
        if expr not in self._functions:
            slots = _read(expr)
            self._functions[expr] = (
                None
                if slots is None
                else (tuple(sorted(slots)), self.semantics.of_locals(expr, sorted(slots)))
            )
        return self._functions[expr]


def _cell(item: tuple[int, Mode]) -> int:
    return item[0]


def _unknown(value: Any) -> bool:
    return value is ANYTHING or (isinstance(value, tuple) and any(map(_unknown, value)))


def _read(expr: Expr) -> set[int] | None:
    """The locals that an expression depends on; ``None``: it depends on the shared part."""
    inside = list(walk(expr))
    if any(isinstance(n, Read | LockTest | TakeSnapshot | Changed) for n in inside):
        return None
    if any(isinstance(n, Local) and isinstance(n.type, Snapshot) for n in inside):
        return None
    return {n.slot for n in inside if isinstance(n, Local)}


def _set_by(node: object) -> int | None:
    match node:
        case Place(slot=int() as slot) | Pick(slot=slot) | ForEach(slot=slot) | Begin(held=slot):
            return slot
    return None


def followed(family: ThreadFamily) -> frozenset[int]:
    """The locals that say which locks are taken and given back, and those that they are computed from."""
    codes = [family.start, *(location.code for location in family.locations)]
    inside = [n for code in codes for n in nodes(code)]
    found: set[int] = set()
    for node in inside:
        match node:
            case Lock(lock=lock) | TryLock(lock=lock) | LockTest(lock=lock):
                found |= _locals_of(lock)
            case Begin(held=slot) | Finish(held=slot):
                found.add(slot)
    before = -1
    while len(found) != before:
        before = len(found)
        for node in inside:
            match node:
                case Assign(place=Place(slot=int() as slot), value=value) if slot in found:
                    found |= _locals_of(value)
                case Pick(slot=slot, domain=domain, where=where) if slot in found:
                    found |= _locals_of((domain, where))
                case ForEach(slot=slot, domain=domain) if slot in found:
                    found |= _locals_of(domain)
    kinds = {slot: family.locals[slot].type for slot in found}
    return frozenset(slot for slot, type_ in kinds.items() if not isinstance(type_, Snapshot))


def _locals_of(root: Any) -> set[int]:
    return {n.slot for n in nodes(root) if isinstance(n, Local)}
