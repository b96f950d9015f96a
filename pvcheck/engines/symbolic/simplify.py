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

    Part by part, threads before cells, and then bit by bit, the state is made what it is initially, unless then
    there is none.
    """
    alike: list[Literal] = []
    initial = system.encode(system.instance.semantics.initial)
    equal = solver.circuit.equal
    parts = [slice(part.start, part.stop) for part in reversed(system.parts)]
    trials = [(part, equal(first[part], initial[part])) for part in parts]
    different = [part for part, same in trials if not _kept(solver, question, alike, same, meter)]
    for part in different:
        for n in range(part.start, part.stop):
            _kept(solver, question, alike, first[n] ^ initial[n] ^ 1, meter)
    solver.solve([*question, *alike], None)


def _kept(
    solver: Solver,
    question: Sequence[Literal],
    alike: list[Literal],
    same: Literal,
    meter: Meter,
) -> bool:
    """Whether there is a solution with that, too, so that it is one of ``alike`` from now on."""
    if meter.exceeded(0) or not solver.solve([*question, *alike, same], meter.left()):
        return False
    alike.append(same)
    return True
