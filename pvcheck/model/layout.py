"""Where everything is in the shared part of a state, and what it is called.

The shared part is one tuple: first one cell per lock, then one per element of each variable
(row-major, in the order of the declarations), then one per thread and snapshot local of its family.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pvcheck.model import values
from pvcheck.model.instance import Instance
from pvcheck.model.model import LockClass, Variable
from pvcheck.model.types import Enum, Snapshot, Sort, Type

MOST_CELLS = 100_000


@dataclass(frozen=True, slots=True)
class Block:
    """The cells of one variable or lock class."""

    start: int
    sizes: tuple[int, ...]
    """Number of elements per dimension."""
    indices: tuple[Type, ...]

    @property
    def cells(self) -> int:
        return prod(self.sizes)

    def position(self, indices: tuple[int, ...]) -> int:
        """The row-major position of an element in the block."""
        position = 0
        for index, size in zip(indices, self.sizes, strict=True):
            position = position * size + index
        return position

    def element(self, position: int) -> tuple[int, ...]:
        """The indices of the element at a position."""
        indices: list[int] = []
        for size in reversed(self.sizes):
            position, index = divmod(position, size)
            indices.append(index)
        return tuple(reversed(indices))


class Layout:
    """The cells of an instance's shared part."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        model = instance.model
        self.variables: dict[str, Variable] = {v.name: v for v in model.variables}
        self.locks: dict[str, LockClass] = {c.name: c for c in model.locks}
        self.lock_blocks: dict[str, Block] = {}
        self.blocks: dict[str, Block] = {}
        """Of variables; a counter's has no cells of its own."""
        end = 0
        for lock in model.locks:
            self.lock_blocks[lock.name] = self._block(lock.indices, end)
            end += self.lock_blocks[lock.name].cells
        self.lock_cells = end
        for variable in model.variables:
            block = self._block(tuple(b.type for b in variable.binders), end)
            self.blocks[variable.name] = block
            end += 0 if variable.counter else block.cells
        self.variable_end = end
        self.snapshot_slots: dict[str, tuple[int, ...]] = {
            f.name: tuple(i for i, x in enumerate(f.locals) if isinstance(x.type, Snapshot))
            for f in model.threads
        }
        starts: list[int] = []
        for family, _ in instance.threads:
            starts.append(end)
            end += len(self.snapshot_slots[family.name])
        self.snapshot_start = tuple(starts)
        """Per thread, the first of its snapshot cells."""
        self.cells = end
        self.lock_of = tuple(
            (c.name, block.element(position))
            for c in model.locks
            for block in (self.lock_blocks[c.name],)
            for position in range(block.cells)
        )
        """Per lock cell: class and indices."""
        self.lock_names = tuple(
            element_name(name, self.lock_blocks[name], indices) for name, indices in self.lock_of
        )
        """Per lock cell."""

    def _block(self, indices: tuple[Type, ...], start: int) -> Block:
        block = Block(start, tuple(self._size(t) for t in indices), indices)
        if start + block.cells > MOST_CELLS:
            raise values.TooLarge(f"the state of instance {self.instance.name} is too large")
        return block

    def _size(self, type_: Type) -> int:
        assert isinstance(type_, Sort | Enum), "dimensions are sorts and enums"
        return values.size(type_, self.instance)

    def snapshot_cells(self, counter: str) -> tuple[int, ...]:
        """The cells of all threads' snapshots of a counter."""
        return tuple(
            start + offset
            for (family, _), start in zip(self.instance.threads, self.snapshot_start, strict=True)
            for offset, slot in enumerate(self.snapshot_slots[family.name])
            if family.locals[slot].type == Snapshot(counter)
        )

    def variable_cells(self) -> list[tuple[int, str, Type]]:
        """Every cell of a variable: number, name and type."""
        return [
            (block.start + p, element_name(v.name, block, block.element(p)), v.type)
            for v in self.instance.model.variables
            if not v.counter
            for block in (self.blocks[v.name],)
            for p in range(block.cells)
        ]


def element_name(name: str, block: Block, indices: tuple[int, ...]) -> str:
    """For example ``pte[0][1]``."""
    return name + "".join(
        f"[{values.show(i, t)}]" for i, t in zip(indices, block.indices, strict=True)
    )
