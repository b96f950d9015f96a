"""Random walks: for instances whose states nobody can search.

Each walk has a number, and what it does follows from the seed and that number alone, so that walks can be
shared among processes and any of them taken again. Nothing is ever ``checked`` in this way.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.findings import coverage_of
from pvcheck.engines.meter import Meter
from pvcheck.model import replay
from pvcheck.model.instance import Instance
from pvcheck.model.model import DEADLOCK, LOCK_ORDER
from pvcheck.model.result import Result, Statistics
from pvcheck.model.semantics import Outcome, Semantics, State, after, wait_forever
from pvcheck.model.shorten import shortened
from pvcheck.model.trace import Move
from pvcheck.model.verdict import Inconclusive, Verdict, Violated

SHORTENING = 10.0
"""Seconds that may be spent on making one counterexample shorter."""
AT_A_TIME = 8
"""Walks between two reports of a process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which walks to take."""

    seed: int
    walks: int
    steps: int
    """At most, of one walk."""
    first: int = 0
    """The number of the first walk."""


@dataclass(slots=True)
class Findings:
    """What walks met."""

    walks: int = 0
    steps: int = 0
    longest: int = 0
    covered: int = 0
    contended: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    found: dict[str, tuple[int, list[Move]]] = field(default_factory=dict)
    """Per property the first walk that violates it, and its moves up to there."""

    def add(self, other: Findings) -> None:
        self.walks += other.walks
        self.steps += other.steps
        self.longest = max(self.longest, other.longest)
        self.covered |= other.covered
        self.contended |= other.contended
        self.open |= other.open
        for name, (walk, moves) in other.found.items():
            if name not in self.found or walk < self.found[name][0]:
                self.found[name] = walk, moves


@dataclass(frozen=True, slots=True)
class Simulation:
    result: Result
    walks: int
    steps: int
    first: dict[str, int]
    """Per violated property the walk that shows it."""


def simulate(
    instance: Instance,
    properties: Collection[str],
    plan: Plan,
    limits: Limits,
    progress: Progress,
    *,
    workers: int = 1,
) -> Simulation:
    """Take the walks, on that many processes; the time limit ends them early.

    ``properties``: those that a finite run can violate, in the order of the model.
    """
    meter = Meter(limits, progress)
    semantics = instance.semantics
    all_ = Findings()
    interrupted = False
    try:
        for some in _together(semantics, properties, plan, limits, workers):
            all_.add(some)
            meter.report(
                depth=all_.longest, states=all_.steps, transitions=all_.steps, frontier=all_.walks
            )
            if meter.exceeded(0) is not None:
                break
    except KeyboardInterrupt:
        interrupted = True
    verdicts: dict[str, Verdict] = {}
    for name in properties:
        if name in all_.found:
            moves = shortened(semantics, name, all_.found[name][1], SHORTENING)
            verdicts[name] = Violated(replay.trace_of(semantics, name, moves))
        else:
            reason = f"{all_.walks} random walks, {all_.steps} steps, seed {plan.seed}"
            verdicts[name] = Inconclusive(all_.longest, reason)
    return Simulation(
        Result(
            verdicts=verdicts,
            statistics=Statistics(all_.steps, all_.steps, all_.longest, meter.seconds),
            coverage=coverage_of(
                semantics.items(all_.covered | semantics.initial_covered), all_.contended, all_.open
            ),
            lock_edges=(),
            interrupted=interrupted,
            fault=None,
        ),
        all_.walks,
        all_.steps,
        {name: walk for name, (walk, _) in all_.found.items()},
    )


def _together(
    semantics: Semantics, properties: Collection[str], plan: Plan, limits: Limits, workers: int
) -> Iterator[Findings]:
    """What walks met, as it comes. Each process takes every so many-th batch."""
    batches = range(plan.first, plan.first + plan.walks, AT_A_TIME)
    if workers == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield from _batches(semantics, properties, plan, batches)
        return
    # A forked process has the compiled semantics already.
    context = multiprocessing.get_context("fork")
    processes = []
    readers: list[Connection] = []
    for k in range(min(workers, len(batches))):
        reader, writer = context.Pipe(duplex=False)
        mine = batches[k::workers]
        process = context.Process(
            target=_work, args=(writer, semantics, properties, plan, mine), daemon=True
        )
        process.start()
        writer.close()
        processes.append(process)
        readers.append(reader)
    try:
        while readers:
            for ready in wait(readers):
                assert isinstance(ready, Connection), "only pipes are waited for"
                try:
                    yield ready.recv()
                except EOFError:
                    readers.remove(ready)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(
    writer: Connection,
    semantics: Semantics,
    properties: Collection[str],
    plan: Plan,
    batches: Sequence[int],
) -> None:
    # The parent hears of Ctrl-C and ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BrokenPipeError):
        for findings in _batches(semantics, properties, plan, batches):
            writer.send(findings)
    writer.close()


def _batches(
    semantics: Semantics, properties: Collection[str], plan: Plan, batches: Sequence[int]
) -> Iterator[Findings]:
    walker = Walker(semantics, properties)
    for begin in batches:
        end = min(begin + AT_A_TIME, plan.first + plan.walks)
        for number in range(begin, end):
            walker.walk(plan.seed, number, plan.steps)
        yield walker.taken()


class Walker:
    """Takes walks and judges the states they pass."""

    def __init__(self, semantics: Semantics, properties: Collection[str]) -> None:
        self._semantics = semantics
        self._properties = set(properties)
        self._invariants = [
            (i.name, semantics.cells_of(i.name)) for i in semantics.model.invariants
        ]
        self._findings = Findings()
        self._everybody = (1 << len(semantics.instance.threads)) - 1

    def taken(self) -> Findings:
        """What was met since this was last asked."""
        findings, self._findings = self._findings, Findings()
        return findings

    def walk(self, seed: int, number: int, steps: int) -> None:
        semantics, findings = self._semantics, self._findings
        chance = random.Random(f"{seed}/{number}")
        findings.walks += 1
        moves: list[Move] = []
        fault = semantics.initial_fault
        if fault is not None:
            self._hit(str(fault.kind), number, moves)
            return
        state = semantics.initial
        self._judge_shared(state, None, number, moves)
        while len(moves) < steps:
            thread, outcome = self._step(state, chance)
            if outcome is None:
                if semantics.finished(state) != self._everybody:
                    self._hit(DEADLOCK, number, moves)
                break
            moves.append(Move(thread, outcome.choices))
            findings.covered |= outcome.covered
            if outcome.fault is not None:
                self._hit(str(outcome.fault.kind), number, moves)
                break
            before, state = state, after(state, thread, outcome) or state
            if state[0] is not before[0]:
                self._judge_shared(state, before, number, moves)
            self._judge_locks(state, thread, number, moves)
        findings.steps += len(moves)
        findings.longest = max(findings.longest, len(moves))

    def _step(self, state: State, chance: random.Random) -> tuple[int, Outcome | None]:
        """A step of a thread that can take one, all alike; ``None``: nobody can."""
        threads = list(range(len(state[1])))
        chance.shuffle(threads)
        for thread in threads:
            outcomes = self._semantics.outcomes(state[0], state[1][thread], thread)
            if outcomes:
                return thread, chance.choice(outcomes)
        return 0, None

    def _judge_shared(
        self, state: State, before: State | None, number: int, moves: list[Move]
    ) -> None:
        now = state[0]
        for name, cells in self._invariants:
            if before is not None and all(now[c] == before[0][c] for c in cells):
                continue
            if name not in self._findings.open and self._semantics.opens(name, now):
                self._findings.open.add(name)
            if self._missing(name) and not self._semantics.holds(name, now):
                self._hit(name, number, moves)

    def _judge_locks(self, state: State, thread: int, number: int, moves: list[Move]) -> None:
        shared, locals_ = state
        semantics = self._semantics
        want = semantics.want(shared, locals_[thread], thread)
        if self._missing(LOCK_ORDER) and semantics.out_of_order(shared, locals_[thread], thread):
            self._hit(LOCK_ORDER, number, moves)
        if want is not None and semantics.in_the_way(shared, thread, want):
            self._findings.contended.add(semantics.layout.lock_of[want.cell][0])
        elif locals_[thread][0] >= 0:
            return
        # A cycle of waits closes when its last thread comes to wait, or one that is waited for has ended.
        if self._missing(DEADLOCK) and wait_forever(
            semantics.waits_for(state), semantics.finished(state)
        ):
            self._hit(DEADLOCK, number, moves)

    def _missing(self, name: str) -> bool:
        return name in self._properties and name not in self._findings.found

    def _hit(self, name: str, number: int, moves: list[Move]) -> None:
        if self._missing(name):
            self._findings.found[name] = number, list(moves)


def new_seed() -> int:
    """One that is printed, so that it can be given again."""
    return random.SystemRandom().randrange(1 << 32)
