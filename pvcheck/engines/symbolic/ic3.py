"""Proofs that find their own invariant: clauses over the bits of states, one by one, where a proof needs them.

Frame i is a set of clauses that all states satisfy which are reached in i steps at most. A state of the last frame
from which a property could be violated is shown not to be reached in so many steps, by clauses that exclude it
and many like it, or there is a counterexample. When all clauses of a frame hold in the next one too, they hold
always.

Source: Bradley, "SAT-Based Model Checking without Unrolling" (VMCAI 2011); Een, Mishchenko, Brayton, "Efficient
Implementation of Property Directed Reachability" (FMCAD 2011).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count

from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.circuit import Circuit, Literal, Vector
from pvcheck.engines.symbolic.frames import Copy, Template
from pvcheck.engines.symbolic.invariant import Cube, recheck, written
from pvcheck.engines.symbolic.proving import Attempt
from pvcheck.engines.symbolic.solver import Maker, Solver
from pvcheck.engines.symbolic.system import System
from pvcheck.model.verdict import Checked

MOST_TRIES = 24
"""Bits of a cube that are left out on trial, one at a time."""


class GaveUp(Exception):
    """A limit was met, or the solver does not know."""


@dataclass
class Frames:
    """One search for an invariant that excludes all of ``goals``."""

    system: System
    maker: Maker
    fact: Literal
    """What is known of all states; a literal of the system's circuit."""
    goals: dict[str, Literal]
    meter: Meter
    frames: list[list[Cube]] = field(default_factory=lambda: [[], []])
    """Per frame, the cubes that it excludes and the next one does not."""
    violated_after: int = 0
    """Steps, if there is a counterexample."""
    circuit: Circuit = field(default_factory=Circuit)

    def __post_init__(self) -> None:
        c = self.circuit
        self.before: Vector = c.inputs(len(self.system.before))
        self.template: Template = self.system.template(self.fact, *self.goals.values())
        self.step: Copy = self.template.copy(c, self.before)
        self.after: Vector = self.step.row(self.system.after)
        self.choices: Vector = self.step.row(self.template.choices)
        self.moves: Literal = self.step(self.system.moves)
        self.initial: Vector = self.system.encode(self.system.instance.semantics.initial)
        self.solver: Solver = self.maker(c)
        self.lifter: Solver = self.maker(c)
        self.solver.require([self.step(self.fact)])
        self.active: list[Literal] = [c.input(), c.input()]
        """Per frame, whether its clauses are in force."""
        self._order = count()

    @property
    def clauses(self) -> list[Cube]:
        """Those of the invariant that was found."""
        return [cube for frame in self.frames for cube in frame]

    @property
    def last(self) -> int:
        return len(self.frames) - 1

    def prove(self) -> bool:
        """Whether there is an invariant; else there is a violation, see ``violated_after``.

        Raises:
            GaveUp: it is not known.
        """
        bad = self.circuit.some(self.step(goal) for goal in self.goals.values())
        if self._ask(self.solver, [*self._is(self.initial), bad]):
            return False
        while True:
            while self._ask(self.solver, [*self._in_force(self.last), bad]):
                if not self._blocked(self._lifted(bad), self.last):
                    return False
            self.frames.append([])
            self.active.append(self.circuit.input())
            if self._propagated():
                return True
            self.meter.report(depth=self.last, states=0, transitions=0, frontier=0)

    # Questions

    def _ask(self, solver: Solver, assumed: Sequence[Literal]) -> bool:
        answer = solver.solve(assumed, self.meter.left())
        if answer is None or self.meter.exceeded(0):
            raise GaveUp
        return answer

    def _in_force(self, frame: int) -> list[Literal]:
        return self._is(self.initial) if frame == 0 else self.active[frame:]

    def _is(self, state: Vector) -> list[Literal]:
        return [bit ^ value ^ 1 for bit, value in zip(self.before, state, strict=True)]

    def _at(self, bits: Vector, cube: Cube) -> list[Literal]:
        return [bits[n] ^ value ^ 1 for n, value in cube]

    def _holds_initially(self, cube: Cube) -> bool:
        return all(self.initial[n] == value for n, value in cube)

    def _unreached(self, cube: Cube, frame: int) -> Cube | None:
        """A part of the cube, or all of it, that no step from the frame before, without it, leads to."""
        after = {
            literal: item for literal, item in zip(self._at(self.after, cube), cube, strict=True)
        }
        without = self.circuit.input()
        self.solver.require([without ^ 1, *(x ^ 1 for x in self._at(self.before, cube))])
        assumed = [*self._in_force(frame - 1), without, self.moves, *after]
        reached = self._ask(self.solver, assumed)
        core = set() if reached else set(self.solver.core())
        self.solver.require([without ^ 1])
        if reached:
            return None
        needed = tuple(item for literal, item in after.items() if literal in core)
        if not self._holds_initially(needed):
            return needed
        apart = next(item for item in cube if self.initial[item[0]] != item[1])
        return tuple(sorted({*needed, apart}))

    def _lifted(self, goal: Literal) -> Cube:
        """States from which the choices that the solver has found lead to the goal, as it has found one."""
        state = self.solver.values(self.before)
        chosen = self.solver.values(self.choices)
        given = [x ^ v ^ 1 for x, v in zip(self.choices, chosen, strict=True)]
        literals = self._is(state)
        if self._ask(self.lifter, [*given, *literals, goal ^ 1]):
            raise AssertionError("the goal follows from the state and the choices")
        core = set(self.lifter.core())
        return tuple((n, state[n]) for n, literal in enumerate(literals) if literal in core)

    # Frames

    def _blocked(self, cube: Cube, frame: int) -> bool:
        """Exclude the cube from the frame, and what leads to it from those before; or there is a way to it."""
        todo = [(frame, next(self._order), cube, 0)]
        while todo:
            at, order, wanted, far = heapq.heappop(todo)
            if at == 0 or self._holds_initially(wanted):
                self.violated_after = far
                return False
            if self._excluded(wanted, at):
                continue
            part = self._unreached(wanted, at)
            if part is None:
                target = self.circuit.every([self.moves, *self._at(self.after, wanted)])
                before = self._lifted(target)
                heapq.heappush(todo, (at - 1, next(self._order), before, far + 1))
                heapq.heappush(todo, (at, order, wanted, far))
                continue
            part = self._shorter(part, at)
            while at < self.last and (further := self._unreached(part, at + 1)) is not None:
                part, at = further, at + 1
            self._exclude(part, at)
            if at < self.last:
                heapq.heappush(todo, (at + 1, order, wanted, far))
        return True

    def _excluded(self, cube: Cube, frame: int) -> bool:
        inside = set(cube)
        return any(inside.issuperset(c) for later in self.frames[frame:] for c in later)

    def _shorter(self, cube: Cube, frame: int) -> Cube:
        tried = 0
        for item in cube:
            fewer = tuple(i for i in cube if i != item)
            if item not in cube or not fewer or self._holds_initially(fewer):
                continue
            tried += 1
            if tried > MOST_TRIES:
                break
            part = self._unreached(fewer, frame)
            if part is not None:
                cube = part
        return cube

    def _exclude(self, cube: Cube, frame: int) -> None:
        inside = set(cube)
        for earlier in range(1, frame + 1):
            self.frames[earlier] = [c for c in self.frames[earlier] if not inside.issubset(c)]
        self.frames[frame].append(cube)
        clause = [literal ^ 1 for literal in self._at(self.before, cube)]
        self.solver.require([self.active[frame] ^ 1, *clause])

    def _propagated(self) -> bool:
        """Whether a frame is the same as the next one."""
        for frame in range(1, self.last):
            for cube in list(self.frames[frame]):
                if cube in self.frames[frame] and self._unreached(cube, frame + 1) is not None:
                    self._exclude(cube, frame + 1)
            if not self.frames[frame]:
                self.frames = [[], *([] for _ in self.frames[1:frame]), *self.frames[frame:]]
                return True
        return False


class Wrong(Exception):
    """A proof that does not hold when it is checked again: a bug of ours."""


@dataclass
class Ic3(Attempt):
    """All properties at once; those that are violated are left out, and the rest is tried again."""

    def tried(self) -> str:
        return f"no invariant found with {self.depth} frames"

    def run(self, depth: int, meter: Meter, stop: Collection[str]) -> str:
        while names := self.missing():
            goals = {name: self.goals[name] for name in names}
            frames = Frames(self.system, self.maker, self.fact, goals, meter)
            try:
                proved = frames.prove()
            except GaveUp:
                self.depth = frames.last
                return meter.exceeded(0) or "the solver gave up"
            self.depth = frames.last
            if proved:
                self._claim(names, frames.clauses)
                return ""
            before = len(self.missing())
            reason = self.base.run(frames.violated_after + 1, meter, stop)
            if reason:
                return reason
            if len(self.missing()) == before:
                raise Wrong(f"there is no violation of {', '.join(names)} where there should be")
            if self.base.faults or self.base.unsupported is not None:
                return ""
        return ""

    def _claim(self, names: list[str], clauses: list[Cube]) -> None:
        goals = {name: self.goals[name] for name in names}
        if not recheck(self.system, self.maker, self.fact, goals, clauses):
            raise Wrong("the invariant that was found is none")
        number = f"{len(clauses)} clause{'' if len(clauses) == 1 else 's'}"
        certificate = written(self.system, clauses)
        for name in names:
            self.proved[name] = Checked(None, f"by an invariant of {number}", certificate)
