"""Whether a state can be reached: visited one by one, as far as that goes."""

from __future__ import annotations

import enum

from pvcheck.engines.search import Search
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.trace import Move

MOST_STATES = 200_000
CHUNK = 1024


class Reached(enum.Enum):
    NEVER = enum.auto()
    UNKNOWN = enum.auto()
    """Not among as many states as were visited."""


def reached(semantics: Semantics, target: State, most: int = MOST_STATES) -> list[Move] | Reached:
    """The shortest way from the initial state to that one, if it is found."""
    search = Search(semantics, ())
    frontier = [] if search.initial is None else [search.initial]
    while frontier:
        found: list[int] = []
        for position in range(0, len(frontier), CHUNK):
            packed = search.packed(target)
            if packed is not None and packed in search.parents:
                return search.path(packed)
            if len(search.parents) > most:
                return Reached.UNKNOWN
            search.expand(frontier[position : position + CHUNK], found)
        frontier = found
    return Reached.NEVER
