"""x86-TSO: a model in which stores of a thread reach memory later, in order, made of one in which they are at once.

Each thread has a buffer. A plain store to a lock-free variable goes to its end; a load looks there first, from the
newest store to the oldest, and then in memory; a locked instruction waits until the buffer is empty. Besides, there
is a thread that takes the oldest store out of the buffer and to memory, at any time. All of this is said in the
model itself, so every engine, reduction and exporter knows it.

Source: Owens, Sarkar, Sewell, "A Better x86 Memory Model: x86-TSO" (TPHOLs 2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import reduce
from itertools import count
from typing import Any

from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Bump,
    Code,
    Goto,
    If,
    Instruction,
    Lock,
    Place,
    Reached,
    TryLock,
)
from pvcheck.model.expr import FALSE, TRUE, Apply, Bound, Const, Expr, Field, Op, Read, Self
from pvcheck.model.model import FINISHED, Location, LockKind, Model, ThreadFamily, Variable
from pvcheck.model.parts import rebuild
from pvcheck.model.types import BOOL, INT, Enum, Int, Struct, Type
from pvcheck.model.walk import nodes
from pvcheck.source import Span

MOST_STORES = 4
"""In a buffer. One more is a ``bounds`` fault: real buffers are larger."""


def with_store_buffers(model: Model) -> Model:
    """The model under x86-TSO."""
    kinds = _Kinds(model)
    made = model
    for family in model.threads:
        stored = kinds.stored(family)
        if stored:
            made = _Buffer(made, family, stored).put_into(made, kinds)
    return made


class _Kinds:
    """Which steps are locked instructions, and which are plain stores."""

    def __init__(self, model: Model) -> None:
        free = [v for v in model.variables if v.guard is None]
        self._lock_free = {v.name: v for v in free if not v.counter}
        self._counters = {v.name for v in free if v.counter}
        self._locks = {c.name for c in model.locks if c.kind is not LockKind.GHOST}
        """Those that hardware knows."""

    def stored(self, family: ThreadFamily) -> list[Variable]:
        """The variables that threads of the family store plainly to."""
        plain = [at.code for at in family.locations if not self.locked(at.code)]
        stores = [n.place.variable for c in plain for n in nodes(c) if isinstance(n, Assign)]
        return [v for v in self._lock_free.values() if v.name in stores]

    def locked(self, code: Code) -> bool:
        """Whether a step is a locked instruction: on a lock, or more than one store or one load."""
        inside = list(nodes(code))
        if any(isinstance(n, Lock | TryLock) and n.lock.lock in self._locks for n in inside):
            return True
        if any(isinstance(n, Bump) and n.counter in self._counters for n in inside):
            return True
        assigned = [n.place for n in inside if isinstance(n, Assign)]
        places = [place for place in assigned if place.variable in self._lock_free]
        reads = any(isinstance(n, Read) and n.variable in self._lock_free for n in inside)
        return bool(places) and (reads or len(places) > 1 or bool(places[0].path))


@dataclass
class _Buffer:
    """Of the threads of one family."""

    model: Model
    family: ThreadFamily
    stored: list[Variable]

    def __post_init__(self) -> None:
        model, family = self.model, self.family
        taken = {v.name for v in model.variables} | {f.name for f in model.threads}
        taken |= {d.type.name for d in model.sorts} | {c.name for c in model.locks}

        def name(wanted: str) -> str:
            while wanted in taken:
                wanted += "_"
            taken.add(wanted)
            return wanted

        numbers = [n.number for v in model.variables for n in v.binders]
        first = 1 + max([n.number for n in nodes(model) if isinstance(n, Bound)] + numbers + [0])
        self._numbers = count(first)
        self.me: tuple[Expr, ...] = () if family.sort is None else (Self(family.sort),)
        self.which = Enum(name(f"Stored_{family.name}"), tuple(v.name for v in self.stored))
        parts: list[tuple[str, Type]] = [("variable", self.which)]
        self.starts: list[int] = []
        """Per stored variable, the first of its fields: its indices, then its value."""
        for variable in self.stored:
            self.starts.append(len(parts))
            parts += [(f"{variable.name}_{n}", b.type) for n, b in enumerate(variable.binders)]
            parts.append((variable.name, variable.type))
        self.entry = Struct(name(f"Store_{family.name}"), tuple(parts))
        self.size = Int(Const(0, INT), Const(MOST_STORES, INT))
        self.length = name(f"stores_{family.name}")
        self.places = [name(f"store_{n}_{family.name}") for n in range(MOST_STORES)]
        self.done = name(f"ended_{family.name}") if _ends(family) else None
        self.memory = name(f"memory_{family.name}")
        self.span: Span = family.span

    def put_into(self, model: Model, kinds: _Kinds) -> Model:
        locations = tuple(
            replace(at, code=self._step(at.code, locked=kinds.locked(at.code)))
            for at in self.family.locations
        )
        changed = replace(self.family, locations=locations)
        threads = tuple(changed if f is self.family else f for f in model.threads)
        return replace(
            model,
            enums=(*model.enums, self.which),
            structs=(*model.structs, self.entry),
            variables=(*model.variables, *self._variables()),
            threads=(*threads, self._drain()),
        )

    def _variables(self) -> list[Variable]:
        def variable(name: str, type_: Type, initial: Expr) -> Variable:
            binders: tuple[Bound, ...] = ()
            if self.family.sort is not None:
                binders = (Bound(next(self._numbers), self.family.sort),)
            return Variable(name, binders, type_, initial, None, False, self.span)

        made = [variable(self.length, self.size, Const(0, INT))]
        made += [variable(name, self.entry, self._nothing()) for name in self.places]
        if self.done is not None:
            made.append(variable(self.done, BOOL, FALSE))
        return made

    # Parts of a buffer, of the thread that steps

    def _nothing(self) -> Expr:
        """What is in places that hold no store."""
        args: list[Expr] = [Const(0, self.which)]
        for variable in self.stored:
            first = {b.number: Const(0, b.type) for b in variable.binders}
            args += [Const(0, b.type) for b in variable.binders]
            args.append(_put(variable.initial, first))
        return Apply(Op.STRUCT, tuple(args), self.entry)

    def _count(self) -> Expr:
        return Read(self.length, self.me, self.size)

    def _is_empty(self) -> Expr:
        return Apply(Op.EQ, (self._count(), Const(0, INT)), BOOL)

    def _at(self, place: int) -> Expr:
        return Read(self.places[place], self.me, self.entry)

    def _field(self, place: int, position: int) -> Expr:
        return Field(self._at(place), position, self.entry.fields[position][1])

    def _set(self, variable: str, type_: Type, value: Expr) -> Assign:
        return Assign(Place(None, variable, self.me, (), type_), value, self.span)

    # Steps

    def _step(self, code: Code, *, locked: bool) -> Code:
        if locked:
            return _ended(self._waiting(code), self._end())
        forwarded = _rewritten(code, self._forwarded)
        return _ended(_replaced(forwarded, self._kept), self._end())

    def _end(self) -> Code:
        return () if self.done is None else (self._set(self.done, BOOL, TRUE),)

    def _waiting(self, code: Code) -> Code:
        """The step, taken only when the buffer is empty."""
        for n, instruction in enumerate(code):
            match instruction:
                case Reached():
                    continue
                case Lock():
                    empty = Assume(self._is_empty(), instruction.span)
                    return (*code[: n + 1], empty, *code[n + 1 :])
                case Await(condition=condition):
                    both = Apply(Op.AND, (self._is_empty(), condition), BOOL)
                    return (*code[:n], replace(instruction, condition=both), *code[n + 1 :])
                case _:
                    break
        return (Await(self._is_empty(), self.span), *code)

    def _forwarded(self, expr: Expr) -> Expr:
        """A load: the newest store to the element, or memory."""
        if not isinstance(expr, Read):
            return expr
        number = next((n for n, v in enumerate(self.stored) if v.name == expr.variable), None)
        if number is None:
            return expr
        start, value = self.starts[number], self.starts[number] + len(expr.indices)
        found: Expr = expr
        for place in range(MOST_STORES):
            tests: list[Expr] = [
                Apply(Op.GT, (self._count(), Const(place, INT)), BOOL),
                Apply(Op.EQ, (self._field(place, 0), Const(number, self.which)), BOOL),
            ]
            tests += [
                Apply(Op.EQ, (self._field(place, start + n), index), BOOL)
                for n, index in enumerate(expr.indices)
            ]
            here = reduce(lambda a, b: Apply(Op.AND, (a, b), BOOL), tests)
            found = Apply(Op.ITE, (here, self._field(place, value), found), expr.type)
        return found

    def _kept(self, instruction: Instruction) -> Code:
        """A plain store goes to the end of the buffer."""
        match instruction:
            case Assign(place=Place(variable=str(name), indices=indices), value=value, span=span):
                number = next((n for n, v in enumerate(self.stored) if v.name == name), None)
                if number is None:
                    return (instruction,)
            case _:
                return (instruction,)
        parts: list[Expr] = [Const(number, self.which)]
        for n, variable in enumerate(self.stored):
            if n == number:
                parts += [*indices, value]
            else:
                first = {b.number: Const(0, b.type) for b in variable.binders}
                parts += [Const(0, b.type) for b in variable.binders]
                parts.append(_put(variable.initial, first))
        entry = Apply(Op.STRUCT, tuple(parts), self.entry)
        put: Code = ()
        for place in reversed(range(MOST_STORES)):
            here = Apply(Op.EQ, (self._count(), Const(place, INT)), BOOL)
            store: Code = (self._set(self.places[place], self.entry, entry),)
            put = (If(here, store, put, span, written=False),)
        more = Apply(Op.ADD, (self._count(), Const(1, INT)), INT)
        return (*put, replace(self._set(self.length, self.size, more), span=span))

    def _drain(self) -> ThreadFamily:
        """Takes the oldest store to memory, again and again; it ends when the thread has ended."""
        some = Apply(Op.NOT, (self._is_empty(),), BOOL)
        if self.done is None:
            begin: list[Instruction] = [Await(some, self.span)]
        else:
            ended = Read(self.done, self.me, BOOL)
            begin = [
                Await(Apply(Op.OR, (some, ended), BOOL), self.span),
                If(self._is_empty(), (Goto(FINISHED),), (), self.span, written=False),
            ]
        stores: list[Instruction] = []
        for n, variable in enumerate(self.stored):
            start = self.starts[n]
            indices = tuple(self._field(0, start + k) for k in range(len(variable.binders)))
            value = self._field(0, start + len(indices))
            place = Place(None, variable.name, indices, (), variable.type)
            is_it = Apply(Op.EQ, (self._field(0, 0), Const(n, self.which)), BOOL)
            stored = (Assign(place, value, self.span),)
            stores.append(If(is_it, stored, (), self.span, written=False))
        moved = [
            self._set(self.places[n], self.entry, self._at(n + 1)) for n in range(MOST_STORES - 1)
        ]
        less = Apply(Op.SUB, (self._count(), Const(1, INT)), INT)
        code: Code = (
            *begin,
            *stores,
            *moved,
            self._set(self.places[-1], self.entry, self._nothing()),
            self._set(self.length, self.size, less),
            Goto(0),
        )
        text = "the oldest store reaches memory"
        only = Location(0, (), code, self.span, text, self.memory, None)
        return ThreadFamily(
            self.memory, self.family.sort, (), (Goto(0),), (only,), self.family.span
        )


def _ends(family: ThreadFamily) -> bool:
    codes = [location.code for location in family.locations]
    return any(isinstance(n, Goto) and n.location == FINISHED for c in codes for n in nodes(c))


def _put(expr: Expr, bound: dict[int, Const]) -> Expr:
    if isinstance(expr, Bound):
        return bound.get(expr.number, expr)
    return rebuild(expr, lambda part: _put(part, bound))


def _ended(code: Code, end: Code) -> Code:
    """With what a thread does when it ends."""
    if not end:
        return code

    def change(instruction: Instruction) -> Code:
        if isinstance(instruction, Goto) and instruction.location == FINISHED:
            return (*end, instruction)
        return (instruction,)

    return _replaced(code, change)


def _replaced(code: Code, change: Callable[[Instruction], Code]) -> Code:
    """With other instructions in place of each, also inside of others."""
    result: list[Instruction] = []
    for instruction in code:
        inner: dict[str, Any] = {}
        for f in fields(instruction):
            value = getattr(instruction, f.name)
            if f.name in ("then", "otherwise", "success", "failure", "body"):
                inner[f.name] = _replaced(value, change)
            elif f.name == "alternatives":
                inner[f.name] = tuple(_replaced(block, change) for block in value)
        result += change(replace(instruction, **inner) if inner else instruction)
    return tuple(result)


def _rewritten(node: Any, change: Callable[[Expr], Expr]) -> Any:
    """Code with each expression changed, parts first. What is stored to stays."""
    if isinstance(node, tuple):
        return tuple(_rewritten(part, change) for part in node)
    if not is_dataclass(node) or isinstance(node, type | Span):
        return node
    names = [f.name for f in fields(node) if f.name not in ("type", "span", "binder")]
    parts = {name: _rewritten(getattr(node, name), change) for name in names}
    return change(replace(node, **parts))  # type: ignore[arg-type]
