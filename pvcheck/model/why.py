"""Why a property is false at the end of a run, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from pvcheck.model import describe, why_invariant
from pvcheck.model.fairness import Starvation
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Progress
from pvcheck.model.semantics import STUCK, Semantics, State, StepFault, wait_forever
from pvcheck.model.trace import TraceStep


def lines(
    semantics: Semantics, property_: str, state: State, fault: StepFault | None
) -> tuple[str, ...]:
    """For a property that the run violates."""
    if fault is not None:
        return (f"{fault.detail} ({semantics.model.where(fault.span)})",)
    if property_ == DEADLOCK:
        return _deadlock(semantics, state)
    if property_ == LOCK_ORDER:
        return _lock_order(semantics, state)
    invariant = next(i for i in semantics.model.invariants if i.name == property_)
    return why_invariant.lines(semantics, invariant, state[0])


def starving(
    semantics: Semantics,
    declared: Progress,
    found: Starvation,
    steps: Sequence[TraceStep],
    loop: int,
) -> tuple[str, ...]:
    """For a run without end in which threads never finish an operation."""
    names = [semantics.instance.thread_name(t) for t in found.threads]
    result = [f"{_list(tuple(names))} never finishes {declared.operation}"]
    if len(names) > 1:
        result = [f"{_list(tuple(names))} never finish {declared.operation}"]
    if loop == len(steps):
        return (*result, "nobody can move", *_standing(semantics, found.states[0]))
    fair = ", ".join(declared.fair) or "nothing"
    taken = f"steps {loop + 1} to {len(steps)} are"
    if loop + 1 == len(steps):
        taken = f"step {len(steps)} is"
    result.append(f"{taken} taken again and again, fair to {fair}")
    for thread, name in zip(found.threads, names, strict=True):
        result.append(f"in each round {name} takes {_steps(found.rounds.get(thread, 0))}")
        waits: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for number, step in enumerate(steps[loop:], start=loop + 1):
            for waiter in step.waits:
                if waiter.thread == name:
                    waits.setdefault((waiter.lock, waiter.holders), []).append(number)
        for (lock, holders), numbers in waits.items():
            when = (
                f"step {numbers[0]}"
                if len(numbers) == 1
                else f"steps {numbers[0]} to {numbers[-1]}"
            )
            result.append(f"{name} waits for {lock}, held by {_list(holders)} ({when})")
    return tuple(result)


def _steps(number: int) -> str:
    return "no step" if number == 0 else f"{number} step" + "s" * (number > 1)


def _deadlock(semantics: Semantics, state: State) -> tuple[str, ...]:
    waits = semantics.waits_for(state)
    path = wait_forever(waits, semantics.finished(state))
    if not path:
        return ("nobody can move", *_standing(semantics, state))
    name = semantics.instance.thread_name
    result: list[str] = []
    for thread in path:
        if thread not in waits:
            result.append(f"{name(thread)} has finished and never lets go")
            continue
        waiter = describe.waiter(semantics, state, thread, waits[thread])
        result.append(f"{waiter.thread} waits for {waiter.lock}, held by {_list(waiter.holders)}")
    return tuple(result)


def _standing(semantics: Semantics, state: State) -> list[str]:
    """What each thread that has not finished waits for."""
    result: list[str] = []
    waits = semantics.waits_for(state)
    for thread, local in enumerate(state[1]):
        at = describe.location(semantics, local, thread)
        name = semantics.instance.thread_name(thread)
        if thread in waits:
            waiter = describe.waiter(semantics, state, thread, waits[thread])
            result.append(f"{name} waits for {waiter.lock}, held by {_list(waiter.holders)}")
        elif local[0] == STUCK:
            result.append(f"{name} cannot start")
        elif at is not None:
            what = "waits" if semantics.awaits(local, thread) else "has no way to go on"
            result.append(f"{name} {what} at `{at.text}` ({semantics.model.where(at.span)})")
    return result


def _list(names: tuple[str, ...]) -> str:
    return " and ".join(names)


def _lock_order(semantics: Semantics, state: State) -> tuple[str, ...]:
    shared, locals_ = state
    names = semantics.layout.lock_names
    for thread, local in enumerate(locals_):
        held = semantics.out_of_order(shared, local, thread)
        want = semantics.want(shared, local, thread)
        if held and want is not None:
            name = semantics.instance.thread_name(thread)
            before = _list(tuple(names[cell] for cell in held))
            return (
                f"{name} is about to acquire {names[want.cell]} while it holds {before}",
                f"the order does not allow {names[want.cell]} after {before}",
            )
    return ()
