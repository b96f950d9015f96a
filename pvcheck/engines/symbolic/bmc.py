"""Bounded search: is there a run of so many steps that violates a property?

Source: Biere, Cimatti, Clarke, Zhu, "Symbolic Model Checking without BDDs" (TACAS 1999).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
from pvcheck.engines.symbolic.elsewhere import verdict_on
from pvcheck.engines.symbolic.frames import Copy
from pvcheck.engines.symbolic.retrace import moves_along
from pvcheck.engines.symbolic.simplify import simplest
from pvcheck.engines.symbolic.solver import Maker, Solver
from pvcheck.engines.symbolic.start import first_state
from pvcheck.engines.symbolic.system import System, system
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.replay import trace_of
from pvcheck.model.result import Result, Statistics
from pvcheck.model.semantics import State
from pvcheck.model.shorten import shortened
from pvcheck.model.trace import Move
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
    """Runs of growing length, until there is nothing more to find. It can go on where it has ended."""

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
    """What is asked of each of them, and of the step from it."""

    def __post_init__(self) -> None:
        self.solver: Solver = self.maker(self.circuit)
        self.template = self.system.template()

    def run(self, depth: int, meter: Meter, stop: Collection[str] = ()) -> str:
        """Up to that depth; why the search ended, nothing if it was done."""
        if not self.states:
            first = first_state(self.system, self.start, self.circuit, self.solver)
            if self.start is not None and self.solver.solve([], meter.left()) is False:
                return f"there is no such start: {self.start.words}"
            self._append(first)
        while True:
            if self.depth < len(self.states) - 1:
                ended = self._violations(self.system.violated, meter)
                if ended is not None:
                    return ended
                self.depth = len(self.states) - 1
            hit = sorted(n for n in stop if isinstance(self.found.get(n), Violated))
            if hit:
                return f"stopped after the violation of {', '.join(hit)}"
            if self.depth >= depth or self.exhausted:
                return ""
            ended = self._step(meter)
            if ended is not None:
                return ended
            meter.report(depth=self.depth, states=0, transitions=0, frontier=0)

    def _append(self, state: Vector) -> None:
        self.states.append(state)
        self.steps.append(self.template.copy(self.circuit, state))

    def _step(self, meter: Meter) -> str | None:
        """One step more; else why there is none."""
        ends = {str(kind): literal for kind, literal in self.system.faults.items()}
        ends[UNSUPPORTED] = self.system.unsupported
        ended = self._violations(ends, meter)
        if ended is not None:
            return ended
        step = self.steps[-1]
        self.solver.require([step(self.system.moves)])
        goes_on = self.solver.solve([], meter.left())
        if goes_on is False:
            self.exhausted = True
            return None
        ended = meter.exceeded(0) or (None if goes_on else "the solver gave up")
        if ended is None:
            self._append(step.row(self.system.after))
        return ended

    def _known(self, name: str) -> bool:
        if name == UNSUPPORTED:
            return self.unsupported is not None
        return name in self.found or name in self.faults

    def _violations(self, watched: Mapping[str, Literal], meter: Meter) -> str | None:
        """All that can be violated now; else why that is not known."""
        step = self.steps[-1]
        goals = {n: step(x) for n, x in watched.items() if not self._known(n)}
        goals = {name: goal for name, goal in goals.items() if goal != FALSE}
        while goals:
            answer = self.solver.solve([self.circuit.some(goals.values())], meter.left())
            if answer is None:
                return meter.exceeded(0) or "the solver gave up"
            if not answer:
                break
            hit = self.solver.values(list(goals.values()))
            names = [name for name, is_hit in zip(goals, hit, strict=True) if is_hit]
            if self.start is not None:
                # The simpler the start, the likelier it can be reached.
                names = names[:1]
                question = [goals[names[0]]]
                simplest(self.system, self.solver, self.states[0], question, meter)
            for name in names:
                self._violated(name)
                del goals[name]
        for goal in goals.values():
            self.solver.require([goal ^ 1])
        return meter.exceeded(0)

    def _violated(self, name: str) -> None:
        """The run that the solver has found violates the property, or ends in what nothing is known of."""
        if name == UNSUPPORTED:
            self.unsupported = len(self.steps) - 1
            return
        fault = Fault(name) if name in FAULTS else None
        if fault is not None:
            self.faults.append(name)
        if name in self.properties:
            found = run_found(self.system, self.solver, self.states, self.steps, fault)
            self.found[name] = self._verdict(name, *found)

    def _verdict(self, name: str, begun: State, moves: list[Move]) -> Verdict:
        semantics = self.system.instance.semantics
        if self.start is not None:
            found = f"violated from {self.start.words}"
            return verdict_on(semantics, name, begun, moves, found)
        if self.system.transactions:
            moves = shortened(semantics, name, moves, SHORTEN_SECONDS)
        return Violated(trace_of(semantics, name, moves))


def run_found(
    system: System,
    solver: Solver,
    states: Sequence[Vector],
    steps: Sequence[Copy],
    fault: Fault | None,
) -> tuple[State, list[Move]]:
    """Where the run begins that the solver has found, and its ordinary steps; the last one ends in the fault."""
    values = [system.decode(solver.values(state)) for state in states]
    taken = steps if fault is not None else steps[: len(states) - 1]
    threads = [number_of(solver.values(step.row(system.who))) or 0 for step in taken]
    return values[0], moves_along(system.instance.semantics, values, threads, fault)
