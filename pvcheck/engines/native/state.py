"""Where everything is in the words of a packed state.

A state is a shared part and a local part per thread; each is a row of 64-bit words. A cell of the
shared part (see ``pvcheck.model.layout``) is in one word, or, if it has more than 64 bits, in two whole
ones; locks come first. A local part begins with 16 bits for the location, plus 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvcheck.model.encoding import Encoding, Unsupported
from pvcheck.model.layout import Layout
from pvcheck.model.model import LockKind, ThreadFamily
from pvcheck.model.semantics import Local, Shared
from pvcheck.model.types import Sort, Type

LOCATION_BITS = 16
MOST_THREADS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Bits of a row."""

    word: int
    shift: int
    width: int
    """More than 64: two whole words."""

    @property
    def mask(self) -> int:
        """The bits, in each of its words."""
        return (1 << 64) - 1 if self.width > 64 else (1 << self.width) - 1 << self.shift


class StateLayout:
    """The places of an instance's cells and locals, and the numbers that stand for names.

    Raises:
        Unsupported: something is too wide.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.encoding = Encoding(layout)
        threads = layout.instance.threads
        if len(threads) > MOST_THREADS:
            raise Unsupported(f"{len(threads)} threads")
        self.cell_types: list[Type | None] = [None] * layout.lock_cells
        """Per cell; ``None``: a lock."""
        self.cell_types += [type_ for _, _, type_ in layout.variable_cells()]
        for family, _ in threads:
            self.cell_types += [family.locals[s].type for s in layout.snapshot_slots[family.name]]
        widths = [
            self._lock_width(cell) if type_ is None else self.encoding.width(type_)
            for cell, type_ in enumerate(self.cell_types)
        ]
        taken: list[int] = []
        self.cells: list[Place] = []
        for width in widths:
            self.cells.append(_first_fit(taken, width))
            _occupy(taken, self.cells[-1])
        self.words = max(1, len(taken))
        self.locals: dict[str, dict[int, Place]] = {}
        """Per family, the places of the slots that are not snapshots; the same at every location, so that
        a step copies what it does not change."""
        self.local_words = 1
        for family in layout.instance.model.threads:
            self.locals[family.name] = self._slots(family)
            ends = [p.word + 1 + (p.width > 64) for p in self.locals[family.name].values()]
            self.local_words = max(self.local_words, *ends, 1)
        self.tables: dict[Type, str] = {}
        """Names of the tables of all codes of types."""

    def _lock_width(self, cell: int) -> int:
        kind = self.layout.locks[self.layout.lock_of[cell][0]].kind
        return self.encoding.lock_top(kind is LockKind.RW).bit_length()

    def _slots(self, family: ThreadFamily) -> dict[int, Place]:
        """Slots that are never live together may share bits."""
        together: dict[int, set[int]] = {}
        for location in family.locations:
            kept = self.kept(family, location.live)
            for slot in kept:
                together.setdefault(slot, set()).update(kept)
        places: dict[int, Place] = {}
        for slot in sorted(together, key=lambda s: (-len(together[s]), s)):
            width = self.encoding.width(family.locals[slot].type)
            taken = [(1 << LOCATION_BITS) - 1]
            for other in together[slot] & places.keys():
                _occupy(taken, places[other])
            places[slot] = _first_fit(taken, width)
        return places

    def kept(self, family: ThreadFamily, live: Sequence[int]) -> list[int]:
        """The live slots that the local part holds."""
        return [s for s in live if s not in self.layout.snapshot_slots[family.name]]

    # C

    def get(self, start: int, position: str, word: str) -> str:
        """The code in the cell at ``start`` + ``position``, of the C type ``word``."""
        if position.isdigit():
            place = self.cells[start + int(position)]
            if place.width == 0:
                return "0"
            if place.width <= 64:
                return f"PART(x->w, {place.word}, {place.shift}, {_mask(place.width)})"
        function = "GET" if word == "u64" else "GET_WIDE"
        return f"{function}(x->w, {start} + {position})"

    def put(self, start: int, position: str, word: str, code: str) -> str:
        """The statement that stores a code there."""
        function = "PUT" if word == "u64" else "PUT_WIDE"
        return f"{function}(x->w, {start} + {position}, {code});"

    def variable(self, name: str) -> int:
        return list(self.layout.variables).index(name)

    def sort(self, sort: Sort) -> int:
        return [s.type for s in self.layout.instance.model.sorts].index(sort)

    def sort_named(self, name: str) -> int:
        return [s.type.name for s in self.layout.instance.model.sorts].index(name)

    def table(self, type_: Type) -> str:
        """The name of the table of all codes of a type."""
        return self.tables.setdefault(type_, f"CODES_{len(self.tables)}")

    # Rows

    def shared_row(self, shared: Shared) -> list[int]:
        """A shared part as words."""
        codes = [
            self.encoding.lock_code(value) if type_ is None else self.encoding.code(value, type_)
            for value, type_ in zip(shared, self.cell_types, strict=True)
        ]
        return _row(codes, self.cells, self.words)

    def local_row(self, thread: int, local: Local) -> list[int]:
        """A local part as words."""
        family, _ = self.layout.instance.threads[thread]
        location = local[0]
        live = family.locations[location].live if location >= 0 else ()
        slots = self.kept(family, live)
        codes = [
            self.encoding.code(value, family.locals[slot].type)
            for slot, value in zip(slots, local[1:], strict=True)
        ]
        places = self.locals[family.name]
        row = _row(codes, [places[slot] for slot in slots], self.local_words)
        row[0] |= location + 2
        return row


def _first_fit(taken: list[int], width: int) -> Place:
    """The first free bits. ``taken``: per word of the row, the bits in use."""
    if width > 64:
        word = next((n for n in range(len(taken)) if not any(taken[n : n + 2])), len(taken))
        return Place(word, 0, width)
    for word, bits in enumerate([*taken, 0]):
        for shift in range(65 - width):
            if not bits >> shift & (1 << width) - 1:
                return Place(word, shift if width else 0, width)
    raise AssertionError("an empty word has room")


def _occupy(taken: list[int], place: Place) -> None:
    last = place.word + (place.width > 64)
    taken += [0] * (last + 1 - len(taken))
    for word in range(place.word, last + 1):
        taken[word] |= place.mask


def _row(codes: Sequence[int], places: Sequence[Place], words: int) -> list[int]:
    row = [0] * words
    for code, place in zip(codes, places, strict=True):
        row[place.word] |= (code << place.shift) & (1 << 64) - 1
        if place.width > 64:
            row[place.word + 1] |= code >> 64
    return row


def _mask(width: int) -> str:
    return f"{(1 << width) - 1:#x}ULL"
