"""Induction: what holds in every state that comes behind states in which it holds, and in the first ones.

A property is k-inductive if every run of k steps through states that satisfy it ends in one that does, given
what is known of all states anyway (see ``facts``). With no violation in the first k states of runs from the
initial state, it holds in all.

Source: Sheeran, Singh, Stålmarck, "Checking Safety Properties Using Induction and a SAT-Solver" (FMCAD 2000).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.bmc import FAULTS, run_found
from pvcheck.engines.symbolic.circuit import Circuit, Vector
from pvcheck.engines.symbolic.elsewhere import verdict_on
from pvcheck.engines.symbolic.frames import Copy
from pvcheck.engines.symbolic.proving import Attempt
from pvcheck.engines.symbolic.simplify import simplest
from pvcheck.engines.symbolic.solver import Solver
from pvcheck.model.model import Fault
from pvcheck.model.semantics import State
from pvcheck.model.trace import Move
from pvcheck.model.verdict import Checked, Verdict


@dataclass
class Induction(Attempt):
    """All properties at once: each may be assumed where another is shown, one step before."""

    circuit: Circuit = field(default_factory=Circuit)
    states: list[Vector] = field(default_factory=list)
    """Of any run: those of the hypothesis, and the one behind it."""
    steps: list[Copy] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.solver: Solver = self.maker(self.circuit)
        self.template = self.system.template(self.fact)

    def tried(self) -> str:
        return f"not inductive up to {self.counted(self.depth)}"

    def _argument(self, steps: int) -> str:
        if steps == 0:
            return "it follows from what control flow says of locks"
        return f"by induction over {self.counted(steps)}"

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
            if not self.missing():
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

    def _prove(self, steps: int, meter: Meter) -> str | None:
        """Find the largest set of properties that follow from themselves; else why that is not known."""
        trying = self.missing()
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
            self.proved[name] = Checked(None, self._argument(steps))
            for step in self.steps:
                self.solver.require([step(self.goals[name]) ^ 1])
        return meter.exceeded(0)

    def _show(self, meter: Meter) -> str:
        """For each property that is not inductive, a run that breaks it and is as simple as can be found."""
        for name in self.missing():
            if name not in self.properties:
                continue
            assumed = [
                step(self.goals[other]) ^ 1 for step in self.steps[:-1] for other in self.missing()
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
        found = f"not inductive over {self.counted(self.depth)}"
        return verdict_on(self.system.instance.semantics, name, begun, moves, found)
