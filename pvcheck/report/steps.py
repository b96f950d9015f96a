"""The steps of a trace as a table: the short form, below a violated property."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvcheck.model.trace import Trace, TraceStep, Waiter
from pvcheck.report.columns import Cell, table

_HEADER = ("step", "thread", "operation", "locks held", "change", "where")
_LEAST = (4, 6, 22, 10, 14, 99)
"""Where a step is stays in one piece: it is for editors."""
_LONGEST = 60
"""Of a statement: the whole of it is in the file, and in the picture."""


def step_table(trace: Trace, width: int) -> list[str]:
    """One row per step: who does what, the locks held after it, and what it changed."""
    rows = list(_rows(trace))
    if not rows:
        return ["the initial state, before any step"]
    return table(_HEADER, rows, width, least=_LEAST)


def _rows(trace: Trace) -> Iterator[tuple[Cell, ...]]:
    operations: dict[str, str | None] = {}
    waits: tuple[Waiter, ...] = ()
    for number, step in enumerate(trace.steps, start=1):
        if trace.loop == number - 1:
            yield (("",), ("",), ("again and again:",), ("",), ("",), ("",))
        before = operations.get(step.thread)
        yield (
            (str(number),),
            (step.thread,),
            tuple(t if t == step.operation else _clipped(t) for t in action(step, before)),
            (", ".join(step.held_after),),
            (
                *chosen(step, before),
                *(f"{change.name} = {change.after}" for change in step.changes),
                *(f"{w.thread} waits for {w.lock}" for w in newly_waiting(waits, step.waits)),
            ),
            (step.where.rpartition("/")[2],),
        )
        operations[step.thread] = step.operation
        waits = step.waits


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4].rstrip()} ..."


def action(step: TraceStep, operation: str | None) -> tuple[str, ...]:
    """The statement of a step, below the operation if its thread was not in it before."""
    statement = step.statement.removesuffix(";")
    if step.operation is None:
        return (statement,)
    # A step that only calls the operation says so once, with the values of the arguments.
    if statement.startswith(f"{step.operation.partition('(')[0]}("):
        return (step.operation,)
    if step.operation == operation:
        return (statement,)
    return (step.operation,) if statement == "choose" else (step.operation, statement)


def chosen(step: TraceStep, operation: str | None) -> tuple[str, ...]:
    """What the step picked, unless the arguments of the operation it starts say so."""
    arguments = step.operation if step.operation != operation and step.operation else ""
    return tuple(
        f"{name} is {value}"
        for name, value in step.chosen
        if f"={value}," not in arguments and f"={value})" not in arguments
    )


def newly_waiting(before: Sequence[Waiter], after: Sequence[Waiter]) -> tuple[Waiter, ...]:
    """The waiters of ``after`` that did not wait for the same lock before."""
    known = {(w.thread, w.lock) for w in before}
    return tuple(w for w in after if (w.thread, w.lock) not in known)


def waits_for(waiter: Waiter) -> str:
    """For example ``waits for pv[1], held by cpu[1]``."""
    holders = f", held by {' and '.join(waiter.holders)}" if waiter.holders else ""
    return f"waits for {waiter.lock}{holders}"
