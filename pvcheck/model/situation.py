"""What control flow alone says of a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pvcheck.model.code import Mode
from pvcheck.model.semantics import Semantics

Holding = tuple[tuple[int, Mode], ...]
"""Lock cells, rising, and how they are held."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a thread can be, and with what."""

    location: int
    locals: tuple[tuple[int, Any], ...]
    """By slot, the values of some of those that are live there; of the others nothing is said."""
    held: Holding
    """All the locks that it holds."""


Situations = list[frozenset[Situation] | None]
"""Per thread, all in which it can be; ``None``: not known."""
Analysis = Callable[[Semantics], Situations]
