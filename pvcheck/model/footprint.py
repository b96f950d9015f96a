"""Which cells of the shared part an expression or a step can depend on or change."""

from __future__ import annotations

from typing import Any

from pvcheck.model.code import Begin, Bump, Finish, Lock, Place, TryLock
from pvcheck.model.expr import Changed, LockTest, Read, TakeSnapshot
from pvcheck.model.layout import Block, Layout
from pvcheck.model.walk import nodes


def footprint(layout: Layout, root: Any) -> frozenset[int]:
    """A superset of the cells that matter to ``root`` and that it changes.

    The snapshot cells of the stepping thread are left out: they matter to every step.
    """
    cells: set[int] = set()
    for node in nodes(root):
        match node:
            case Read(variable=str(name)) | Place(variable=str(name)):
                cells |= _variable(layout, name)
            case TakeSnapshot(counter=name) | Changed(counter=name) | Bump(counter=name):
                cells |= _guard(layout, name)
                cells.update(layout.snapshot_cells(name))
            case Lock(lock=lock) | TryLock(lock=lock) | LockTest(lock=lock):
                cells |= _cells(layout.lock_blocks[lock.lock])
            case Begin() | Finish():
                cells.update(range(layout.lock_cells))
            case _:
                pass
    return frozenset(cells)


def _variable(layout: Layout, name: str) -> set[int]:
    return _cells(layout.blocks[name]) | _guard(layout, name)


def _guard(layout: Layout, name: str) -> set[int]:
    """What decides whether a thread holds the guard: its locks, and what says which they are."""
    cells: set[int] = set()
    guard = layout.variables[name].guard
    for lock in guard.locks if guard is not None else ():
        cells |= _cells(layout.lock_blocks[lock.lock.lock])
        for node in nodes(lock):
            if isinstance(node, Read):
                # Not its guard: reads that find out which lock guards are not guarded.
                cells |= _cells(layout.blocks[node.variable])
            elif isinstance(node, LockTest):
                cells |= _cells(layout.lock_blocks[node.lock.lock])
    return cells


def _cells(block: Block) -> set[int]:
    return set(range(block.start, block.start + block.cells))
