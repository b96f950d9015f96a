"""The renamings of a group as C: what they do to cells, locals and values."""

from __future__ import annotations

from collections.abc import Sequence

from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.text import table
from pvcheck.engines.native.values import Values, mask
from pvcheck.model.symmetry import Group, undone
from pvcheck.model.types import (
    ArrayOf,
    Bool,
    Enum,
    Int,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)

LOCKS = "locks"
"""Stands for the type of lock cells."""


class Renamings(Values):
    """Writes ``change_N(k, code)`` for each type whose values renaming k changes, and the tables that
    runtime/symmetry.c goes by."""

    def __init__(self, state: StateLayout, group: Group) -> None:
        super().__init__(state)
        self._group = group
        self._numbers: dict[Type | str, int] = {}
        """Per type: 0 if it stays, else the number of its function."""
        self._functions: list[str] = []
        self._words: list[str] = ["u64"]

    def text(self) -> str:
        renamings = self._group.renamings
        changes = [self._number(LOCKS if t is None else t) for t in self.state.cell_types]
        cells = [n for n, place in enumerate(self.state.cells) if place.width]
        slots, starts = self._slots()
        tables = [
            f"#define RENAMINGS {len(renamings)}",
            self._rows("u16", "THREAD_TO", [r.threads for r in renamings], "THREADS"),
            self._rows("u16", "CELL_FROM", [undone(r.cells) for r in renamings], "CELLS"),
            self._rows("u16", "CELL_TO", [r.cells for r in renamings], "CELLS"),
            *(
                self._rows(
                    "u16",
                    f"ELEMENT_TO_{self.state.sort_named(sort)}",
                    [r.elements[sort] for r in renamings],
                    str(self.instance.sizes[sort]),
                )
                for sort in self._group.moved
            ),
            *self._positions(),
        ]
        dispatch = "".join(
            f"    case {n}: return change_{n}(k, ({word})code);\n"
            for n, word in enumerate(self._words)
            if n
        )
        return "\n".join(
            [
                *tables,
                *self._functions,
                "static u128 change(int type, int k, u128 code)\n{\n    switch (type) {\n"
                f"{dispatch}    default: (void)k; return code;\n    }}\n}}",
                table("u16", "RENAMED_CELLS", cells),
                table("u16", "CELL_CHANGE", [changes[c] for c in cells]),
                table("u8", "CELL_IS_WIDE", [self.state.cells[c].width > 64 for c in cells]),
                f"#define RENAMED {len(cells)}",
                "typedef struct Slot {\n    u16 word, shift, width, type;\n} Slot;",
                f"static const Slot SLOTS[] = {{{', '.join(slots) or '{0, 0, 0, 0}'}}};",
                "/* Per step, the slots that are live there and change. */",
                table("u32", "SLOTS_FROM", starts),
            ]
        )

    def _rows(self, type_: str, name: str, rows: Sequence[Sequence[int]], size: str) -> str:
        inner = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in rows)
        return f"static const {type_} {name}[][{size}] = {{{inner}}};"

    def _positions(self) -> list[str]:
        """Where each element of a generation counter goes."""
        counters = [v.name for v in self.instance.model.variables if v.counter]
        return [
            self._rows(
                "u32",
                f"POSITION_TO_{self.state.variable(name)}",
                [r.positions(self.layout.blocks[name]) for r in self._group.renamings],
                str(self.layout.blocks[name].cells),
            )
            for name in counters
        ]

    def _slots(self) -> tuple[list[str], list[int]]:
        slots: list[str] = []
        starts = [0]
        for family in self.instance.model.threads:
            for location in family.locations:
                for slot in self.state.kept(family, location.live):
                    number = self._number(family.locals[slot].type)
                    place = self.state.locals[family.name][slot]
                    if number and place.width:
                        slots.append(f"{{{place.word}, {place.shift}, {place.width}, {number}}}")
                starts.append(len(slots))
        return slots, starts

    def _number(self, type_: Type | str) -> int:
        """The number of the function that changes values of the type; 0: they stay."""
        if type_ not in self._numbers:
            body = self._locks() if isinstance(type_, str) else self._change(type_)
            self._numbers[type_] = 0
            if body:
                word = "u64" if isinstance(type_, str) else self.word(type_)
                number = self._numbers[type_] = len(self._words)
                self._words.append(word)
                head = f"static {word} change_{number}(int k, {word} code)"
                self._functions.append(f"{head}\n{{\n{body}}}")
        return self._numbers[type_]

    def _called(self, type_: Type, code: str) -> str:
        number = self._number(type_)
        return f"change_{number}(k, {code})" if number else code

    def _locks(self) -> str:
        return (
            "    if (!code || code > THREADS) {\n"
            "        u64 set = 0;\n"
            "        for (int t = 0; code && t < THREADS; ++t)\n"
            "            set |= ((code - THREADS) >> t & 1) << THREAD_TO[k][t];\n"
            "        return code ? THREADS + set : 0;\n"
            "    }\n"
            "    return (u64)THREAD_TO[k][code - 1] + 1;\n"
        )

    def _change(self, type_: Type) -> str:
        """The body of the function; empty if values stay."""
        match type_:
            case Bool() | Int() | Enum():
                return ""
            case Sort():
                if type_.name not in self._group.moved:
                    return ""
                return f"    return ELEMENT_TO_{self.state.sort(type_)}[k][code];\n"
            case Optional(of=of):
                if not self._number(of):
                    return ""
                inner = self._called(of, f"({self.word(of)})(code - 1)")
                return f"    return code ? {inner} + 1 : 0;\n"
            case Struct():
                return self._struct(type_)
            case SetOf(of=of):
                return self._set(type_, of)
            case ListOf(of=of):
                return self._list_of(type_, of)
            case ArrayOf():
                return self._array(type_)
            case Snapshot(counter=counter):
                moved = f"POSITION_TO_{self.state.variable(counter)}[k][code - 2] + 2"
                return f"    return code < 2 ? code : {moved};\n"
            case LockSet():
                word = self.word(type_)
                return (
                    f"    {word} set = 0;\n"
                    "    for (int cell = 0; cell < LOCK_CELLS; ++cell)\n"
                    f"        set |= ({word})(code >> cell & 1) << CELL_TO[k][cell];\n"
                    "    return set;\n"
                )

    def _struct(self, type_: Struct) -> str:
        if not any(self._number(t) for _, t in type_.fields):
            return ""
        word = self.word(type_)
        parts = []
        for position, (_, field) in enumerate(type_.fields):
            shift, width = self.encoding.field(type_, position), self.encoding.width(field)
            part = f"({self.word(field)})(code >> {shift} & {mask(width)})"
            if width:
                parts.append(f"({word}){self._called(field, part)} << {shift}")
        return f"    return {' | '.join(parts)};\n"

    def _set(self, type_: SetOf, of: Type) -> str:
        if not self._number(of):
            return ""
        word = self.word(type_)
        return (
            f"    {word} set = 0;\n"
            f"    for (u64 n = 0; n <= {self.encoding.top(of)}; ++n)\n"
            f"        if (code >> n & 1)\n"
            f"            set |= ({word})1 << {self._called(of, 'n')};\n"
            "    return set;\n"
        )

    def _list_of(self, type_: ListOf, of: Type) -> str:
        if not self._number(of):
            return ""
        most, width = self.encoding.list_of(type_)
        word = self.word(type_)
        item = f"({self.word(of)})(code >> ({most - 1} - n) * {width} & {mask(width)})"
        return (
            f"    {word} list = code >> {most * width} << {most * width};\n"
            f"    for (int n = 0; n < (int)(code >> {most * width}); ++n)\n"
            f"        list |= ({word}){self._called(of, item)} << ({most - 1} - n) * {width};\n"
            "    return list;\n"
        )

    def _array(self, type_: ArrayOf) -> str:
        if not self._number(type_.index) and not self._number(type_.of):
            return ""
        size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
        word = self.word(type_)
        item = f"({self.word(type_.of)})(code >> ({size - 1} - n) * {width} & {mask(width)})"
        place = self._called(type_.index, "n")
        return (
            f"    {word} array = 0;\n"
            f"    for (u64 n = 0; n < {size}; ++n)\n"
            f"        array |= ({word}){self._called(type_.of, item)} << ({size - 1} - {place}) * {width};\n"
            "    return array;\n"
        )
