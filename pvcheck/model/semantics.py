"""What an instance does: its states, the steps between them, and when a property is violated.

This is the authority that every engine is tested against. A state is the shared part (see
``layout``) and per thread a local part: its location and the locals that are live there, snapshots
excepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

from pvcheck.model.code import LockAction, Mode
from pvcheck.model.compile_expr import ExprCompiler
from pvcheck.model.compiled import Function, Step, compile_instance, source_of
from pvcheck.model.expr import Domain, Expr
from pvcheck.model.instance import Instance
from pvcheck.model.layout import Layout
from pvcheck.model.model import FINISHED, Fault, ThreadFamily
from pvcheck.model.program import Covered, Program
from pvcheck.model.runtime import (
    Choices,
    Faulted,
    NoSuchChoice,
    Note,
    every_choice,
    held,
    holds,
)
from pvcheck.source import Span

Shared = tuple[Any, ...]
Local = tuple[Any, ...]
"""The location, then the live locals by rising slot."""
STUCK = -2
"""The location of a thread that an ``assume`` keeps from starting: it never moves."""
State = tuple[Shared, tuple[Local, ...]]


@dataclass(frozen=True, slots=True)
class StepFault:
    """How a step went wrong."""

    kind: Fault
    span: Span
    detail: str


class Outcome(NamedTuple):
    """One way a thread's step can go. A fault changes nothing and ends the run of the system."""

    choices: tuple[int, ...]
    shared: Shared
    local: Local
    covered: int
    """A bit set, see ``Semantics.items``."""
    fault: StepFault | None


class Want(NamedTuple):
    """The lock that a thread's next step begins with taking, waiting if it must."""

    cell: int
    action: LockAction
    mode: Mode


class Semantics:
    """The compiled meaning of an instance. Keeps nothing about the states it is asked about.

    Raises:
        TooLarge: a type that is enumerated has too many values.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.model = instance.model
        self.layout = Layout(instance)
        self._program = Program(self.layout)
        self._compiled = compile_instance(self._program)
        self._arguments = tuple(
            (number, number + 1, element, start)
            for number, ((_, element), start) in enumerate(
                zip(instance.threads, self.layout.snapshot_start, strict=True)
            )
        )
        self._steps = tuple(
            self._compiled.families[family.name].locations for family, _ in instance.threads
        )
        self.guards = self._program.guards
        self.may_precede = self._order()
        """Per lock cell, the cells that may be held when it is taken."""
        self.initial_fault: StepFault | None = None
        """The initial state does not come about: evaluating it ends in this fault."""
        self.initial_covered = 0
        self.initial_notes: list[list[Note]] = []
        """Per thread, what its start noted."""
        self.initial = self._initial()

    @property
    def source(self) -> str:
        """The generated functions, for people who want to know. Cost: generates them again."""
        return source_of(Program(self.layout))

    def beginning_in(self, state: State) -> Semantics:
        """The same, but with another initial state."""
        other = copy(self)
        other.initial, other.initial_fault = state, None
        other.initial_notes = [[] for _ in state[1]]
        return other

    # Steps

    def outcomes(self, shared: Shared, local: Local, thread: int) -> list[Outcome]:
        """Every outcome of the thread's next step, by choices; none if it waits or has finished."""
        if local[0] < 0:
            return []
        at = self._steps[thread][local[0]]
        step = at.run
        if not at.step.chooses:
            only = self._run(step, shared, local, thread, None)
            return [] if only is None else [only]
        runs = (self._run(step, shared, local, thread, choices) for choices in every_choice())
        return [outcome for outcome in runs if outcome is not None]

    def successors(self, state: State) -> Iterator[tuple[int, Outcome, State | None]]:
        """Thread, outcome and next state (``None`` after a fault), for all that can happen."""
        shared, locals_ = state
        for thread, local in enumerate(locals_):
            for outcome in self.outcomes(shared, local, thread):
                yield thread, outcome, after(state, thread, outcome)

    def run(
        self, shared: Shared, local: Local, thread: int, choices: tuple[int, ...]
    ) -> tuple[Outcome, list[Note]] | None:
        """The outcome under these choices and what the step noted; ``None`` if there is no such."""
        if local[0] < 0:
            return None
        given = Choices(choices)
        try:
            step = self._steps[thread][local[0]].run
            outcome = self._run(step, shared, local, thread, given)
        except NoSuchChoice:
            return None
        if outcome is None or given.position != len(choices):
            return None
        return outcome, given.notes

    def step(self, shared: Shared, local: Local, thread: int, choices: Choices) -> Outcome | None:
        """One run of the thread's next step, which takes its choices from ``choices``."""
        return self._run(self._steps[thread][local[0]].run, shared, local, thread, choices)

    def _run(
        self, step: Function, shared: Shared, local: Local, thread: int, choices: Choices | None
    ) -> Outcome | None:
        try:
            result = step(*self._arguments[thread], shared, local, choices)
        except Faulted as fault:
            return Outcome(_vector(choices), shared, local, 0, self._fault(fault))
        return (
            None
            if result is None
            else Outcome(_vector(choices), result[0], result[1], result[2], None)
        )

    def _fault(self, fault: Faulted) -> StepFault:
        return StepFault(fault.kind, self._program.spans[fault.span], fault.detail)

    def items(self, covered: int) -> list[Covered]:
        """What the bits of ``Outcome.covered`` stand for."""
        return [item for n, item in enumerate(self._program.covered) if covered >> n & 1]

    # Locks

    def want(self, shared: Shared, local: Local, thread: int) -> Want | None:
        """The lock that the thread is about to take or upgrade, whether it must wait or not."""
        if local[0] < 0:
            return None
        at = self._steps[thread][local[0]]
        if at.wanted is None:
            return None
        try:
            cell = at.wanted(*self._arguments[thread], shared, local, None)
        except Faulted:
            return None
        return Want(cell, at.step.action, at.step.mode)

    def in_the_way(self, shared: Shared, thread: int, want: Want) -> int:
        """The threads, as bits, that must let go before the thread gets the lock; 0: none need to.

        Also 0 where the step is a misuse of the lock, which does not wait.
        """
        cell: int = shared[want.cell]
        bit = 1 << thread
        if cell == 0:
            return 0
        if want.action is LockAction.UPGRADE:
            return -cell & ~bit if cell < 0 and -cell & bit else 0
        if holds(cell, thread):
            return 0
        if cell > 0:
            return 1 << (cell - 1)
        return 0 if want.mode is Mode.SHARED else -cell

    def awaits(self, local: Local, thread: int) -> bool:
        """Whether the thread's next step begins with ``await``."""
        return local[0] >= 0 and self._steps[thread][local[0]].step.awaits

    def locations(self, family: ThreadFamily) -> Iterable[int]:
        """The locations that threads of the family can get to in this instance, or more."""
        return self._compiled.families[family.name].locations

    def targets(self, family: ThreadFamily, location: int) -> tuple[int, ...]:
        """The locations that the step from a location can lead to, those of threads that have ended excepted."""
        return self._compiled.families[family.name].locations[location].step.targets

    def step_cells(self, local: Local, thread: int) -> tuple[int, ...]:
        """The cells that a thread's next step depends on or changes, and the lock order there."""
        if local[0] < 0:
            return ()
        return tuple(sorted(self._steps[thread][local[0]].step.cells | self.own_cells(thread)))

    def own_cells(self, thread: int) -> frozenset[int]:
        """The cells of the thread's own snapshots."""
        start = self.layout.snapshot_start[thread]
        family = self.instance.threads[thread][0].name
        return frozenset(range(start, start + len(self.layout.snapshot_slots[family])))

    def step_from(self, thread: int, number: int) -> Step:
        """What is known of the thread's step from a location."""
        return self._steps[thread][number].step

    def held(self, shared: Shared, thread: int) -> frozenset[int]:
        """The cells of the locks that the thread holds."""
        return held(shared[: self.layout.lock_cells], thread)

    def out_of_order(self, shared: Shared, local: Local, thread: int) -> list[int]:
        """The locks held that the lock the thread is about to take does not come after."""
        want = self.want(shared, local, thread)
        if want is None:
            return []
        allowed = self.may_precede[want.cell]
        return sorted(k for k in self.held(shared, thread) if k not in allowed and k != want.cell)

    # Properties of states

    def holds(self, invariant: str, shared: Shared) -> bool:
        """Whether the invariant holds; it does not where evaluating it ends in a fault."""
        try:
            return bool(self._compiled.invariants[invariant].holds(shared))
        except Faulted:
            return False

    def opens(self, invariant: str, shared: Shared) -> bool:
        """Whether the invariant's window, or its premise, holds for some binding."""
        try:
            return bool(self._compiled.invariants[invariant].opens(shared))
        except Faulted:
            return False

    def cells_of(self, invariant: str) -> tuple[int, ...]:
        """The cells of the shared part that ``holds`` and ``opens`` depend on."""
        return tuple(sorted(self._compiled.invariants[invariant].cells))

    def evaluate(self, expr: Expr | Domain, shared: Shared) -> Any:
        """The value of an expression of properties, the values of a domain, or a ``StepFault``.

        Cost: compiles the expression; for explanations only.
        """
        compiler = ExprCompiler(self._program, 0, inside_step=False)
        code = compiler.domain(expr) if isinstance(expr, Domain) else compiler.expr(expr)
        value = self._program.load(f"def value(w):\n    return {code}\n")["value"]
        try:
            return value(shared)
        except Faulted as fault:
            return self._fault(fault)

    def of_locals(self, expr: Expr, slots: Iterable[int]) -> Function:
        """An expression that does not depend on the shared part, as a function of the thread's element and of
        these locals. It raises ``Faulted`` where there is no value."""
        code = ExprCompiler(self._program, 0, inside_step=False).expr(expr)
        names = "".join(f", x{slot}" for slot in slots)
        source = f"def value(me{names}):\n    return {code}\n"
        return self._program.load(source)["value"]  # type: ignore[no-any-return]

    def waits_for(self, state: State) -> dict[int, int]:
        """Each thread that waits for a lock, with the threads in its way as bits."""
        shared, locals_ = state
        waits: dict[int, int] = {}
        for thread, local in enumerate(locals_):
            want = self.want(shared, local, thread)
            if want is not None and (threads := self.in_the_way(shared, thread, want)):
                waits[thread] = threads
        return waits

    def finished(self, state: State) -> int:
        """The threads that have ended, as bits."""
        return sum(1 << t for t, local in enumerate(state[1]) if local[0] == FINISHED)

    def deadlocked(self, state: State) -> bool:
        """Whether threads wait in a cycle or for one that has finished, or nobody can move
        although someone has not finished."""
        shared, locals_ = state
        finished = self.finished(state)
        if wait_forever(self.waits_for(state), finished):
            return True
        return finished != (1 << len(locals_)) - 1 and not any(
            self.outcomes(shared, local, thread) for thread, local in enumerate(locals_)
        )

    def _order(self) -> tuple[frozenset[int], ...]:
        """Per lock cell, the cells that may be held when it is taken."""
        return tuple(
            frozenset(
                held
                for held, (held_class, held_indices) in enumerate(self.layout.lock_of)
                if self._precedes(held_class, held_indices, class_, indices)
            )
            for class_, indices in self.layout.lock_of
        )

    def _precedes(
        self, held: str, held_indices: tuple[int, ...], class_: str, indices: tuple[int, ...]
    ) -> bool:
        order = self.model.order
        if held != class_:
            return (held, class_) in order.before
        return (held in order.ascending and held_indices < indices) or (
            held in order.descending and held_indices > indices
        )

    def _initial(self) -> State:
        shared: Shared = (0,) * self.layout.lock_cells
        snapshots = (None,) * (self.layout.cells - self.layout.variable_end)
        locals_: list[Local] = []
        try:
            shared = (*shared, *self._compiled.initial(shared), *snapshots)
            for thread, (family, _) in enumerate(self.instance.threads):
                start = self._compiled.families[family.name].start
                choices = Choices(())
                result = start(*self._arguments[thread], shared, (), choices)
                shared, local, covered = (shared, (STUCK,), 0) if result is None else result
                locals_.append(local)
                self.initial_covered |= covered
                self.initial_notes.append(choices.notes)
        except Faulted as fault:
            self.initial_fault = self._fault(fault)
            return shared, ()
        return shared, tuple(locals_)


def _vector(choices: Choices | None) -> tuple[int, ...]:
    return () if choices is None else tuple(choices.vector)


def after(state: State, thread: int, outcome: Outcome) -> State | None:
    """The state after the outcome of a thread's step; ``None`` after a fault."""
    if outcome.fault is not None:
        return None
    locals_ = state[1]
    return outcome.shared, (*locals_[:thread], outcome.local, *locals_[thread + 1 :])


def wait_forever(waits: dict[int, int], finished: int) -> list[int]:
    """Threads that can never go on: on a cycle of waits, or on a way to a finished thread.

    The first such cycle or way, in order; empty if there is none. ``waits``: per thread that waits
    for a lock, the threads in its way as bits; all of them have to let go.
    """
    for start in waits:
        path = _path(waits, finished, start)
        if path:
            return path
    return []


def _path(waits: dict[int, int], finished: int, start: int) -> list[int]:
    """A shortest way from ``start`` back to it, or to a finished thread."""
    ways = [[start]]
    seen: set[int] = set()
    for way in ways:
        for thread in range(waits[way[-1]].bit_length()):
            if not waits[way[-1]] >> thread & 1:
                continue
            if thread == start:
                return way
            if finished >> thread & 1:
                return [*way, thread]
            if thread in waits and thread not in seen:
                seen.add(thread)
                ways.append([*way, thread])
    return []
