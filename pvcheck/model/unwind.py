"""From runs up to symmetry to real ones: the moves of ordinary steps that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pvcheck.model.runtime import Note
from pvcheck.model.semantics import Outcome, Semantics, State, after
from pvcheck.model.symmetry import Group, Renaming, comparable
from pvcheck.model.trace import Move
from pvcheck.model.transactions import Transactions
from pvcheck.model.types import Type

Stepper = Semantics | Transactions
"""Whose steps a run is made of."""


def through(
    semantics: Stepper,
    group: Group,
    states: Sequence[State],
    canonical: Callable[[State], State] | None = None,
) -> list[Move]:
    """Moves from the initial state that pass states symmetric to these, and end in the last itself.

    The first is the initial state; each has a step to a state symmetric to the next. ``canonical``:
    the same for symmetric states; by default that of the group, which may take long.
    """
    canonical = canonical or group.canonical
    moves: list[Move] = []
    state = states[0]
    for target in states[1:]:
        wanted = canonical(target)
        step = next(
            (
                (Move(thread, outcome.choices), reached)
                for thread, outcome, reached in semantics.successors(state)
                if reached is not None and canonical(reached) == wanted
            ),
            None,
        )
        assert step is not None, "symmetric states have symmetric steps"
        moves.append(step[0])
        state = step[1]
    return rename(semantics, group.renaming(state, states[-1]), moves)


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of a run up to symmetry, in the representative of the state before it."""

    thread: int
    outcome: int
    """Its number among the outcomes of the thread's step."""
    renaming: int
    """Number of one that takes the state after it to its representative."""


def unwound(
    semantics: Stepper, group: Group | None, steps: Sequence[Taken]
) -> tuple[list[Move], Renaming | None]:
    """The moves of a real run from the initial state whose states these steps pass, renamed; and what
    takes the last representative to the real state.

    Without a group there is nothing to rename. A fault ends the run.
    """
    moves: list[Move] = []
    state = seen = semantics.initial
    """The real state, and its representative."""
    back = None if group is None else group.renamings[0]
    """What takes the representative to the real one."""
    for step in steps:
        outcome = semantics.outcomes(seen[0], seen[1][step.thread], step.thread)[step.outcome]
        reached = after(seen, step.thread, outcome)
        thread = step.thread
        if group is None or back is None:
            moves.append(Move(thread, outcome.choices))
            if reached is None:
                break
            seen = reached
            continue
        thread = back.threads[step.thread]
        wanted = None if reached is None else back.state(reached)
        moves.append(Move(thread, _choices(semantics, state, thread, wanted, outcome)))
        if reached is None or wanted is None:
            break
        state, seen = wanted, group.renamings[step.renaming].state(reached)
        back = group.combined(group.inverse[step.renaming], back)
    return moves, back


def reached(semantics: Semantics, moves: Sequence[Move]) -> State:
    """The state after a run; before the last move, if that ends in a fault."""
    state = semantics.initial
    for move in moves:
        state = after(state, move.thread, _run(semantics, state, move)[0]) or state
    return state


Edge = tuple[str, str, str]
"""Lock classes, held and taken, and inside a class the direction."""


def renamed_edges(
    semantics: Semantics, group: Group, moves: Sequence[Move], thread: int
) -> Iterator[tuple[Edge, tuple[list[Move], int]]]:
    """The edges inside a class to the lock that the thread is about to take after the run, as they are in
    states that are left out; each with such a run and its thread."""
    state = reached(semantics, moves)
    want = semantics.want(state[0], state[1][thread], thread)
    assert want is not None, "the thread is about to take a lock"
    lock_of = semantics.layout.lock_of
    class_ = lock_of[want.cell][0]
    for cell in semantics.held(state[0], thread) - {want.cell}:
        if lock_of[cell][0] == class_:
            for renaming in group.renamings:
                held, taken = (lock_of[renaming.cells[c]][1] for c in (cell, want.cell))
                direction = "ascending" if held < taken else "descending"
                run = rename(semantics, renaming, moves), renaming.threads[thread]
                yield (class_, class_, direction), run


def rename(semantics: Stepper, renaming: Renaming, moves: Sequence[Move]) -> list[Move]:
    """The moves of the run in which everything is renamed; the initial state stays as it is.

    A last move that ends in a fault becomes one that ends in the same fault.
    """
    if renaming.is_identity:
        return list(moves)
    result: list[Move] = []
    state = now = semantics.initial
    for move in moves:
        outcome = _outcome(semantics, state, move)
        thread = renaming.threads[move.thread]
        reached = after(state, move.thread, outcome)
        wanted = None if reached is None else renaming.state(reached)
        result.append(Move(thread, _choices(semantics, now, thread, wanted, outcome)))
        if reached is not None and wanted is not None:
            state, now = reached, wanted
    return result


def _choices(
    semantics: Stepper, state: State, thread: int, wanted: State | None, like: Outcome
) -> tuple[int, ...]:
    """Those by which the thread's step leads to ``wanted``, or to the same fault as ``like``."""
    choices = next(
        (
            other.choices
            for other in semantics.outcomes(state[0], state[1][thread], thread)
            if after(state, thread, other) == wanted and _same_fault(other, like)
        ),
        None,
    )
    assert choices is not None, "symmetric states have symmetric steps"
    return choices


def tidy(semantics: Semantics, group: Group, moves: Sequence[Move]) -> list[Move]:
    """The run renamed: the first thread takes the last step, if it can be, and low elements come first."""
    picks = list(_picks(semantics, moves))

    def key(renaming: Renaming) -> tuple[object, ...]:
        threads = [renaming.threads[move.thread] for move in moves]
        changes = ((renaming.change(type_), value) for type_, value in picks)
        values = [comparable(value if c is None else c(value)) for c, value in changes]
        return (threads[-1:], threads, values)

    return rename(semantics, min(group.renamings, key=key), moves)


def _picks(semantics: Semantics, moves: Sequence[Move]) -> Iterator[tuple[Type, Any]]:
    """What the run picks, in order."""
    state = semantics.initial
    for move in moves:
        locals_ = semantics.instance.threads[move.thread][0].locals
        outcome, notes = _run(semantics, state, move)
        yield from ((locals_[note[1]].type, note[2]) for note in notes if note[0] == "pick")
        state = after(state, move.thread, outcome) or state


def _outcome(semantics: Stepper, state: State, move: Move) -> Outcome:
    outcomes = semantics.outcomes(state[0], state[1][move.thread], move.thread)
    return next(outcome for outcome in outcomes if outcome.choices == move.choices)


def _run(semantics: Semantics, state: State, move: Move) -> tuple[Outcome, list[Note]]:
    result = semantics.run(state[0], state[1][move.thread], move.thread, move.choices)
    assert result is not None, "the moves are a run"
    return result


def _same_fault(one: Outcome, other: Outcome) -> bool:
    if one.fault is None or other.fault is None:
        return one.fault is other.fault
    return (one.fault.kind, one.fault.span) == (other.fault.kind, other.fault.span)
