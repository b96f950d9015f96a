"""Runs without end: which are fair, and who starves in them.

A run without end is a stem and a loop that is gone round for ever. A thread starves if it is inside an
operation in all of the loop, and never finishes it. What is assumed of the scheduler:

- fair threads (weak fairness): a thread that can take a step everywhere in the loop takes one in it;
- fair locks (strong fairness of the hand-off): so does one that waits for a lock which is there for it
  somewhere in the loop;
- fair awaits (strong fairness of sleep queues): so does one that awaits a condition which holds somewhere in it.

A loop without steps is the end of everything: nobody can move.

Source: Lamport, "Proving the Correctness of Multiprocess Programs" (IEEE TSE 3, 1977); Francez, "Fairness" (1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvcheck.model.model import Progress
from pvcheck.model.runtime import Note
from pvcheck.model.semantics import Semantics, State, after
from pvcheck.model.trace import Move


class NoStarvation(Exception):
    """The run is none, is not fair, or nobody starves in it; the message says what."""


@dataclass(frozen=True, slots=True)
class Starvation:
    """A fair run without end."""

    threads: tuple[int, ...]
    """Those that starve."""
    states: tuple[State, ...]
    """Of the loop, one before each step, or the last state of all."""
    rounds: dict[int, int]
    """Per thread, the steps that it takes in the loop."""


def starvation(
    semantics: Semantics, declared: Progress, moves: Sequence[Move], loop: int
) -> Starvation:
    """Judge the run whose first ``loop`` moves are the stem, and the others the loop.

    Raises:
        NoStarvation: it does not violate the property.
    """
    state = semantics.initial
    inside = {
        thread
        for thread, notes in enumerate(semantics.initial_notes)
        if _is_inside(notes, declared.operation, now=False)
    }
    states: list[State] = [state]
    finished: set[int] = set()
    for number, move in enumerate(moves):
        result = semantics.run(state[0], state[1][move.thread], move.thread, move.choices)
        next_ = None if result is None else after(state, move.thread, result[0])
        if result is None or next_ is None:
            raise NoStarvation(f"step {number + 1} cannot be taken, or ends in a fault")
        now = move.thread in inside
        if _is_inside(result[1], declared.operation, now=now):
            inside.add(move.thread)
        else:
            inside.discard(move.thread)
        if number >= loop and ("finish", declared.operation) in [n[:2] for n in result[1]]:
            finished.add(move.thread)
        state = next_
        states.append(state)
    if state != states[loop]:
        raise NoStarvation("the loop does not end where it begins")
    starving = tuple(sorted(inside - finished))
    if not starving:
        raise NoStarvation(f"no thread stays inside {declared.operation}")
    round_ = tuple(states[loop:-1] or states[loop:])
    takers = [move.thread for move in moves[loop:]]
    _fair(semantics, declared, round_, set(takers))
    return Starvation(starving, round_, {t: takers.count(t) for t in dict.fromkeys(takers)})


def _is_inside(notes: Sequence[Note], operation: str, *, now: bool) -> bool:
    for what, subject, *_ in notes:
        if subject == operation and what in ("begin", "finish"):
            now = what == "begin"
    return now


def _fair(
    semantics: Semantics, declared: Progress, states: Sequence[State], takers: set[int]
) -> None:
    for thread in range(len(states[0][1])):
        if thread in takers:
            continue
        able = [can_move(semantics, s, thread) for s in states]
        name = semantics.instance.thread_name(thread)
        if not takers and any(able):
            raise NoStarvation(f"{name} can take a step at the end")
        if "threads" in declared.fair and all(able):
            raise NoStarvation(f"{name} can take a step all the time, and takes none")
        if any(able) and is_owed(semantics, declared, states[0], thread):
            raise NoStarvation(f"{name} never gets what is there for it")


def can_move(semantics: Semantics, state: State, thread: int) -> bool:
    return bool(semantics.outcomes(state[0], state[1][thread], thread))


def is_owed(semantics: Semantics, declared: Progress, state: State, thread: int) -> bool:
    """Whether the thread is where it goes on at last if it can again and again."""
    shared, locals_ = state
    if "awaits" in declared.fair and semantics.awaits(locals_[thread], thread):
        return True
    return "locks" in declared.fair and semantics.want(shared, locals_[thread], thread) is not None
