"""What a candidate fact of a loop is, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pvcheck.model.code import Code
from pvcheck.model.expr import Op
from pvcheck.model.model import Location
from pvcheck.proof.flow import Changes
from pvcheck.proof.state import Setting, ThreadState


@dataclass(frozen=True, slots=True)
class Template:
    """A fact about a state at the head, in which the entry state is fixed."""

    name: str
    formula: Callable[[ThreadState], Any]
    about_data: bool = False
    """Whether only invariants need it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A loop and the state in which it is entered."""

    setting: Setting
    location: Location
    changes: Changes
    state: ThreadState
    takes: Takes
    inside: frozenset[int] = frozenset()
    """The locations of the loop."""

    @property
    def body(self) -> tuple[Code, ...]:
        """The steps of the loop."""
        locations = self.setting.family.locations
        return tuple(locations[number].code for number in sorted(self.inside))


Takes = Mapping[tuple[int, int], Op]
"""Locals that are the least (``MIN``) or the greatest of what is left in another, or were."""
