"""Breadth-first search over packed states.

A step depends only on the shared part and the stepping thread's local part, so parts are numbered
and what a thread can do is remembered per pair of numbers; and, as it depends on few cells of the
shared part, per what these hold. A state is one integer: the shared
part's number in the low bits, then each thread's. Every remembered step is the difference between
two such integers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

from pvcheck.engines.judge import Judge, view_of_cells
from pvcheck.engines.quotient import Quotient
from pvcheck.model import replay, unwind
from pvcheck.model.code import Mode
from pvcheck.model.model import DEADLOCK, LOCK_ORDER
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.semantics import (
    Local,
    Outcome,
    Semantics,
    Shared,
    State,
    StepFault,
    Want,
    wait_forever,
)
from pvcheck.model.symmetry import Group, Renaming
from pvcheck.model.trace import Move, TraceStep
from pvcheck.model.transactions import Transactions

SHARED_BITS = 40
LOCAL_BITS = 24
SHARED_MASK = (1 << SHARED_BITS) - 1
LOCAL_MASK = (1 << LOCAL_BITS) - 1

Packed = int


@dataclass(frozen=True, slots=True)
class Hit:
    """The first violation of a property: at ``state``, or in or after the move from there."""

    state: Packed
    move: Move | None
    stopped: bool = False
    """After that, some threads come to wait without consequence to others."""


class Acquiring(NamedTuple):
    """A thread about to acquire a lock while it holds another."""

    state: Packed
    thread: int
    renaming: Renaming | None
    """To be applied to the state and the thread first."""


_Step = tuple[int, tuple[tuple[int, Any], ...], tuple[int, ...]]
"""What is added for the local part, the cells that change with their values, the choices."""


class _Effects(NamedTuple):
    """What a thread does wherever it is in the same local state and sees the same cells."""

    steps: tuple[_Step, ...]
    in_the_way: int
    """Of the lock it waits for: threads, as bits."""
    stops: bool
    """Whether it can come to wait, for no lock, without consequence."""


class Search:
    """Everything that a search knows. ``expand`` and ``judge`` are its steps."""

    def __init__(
        self,
        semantics: Semantics,
        properties: Collection[str],
        reduction: Reduction = UNREDUCED,
    ) -> None:
        self.semantics = semantics
        self.group = reduction.group
        self.reductions = reduction.names
        self._transactions = (
            None if reduction.movers is None else Transactions(semantics, reduction.movers)
        )
        self._stepper: Semantics | Transactions = self._transactions or semantics
        """Whose steps the search takes."""
        threads = range(len(semantics.instance.threads))
        self.threads = len(threads)
        self.hits: dict[str, Hit] = {}
        self.fault: StepFault | None = None
        """The first that was met, asked for or not."""
        self.transitions = 0
        self.covered = semantics.initial_covered
        self.contended: set[str] = set()
        self.edges: dict[tuple[str, str, str], Acquiring] = {}
        """By the classes and direction of each lock edge."""
        self._renamed: set[tuple[int, int]] = set()
        """Locks of one class, held and taken, that were renamed for the edges there are between others."""
        self.parents: dict[Packed, Packed] = {}
        """Each state that was met, with the one it was first met from; the initial one: -1."""
        self._shift = [SHARED_BITS + LOCAL_BITS * t for t in threads]
        self._mask = [SHARED_MASK | LOCAL_MASK << shift for shift in self._shift]
        self._all = (1 << self.threads) - 1
        self._shared: list[Shared] = []
        self._local: list[Local] = []
        self._shared_number: dict[Shared, int] = {}
        self._local_number: dict[Local, int] = {}
        self._steps: list[dict[Packed, tuple[int, ...]]] = [{} for _ in threads]
        """Per thread, by the bits of a state that matter to it: the differences its steps make."""
        self._waits: list[dict[Packed, int]] = [{} for _ in threads]
        """The same where it has no step: who is in the way of the lock it waits for, as bits."""
        self._stops: list[set[Packed]] = [set() for _ in threads]
        """The same where it has steps, but can as well come to wait, for no lock, without consequence."""
        self._wants: list[dict[Packed, Want]] = [{} for _ in threads]
        """The same where it is about to take a lock; while contention is looked for in this way."""
        self._uncontended = (
            set() if self._transactions is None else {c.name for c in semantics.model.locks}
        )
        """Lock classes that two threads were never about to take the same lock of."""
        self._views: list[dict[int, Callable[[Shared], Any]]] = [{} for _ in threads]
        """Per thread and location: the cells that matter to the step."""
        self._effects: list[dict[tuple[int, Any], _Effects]] = [{} for _ in threads]
        """Per thread, by the local part and those cells."""
        self._deadlock = DEADLOCK in properties
        self._lock_order = LOCK_ORDER in properties
        names = [i.name for i in semantics.model.invariants]
        self.judges = [Judge(semantics, name, asked=name in properties) for name in names]
        self._active = self.judges
        """Those that have something left to find out."""
        self._quotient = self._made_quotient()
        self.initial = self._first()

    def _made_quotient(self) -> Quotient | None:
        if self.group is None:
            return None
        masks = (SHARED_MASK, LOCAL_MASK)
        return Quotient(self.group, self._shift, masks, self._local.__getitem__, self._number)

    def _first(self) -> Packed | None:
        """``None`` if the initial state does not come about."""
        self.fault = self.semantics.initial_fault
        if self.fault is not None:
            self.hits[self.fault.kind] = Hit(-1, None)
            return None
        shared, locals_ = self.semantics.initial
        for name in self._meet(shared):
            self.hits[name] = Hit(0, None)
        state = 0
        for local, shift in zip(locals_, self._shift, strict=True):
            state |= self._number(local) << shift
        for name in self.hits:
            self.hits[name] = Hit(state, None)
        self.parents[state] = -1
        return state

    def expand(self, states: Iterable[Packed], found: list[Packed]) -> None:
        """Take every step from ``states``; append those met for the first time to ``found``."""
        parents = self.parents
        representative = None if self._quotient is None else self._quotient.representative
        meet = found.append
        transitions = 0
        stops = None if self._transactions is None else self._stops
        threads = [
            (thread, 1 << thread, mask, steps.get, waits.get)
            for thread, (mask, steps, waits) in enumerate(
                zip(self._mask, self._steps, self._waits, strict=True)
            )
        ]
        for state in states:
            idle = awaited = stopping = 0
            for thread, bit, mask, steps_of, waits_of in threads:
                key = state & mask
                steps = steps_of(key)
                if steps is None:
                    steps = self._enter(state, key, thread)
                if steps:
                    transitions += len(steps)
                    for difference in steps:
                        after = state + difference
                        if after not in parents:
                            if representative is not None:
                                after = representative(after)
                                if after in parents:
                                    continue
                            parents[after] = state
                            meet(after)
                    if stops and key in stops[thread]:
                        stopping |= bit
                else:
                    idle |= bit
                    awaited |= waits_of(key, 0)
            if self._uncontended:
                self._judge_contention(state)
            if stopping and idle | stopping == self._all and self._deadlock:
                self._judge_deadlock(state, self._all)
            elif (awaited & idle or idle == self._all) and self._deadlock:
                self._judge_deadlock(state, idle)
        self.transitions += transitions

    def judge(self, states: Iterable[Packed]) -> None:
        """Judge the properties of states from which no step is to be taken."""
        for packed in states:
            state = self.unpack(packed)
            if self._deadlock and self.semantics.deadlocked(state):
                self._hit(DEADLOCK, packed, None)
            if self._lock_order:
                for thread, local in enumerate(state[1]):
                    if self.semantics.out_of_order(state[0], local, thread):
                        self._hit(LOCK_ORDER, packed, None)

    def forget(self) -> None:
        """Give the memory of remembered steps back."""
        for steps, waits, effects in zip(self._steps, self._waits, self._effects, strict=True):
            steps.clear()
            waits.clear()
            effects.clear()
        for stops, wants in zip(self._stops, self._wants, strict=True):
            stops.clear()
            wants.clear()
        for judge in self.judges:
            judge.forget()
        if self._quotient is not None:
            self._quotient.forget()

    def steps(self, state: Packed, thread: int) -> tuple[int, ...]:
        """What the thread's steps add to the state, in the order of their outcomes; 0 for one that ends in a fault."""
        key = self.key(state, thread)
        known = self._steps[thread].get(key)
        return self._enter(state, key, thread) if known is None else known

    def key(self, state: Packed, thread: int) -> Packed:
        """What the thread's steps depend on."""
        return state & self._mask[thread]

    def local(self, state: Packed, thread: int) -> Local:
        return self._local[state >> self._shift[thread] & LOCAL_MASK]

    def unpack(self, state: Packed) -> State:
        locals_ = tuple(self._local[state >> shift & LOCAL_MASK] for shift in self._shift)
        return self._shared[state & SHARED_MASK], locals_

    def packed(self, state: State) -> Packed | None:
        """The state's number, if all its parts were met."""
        packed = self._shared_number.get(state[0])
        for local, shift in zip(state[1], self._shift, strict=True):
            number = self._local_number.get(local)
            if packed is None or number is None:
                return None
            packed |= number << shift
        return packed

    def moves_to(self, hit: Hit) -> list[Move]:
        """A shortest run to the violation."""
        if hit.state < 0:
            return []
        moves = self._path(hit.state) + ([] if hit.move is None else [hit.move])
        moves = self._ordinary(moves)
        if hit.stopped:
            assert self._transactions is not None, "only transactions end before they wait"
            moves += self._transactions.stopping(unwind.reached(self.semantics, moves))
        return moves if self.group is None else unwind.tidy(self.semantics, self.group, moves)

    def path(self, state: Packed) -> list[Move]:
        """The moves of the run by which ``state`` was first met."""
        return self._ordinary(self._path(state))

    def _ordinary(self, moves: list[Move]) -> list[Move]:
        return moves if self._transactions is None else self._transactions.ordinary(moves)

    def _path(self, state: Packed) -> list[Move]:
        """The same, with transactions as moves."""
        if self.group is not None:
            return self._unwound(state, self.group)
        moves: list[Move] = []
        after = self.unpack(state)
        while (state := self.parents[state]) >= 0:
            before = self.unpack(state)
            moves.append(self._move(before, after))
            after = before
        moves.reverse()
        return moves

    def about_to(self, acquiring: Acquiring) -> TraceStep:
        """The acquire, as the end of a real run."""
        moves, thread = self.path(acquiring.state), acquiring.thread
        if acquiring.renaming is not None:
            moves = unwind.rename(self.semantics, acquiring.renaming, moves)
            thread = acquiring.renaming.threads[thread]
        return replay.about_to(self.semantics, moves, thread)

    def _unwound(self, state: Packed, group: Group) -> list[Move]:
        states = []
        while state >= 0:
            states.append(self.unpack(state))
            state = self.parents[state]
        return unwind.through(self._stepper, group, states[::-1], self._canonical)

    def _canonical(self, state: State) -> State:
        """Of a state whose shared part was met."""
        assert self._quotient is not None, "asked only where there are symmetries"
        packed = self._shared_number[state[0]]
        for local, shift in zip(state[1], self._shift, strict=True):
            packed |= self._number(local) << shift
        return self.unpack(self._quotient.representative(packed))

    def _move(self, before: State, after: State) -> Move:
        for thread, outcome, reached in self._stepper.successors(before):
            if reached == after:
                return Move(thread, outcome.choices)
        raise AssertionError("a state is met from its parent")

    def _enter(self, state: Packed, key: Packed, thread: int) -> tuple[int, ...]:
        """Remember what the thread can do in ``state``; a fault counts as staying where it is."""
        number = state & SHARED_MASK
        shift = self._shift[thread]
        local_number = state >> shift & LOCAL_MASK
        shared, local = self._shared[number], self._local[local_number]
        view_of = self._views[thread].get(local[0])
        if view_of is None:
            view_of = self._views[thread][local[0]] = view_of_cells(
                self._stepper.step_cells(local, thread)
            )
        seen = (local_number, view_of(shared))
        effects = self._effects[thread].get(seen)
        if effects is None:
            effects = self._effects[thread][seen] = self._find(state, thread, shared, local)
        differences: list[int] = []
        for moved, changes, choices in effects.steps:
            difference = moved
            if changes:
                cells = list(shared)
                for cell, value in changes:
                    cells[cell] = value
                after = self._shared_number.get(tuple(cells))
                if after is None:
                    after = len(self._shared)
                    for name in self._meet(tuple(cells)):
                        self._hit(name, state, Move(thread, choices))
                difference += after - number
            differences.append(difference)
        if effects.in_the_way:
            self._waits[thread][key] = effects.in_the_way
        if effects.stops:
            self._stops[thread].add(key)
        if self._uncontended and (want := self.semantics.want(shared, local, thread)) is not None:
            self._wants[thread][key] = want
        steps = self._steps[thread][key] = tuple(differences)
        return steps

    def _find(self, state: Packed, thread: int, shared: Shared, local: Local) -> _Effects:
        """What the thread can do where it sees what it sees in ``state``, judged."""
        shift = self._shift[thread]
        local_number = self._local_number[local]
        steps: list[_Step] = []
        outcomes, stops = self._outcomes(shared, local, thread)
        for outcome in outcomes:
            if outcome.fault is not None:
                self.fault = self.fault or outcome.fault
                self._hit(outcome.fault.kind, state, Move(thread, outcome.choices))
                steps.append((0, (), outcome.choices))
                continue
            moved = self._number(outcome.local) - local_number
            changes = tuple(
                (cell, value)
                for cell, (before, value) in enumerate(zip(shared, outcome.shared, strict=True))
                if before is not value and before != value
            )
            steps.append((moved << shift, changes, outcome.choices))
        return _Effects(tuple(steps), self._want(state, thread, shared, local), stops)

    def _outcomes(self, shared: Shared, local: Local, thread: int) -> tuple[list[Outcome], bool]:
        """What the thread can do, covered; and whether it can come to wait instead."""
        if self._transactions is None:
            outcomes = self.semantics.outcomes(shared, local, thread)
            for outcome in outcomes:
                self.covered |= outcome.covered
            return outcomes, False
        runs = list(self._transactions.runs(shared, local, thread))
        for run in runs:
            self.covered |= run.covered
        return [r.outcome for r in runs if r.outcome is not None], any(r.stops for r in runs)

    def _want(self, state: Packed, thread: int, shared: Shared, local: Local) -> int:
        """Judge the lock that the thread is about to take; who is in its way, as bits."""
        semantics = self.semantics
        want = semantics.want(shared, local, thread)
        if want is None:
            return 0
        class_, indices = semantics.layout.lock_of[want.cell]
        in_the_way = semantics.in_the_way(shared, thread, want)
        if in_the_way:
            self.contended.add(class_)
        if self._lock_order and semantics.out_of_order(shared, local, thread):
            self._hit(LOCK_ORDER, state, None)
        for cell in semantics.held(shared, thread) - {want.cell}:
            before, held = semantics.layout.lock_of[cell]
            direction = "" if before != class_ else _direction(held, indices)
            self.edges.setdefault((before, class_, direction), Acquiring(state, thread, None))
            if before == class_:
                self._edge_renamed(class_, (cell, want.cell), state, thread)
        return in_the_way

    def _edge_renamed(
        self, class_: str, cells: tuple[int, int], state: Packed, thread: int
    ) -> None:
        """The edge inside a class between two of its locks, as it is in states that are left out."""
        if self.group is None or cells in self._renamed:
            return
        self._renamed.add(cells)
        lock_of = self.semantics.layout.lock_of
        for renaming in self.group.renamings:
            held, taken = (lock_of[renaming.cells[cell]][1] for cell in cells)
            edge = (class_, class_, _direction(held, taken))
            self.edges.setdefault(edge, Acquiring(state, thread, renaming))

    def _meet(self, shared: Shared) -> list[str]:
        """Number a shared part; the invariants that it is the first to violate."""
        number = self._number_shared(shared)
        if self._quotient is not None:
            self._quotient.members(shared, number, self._number_shared)
        violated = [judge.name for judge in self._active if judge.violated(shared)]
        if violated or any(judge.open for judge in self._active if not judge.asked):
            for judge in self._active:
                judge.asked = judge.asked and judge.name not in violated
            self._active = [j for j in self._active if j.asked or not j.open]
        return violated

    def _number_shared(self, shared: Shared) -> int:
        number = self._shared_number.setdefault(shared, len(self._shared))
        if number == len(self._shared):
            assert number < SHARED_MASK, "more shared parts than any memory holds"
            self._shared.append(shared)
        return number

    def _number(self, local: Local) -> int:
        number = self._local_number.setdefault(local, len(self._local))
        if number == len(self._local):
            if number > LOCAL_MASK:
                raise MemoryError("too many local parts to number")
            self._local.append(local)
        return number

    def _judge_deadlock(self, state: Packed, idle: int) -> None:
        """Judge a state where some are idle: these cannot move."""
        waits = {
            thread: threads
            for thread in range(self.threads)
            if idle >> thread & 1
            and (threads := self._waits[thread].get(state & self._mask[thread]))
        }
        finished = self.semantics.finished(self.unpack(state))
        if wait_forever(waits, finished) or (idle == self._all and finished != self._all):
            self._deadlock = False
            stopped = self._transactions is not None
            self.hits.setdefault(DEADLOCK, Hit(state, None, stopped))

    def _judge_contention(self, state: Packed) -> None:
        """Two threads that are about to take the same lock, not both shared: if one gets it, the other waits."""
        wants = [
            (thread, want)
            for thread, (mask, known) in enumerate(zip(self._mask, self._wants, strict=True))
            if (want := known.get(state & mask)) is not None
        ]
        for (one, its), (other, others) in permutations(wants, 2):
            if its.cell != others.cell or (its.mode, others.mode) == (Mode.SHARED, Mode.SHARED):
                continue
            class_ = self.semantics.layout.lock_of[its.cell][0]
            if class_ in self._uncontended and self._waits_behind(state, one, other, others.cell):
                self.contended.add(class_)
                self._uncontended.discard(class_)

    def _waits_behind(self, state: Packed, one: int, other: int, cell: int) -> bool:
        """Whether some outcome of the next step of ``one`` makes ``other`` wait for the lock."""
        semantics = self.semantics
        shared, locals_ = self.unpack(state)
        return any(
            (want := semantics.want(outcome.shared, locals_[other], other)) is not None
            and want.cell == cell
            and semantics.in_the_way(outcome.shared, other, want) != 0
            for outcome in semantics.outcomes(shared, locals_[one], one)
            if outcome.fault is None
        )

    def _hit(self, property_: str, state: Packed, move: Move | None) -> None:
        self.hits.setdefault(property_, Hit(state, move))


def _direction(held: tuple[int, ...], taken: tuple[int, ...]) -> str:
    return "ascending" if held < taken else "descending"
