"""Assignments: values are stored in locals and shared variables, or in parts of them."""

from __future__ import annotations

from collections.abc import Sequence

from pvcheck.engines.symbolic.circuit import TRUE, Circuit, Literal, Vector
from pvcheck.engines.symbolic.expressions import Expressions, Mover
from pvcheck.engines.symbolic.state import Bits, Cell
from pvcheck.model.code import Assign, Bump, Place
from pvcheck.model.expr import Apply, Expr, Op
from pvcheck.model.model import ThreadFamily
from pvcheck.model.types import ArrayOf, Int, Optional, Snapshot, Struct, Type
from pvcheck.model.walk import nodes

_MAKERS = (Op.STRUCT, Op.LIST, Op.SET, Op.ARRAY, Op.APPEND, Op.PREPEND, Op.INSERT)


class Assignments(Expressions):
    """Changes ``cells`` and ``slots``."""

    def __init__(self, circuit: Circuit, bits: Bits, mover: Mover, family: ThreadFamily) -> None:
        super().__init__(circuit, bits, mover)
        self.family = family

    def assign(self, instruction: Assign) -> None:
        place = instruction.place
        if place.slot is not None:
            type_ = self.family.locals[place.slot].type
            if isinstance(type_, Snapshot):
                value = self.expr(instruction.value)
                self.settle(stored=False)
                self.slots[place.slot] = value
                return
            whole = self.slots[place.slot]
            if place.path:
                whole = self.to_code(whole, type_)
            code = self._put(place, whole, type_, instruction.value)
            self.slots[place.slot] = self.from_code(code, type_)
            return
        assert place.variable is not None, "a place is a local or a variable"
        block = self.layout.blocks[place.variable]
        at = self.position(block, place.indices)
        self.settle(stored=False)
        self.may_write(place.variable, at)
        type_ = self.layout.variables[place.variable].type
        self.granted = (place.variable, place.indices)
        found = [(condition, self.cells[block.start + n].code) for condition, n in at]
        whole = self.circuit.one_of(found, self.width(type_))
        code = self._put(place, whole, type_, instruction.value)
        self.granted = None
        for condition, n in at:
            before = self.cells[block.start + n].code
            self.cells[block.start + n] = Cell(self.circuit.mux(condition, code, before))

    def _put(self, place: Place, whole: Vector, type_: Type, value: Expr) -> Vector:
        """The code of the type after an assignment to the part of it that the path says."""
        parts: list[tuple[Vector, list[tuple[Literal, int]], int]] = []
        """Of each whole on the way: its code, and where the part may begin, and its width."""
        somes: list[tuple[int, int]] = []
        """Where a part is that inside an optional, and the width of that."""
        for selector in place.path:
            while isinstance(type_, Optional):
                somes.append((len(parts), len(whole)))
                whole = self.inside(whole, type_)
                type_ = type_.of
            if selector.field is not None:
                assert isinstance(type_, Struct), "only structs have fields"
                starts = [(TRUE, self.encoding.field(type_, selector.field))]
                type_ = type_.fields[selector.field][1]
            else:
                assert isinstance(type_, ArrayOf), "only arrays have elements"
                assert selector.index is not None, "a selector is a field or an index"
                size, of = self.encoding.size(type_.index), type_.of
                step = self.width(of)
                index = self.index(selector.index, type_.index)
                starts = [(condition, (size - 1 - n) * step) for condition, n in index]
                type_ = of
            width = self.width(type_)
            parts.append((whole, starts, width))
            whole = self.circuit.one_of(
                [(condition, whole[s : s + width]) for condition, s in starts], width
            )
        self.settle(stored=False)
        code = self.code(value, place.type)
        unbounded = isinstance(place.type, Int) and place.type.low is None
        self.settle(stored=_kept(value) and not unbounded)
        for level in reversed(range(len(parts))):
            whole, starts, width = parts[level]
            for condition, s in starts:
                part = self.circuit.mux(condition, code[:width], whole[s : s + width])
                whole = (*whole[:s], *part, *whole[s + width :])
            code = whole
            for at, outer in reversed(somes):
                if at == level:
                    code = self.plus_one(code, outer)
        return code

    def bump(self, instruction: Bump) -> None:
        block = self.layout.blocks[instruction.counter]
        at = self.position(block, instruction.indices)
        self.settle(stored=False)
        self.may_write(instruction.counter, at)
        for cell in self.layout.snapshot_cells(instruction.counter):
            self.cells[cell] = Cell(self._bumped(self.cells[cell].code, at))
        for slot, local in enumerate(self.family.locals):
            if local.type == Snapshot(instruction.counter) and slot in self.slots:
                self.slots[slot] = self._bumped(self.slots[slot], at)

    def _bumped(self, seen: Vector, at: Sequence[tuple[Literal, int]]) -> Vector:
        """A snapshot after its counter was bumped."""
        c = self.circuit
        fresh = c.some(c.conj(condition, c.is_number(seen, n + 2)) for condition, n in at)
        one = (TRUE, *(0 for _ in seen[1:]))
        return c.mux(fresh, one, seen)


def _kept(value: Expr) -> bool:
    """Whether a number that is out of range in the value is so in what is stored."""
    match value:
        case Apply(op=Op.APPEND | Op.PREPEND | Op.INSERT, args=(of, element)):
            return _plain(of) and _kept(element)
        case Apply(op=Op.STRUCT | Op.LIST | Op.SET | Op.ARRAY, args=args):
            return all(map(_kept, args))
        case Apply(op=Op.ITE, args=(condition, then, otherwise)):
            return _plain(condition) and _kept(then) and _kept(otherwise)
    return _plain(value)


def _plain(value: Expr) -> bool:
    """Whether nothing inside the value can be out of the range of its place."""
    return not any(isinstance(n, Apply) and n.op in _MAKERS for n in nodes(value))
