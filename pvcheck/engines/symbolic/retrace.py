"""From the states that a solver names to the steps between them, as the reference semantics takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvcheck.model.model import Fault
from pvcheck.model.semantics import Semantics, State, after
from pvcheck.model.trace import Move

MOST_TRIED = 100_000
"""Steps that are tried for one transaction."""


class Unfounded(Exception):
    """The reference semantics knows no such run: a bug of ours."""


def moves_along(
    semantics: Semantics, states: Sequence[State], threads: Sequence[int], fault: Fault | None
) -> list[Move]:
    """Steps that lead through the states.

    ``threads``: who steps from each state but the last; with ``fault`` from the last one too, and that ends in it.

    Raises:
        Unfounded: there are none.
    """
    moves: list[Move] = []
    for n, (before, thread) in enumerate(zip(states, threads, strict=False)):
        target = states[n + 1] if n + 1 < len(states) else None
        moves += _between(semantics, before, thread, target, fault)
    return moves


def _between(
    semantics: Semantics, before: State, thread: int, target: State | None, fault: Fault | None
) -> list[Move]:
    """The fewest steps of the thread to the target or, without one, to the fault."""
    come: dict[State, tuple[State, Move] | None] = {before: None}
    todo = [before]
    tried = 0
    for state in todo:
        for outcome in semantics.outcomes(state[0], state[1][thread], thread):
            tried += 1
            move = Move(thread, outcome.choices)
            if outcome.fault is not None:
                if target is None and outcome.fault.kind is fault:
                    return [*_way(come, state), move]
                continue
            following = after(state, thread, outcome)
            assert following is not None, "there was no fault"
            if following == target:
                return [*_way(come, state), move]
            if following not in come:
                come[following] = state, move
                todo.append(following)
        if tried > MOST_TRIED:
            break
    raise Unfounded(f"thread {thread} cannot go on as the solver says")


def _way(come: dict[State, tuple[State, Move] | None], state: State) -> list[Move]:
    return list(reversed(list(_back(come, state))))


def _back(come: dict[State, tuple[State, Move] | None], state: State) -> Iterator[Move]:
    while (step := come[state]) is not None:
        state, move = step
        yield move
