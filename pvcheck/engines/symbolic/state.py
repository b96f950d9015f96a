"""States as bits: per cell of the shared part a vector, and per thread a location and the locals live there.

A lock's cell holds the number of its exclusive holder plus 1, or 0, and, where the lock can be shared, one
bit per thread that shares it. Locals that are never live together share bits, as in
``pvcheck.engines.native.state``; bits of no live local are 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pvcheck.engines.native.state import LOCATION_BITS, StateLayout
from pvcheck.engines.symbolic.circuit import Circuit, Literal, Vector, constant
from pvcheck.model.model import FINISHED, LockKind, ThreadFamily
from pvcheck.model.semantics import STUCK, Local, Semantics, Shared, State


class Cell(NamedTuple):
    """What a cell of the shared part holds."""

    code: Vector
    """Of a variable or snapshot; of a lock, its exclusive holder and 1."""
    sharers: Vector = ()
    """Of a lock: per thread, whether it shares the lock."""


class Thread(NamedTuple):
    """The local part of a thread."""

    location: Vector
    """The number in ``Bits.locations`` of its family."""
    row: Vector
    """The locals; which bits are whose depends on the location."""


class Whole(NamedTuple):
    """A state."""

    cells: tuple[Cell, ...]
    threads: tuple[Thread, ...]

    def bits(self) -> Vector:
        """All in a row."""
        shared = [bit for cell in self.cells for bit in (*cell.code, *cell.sharers)]
        local = [bit for thread in self.threads for bit in (*thread.location, *thread.row)]
        return (*shared, *local)


@dataclass(frozen=True)
class Family:
    """The local parts of the threads of one family."""

    family: ThreadFamily
    locations: tuple[int, ...]
    """Those where a thread can be between two of its steps, or transactions, rising."""
    slots: dict[int, tuple[int, int]]
    """Per slot that is kept in the row, its first bit and its width."""
    width: int
    """Of the row."""

    @property
    def location_width(self) -> int:
        return (len(self.locations) - 1).bit_length()

    def number(self, location: int) -> int:
        return self.locations.index(location)


class Bits:
    """The bits of an instance's states.

    Raises:
        Unsupported: a value has too many.
    """

    def __init__(self, semantics: Semantics, locations: dict[str, Iterable[int]]) -> None:
        """``locations``: per family, those where a thread can rest."""
        self.semantics = semantics
        self.layout = semantics.layout
        self.instance = semantics.instance
        self.guards = semantics.guards
        self._native = StateLayout(self.layout)
        self.encoding = self._native.encoding
        self.types = self._native.cell_types
        """Per cell; ``None``: a lock."""
        self.thread_width = len(self.instance.threads).bit_length()
        self.families = {
            family.name: self._family(family, locations[family.name])
            for family in semantics.model.threads
        }
        self._numbers = {name: n for n, name in enumerate(self.layout.variables)}

    def variable(self, name: str) -> int:
        return self._numbers[name]

    def shared_kind(self, cell: int) -> bool:
        """Whether several threads can hold the lock together."""
        return self.layout.locks[self.layout.lock_of[cell][0]].kind is LockKind.RW

    def _family(self, family: ThreadFamily, resting: Iterable[int]) -> Family:
        rest = {*resting, FINISHED, STUCK}
        slots: dict[int, tuple[int, int]] = {}
        end = 0
        for slot, place in self._native.locals[family.name].items():
            start = place.word * 64 + place.shift - LOCATION_BITS if place.width else 0
            slots[slot] = start, place.width
            end = max(end, start + place.width)
        return Family(family, tuple(sorted(rest)), slots, end)

    def kept(self, family: ThreadFamily, location: int) -> list[int]:
        """The slots that the row holds at a location."""
        if location < 0:
            return []
        return self._native.kept(family, family.locations[location].live)

    # Locks

    def free(self, circuit: Circuit, cell: Cell) -> Literal:
        return circuit.some((*cell.code, *cell.sharers)) ^ 1

    def holds(self, circuit: Circuit, cell: Cell, thread: int, exclusive: bool) -> Literal:
        """Whether a thread holds the lock."""
        alone = circuit.is_number(cell.code, thread + 1)
        if exclusive or not cell.sharers:
            return alone
        return circuit.disj(alone, cell.sharers[thread])

    # States

    def new(self, circuit: Circuit) -> Whole:
        """A state of inputs."""
        threads = len(self.instance.threads)
        cells = tuple(
            Cell(
                circuit.inputs(self.cell_width(cell)),
                circuit.inputs(threads) if type_ is None and self.shared_kind(cell) else (),
            )
            for cell, type_ in enumerate(self.types)
        )
        families = [self.families[family.name] for family, _ in self.instance.threads]
        return Whole(
            cells,
            tuple(
                Thread(circuit.inputs(f.location_width), circuit.inputs(f.width)) for f in families
            ),
        )

    def cell_width(self, cell: int) -> int:
        type_ = self.types[cell]
        return self.thread_width if type_ is None else self.encoding.width(type_)

    def whole(self, state: State) -> Whole:
        """A state that is known."""
        shared, locals_ = state
        return Whole(
            self.shared(shared),
            tuple(self.thread(t, local) for t, local in enumerate(locals_)),
        )

    def shared(self, shared: Shared) -> tuple[Cell, ...]:
        threads = len(self.instance.threads)
        cells: list[Cell] = []
        for cell, (value, type_) in enumerate(zip(shared, self.types, strict=True)):
            width = self.cell_width(cell)
            if type_ is not None:
                cells.append(Cell(constant(self.encoding.code(value, type_), width)))
                continue
            sharers = constant(max(0, -value), threads) if self.shared_kind(cell) else ()
            cells.append(Cell(constant(max(0, value), width), sharers))
        return tuple(cells)

    def thread(self, thread: int, local: Local) -> Thread:
        family, _ = self.instance.threads[thread]
        bits = self.families[family.name]
        location, *values = local
        row = 0
        for slot, value in zip(self.kept(family, location), values, strict=True):
            start, _ = bits.slots[slot]
            row |= self.encoding.code(value, family.locals[slot].type) << start
        where = constant(bits.number(location), bits.location_width)
        return Thread(where, constant(row, bits.width))

    # Back

    def state(self, value: Whole) -> State:
        """The state that vectors of constants are."""
        shared = tuple(self._cell_value(n, cell) for n, cell in enumerate(value.cells))
        locals_ = tuple(self._local(t, part) for t, part in enumerate(value.threads))
        return shared, locals_

    def _cell_value(self, cell: int, value: Cell) -> object:
        type_ = self.types[cell]
        if type_ is not None:
            return self.encoding.value(_number(value.code), type_)
        return _number(value.code) or -_number(value.sharers)

    def _local(self, thread: int, value: Thread) -> Local:
        family, _ = self.instance.threads[thread]
        bits = self.families[family.name]
        location = bits.locations[_number(value.location)]
        values = [
            self.encoding.value(_number(value.row[start : start + width]), family.locals[slot].type)
            for slot in self.kept(family, location)
            for start, width in (bits.slots[slot],)
        ]
        return (location, *values)


def _number(bits: Vector) -> int:
    return sum(bit << k for k, bit in enumerate(bits))
