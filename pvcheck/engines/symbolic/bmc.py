"""Bounded search: is there a run of so many steps that violates a property?

Source: Biere, Cimatti, Clarke, Zhu, "Symbolic Model Checking without BDDs" (TACAS 1999).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pvcheck.engines.base import Limits, Progress, Start
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.circuit import (
    FALSE,
    Circuit,
    Literal,
    TooLargeCircuit,
    Vector,
    number_of,
)
from pvcheck.engines.symbolic.frames import Copy
from pvcheck.engines.symbolic.retrace import moves_along
from pvcheck.engines.symbolic.solver import Maker, Solver
from pvcheck.engines.symbolic.start import first_state, from_start
from pvcheck.engines.symbolic.system import System, system
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.replay import trace_of
from pvcheck.model.result import Result, Statistics
from pvcheck.model.semantics import State
from pvcheck.model.shorten import shortened
from pvcheck.model.verdict import Checked, Inconclusive, Verdict, Violated

SHORTEN_SECONDS = 5.0
"""For making a run of transactions shorter, step by step."""
FAULTS = tuple(map(str, Fault))
UNSUPPORTED = ""
"""Watched like a property, but of none: a step needs a number that the encoding has no room for."""


@dataclass(frozen=True)
class BoundedEngine:
    """Asks a solver for a violation after 0, 1, 2 ... steps, or transactions if the reduction has those.

    Without transactions its counterexamples are the shortest there are.
    """

    depth: int
    """The most steps, or transactions, of a run."""
    maker: Maker
    start: Start | None = None
    """Where runs begin; ``None``: in the initial state."""

    @property
    def name(self) -> str:
        return "bmc"

    @property
    def visits_states(self) -> bool:
        return False

    def without_checkpoints(self) -> BoundedEngine:
        return self

    def with_workers(self, workers: int) -> BoundedEngine:
        return self

    def check(
        self,
        instance: Instance,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        stop_when_violated: Collection[str] = (),
        reduction: Reduction = UNREDUCED,
    ) -> Result:
        if instance.semantics.initial_fault is not None:
            return ExplicitEngine().check(instance, properties, limits, progress)
        meter = Meter(limits, progress)
        depth = self.depth if limits.depth is None else min(limits.depth, self.depth)
        search: Search | None = None
        interrupted = False
        try:
            made = system(instance, reduction.movers, properties)
            search = Search(made, self.maker, self.start, frozenset(properties))
            reason = search.run(depth, meter, frozenset(stop_when_violated))
        except KeyboardInterrupt:
            interrupted, reason = True, "interrupted"
        except (Unsupported, TooLargeCircuit) as error:
            reason = f"it cannot be said in bits: {error}"
        except MemoryError:
            reason = "out of memory"
        reached = -1 if search is None else search.depth
        return Result(
            verdicts=_verdicts(instance, properties, search, reason),
            statistics=Statistics(
                states=max(0, reached),
                transitions=0,
                depth=max(0, reached),
                seconds=meter.seconds,
                reductions=("transactions",) if reduction.movers is not None else (),
            ),
            coverage=None,
            lock_edges=(),
            interrupted=interrupted,
            fault=Fault(search.faults[0]) if search is not None and search.faults else None,
        )


def _verdicts(
    instance: Instance, properties: Collection[str], search: Search | None, reason: str
) -> dict[str, Verdict]:
    found = {} if search is None else search.found
    return {
        name: found.get(name) or _unviolated(name, instance, search, reason)
        for name in instance.model.properties
        if name in properties
    }


def _unviolated(name: str, instance: Instance, search: Search | None, reason: str) -> Verdict:
    if name not in instance.model.safety:
        return Inconclusive(None, "a bounded search judges no progress")
    if search is None or search.depth < 0:
        return Inconclusive(None, reason)
    noun = "transaction" if search.system.transactions else "step"
    up_to = f"no violation up to {search.depth} {noun}{'' if search.depth == 1 else 's'}"
    if search.start is not None:
        up_to += f" from {search.start.words}"
    whys = [reason] if reason else []
    if search.faults:
        whys.append(f"runs end at the {search.faults[0]}")
    if search.unsupported is not None:
        whys.append(f"a number beyond what there is room for after {search.unsupported} {noun}s")
    if search.exhausted and not whys and search.start is None:
        return Checked(None, f"no run is longer than {search.depth} {noun}s")
    return Inconclusive(None, ": ".join((up_to, "; ".join(whys))) if whys else up_to)


@dataclass
class Search:
    """Runs of growing length, until there is nothing more to find."""

    system: System
    maker: Maker
    start: Start | None
    properties: frozenset[str]
    depth: int = -1
    """Up to it there are no violations but those found."""
    found: dict[str, Verdict] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Those that runs end in, asked for or not."""
    unsupported: int | None = None
    """After how many steps a number is needed that there is no room for."""
    exhausted: bool = False
    """Whether there are no longer runs."""
    circuit: Circuit = field(default_factory=Circuit)
    states: list[Vector] = field(default_factory=list)
    """Of the run that the solver looks for, as functions of its choices."""
    steps: list[Copy] = field(default_factory=list)

    def run(self, depth: int, meter: Meter, stop: frozenset[str]) -> str:
        """Why the search ended; nothing if it was done."""
        solver = self.maker(self.circuit)
        template = self.system.template()
        self.states.append(first_state(self.system, self.start, self.circuit, solver))
        if self.start is not None and solver.solve([], meter.left()) is False:
            return f"there is no such start: {self.start.words}"
        watched = dict(self.system.violated)
        watched |= {str(kind): literal for kind, literal in self.system.faults.items()}
        watched[UNSUPPORTED] = self.system.unsupported
        while True:
            step = template.copy(self.circuit, self.states[-1])
            self.steps.append(step)
            at = len(self.steps) - 1
            # What a step ends in is one step later than what the state before it is.
            asked = {n: x for n, x in watched.items() if at < depth or n in self.system.violated}
            reason = self._violations(solver, {n: step(x) for n, x in asked.items()}, meter)
            if reason is not None:
                return reason
            self.depth = at
            watched = {n: x for n, x in watched.items() if not self._known(n)}
            hit = sorted(n for n in stop if isinstance(self.found.get(n), Violated))
            if hit:
                return f"stopped after the violation of {', '.join(hit)}"
            if at == depth:
                return ""
            solver.require([step(self.system.moves)])
            goes_on = solver.solve([], meter.left())
            if goes_on is False:
                self.exhausted = True
                return ""
            reason = meter.exceeded(0) or (None if goes_on else "the solver gave up")
            if reason is not None:
                return reason
            meter.report(depth=at, states=0, transitions=0, frontier=0)
            self.states.append(step.row(self.system.after))

    def _known(self, name: str) -> bool:
        if name == UNSUPPORTED:
            return self.unsupported is not None
        return name in self.found or name in self.faults

    def _violations(self, solver: Solver, goals: dict[str, Literal], meter: Meter) -> str | None:
        """All that can be violated now; else why that is not known."""
        goals = {name: goal for name, goal in goals.items() if goal != FALSE}
        while goals:
            answer = solver.solve([self.circuit.some(goals.values())], meter.left())
            if answer is None:
                return meter.exceeded(0) or "the solver gave up"
            if not answer:
                break
            hit = solver.values(list(goals.values()))
            for name in [name for name, is_hit in zip(goals, hit, strict=True) if is_hit]:
                self._violated(name, solver)
                del goals[name]
        for goal in goals.values():
            solver.require([goal ^ 1])
        return None

    def _violated(self, name: str, solver: Solver) -> None:
        """The run that the solver has found violates the property, or ends in what nothing is known of."""
        at = len(self.steps) - 1
        if name == UNSUPPORTED:
            self.unsupported = at
            return
        fault = Fault(name) if name in FAULTS else None
        if fault is not None:
            self.faults.append(name)
        if name not in self.properties:
            return
        states = [self.system.decode(solver.values(state)) for state in self.states]
        threads = [
            number_of(solver.values(step.row(self.system.who))) or 0
            for step in (self.steps if fault is not None else self.steps[:-1])
        ]
        self.found[name] = self._verdict(name, states, threads, fault)

    def _verdict(
        self, name: str, states: list[State], threads: list[int], fault: Fault | None
    ) -> Verdict:
        semantics = self.system.instance.semantics
        moves = moves_along(semantics, states, threads, fault)
        if self.start is not None:
            return from_start(self.system.instance, name, states[0], moves, self.start)
        if self.system.transactions:
            moves = shortened(semantics, name, moves, SHORTEN_SECONDS)
        return Violated(trace_of(semantics, name, moves))
