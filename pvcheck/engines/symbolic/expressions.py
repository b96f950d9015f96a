"""Expressions as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Circuit, Literal, Vector, constant
from pvcheck.engines.symbolic.collections import Collections
from pvcheck.engines.symbolic.numbers import signed, trimmed
from pvcheck.engines.symbolic.state import Bits, Cell
from pvcheck.model.expr import (
    TRUE as ALWAYS,
)
from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Changed,
    Comprehension,
    Const,
    Domain,
    Element,
    Expr,
    Field,
    Let,
    Local,
    LockRef,
    LockTest,
    Op,
    OpAllowed,
    Param,
    Quantifier,
    Read,
    Self,
    SizeOf,
    TakeSnapshot,
)
from pvcheck.model.layout import Block
from pvcheck.model.model import Fault, Variable
from pvcheck.model.parts import flatten
from pvcheck.model.ranges import Ranges, within_range
from pvcheck.model.runtime import GREATEST
from pvcheck.model.types import INT, ArrayOf, Bool, Enum, Int, Optional, Sort, Struct, Type


class Chosen(NamedTuple):
    """One element that an access may be of: of all, the condition of exactly one holds."""

    condition: Literal
    position: int


class Mover(NamedTuple):
    """The thread that steps. Its number may be known or not."""

    is_thread: tuple[Literal, ...]
    """Per thread of the instance."""
    me: Vector
    """Its element of its family's sort."""


class Expressions(Collections):
    """Evaluates expressions in one state of the shared part, which ``cells`` holds."""

    def __init__(self, circuit: Circuit, bits: Bits, mover: Mover | None) -> None:
        super().__init__(circuit, bits.layout, bits.encoding)
        self.bits = bits
        self.mover = mover
        """``None``: outside of steps, where guards are not checked."""
        self.cells: list[Cell] = []
        self.slots: dict[int, Vector] = {}
        """Locals of the mover, snapshots included."""
        self.bound = {}
        self.ranges = Ranges(self.instance, self.encoding)
        self.granted: tuple[str, tuple[Expr, ...]] | None = None
        """An element whose guard is known to be held for writing."""

    def expr(self, expr: Expr) -> Vector:
        match expr:
            case Const() | Param() | SizeOf() | OpAllowed() | Local() | Self() | Bound():
                return self._leaf(expr)
            case Read(variable=name, type=_):
                type_ = self.layout.variables[name].type
                return self.from_code(self._read(expr), type_)
            case Field(of=of, position=position):
                assert isinstance(of.type, Struct), "only structs have fields"
                shift = self.encoding.field(of.type, position)
                type_ = of.type.fields[position][1]
                return self.from_code(self.expr(of)[shift : shift + self.width(type_)], type_)
            case Element(of=of, index=index):
                assert isinstance(of.type, ArrayOf), "only arrays have elements"
                array, type_ = self.expr(of), of.type.of
                places = self.places(array, of.type)
                at = self.index(index, of.type.index)
                found = [(condition, places[n]) for condition, n in at]
                return self.from_code(self.circuit.one_of(found, self.width(type_)), type_)
            case Apply():
                return self._apply(expr)
            case Quantifier():
                return self.quantifier(expr)
            case Comprehension():
                return self.comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                self.bound[binder.number] = self.typed(value, binder.type)
                self.ranges.bind(binder.number, value)
                return self.expr(body)
            case LockTest():
                return self._lock_test(expr)
            case TakeSnapshot(counter=counter, indices=indices):
                at = self.may_read(counter, indices)
                return self._snapshot(at, self.width(expr.type))
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                seen = self.expr(snapshot)
                at = self.may_read(counter, indices)
                return (self._changed(seen, at),)
            case _:
                assert_never(expr)

    def _leaf(self, expr: Const | Param | SizeOf | OpAllowed | Local | Self | Bound) -> Vector:
        match expr:
            case Const(value=value, type=type_):
                return self.constant(value, type_)
            case Param(name=name, type=type_):
                return self.constant(self.instance.parameters[name], type_)
            case SizeOf(sort=sort):
                return signed(self.instance.sizes[sort])
            case OpAllowed(operation=operation):
                return (int(self.instance.allows(operation)),)
            case Local(slot=slot):
                return self.slots[slot]
            case Self():
                assert self.mover is not None, "only in steps"
                return self.mover.me
            case Bound(number=number):
                return self.bound[number]
            case _:
                assert_never(expr)

    # Places in the shared part

    def index(self, index: Expr, type_: Type) -> list[Chosen]:
        """Which element of a dimension an expression says."""
        size = self.encoding.size(type_)
        value = self.expr(index)
        if isinstance(index.type, Sort | Enum | Bool):
            tests = [self.circuit.is_number(value, n) for n in range(size)]
        else:
            if not within_range(self.ranges.of(index), 0, size - 1):
                self.fault(Fault.BOUNDS, self.numbers.within(value, 0, size - 1) ^ 1)
            tests = [self.numbers.equal(value, signed(n)) for n in range(size)]
        return [Chosen(test, n) for n, test in enumerate(tests) if test != FALSE]

    def position(self, block: Block, indices: tuple[Expr, ...]) -> list[Chosen]:
        """Which element of a block, by its row-major position."""
        chosen = [Chosen(TRUE, 0)]
        for index, type_, length in zip(indices, block.indices, block.sizes, strict=True):
            part = self.index(index, type_)
            chosen = [
                Chosen(self.circuit.conj(a, b), before * length + n)
                for a, before in chosen
                for b, n in part
            ]
        return [c for c in chosen if c.condition != FALSE]

    def _read(self, read: Read) -> Vector:
        block = self.layout.blocks[read.variable]
        at = self.may_read(read.variable, read.indices)
        width = self.width(self.layout.variables[read.variable].type)
        found = [(condition, self.cells[block.start + n].code) for condition, n in at]
        return self.circuit.one_of(found, width)

    def may_read(self, variable: str, indices: tuple[Expr, ...]) -> list[Chosen]:
        """The position; in a step checked: the thread must hold a guarding lock."""
        at = self.position(self.layout.blocks[variable], indices)
        declared = self.layout.variables[variable]
        if self.mover is None or declared.guard is None or (variable, indices) == self.granted:
            return at
        held = [
            (condition, (self.circuit.some(self.guards(declared, n, exclusive=False)),))
            for condition, n in at
        ]
        self.fault(Fault.RACE, self.circuit.one_of(held, 1)[0] ^ 1)
        return at

    def may_write(self, variable: str, at: list[Chosen]) -> None:
        """Faults unless the thread holds all the locks that guard the element exclusively."""
        declared = self.layout.variables[variable]
        if declared.guard is not None:
            held = [
                (condition, (self.circuit.every(self.guards(declared, n, exclusive=True)),))
                for condition, n in at
            ]
            self.fault(Fault.RACE, self.circuit.one_of(held, 1)[0] ^ 1)

    def guards(self, variable: Variable, position: int, *, exclusive: bool) -> list[Literal]:
        """Per lock that guards the element, whether the thread holds it."""
        number = self.bits.variable(variable.name)
        known = self.bits.guards.tables.get(number)
        if known is not None:
            return [self.holds(self.cells[cell], exclusive=exclusive) for cell in known[position]]
        return self._computed(variable, position, exclusive=exclusive)

    def _computed(self, variable: Variable, position: int, *, exclusive: bool) -> list[Literal]:
        """The same where which locks these are depends on the state."""
        guard = variable.guard
        assert guard is not None, "asked of guarded variables only"
        mover, self.mover = self.mover, None
        element = self.layout.blocks[variable.name].element(position)
        for binder, n in zip(variable.binders, element, strict=True):
            self.bound[binder.number] = constant(n, self.width(binder.type))
        locks: list[tuple[Literal, list[Chosen]]] = []
        for lock in guard.locks:
            if lock.binder is None:
                locks.append((TRUE, self.lock_cell(lock.lock)))
                continue
            for item in self.loop(lock.binder.type, Domain(lock.binder.type)):
                self.bound[lock.binder.number] = item.value
                where = self.test(lock.where or ALWAYS)
                locks.append((where, self.under(where, lambda: self.lock_cell(lock.lock))))  # noqa: B023
        self.settle(stored=False)
        self.mover = mover
        result: list[Literal] = []
        for counts, at in locks:
            held = [(c, (self.holds(self.cells[n], exclusive=exclusive),)) for c, n in at]
            (taken,) = self.circuit.one_of(held, 1)
            # One that does not count: it guards nothing, and nobody need hold it.
            result.append(self.circuit.choose(counts, taken, int(exclusive)))
        return result

    # Locks

    def lock_cell(self, lock: LockRef) -> list[Chosen]:
        block = self.layout.lock_blocks[lock.lock]
        return [Chosen(c, block.start + n) for c, n in self.position(block, lock.indices)]

    def holds(self, cell: Cell, *, exclusive: bool = False) -> Literal:
        """Whether the mover holds the lock."""
        assert self.mover is not None, "only in steps"
        held = [
            self.circuit.conj(is_thread, self.bits.holds(self.circuit, cell, t, exclusive))
            for t, is_thread in enumerate(self.mover.is_thread)
            if is_thread != FALSE
        ]
        return self.circuit.some(held)

    def _lock_test(self, test: LockTest) -> Vector:
        c = self.circuit
        cells = [(condition, self.cells[n]) for condition, n in self.lock_cell(test.lock)]
        match test.ask:
            case Ask.HELD:
                if self.mover is None:
                    return (FALSE,)
                return c.one_of([(cond, (self.holds(cell),)) for cond, cell in cells], 1)
            case Ask.FREE:
                return c.one_of([(cond, (self.bits.free(c, cell),)) for cond, cell in cells], 1)
            case Ask.HOLDER:
                width = self.width(test.type)
                return c.one_of(
                    [(cond, self._holder(cell, test.type)) for cond, cell in cells], width
                )
            case _:
                assert_never(test.ask)

    def _holder(self, cell: Cell, type_: Type) -> Vector:
        sort = type_.of if isinstance(type_, Optional) else type_
        width = self.width(type_)
        choices = [
            (self.bits.holds(self.circuit, cell, t, True), constant(element + 1, width))
            for t, (family, element) in enumerate(self.instance.threads)
            if family.sort == sort and element is not None
        ]
        return self.circuit.one_of(choices, width)

    # Snapshots

    def _snapshot(self, at: list[Chosen], width: int) -> Vector:
        return self.circuit.one_of([(c, constant(n + 2, width)) for c, n in at], width)

    def _changed(self, seen: Vector, at: list[Chosen]) -> Literal:
        fresh = self.circuit.equal(seen, self._snapshot(at, len(seen)))
        stale = self.circuit.is_number(seen, 1)
        self.fault(Fault.NONE_ACCESS, self.circuit.disj(fresh, stale) ^ 1)
        return stale

    # Operators

    def _apply(self, apply: Apply) -> Vector:
        op, args, c = apply.op, apply.args, self.circuit
        match op:
            case Op.AND | Op.OR:
                return (self._chain(flatten(op, apply), int(op is Op.OR)),)
            case Op.NOT:
                return (self.test(args[0]) ^ 1,)
            case Op.IMPLIES:
                before = self.test(args[0])
                return (c.disj(before ^ 1, self.under(before, lambda: self.test(args[1]))),)
            case Op.IFF | Op.EQ | Op.NE:
                type_ = self.encoding.join(args[0].type, args[1].type)
                left, right = (self.typed(a, type_) for a in args)
                return (self.same(left, right, type_) ^ int(op is Op.NE),)
            case Op.ITE:
                condition = self.test(args[0])
                then = self.under(condition, lambda: self.typed(args[1], apply.type))
                otherwise = self.under(condition ^ 1, lambda: self.typed(args[2], apply.type))
                return self.mux(condition, then, otherwise, apply.type)
            case Op.LT | Op.LE | Op.GT | Op.GE:
                return (self._compare(op, args),)
            case Op.ADD | Op.SUB | Op.MUL | Op.DIV | Op.MOD:
                return self._arithmetic(op, *(self.typed(a, INT) for a in args))
            case Op.NEG:
                return self.numbers.negate(self.expr(args[0]))
            case Op.SHIFT | Op.ELEMENT | Op.ORDINAL | Op.DEREF | Op.STRUCT | Op.ARRAY:
                return self._made(apply)
            case _:
                return self.of_collection(apply)

    def _chain(self, parts: Sequence[Expr], decided: Literal) -> Literal:
        """A conjunction or, with ``decided`` true, a disjunction, as far as it needs to be evaluated."""
        outer = self.live
        undecided: Literal = TRUE
        for part in parts:
            inner = self.circuit.conj(outer, undecided)
            if inner == FALSE and outer != FALSE:
                break
            outcome = self.under(undecided, lambda part=part: self.test(part))  # type: ignore[misc]
            undecided = self.circuit.conj(undecided, outcome ^ decided)
        return undecided ^ decided

    def _compare(self, op: Op, args: tuple[Expr, ...]) -> Literal:
        left, right = (self.typed(a, args[0].type) for a in args)
        if op in (Op.GT, Op.LE):
            left, right = right, left
        less = (
            self.numbers.less(left, right)
            if isinstance(args[0].type, Int)
            else self.circuit.less(left, right)
        )
        return less ^ int(op in (Op.LE, Op.GE))

    def _arithmetic(self, op: Op, left: Vector, right: Vector) -> Vector:
        match op:
            case Op.ADD:
                return self.numbers.add(left, right)
            case Op.SUB:
                return self.numbers.subtract(left, right)
            case Op.MUL:
                product = self.numbers.multiply(left, right)
                if len(product) > GREATEST.bit_length():
                    self.fault(Fault.BOUNDS, self.numbers.within(product, -GREATEST, GREATEST) ^ 1)
                return product
            case _:
                self.fault(Fault.BOUNDS, self.circuit.some(right) ^ 1)
                quotient, rest = self.numbers.divide(left, right)
                return quotient if op is Op.DIV else rest

    def _made(self, apply: Apply) -> Vector:
        type_, args = apply.type, apply.args
        match apply.op:
            case Op.SHIFT:
                place = (*self.expr(args[0]), FALSE)
                return self._element_of(self.numbers.add(trimmed(place), self.expr(args[1])), type_)
            case Op.ELEMENT:
                return self._element_of(self.expr(args[0]), type_)
            case Op.ORDINAL:
                return trimmed((*self.expr(args[0]), FALSE))
            case Op.DEREF:
                inner = args[0].type
                assert isinstance(inner, Optional), "only optionals have an inside"
                return self.from_code(self.inside(self.expr(args[0]), inner), inner.of)
            case Op.STRUCT:
                assert isinstance(type_, Struct), "what STRUCT makes"
                codes = [self.code(a, t) for a, (_, t) in zip(args, type_.fields, strict=True)]
                return tuple(bit for code in reversed(codes) for bit in code)
            case _:
                assert isinstance(type_, ArrayOf), "what ARRAY makes"
                return self.code(args[0], type_.of) * self.encoding.size(type_.index)

    def inside(self, code: Vector, type_: Optional) -> Vector:
        """The code inside an optional, which must not be ``none``."""
        self.fault(Fault.NONE_ACCESS, self.circuit.is_number(code, 0))
        return self.less_one(code, type_)

    def _element_of(self, number: Vector, type_: Type) -> Vector:
        size = self.encoding.size(type_)
        # What is added to the position of an element may lead out of its sort.
        self.fault(Fault.BOUNDS, self.numbers.within(number, 0, size - 1) ^ 1)
        return self.numbers.code(number, 0, self.width(type_))

    def places(self, array: Vector, type_: ArrayOf) -> list[Vector]:
        """The codes of the elements of an array."""
        size, width = self.encoding.size(type_.index), self.width(type_.of)
        return [array[(size - 1 - n) * width : (size - n) * width] for n in range(size)]
