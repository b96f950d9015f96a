"""Induction: what holds in every state that comes behind states in which it holds, and in the first ones.

A property is k-inductive if every run of k steps through states that satisfy it ends in one that does, given
what is known of all states anyway (see ``facts``). With no violation in the first k states of runs from the
initial state, it holds in all.

Source: Sheeran, Singh, Stålmarck, "Checking Safety Properties Using Induction and a SAT-Solver" (FMCAD 2000).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.bmc import FAULTS, UNSUPPORTED, Search, run_found
from pvcheck.engines.symbolic.circuit import FALSE, Circuit, Literal, TooLargeCircuit, Vector
from pvcheck.engines.symbolic.elsewhere import verdict_on
from pvcheck.engines.symbolic.facts import facts
from pvcheck.engines.symbolic.frames import Copy
from pvcheck.engines.symbolic.simplify import simplest
from pvcheck.engines.symbolic.solver import Maker, Solver
from pvcheck.engines.symbolic.system import System, system
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result, Statistics
from pvcheck.model.semantics import State
from pvcheck.model.situation import Analysis
from pvcheck.model.trace import Move
from pvcheck.model.verdict import Checked, Inconclusive, Verdict


@dataclass(frozen=True)
class InductiveEngine:
    """Tries 0, 1, 2 ... steps, or transactions if the reduction has those.

    What it calls checked holds in all reachable states, and no run ends in a fault.
    """

    depth: int
    """The most steps of a hypothesis."""
    maker: Maker
    analysis: Analysis
    """Of control flow."""

    @property
    def name(self) -> str:
        return "induction"

    @property
    def visits_states(self) -> bool:
        return False

    def without_checkpoints(self) -> InductiveEngine:
        return self

    def with_workers(self, workers: int) -> InductiveEngine:
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
        proof: Proof | None = None
        interrupted = False
        try:
            made = system(instance, reduction.movers, properties)
            proof = Proof(made, self.maker, self.analysis, frozenset(properties))
            reason = proof.run(self.depth, meter, stop_when_violated)
        except KeyboardInterrupt:
            interrupted, reason = True, "interrupted"
        except (Unsupported, TooLargeCircuit) as error:
            reason = f"it cannot be said in bits: {error}"
        except MemoryError:
            reason = "out of memory"
        depth = 0 if proof is None else max(0, proof.depth)
        return Result(
            verdicts={
                name: _verdict(name, instance, proof, reason)
                for name in instance.model.properties
                if name in properties
            },
            statistics=Statistics(
                states=depth,
                transitions=0,
                depth=depth,
                seconds=meter.seconds,
                reductions=("transactions",) if reduction.movers is not None else (),
            ),
            coverage=None,
            lock_edges=(),
            interrupted=interrupted,
            fault=None if proof is None or not proof.base.faults else Fault(proof.base.faults[0]),
        )


def _verdict(name: str, instance: Instance, proof: Proof | None, reason: str) -> Verdict:
    if name not in instance.model.safety:
        return Inconclusive(None, "induction judges no progress")
    if proof is None:
        return Inconclusive(None, reason)
    violated = proof.base.found.get(name) or proof.found.get(name)
    if violated is not None:
        return violated
    noun = "transaction" if proof.system.transactions else "step"
    if name in proof.proved:
        open_ = sorted(proof.ends - proof.proved.keys())
        if open_:
            if open_ == [UNSUPPORTED]:
                where = "need a number beyond what there is room for"
            else:
                where = f"end before, at the {next(filter(None, open_))}"
            return Inconclusive(None, f"inductive, but runs may {where}")
        return Checked(None, _argument(proof.proved[name], noun))
    tried = f"not inductive up to {proof.depth} {noun}{'' if proof.depth == 1 else 's'}"
    if proof.depth < 0:
        return Inconclusive(None, reason)
    return Inconclusive(None, f"{tried}: {reason}" if reason else tried)


def _argument(steps: int, noun: str) -> str:
    if steps == 0:
        return "it follows from what control flow says of locks"
    return f"by induction over {steps} {noun}{'' if steps == 1 else 's'}"


@dataclass
class Proof:
    """All properties at once: each may be assumed where another is shown, one step before."""

    system: System
    maker: Maker
    analysis: Analysis
    properties: frozenset[str]
    depth: int = -1
    """Steps of the longest hypothesis that was tried."""
    proved: dict[str, int] = field(default_factory=dict)
    """By as many steps."""
    found: dict[str, Verdict] = field(default_factory=dict)
    """What a run behind the hypothesis has shown of a property that is not inductive."""
    circuit: Circuit = field(default_factory=Circuit)
    states: list[Vector] = field(default_factory=list)
    """Of any run: the last ones are those of the longest hypothesis."""
    steps: list[Copy] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = Search(self.system, self.maker, None, self.properties)
        self.solver: Solver = self.maker(self.circuit)
        self.fact = facts(self.system, self.analysis)
        self.template = self.system.template(self.fact)
        self.goals: dict[str, Literal] = dict(self.system.violated)
        self.goals |= {str(kind): literal for kind, literal in self.system.faults.items()}
        self.goals[UNSUPPORTED] = self.system.unsupported
        self.goals |= {kind: FALSE for kind in FAULTS if kind not in self.goals}

    @property
    def ends(self) -> frozenset[str]:
        """What a run may end in, so that nothing is known of what would come behind it."""
        return frozenset((*FAULTS, UNSUPPORTED))

    def run(self, depth: int, meter: Meter, stop: Collection[str]) -> str:
        """Why it ended; nothing if all was tried."""
        self._append(self.system.judging.state.bits())
        while True:
            # The hypothesis is about to have so many steps: as many first states must be fine.
            stopped = self.base.run(len(self.states), meter, stop)
            if stopped:
                return stopped
            ended = self._prove(len(self.states) - 1, meter)
            if ended is not None:
                return ended
            self.depth = len(self.states) - 1
            if not self._missing():
                return ""
            if self.depth >= depth:
                return self._show(meter)
            meter.report(depth=self.depth, states=0, transitions=0, frontier=0)
            step = self.steps[-1]
            self.solver.require([step(self.system.moves)])
            self._append(step.row(self.system.after))
            # The shortest run to a violation comes to no state twice.
            for before in self.states[:-1]:
                self.solver.require([self.circuit.equal(before, self.states[-1]) ^ 1])

    def _append(self, state: Vector) -> None:
        if not self.states:
            state = self.circuit.inputs(len(state))
        self.states.append(state)
        step = self.template.copy(self.circuit, state)
        self.steps.append(step)
        self.solver.require([step(self.fact)])
        for name in self.proved:
            self.solver.require([step(self.goals[name]) ^ 1])

    def _missing(self) -> list[str]:
        """What is neither proved nor refuted."""
        refuted = {*self.base.faults, *self.base.found, *self.found}
        if self.base.unsupported is not None:
            refuted.add(UNSUPPORTED)
        return [n for n in self.goals if n not in self.proved and n not in refuted]

    def _prove(self, steps: int, meter: Meter) -> str | None:
        """Find the largest set of properties that follow from themselves; else why that is not known."""
        trying = self._missing()
        last = self.steps[-1]
        while trying:
            assumed = [step(self.goals[name]) ^ 1 for step in self.steps[:-1] for name in trying]
            goals = {name: last(self.goals[name]) for name in trying}
            answer = self.solver.solve([*assumed, self.circuit.some(goals.values())], meter.left())
            if answer is None:
                return meter.exceeded(0) or "the solver gave up"
            if not answer:
                break
            values = self.solver.values(list(goals.values()))
            broken = {name for name, value in zip(goals, values, strict=True) if value}
            trying = [name for name in trying if name not in broken]
        for name in trying:
            self.proved[name] = steps
            for step in self.steps:
                self.solver.require([step(self.goals[name]) ^ 1])
        return meter.exceeded(0)

    def _show(self, meter: Meter) -> str:
        """For each property that is not inductive, a run that breaks it and is as simple as can be found."""
        for name in self._missing():
            if name not in self.properties:
                continue
            assumed = [
                step(self.goals[other]) ^ 1 for step in self.steps[:-1] for other in self._missing()
            ]
            question = [*assumed, self.steps[-1](self.goals[name])]
            answer = self.solver.solve(question, meter.left())
            if not answer:
                continue
            simplest(self.system, self.solver, self.states[0], question, meter)
            fault = Fault(name) if name in FAULTS else None
            begun, moves = run_found(self.system, self.solver, self.states, self.steps, fault)
            self.found[name] = self._judged(name, begun, moves)
        return meter.exceeded(0) or ""

    def _judged(self, name: str, begun: State, moves: list[Move]) -> Verdict:
        noun = "transaction" if self.system.transactions else "step"
        plural = "" if self.depth == 1 else "s"
        found = f"not inductive over {self.depth} {noun}{plural}"
        return verdict_on(self.system.instance.semantics, name, begun, moves, found)
