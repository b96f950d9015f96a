"""Invariants, judged once for all shared parts that look alike to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from pvcheck.model.semantics import Semantics, Shared


def view_of_cells(cells: Sequence[int]) -> Callable[[Shared], Any]:
    """From a shared part to what these cells hold."""
    return itemgetter(*cells) if cells else lambda _: None


class Judge:
    """Judges an invariant once for all shared parts that look alike to it."""

    def __init__(self, semantics: Semantics, name: str, *, asked: bool) -> None:
        self.name = name
        self.asked = asked
        """Whether it matters if the invariant is violated."""
        self.open = False
        """Whether its window, or premise, held for some binding in some state."""
        self._semantics = semantics
        self._view = view_of_cells(semantics.cells_of(name))
        self._seen: set[Any] = set()

    def violated(self, shared: Shared) -> bool:
        """Whether the invariant is asked for, and violated as it was not before."""
        view = self._view(shared)
        if view in self._seen:
            return False
        self._seen.add(view)
        self.open = self.open or self._semantics.opens(self.name, shared)
        return self.asked and not self._semantics.holds(self.name, shared)

    def forget(self) -> None:
        self._seen.clear()
