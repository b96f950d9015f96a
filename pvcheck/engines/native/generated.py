"""The C of an instance, as data."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.model import BUILT_IN
from pvcheck.model.program import Covered


@dataclass(frozen=True, slots=True)
class Generated:
    """The C of an instance, and what its numbers stand for."""

    header: str
    """What all parts begin with."""
    steps: tuple[str, ...]
    """The functions of steps, each in the part of any file."""
    main: str
    """The rest, to which the search belongs."""
    items: tuple[tuple[Covered, ...], ...]
    """What steps can cover, in groups."""
    edges: tuple[tuple[str, str, str], ...]
    """Lock classes, held and taken, and inside a class the direction."""
    classes: tuple[str, ...]
    invariants: tuple[str, ...]

    @property
    def properties(self) -> tuple[str, ...]:
        """By number in C."""
        return (*BUILT_IN, *self.invariants)
