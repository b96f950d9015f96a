"""Lock cells and guards, for generated step functions.

A lock's cell holds 0 (free), ``t + 1`` (held by thread ``t`` exclusively), or minus the bit set of
the threads that share it. ``p`` is the number of the span to blame, ``w`` the shared part, ``i`` a
lock's cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from pvcheck.model.layout import Layout, element_name
from pvcheck.model.model import Fault
from pvcheck.model.runtime import Faulted, Shared, held, holds


class Locks:
    """The lock operations of an instance."""

    def __init__(self, layout: Layout) -> None:
        self.names = layout.lock_names

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The operations under the names that generated source uses."""
        return {
            "acquire": self.acquire,
            "acquire_shared": self.acquire_shared,
            "release": self.release,
            "upgrade": self.upgrade,
            "downgrade": self.downgrade,
            "try_acquire": self.try_acquire,
            "try_acquire_shared": self.try_acquire_shared,
            "finish": self.finish,
        }

    def acquire(self, w: list[Any], i: int, t: int, p: int) -> bool:
        """Take the lock exclusively; ``False`` if the thread must wait."""
        if self.try_acquire(w, i, t):
            return True
        if holds(w[i], t):
            self._misuse(p, f"{self.names[i]} is acquired by its holder")
        return False

    def acquire_shared(self, w: list[Any], i: int, t: int, p: int) -> bool:
        if self.try_acquire_shared(w, i, t):
            return True
        if holds(w[i], t):
            self._misuse(p, f"{self.names[i]} is acquired by its holder")
        return False

    def try_acquire(self, w: list[Any], i: int, t: int) -> bool:
        if w[i]:
            return False
        w[i] = t + 1
        return True

    def try_acquire_shared(self, w: list[Any], i: int, t: int) -> bool:
        if w[i] > 0 or holds(w[i], t):
            return False
        w[i] -= 1 << t
        return True

    def release(self, w: list[Any], i: int, t: int, p: int) -> None:
        if w[i] == t + 1:
            w[i] = 0
        elif holds(w[i], t):
            w[i] += 1 << t
        else:
            self._misuse(p, f"{self.names[i]} is released by a thread that does not hold it")

    def upgrade(self, w: list[Any], i: int, t: int, p: int) -> bool:
        """From shared to exclusive; ``False`` if others share the lock."""
        if w[i] >= 0 or not holds(w[i], t):
            self._misuse(p, f"{self.names[i]} is upgraded by a thread that does not share it")
        if w[i] != -(1 << t):
            return False
        w[i] = t + 1
        return True

    def downgrade(self, w: list[Any], i: int, t: int, p: int) -> None:
        if w[i] != t + 1:
            self._misuse(p, f"{self.names[i]} is downgraded by a thread that does not hold it")
        w[i] = -(1 << t)

    def finish(self, w: list[Any], t: int, before: frozenset[int], p: int) -> None:
        """Faults unless the thread holds the locks that it held ``before``."""
        now = held(w[: len(self.names)], t)
        if now != before:
            more = [self.names[i] for i in sorted(now - before)]
            less = [self.names[i] for i in sorted(before - now)]
            kept = f"returns holding {', '.join(more)}" if more else ""
            lost = f"returns having released {', '.join(less)}" if less else ""
            self._misuse(p, f"the operation {' and '.join(filter(None, (kept, lost)))}")

    def _misuse(self, p: int, detail: str) -> NoReturn:
        raise Faulted(Fault.LOCK_MISUSE, p, detail)


class Guards:
    """Which locks guard which element, and the faults of who does not hold them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.variables = tuple(layout.variables)
        self.tables: dict[int, tuple[tuple[int, ...], ...]] = {}
        """Per variable, per element: lock cells; for guards that do not depend on the state."""
        self.functions: dict[int, Callable[..., tuple[int, ...]]] = {}
        """Per variable: (shared part, span, *indices) to lock cells."""

    def cells(self, w: Shared, v: int, position: int, p: int) -> tuple[int, ...]:
        if (table := self.tables.get(v)) is not None:
            return table[position]
        block = self.layout.blocks[self.variables[v]]
        return self.functions[v](w, p, *block.element(position))

    def check_read(self, w: Shared, t: int, v: int, position: int, p: int) -> int:
        """``position``; faults unless the thread holds one of the locks."""
        cells = self.cells(w, v, position, p)
        if not any(holds(w[c], t) for c in cells):
            self._race(v, position, p, "read", " or ".join(map(self._name, cells)))
        return position

    def check_write(self, w: Shared, t: int, v: int, position: int, p: int) -> int:
        """``position``; faults unless the thread holds all the locks exclusively."""
        missing = [c for c in self.cells(w, v, position, p) if w[c] != t + 1]
        if missing:
            names = [self._name(c) + (" for writing" if holds(w[c], t) else "") for c in missing]
            self._race(v, position, p, "written", " and ".join(names))
        return position

    def _race(self, v: int, position: int, p: int, how: str, missing: str) -> None:
        name = self.variables[v]
        block = self.layout.blocks[name]
        element = element_name(name, block, block.element(position))
        text = f"{element} is {how} without holding {missing or 'a lock that guards it'}"
        raise Faulted(Fault.RACE, p, text)

    def _name(self, cell: int) -> str:
        return self.layout.lock_names[cell]
