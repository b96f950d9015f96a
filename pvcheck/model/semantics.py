"""What an instance does: its states, the steps between them, and when a property is violated.

This is the authority that every engine is tested against. A state is the shared part (see
``layout``) and per thread a local part: its location and the locals that are live there, snapshots
excepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pvcheck.model.code import Await, Code, Instruction, Lock, LockAction, Mode, Reached
from pvcheck.model.compile_code import CodeCompiler
from pvcheck.model.compile_expr import ExprCompiler
from pvcheck.model.compile_model import compile_guards, compile_initial, compile_invariants
from pvcheck.model.expr import Domain, Expr
from pvcheck.model.instance import Instance
from pvcheck.model.layout import Layout
from pvcheck.model.model import FINISHED, Fault
from pvcheck.model.program import Covered, Program
from pvcheck.model.runtime import Choices, Faulted, NoSuchChoice, Note, held, holds
from pvcheck.source import Span

Shared = tuple[Any, ...]
Local = tuple[Any, ...]
"""The location, then the live locals by rising slot."""
State = tuple[Shared, tuple[Local, ...]]


@dataclass(frozen=True, slots=True)
class StepFault:
    """How a step went wrong."""

    kind: Fault
    span: Span
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way a thread's step can go. A fault changes nothing and ends the run of the system."""

    choices: tuple[int, ...]
    shared: Shared
    local: Local
    covered: int
    """A bit set, see ``Semantics.items``."""
    fault: StepFault | None


@dataclass(frozen=True, slots=True)
class Want:
    """The lock that a thread's next step begins with taking, waiting if it must."""

    cell: int
    action: LockAction
    mode: Mode


_Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Location:
    step: _Function
    wanted: tuple[_Function, LockAction, Mode] | None
    awaits: bool


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
        compile_guards(self._program)
        self.source, self._functions = self._compile()
        """The generated functions as text: for people who want to know."""
        self._locations = {
            family.name: tuple(
                self._location(number, location.number, location.code)
                for location in family.locations
            )
            for number, family in enumerate(self.model.threads)
        }
        self._arguments = tuple(
            (number, number + 1, element, start)
            for number, ((_, element), start) in enumerate(
                zip(instance.threads, self.layout.snapshot_start, strict=True)
            )
        )
        self._steps = tuple(self._locations[family.name] for family, _ in instance.threads)
        self._invariants = {
            invariant.name: (
                self._functions[f"holds_{number}"],
                self._functions[f"opens_{number}"],
            )
            for number, invariant in enumerate(self.model.invariants)
        }
        self._may_precede = self._order()
        self.initial_fault: StepFault | None = None
        """The initial state does not come about: evaluating it ends in this fault."""
        self.initial_covered = 0
        self.initial_notes: list[list[Note]] = []
        """Per thread, what its start noted."""
        self.initial = self._initial()

    # Steps

    def outcomes(self, shared: Shared, local: Local, thread: int) -> list[Outcome]:
        """Every outcome of the thread's next step, by choices; none if it waits or has finished."""
        if local[0] == FINISHED:
            return []
        step = self._steps[thread][local[0]].step
        choices = Choices()
        result: list[Outcome] = []
        while True:
            outcome = self._run(step, shared, local, thread, choices)
            if outcome is not None:
                result.append(outcome)
            if not choices.advance():
                return result

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
        if local[0] == FINISHED:
            return None
        given = Choices(choices)
        try:
            step = self._steps[thread][local[0]].step
            outcome = self._run(step, shared, local, thread, given)
        except NoSuchChoice:
            return None
        if outcome is None or given.position != len(choices):
            return None
        return outcome, given.notes

    def _run(
        self, step: _Function, shared: Shared, local: Local, thread: int, choices: Choices
    ) -> Outcome | None:
        try:
            result = step(*self._arguments[thread], shared, local, choices)
        except Faulted as fault:
            vector = tuple(choices.vector)
            return Outcome(vector, shared, local, 0, self._fault(fault))
        if result is None:
            return None
        return Outcome(tuple(choices.vector), result[0], result[1], result[2], None)

    def _fault(self, fault: Faulted) -> StepFault:
        return StepFault(fault.kind, self._program.spans[fault.span], fault.detail)

    def items(self, covered: int) -> list[Covered]:
        """What the bits of ``Outcome.covered`` stand for."""
        return [item for n, item in enumerate(self._program.covered) if covered >> n & 1]

    # Locks

    def want(self, shared: Shared, local: Local, thread: int) -> Want | None:
        """The lock that the thread is about to take or upgrade, whether it must wait or not."""
        if local[0] == FINISHED:
            return None
        wanted = self._steps[thread][local[0]].wanted
        if wanted is None:
            return None
        function, action, mode = wanted
        try:
            cell = function(*self._arguments[thread], shared, local, None)
        except Faulted:
            return None
        return Want(cell, action, mode)

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
        return local[0] != FINISHED and self._steps[thread][local[0]].awaits

    def held(self, shared: Shared, thread: int) -> frozenset[int]:
        """The cells of the locks that the thread holds."""
        return held(shared[: self.layout.lock_cells], thread)

    def out_of_order(self, shared: Shared, local: Local, thread: int) -> list[int]:
        """The locks held that the lock the thread is about to take does not come after."""
        want = self.want(shared, local, thread)
        if want is None:
            return []
        allowed = self._may_precede[want.cell]
        return sorted(k for k in self.held(shared, thread) if k not in allowed and k != want.cell)

    # Properties of states

    def holds(self, invariant: str, shared: Shared) -> bool:
        """Whether the invariant holds; it does not where evaluating it ends in a fault."""
        try:
            return bool(self._invariants[invariant][0](shared))
        except Faulted:
            return False

    def opens(self, invariant: str, shared: Shared) -> bool:
        """Whether the invariant's window, or its premise, holds for some binding."""
        try:
            return bool(self._invariants[invariant][1](shared))
        except Faulted:
            return False

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

    # Compilation

    def _compile(self) -> tuple[str, dict[str, Any]]:
        texts = [compile_initial(self._program), compile_invariants(self._program)]
        for number, family in enumerate(self.model.threads):
            start = CodeCompiler(self._program, family)
            texts.append(start.step(f"start_{number}", (), family.start))
            for location in family.locations:
                name = f"{number}_{location.number}"
                compiler = CodeCompiler(self._program, family)
                texts.append(compiler.step(f"step_{name}", location.live, location.code))
                lock = _first(location.code)
                if isinstance(lock, Lock) and may_wait(lock):
                    compiler = CodeCompiler(self._program, family)
                    texts.append(compiler.wanted(f"wanted_{name}", location.live, lock))
        source = "\n\n".join(texts)
        return source, self._program.load(source)

    def _location(self, family: int, number: int, code: Code) -> _Location:
        first = _first(code)
        wanted = None
        if isinstance(first, Lock) and may_wait(first):
            wanted = (self._functions[f"wanted_{family}_{number}"], first.action, first.mode)
        step = self._functions[f"step_{family}_{number}"]
        return _Location(step, wanted, isinstance(first, Await))

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
            shared = (*shared, *self._functions["initial"](shared), *snapshots)
            for thread, (family, _) in enumerate(self.instance.threads):
                start = self._functions[f"start_{self.model.threads.index(family)}"]
                choices = Choices(())
                result = start(*self._arguments[thread], shared, (), choices)
                assert result is not None, "the start of a thread is deterministic"
                shared, local, covered = result
                locals_.append(local)
                self.initial_covered |= covered
                self.initial_notes.append(choices.notes)
        except Faulted as fault:
            self.initial_fault = self._fault(fault)
            return shared, ()
        return shared, tuple(locals_)


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


def may_wait(lock: Lock) -> bool:
    return lock.action in (LockAction.ACQUIRE, LockAction.UPGRADE)


def _first(code: Code) -> Instruction | None:
    return next((i for i in code if not isinstance(i, Reached)), None)
