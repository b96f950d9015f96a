"""States and steps in the words of traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvcheck.model.model import Location
from pvcheck.model.runtime import Note
from pvcheck.model.semantics import Local, Outcome, Semantics, Shared, State, after
from pvcheck.model.trace import Change, TraceStep, Waiter
from pvcheck.model.values import show


def location(semantics: Semantics, local: Local, thread: int) -> Location | None:
    """Where the thread is; ``None`` if it has finished or cannot start."""
    family = semantics.instance.threads[thread][0]
    return None if local[0] < 0 else family.locations[local[0]]


def held_locks(semantics: Semantics, shared: Shared, thread: int) -> tuple[str, ...]:
    names = semantics.layout.lock_names
    return tuple(
        names[cell] + (" (read)" if shared[cell] < 0 else "")
        for cell in sorted(semantics.held(shared, thread))
    )


def waiter(semantics: Semantics, state: State, thread: int, holders: int) -> Waiter:
    """Of a thread that waits for ``holders``, as bits."""
    shared, locals_ = state
    want = semantics.want(shared, locals_[thread], thread)
    assert want is not None, "only who wants a lock waits"
    name = semantics.instance.thread_name
    return Waiter(
        name(thread),
        semantics.layout.lock_names[want.cell],
        tuple(name(t) for t in range(holders.bit_length()) if holders >> t & 1),
    )


def waiters(semantics: Semantics, state: State) -> tuple[Waiter, ...]:
    waits = semantics.waits_for(state)
    return tuple(waiter(semantics, state, t, holders) for t, holders in waits.items())


def shared_state(semantics: Semantics, shared: Shared) -> tuple[tuple[str, str], ...]:
    """Every variable's elements with their values."""
    cells = semantics.layout.variable_cells()
    return tuple((name, show(shared[cell], type_)) for cell, name, type_ in cells)


def changes(semantics: Semantics, before: Shared, now: Shared) -> tuple[Change, ...]:
    return tuple(
        Change(name, show(before[cell], type_), show(now[cell], type_))
        for cell, name, type_ in semantics.layout.variable_cells()
        if before[cell] != now[cell]
    )


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run has got to."""

    state: State
    operations: tuple[str | None, ...]
    """Per thread, the operation it is in, with arguments."""


def start(semantics: Semantics) -> Run:
    """The beginning of every run, if there is one (see ``Semantics.initial_fault``)."""
    begun = (_operations(semantics, notes) for notes in semantics.initial_notes)
    return Run(semantics.initial, tuple(b[-1] if b else None for b in begun))


def follow_up(run: Run, thread: int, outcome: Outcome, operation: str | None) -> Run:
    """The run after an outcome that leaves the thread in ``operation``."""
    state = after(run.state, thread, outcome) or run.state
    operations = (*run.operations[:thread], operation, *run.operations[thread + 1 :])
    return Run(state, operations)


def step(
    semantics: Semantics, run: Run, thread: int, outcome: Outcome, notes: Sequence[Note]
) -> tuple[TraceStep, Run]:
    """An outcome as a trace shows it, and the run after it."""
    shared, locals_ = run.state
    begun = _operations(semantics, notes)
    current = run.operations[thread]
    last = begun[-1] if begun else current
    now = follow_up(run, thread, outcome, last)
    shown = current if current is not None else next((b for b in begun if b is not None), None)
    at = location(semantics, locals_[thread], thread)
    assert at is not None, "only who has not finished takes a step"
    return (
        TraceStep(
            thread=semantics.instance.thread_name(thread),
            operation=shown,
            statement=at.text,
            procedure=at.procedure,
            where=semantics.model.where(at.span),
            source=at.source,
            chosen=_chosen(semantics, thread, notes),
            held_before=held_locks(semantics, shared, thread),
            held_after=held_locks(semantics, now.state[0], thread),
            waits=waiters(semantics, now.state),
            changes=changes(semantics, shared, now.state[0]),
            state=shared_state(semantics, now.state[0]),
        ),
        now,
    )


def _operations(semantics: Semantics, notes: Sequence[Note]) -> list[str | None]:
    """The operations that notes say were begun, with arguments; ``None`` for each that finished."""
    declared = {o.name: o for o in semantics.model.operations}
    result: list[str | None] = []
    for what, subject, *more in notes:
        if what == "begin":
            arguments = zip(declared[subject].parameters, more[0], strict=True)
            text = ", ".join(f"{name}={show(value, type_)}" for (name, type_), value in arguments)
            result.append(f"{subject}({text})")
        elif what == "finish":
            result.append(None)
    return result


def _chosen(
    semantics: Semantics, thread: int, notes: Sequence[Note]
) -> tuple[tuple[str, str], ...]:
    locals_ = semantics.instance.threads[thread][0].locals
    return tuple(
        (locals_[slot].name, show(more[0], locals_[slot].type))
        for what, slot, *more in notes
        if what == "pick"
    )
