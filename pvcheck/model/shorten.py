"""Shorter runs to the same violation.

Source: Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28, 2002): parts of the
run are left out, large ones first; a move that cannot be made any more is left out with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from pvcheck.model.replay import violated
from pvcheck.model.semantics import Semantics, after
from pvcheck.model.trace import Move


def shortened(
    semantics: Semantics, property_: str, moves: Sequence[Move], seconds: float
) -> list[Move]:
    """Moves that violate the property at their end, none of which can be left out alone, if time allows."""
    best = _run(semantics, property_, moves)
    assert best is not None, "the run violates the property"
    end = time.monotonic() + seconds
    size = max(1, len(best) // 2)
    while time.monotonic() < end:
        shorter = _without_some(semantics, property_, best, size, end)
        if shorter is not None:
            best = shorter
            size = max(1, min(size, len(best) // 2))
        elif size == 1:
            break
        else:
            size //= 2
    return best


def _without_some(
    semantics: Semantics, property_: str, moves: list[Move], size: int, end: float
) -> list[Move] | None:
    for begin in range(len(moves) - size, -1, -size):
        found = _run(semantics, property_, (*moves[:begin], *moves[begin + size :]))
        if found is not None and len(found) < len(moves):
            return found
        if time.monotonic() >= end:
            break
    return None


def _run(semantics: Semantics, property_: str, moves: Iterable[Move]) -> list[Move] | None:
    """Those of the moves that can be made, up to the first violation; ``None``: there is none."""
    state, fault = semantics.initial, semantics.initial_fault
    made: list[Move] = []
    if violated(semantics, property_, state, fault):
        return made
    for move in moves:
        result = semantics.run(state[0], state[1][move.thread], move.thread, move.choices)
        if result is None:
            continue
        outcome = result[0]
        made.append(move)
        state, fault = after(state, move.thread, outcome) or state, outcome.fault
        if violated(semantics, property_, state, fault):
            return made
        if fault is not None:
            return None
    return None
