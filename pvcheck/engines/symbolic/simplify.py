"""Of all solutions one that begins as much like the initial state as can be found."""

from __future__ import annotations

from collections.abc import Sequence

from pvcheck.engines.meter import Meter
from pvcheck.engines.symbolic.circuit import Literal, Vector
from pvcheck.engines.symbolic.solver import Solver
from pvcheck.engines.symbolic.system import System


def simplest(
    system: System, solver: Solver, first: Vector, question: Sequence[Literal], meter: Meter
) -> None:
    """Leave the solver with a solution to the question whose first state is simple.

    Part by part, threads before cells, the state is made what it is initially, unless then there is none.
    """
    alike: list[Literal] = []
    initial = system.encode(system.instance.semantics.initial)
    for part in reversed(system.parts):
        same = solver.circuit.equal(first[part.start : part.stop], initial[part.start : part.stop])
        if meter.exceeded(0):
            break
        if solver.solve([*question, *alike, same], meter.left()):
            alike.append(same)
    solver.solve([*question, *alike], None)
