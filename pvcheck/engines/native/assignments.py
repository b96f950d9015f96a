"""Assignments as C: values are stored in locals and shared variables, or in parts of them."""

from __future__ import annotations

from pvcheck.engines.native.expressions import Expressions
from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.values import mask
from pvcheck.model.code import Assign, Bump, Place
from pvcheck.model.expr import Apply, Expr, Op
from pvcheck.model.model import ThreadFamily
from pvcheck.model.types import ArrayOf, Int, Optional, Struct, Type
from pvcheck.model.walk import nodes

INDENT = "    "


class Assignments(Expressions):
    """Writes lines of C, and those of assignments."""

    def __init__(self, state: StateLayout, family: ThreadFamily) -> None:
        super().__init__(state, inside_step=True)
        self.family = family
        slots = self.layout.snapshot_slots[family.name]
        self.snapshots = {slot: offset for offset, slot in enumerate(slots)}
        self.lines: list[str] = []
        self.depth = 1

    def emit(self, line: str) -> None:
        self.lines.append(INDENT * self.depth + line)

    def temporary(self, code: str, type_: str) -> str:
        """A name for the value of ``code``, which is evaluated here."""
        if code.isidentifier() or code.isdigit():
            return code
        name = self.name("t")
        self.emit(f"const {type_} {name} = {code};")
        return name

    def look(self, *, stored: bool = False) -> None:
        """Leave if something written since the last look has faulted.

        ``stored``: numbers out of range were to be stored, which is a fault; else nothing can be said.
        """
        if self.faults:
            self.emit("if (x->fault) return FAULT;")
        if self.lates:
            late = "return fault(x, BOUNDS)" if stored else "return UNSUPPORTED"
            self.emit(f"if (x->late) {late};")
        self.faults = self.lates = False

    def assign(self, instruction: Assign) -> None:
        place = instruction.place
        if place.slot is not None:
            type_ = self.family.locals[place.slot].type
            offset = self.snapshots.get(place.slot)
            if offset is not None:
                self.emit(f"PUT(x->w, x->first + {offset}, {self.expr(instruction.value)});")
                self.look()
                return
            code = self._put(place, f"x{place.slot}", type_, instruction)
            self.emit(f"x{place.slot} = {self.from_code(code, type_)};")
            return
        assert place.variable is not None, "a place is a local or a variable"
        block = self.layout.blocks[place.variable]
        position = self.temporary(self.position(block, place.indices), "u64")
        self.look()
        self._may_write(place.variable, position)
        type_ = self.layout.variables[place.variable].type
        self.granted = (place.variable, place.indices)
        word = self.word(type_)
        code = self._put(place, self.state.get(block.start, position, word), type_, instruction)
        self.granted = None
        self.emit(self.state.put(block.start, position, word, code))

    def _may_write(self, variable: str, position: str) -> None:
        if self.layout.variables[variable].guard is not None:
            number = self.state.variable(variable)
            self.emit(f"if (!may_write_{number}(x, {position})) return FAULT;")

    def _put(self, place: Place, whole: str, type_: Type, instruction: Assign) -> str:
        """The code of ``type_`` after an assignment to the part of it that the path says."""
        parts: list[tuple[str, str, str, int]] = []
        """Of each whole on the way: its code, its C type, the part's shift and width."""
        somes: list[int] = []
        """Where a part is that inside an optional."""
        for selector in place.path:
            whole = self.temporary(whole, self.word(type_))
            while isinstance(type_, Optional):
                self.faults = True
                suffix = "" if self.word(type_) == "u64" else "_wide"
                whole = self.temporary(f"some{suffix}(x, {whole})", self.word(type_.of))
                somes.append(len(parts))
                type_ = type_.of
            word = self.word(type_)
            if selector.field is not None:
                assert isinstance(type_, Struct), "only structs have fields"
                shift = str(self.encoding.field(type_, selector.field))
                type_ = type_.fields[selector.field][1]
            else:
                assert isinstance(type_, ArrayOf), "only arrays have elements"
                assert selector.index is not None, "a selector is a field or an index"
                index = self.index(selector.index, type_.index)
                size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
                shift = self.temporary(f"({size - 1} - {index}) * {width}", "int")
                type_ = type_.of
            width = self.encoding.width(type_)
            parts.append((whole, word, shift, width))
            whole = f"({self.word(type_)})({whole} >> {shift} & {mask(width)})"
        self.look()
        code = self._stored(instruction.value, place.type)
        for level in reversed(range(len(parts))):
            whole, word, shift, width = parts[level]
            code = f"(({whole} & ~(({word}){mask(width)} << {shift})) | ({word}){code} << {shift})"
            code += " + 1" if level in somes else ""
            code = f"({code})"
        return code

    def _stored(self, value: Expr, type_: Type) -> str:
        """The code of a value that is to be stored in a place of ``type_``."""
        code = self.code(value, type_)
        name = self.temporary(code, self.word(type_))
        # No number is too large for a place without bounds, but some are for its code.
        unbounded = isinstance(type_, Int) and type_.low is None
        self.look(stored=self._kept(value) and not unbounded)
        return name

    def _kept(self, value: Expr) -> bool:
        """Whether a number that is out of range in the value is so in what is stored."""
        match value:
            case Apply(op=Op.APPEND | Op.PREPEND | Op.INSERT, args=(of, element)):
                return self._plain(of) and self._kept(element)
            case Apply(op=Op.STRUCT | Op.LIST | Op.SET | Op.ARRAY, args=args):
                return all(map(self._kept, args))
            case Apply(op=Op.ITE, args=(condition, then, otherwise)):
                return self._plain(condition) and self._kept(then) and self._kept(otherwise)
        return self._plain(value)

    def _plain(self, value: Expr) -> bool:
        """Whether nothing inside the value can be out of the range of its place."""
        return not any(
            isinstance(n, Apply)
            and n.op in (Op.STRUCT, Op.LIST, Op.SET, Op.ARRAY, Op.APPEND, Op.PREPEND, Op.INSERT)
            for n in nodes(value)
        )

    def bump(self, instruction: Bump) -> None:
        block = self.layout.blocks[instruction.counter]
        position = self.temporary(self.position(block, instruction.indices), "u64")
        self.look()
        self._may_write(instruction.counter, position)
        for cell in self.layout.snapshot_cells(instruction.counter):
            self.emit(f"if (GET(x->w, {cell}) == {position} + 2) PUT(x->w, {cell}, 1);")
