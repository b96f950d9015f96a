"""Is this a run of the instance, and does it violate the property?

Every counterexample goes through here before a user sees it, whoever found it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pvcheck.model import describe, why
from pvcheck.model.fairness import NoStarvation, starvation
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Fault, Model, Progress
from pvcheck.model.semantics import Outcome, Semantics, State, StepFault, wait_forever
from pvcheck.model.trace import Change, Move, Trace, TraceStep, Waiter


class ReplayError(Exception):
    """The moves are not a run, or it does not violate the property: a bug of who found them."""


def trace_of(
    semantics: Semantics,
    property_: str,
    moves: Sequence[Move],
    *,
    mutant: str | None = None,
    loop: int | None = None,
) -> Trace:
    """The run that the moves make, as a trace that violates the property at its end.

    ``loop``: how many moves come before those that are made again and again.

    Raises:
        ReplayError: naming the first move that is impossible, or the property that holds.
    """
    run, fault, steps = _followed(semantics, moves)
    try:
        reasons = _reasons(
            semantics, property_, moves, steps, state=run.state, fault=fault, loop=loop
        )
    except NoStarvation as error:
        raise ReplayError(str(error)) from error
    return replace(
        _trace(semantics, property_, reasons, steps),
        mutant=mutant,
        cycle=cycle(semantics, run.state) if property_ == DEADLOCK else (),
        loop=loop,
    )


def run_to(
    semantics: Semantics,
    finding: str,
    moves: Sequence[Move],
    reasons: Callable[[State], tuple[str, ...]],
) -> Trace:
    """The run that the moves make, as a trace to a state that shows something which is no property.

    ``reasons``: why the state shows it; none: it does not.

    Raises:
        ReplayError: naming the first move that is impossible, or what the state does not show.
    """
    run, fault, steps = _followed(semantics, moves)
    found = () if fault is not None else reasons(run.state)
    if not found:
        raise ReplayError(f"step {len(moves)}: there is no {finding} here")
    return _trace(semantics, finding, found, steps)


def _followed(
    semantics: Semantics, moves: Sequence[Move]
) -> tuple[describe.Run, StepFault | None, list[TraceStep]]:
    """
    Raises:
        ReplayError: a move is impossible.
    """
    run = describe.start(semantics)
    fault = semantics.initial_fault
    steps: list[TraceStep] = []
    for number, move in enumerate(moves, start=1):
        if fault is not None:
            raise ReplayError(f"step {number}: the run has ended in a {fault.kind} fault")
        result = _run(semantics, run.state, move)
        if result is None:
            raise ReplayError(f"step {number}: thread {move.thread} has no outcome {move.choices}")
        outcome, notes = result
        step, run = describe.step(semantics, run, move.thread, outcome, notes)
        steps.append(step)
        fault = outcome.fault
    return run, fault, steps


def _trace(
    semantics: Semantics, property_: str, reasons: tuple[str, ...], steps: Sequence[TraceStep]
) -> Trace:
    return Trace(
        specification=semantics.model.sources[0].name,
        hash=hash_of(semantics.model),
        instance=semantics.instance.name,
        values=instance_values(semantics),
        only=semantics.instance.only,
        mutant=None,
        property=property_,
        why=reasons,
        initial=(
            ()
            if semantics.initial_fault
            else describe.shared_state(semantics, semantics.initial[0])
        ),
        steps=tuple(steps),
        cycle=(),
    )


def _reasons(
    semantics: Semantics,
    property_: str,
    moves: Sequence[Move],
    steps: Sequence[TraceStep],
    *,
    state: State,
    fault: StepFault | None,
    loop: int | None,
) -> tuple[str, ...]:
    """Why the run violates the property.

    Raises:
        NoStarvation, ReplayError: it does not.
    """
    declared = progress_of(semantics.model, property_)
    if declared is not None:
        if loop is None:
            raise NoStarvation("a run that ends starves nobody")
        found = starvation(semantics, declared, moves, loop)
        return why.starving(semantics, declared, found, steps, loop)
    if not violated(semantics, property_, state, fault):
        raise ReplayError(f"step {len(moves)}: {property_} is not violated here")
    return why.lines(semantics, property_, state, fault)


def progress_of(model: Model, property_: str) -> Progress | None:
    """What is declared of a property about progress."""
    return next((p for p in model.progress if p.name == property_), None)


def violated(semantics: Semantics, property_: str, state: State, fault: StepFault | None) -> bool:
    """Whether a run to ``state``, ended by ``fault`` if any, violates the property at its end."""
    if property_ in tuple(Fault):
        return fault is not None and fault.kind == property_
    if fault is not None:
        return False
    if property_ == DEADLOCK:
        return semantics.deadlocked(state)
    if property_ == LOCK_ORDER:
        shared, locals_ = state
        return any(semantics.out_of_order(shared, x, t) for t, x in enumerate(locals_))
    return not semantics.holds(property_, state[0])


def cycle(semantics: Semantics, state: State) -> tuple[Waiter, ...]:
    """The threads that wait for each other, or on the way to one that has finished."""
    waits = semantics.waits_for(state)
    path = wait_forever(waits, semantics.finished(state))
    return tuple(describe.waiter(semantics, state, t, waits[t]) for t in path if t in waits)


def about_to(semantics: Semantics, moves: Sequence[Move], thread: int) -> TraceStep:
    """The step that a thread wants to take after the moves, as if it got the lock it asks for."""
    run = describe.start(semantics)
    for move in moves:
        result = _run(semantics, run.state, move)
        assert result is not None, "the engine took these moves"
        run = describe.step(semantics, run, move.thread, *result)[1]
    shared, locals_ = run.state
    nothing = Outcome((), shared, locals_[thread], 0, None)
    step, _ = describe.step(semantics, run, thread, nothing, ())
    want = semantics.want(shared, locals_[thread], thread)
    assert want is not None, "asked only of who wants a lock"
    held = (*step.held_before, semantics.layout.lock_names[want.cell])
    return replace(step, held_after=held, waits=(), changes=(), state=())


def hash_of(model: Model) -> str:
    """SHA-256 of the texts of the model's sources, in order, each with its length before it."""
    digest = hashlib.sha256()
    for source in model.sources:
        text = source.text.encode("utf-8", "surrogatepass")
        digest.update(f"{len(text)}\n".encode() + text)
    return digest.hexdigest()


def instance_values(semantics: Semantics) -> tuple[tuple[str, int | bool], ...]:
    """All sizes and parameters, in the order of their declarations."""
    instance, model = semantics.instance, semantics.model
    return (
        *((s.type.name, instance.sizes[s.type.name]) for s in model.sorts),
        *((p.name, instance.parameters[p.name]) for p in model.parameters),
    )


def _run(
    semantics: Semantics, state: State, move: Move
) -> tuple[Outcome, list[tuple[object, ...]]] | None:
    if not 0 <= move.thread < len(state[1]):
        return None
    return semantics.run(state[0], state[1][move.thread], move.thread, move.choices)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where a saved trace stops being a counterexample of the present model."""

    step: int
    """From 1; 0: before the first; one more than there are: at the end."""
    reason: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    run: describe.Run
    fault: StepFault | None
    moves: tuple[Move, ...]


def follow(semantics: Semantics, trace: Trace) -> tuple[Move, ...] | Mismatch:
    """Moves that do again what the trace shows, though the model may have changed since.

    A step agrees if the same thread executes the same statement in the same operation with the same
    changes; where several do, all are kept. ``trace_of`` makes a new trace of the moves.
    """
    if trace.property not in semantics.model.properties:
        return Mismatch(0, f"the specification has no property {trace.property}")
    names = {semantics.instance.thread_name(t): t for t in range(len(semantics.instance.threads))}
    candidates = [_Candidate(describe.start(semantics), semantics.initial_fault, ())]
    if not semantics.initial_fault:
        initial = describe.shared_state(semantics, semantics.initial[0])
        if initial != trace.initial:
            return Mismatch(0, "the initial state is " + _difference(trace.initial, initial))
    for number, step in enumerate(trace.steps, start=1):
        if step.thread not in names:
            return Mismatch(number, f"there is no thread {step.thread} in this instance")
        agreeing: dict[object, _Candidate] = {}
        met: list[TraceStep] = []
        for candidate in candidates:
            for found, now in _steps(semantics, candidate, names[step.thread]):
                met.append(found)
                if _agree(found, step):
                    agreeing.setdefault((now.run, now.fault), now)
        if not agreeing:
            return Mismatch(number, _disagreement(step, met))
        candidates = list(agreeing.values())
    declared = progress_of(semantics.model, trace.property)
    if declared is not None:
        return _starved(semantics, declared, candidates, trace)
    for candidate in candidates:
        if violated(semantics, trace.property, candidate.run.state, candidate.fault):
            return candidate.moves
    return Mismatch(len(trace.steps) + 1, f"{trace.property} is not violated at the end")


def _starved(
    semantics: Semantics, declared: Progress, candidates: Sequence[_Candidate], trace: Trace
) -> tuple[Move, ...] | Mismatch:
    reason = "a run that ends starves nobody"
    for candidate in candidates if trace.loop is not None else ():
        try:
            starvation(semantics, declared, candidate.moves, trace.loop or 0)
        except NoStarvation as error:
            reason = str(error)
        else:
            return candidate.moves
    return Mismatch(len(trace.steps) + 1, f"{trace.property} is not violated: {reason}")


def _steps(
    semantics: Semantics, candidate: _Candidate, thread: int
) -> Iterator[tuple[TraceStep, _Candidate]]:
    """What the thread can do; nothing after a fault."""
    if candidate.fault is not None:
        return
    shared, locals_ = candidate.run.state
    for outcome in semantics.outcomes(shared, locals_[thread], thread):
        result = semantics.run(shared, locals_[thread], thread, outcome.choices)
        assert result is not None, "outcomes can be run again"
        step, run = describe.step(semantics, candidate.run, thread, *result)
        move = Move(thread, outcome.choices)
        yield step, _Candidate(run, outcome.fault, (*candidate.moves, move))


def _agree(found: TraceStep, step: TraceStep) -> bool:
    return (found.statement, found.operation, found.changes) == (
        step.statement,
        step.operation,
        step.changes,
    )


def _disagreement(step: TraceStep, met: list[TraceStep]) -> str:
    """Why none of the steps met is the one wanted."""
    cannot = f"{step.thread} cannot do `{step.statement}` here"
    if not met:
        return f"{cannot}: it can do nothing"
    statements = list(dict.fromkeys(m.statement for m in met))
    if step.statement not in statements:
        return f"{cannot}: it can only do {', '.join(f'`{s}`' for s in statements)}"
    same = [m for m in met if m.statement == step.statement]
    operations = list(dict.fromkeys(m.operation or "no operation" for m in same))
    if step.operation not in [m.operation for m in same]:
        wanted = step.operation or "no operation"
        return f"{cannot} in {wanted}: it is in {', '.join(operations)}"
    found = next(m for m in same if m.operation == step.operation)
    return (
        f"`{step.statement}` of {step.thread} changes {_changes(found.changes)}"
        f" instead of {_changes(step.changes)}"
    )


def _changes(changes: Sequence[Change]) -> str:
    return ", ".join(f"{c.name} from {c.before} to {c.after}" for c in changes) or "nothing"


def _difference(before: tuple[tuple[str, str], ...], now: tuple[tuple[str, str], ...]) -> str:
    """The first elements that differ."""
    old = dict(before)
    different = [f"{name} = {value}" for name, value in now if old.get(name) != value]
    missing = [name for name in old if name not in dict(now)]
    return ", ".join((*different[:3], *(f"without {name}" for name in missing[:3])))
