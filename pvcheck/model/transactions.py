"""Several steps of a thread as one: transactions, after Lipton.

A transaction begins with an ordinary step and goes on as long as nothing that others do can come in
between and make a difference: first with steps that could as well be taken later, then with at most
one that could not, then with steps that could as well be taken earlier. Which steps are of which kind
is decided by ``pvcheck.reduce.movers``; here is what follows.

Source: Lipton, "Reduction: A Method of Proving Properties of Parallel Programs" (CACM 18, 1975);
Flanagan, Qadeer, "Transactions for Software Model Checking" (SoftMC 2003).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pvcheck.model.model import ThreadFamily
from pvcheck.model.runtime import Choices, every_choice
from pvcheck.model.semantics import Local, Outcome, Semantics, Shared, State, after
from pvcheck.model.trace import Move

MOST_STEPS = 1000
"""Of one transaction: a loop that need not be interrupted is interrupted all the same."""


class Kind(enum.IntEnum):
    """How a step moves, if it is not the first of its transaction."""

    STOP = 0
    """It may wait for a lock, or have no outcome or several: a transaction ends before it."""
    BOTH = 1
    """It could be taken earlier or later."""
    LEFT = 2
    """It could be taken earlier."""
    NON = 3
    """It must be taken when it is taken: at most one in a transaction."""
    AWAIT = 4
    """The same, and it may wait: a transaction goes on with it after choices, if it need not."""


@dataclass(frozen=True, slots=True)
class Mover:
    """The step from a location."""

    kind: Kind
    commits: bool
    """Whether steps that could be taken later only cannot follow."""
    takes: str | None = None
    """The class of the lock that it takes, if it could be taken later."""
    releases: str | None = None
    """The class of the lock that it releases, if that must be seen held by the thread that took it."""


Movers = Mapping[str, tuple[Mover, ...]]
"""Per thread family and location."""


class Run(NamedTuple):
    """One way a transaction can go."""

    outcome: Outcome | None
    """``None``: the thread comes to wait before the end."""
    steps: list[Move]
    """Ordinary ones, without one that waits."""
    covered: int
    """By these steps; see ``Semantics.items``."""

    @property
    def stops(self) -> bool:
        """Whether the thread comes to wait, by steps of no consequence to others."""
        return self.outcome is None and bool(self.steps)


@dataclass(slots=True)
class _Progress:
    """What of a transaction decides whether it goes on."""

    committed: bool = False
    taken: str | None = None
    """The class of the lock that it began with taking."""

    def goes_on(self, mover: Mover) -> bool:
        match mover.kind:
            case Kind.STOP:
                return False
            case Kind.AWAIT:
                return not self.committed and self.taken is None
            case Kind.NON:
                return not self.committed
            case _:
                return mover.releases is None or mover.releases != self.taken


class Transactions:
    """The steps of an instance, as many as possible taken as one. Faults and choices are theirs."""

    def __init__(self, semantics: Semantics, movers: Movers) -> None:
        self.semantics = semantics
        self.instance = semantics.instance
        self.initial = semantics.initial
        self._movers = tuple(movers[family.name] for family, _ in semantics.instance.threads)
        self._cells: dict[tuple[str, int], frozenset[int]] = {}

    def runs(self, shared: Shared, local: Local, thread: int) -> Iterator[Run]:
        """Every run of the transaction that begins there, by choices, also those that end before it does."""
        if local[0] >= 0:
            for choices in every_choice():
                yield self._run(shared, local, thread, choices)

    def outcomes(self, shared: Shared, local: Local, thread: int) -> list[Outcome]:
        """As ``Semantics.outcomes``, of the transaction that begins there."""
        runs = self.runs(shared, local, thread)
        return [run.outcome for run in runs if run.outcome is not None]

    def successors(self, state: State) -> Iterator[tuple[int, Outcome, State | None]]:
        """As ``Semantics.successors``."""
        shared, locals_ = state
        for thread, local in enumerate(locals_):
            for outcome in self.outcomes(shared, local, thread):
                yield thread, outcome, after(state, thread, outcome)

    def ordinary(self, moves: list[Move]) -> list[Move]:
        """The steps of a run from the initial state, one by one."""
        steps: list[Move] = []
        state = self.initial
        for move in moves:
            run = self._run(state[0], state[1][move.thread], move.thread, Choices(move.choices))
            assert run.outcome is not None, "the moves are a run"
            steps += run.steps
            state = after(state, move.thread, run.outcome) or state
        return steps

    def stopping(self, state: State) -> list[Move]:
        """Ordinary steps after which every thread waits that can come to, each without consequence to the others."""
        return [
            move
            for thread, local in enumerate(state[1])
            for move in next(
                (r.steps for r in self.runs(state[0], local, thread) if r.stops),
                (),
            )
        ]

    def step_cells(self, local: Local, thread: int) -> tuple[int, ...]:
        """As ``Semantics.step_cells``, of all steps that the transaction may have."""
        if local[0] < 0:
            return ()
        family, _ = self.instance.threads[thread]
        key = family.name, local[0]
        if key not in self._cells:
            self._cells[key] = self._closure(family, thread, local[0])
        return tuple(sorted(self._cells[key] | self.semantics.own_cells(thread)))

    def _closure(self, family: ThreadFamily, thread: int, start: int) -> frozenset[int]:
        cells: set[int] = set()
        reached = [start]
        for location in reached:
            step = self.semantics.step_from(thread, location)
            cells |= step.cells
            reached += [
                n
                for n in step.targets
                if n not in reached and self._movers[thread][n].kind is not Kind.STOP
            ]
        return frozenset(cells)

    def _run(self, shared: Shared, local: Local, thread: int, choices: Choices) -> Run:
        movers, progress = self._movers[thread], _Progress()
        mover = movers[local[0]]
        begun = shared, local
        covered = 0
        steps: list[Move] = []
        for _ in range(MOST_STEPS):
            position = choices.position
            outcome = self.semantics.step(shared, local, thread, choices)
            if outcome is None:
                return Run(None, steps, covered)
            covered |= outcome.covered
            steps.append(Move(thread, tuple(choices.vector[position : choices.position])))
            if outcome.fault is not None:
                end = Outcome(tuple(choices.vector), *begun, covered, outcome.fault)
                return Run(end, steps, covered)
            shared, local = outcome.shared, outcome.local
            progress.committed |= mover.commits
            progress.taken = progress.taken or mover.takes
            if local[0] < 0:
                break
            mover = movers[local[0]]
            if not progress.goes_on(mover):
                break
        end = Outcome(tuple(choices.vector), shared, local, covered, None)
        return Run(end, steps, covered)
