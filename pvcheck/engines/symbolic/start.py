"""What a run may begin with: the initial state, or any well-formed one.

A start is well formed if all locks are free, every thread is where it begins, every invariant holds, and a
condition does.
"""

from __future__ import annotations

from pvcheck.engines.base import Start
from pvcheck.engines.symbolic.circuit import Circuit, Vector, constant
from pvcheck.engines.symbolic.solver import Solver
from pvcheck.engines.symbolic.state import Cell, Whole
from pvcheck.engines.symbolic.system import System
from pvcheck.model.compile_model import judged


def first_state(system: System, start: Start | None, circuit: Circuit, solver: Solver) -> Vector:
    """The bits of the state that runs begin in; the solver is told what must hold of it."""
    initial = system.bits.whole(system.instance.semantics.initial)
    if start is None:
        return initial.bits()
    layout = system.bits.layout
    cells = tuple(
        Cell(circuit.inputs(len(cell.code)))
        if layout.lock_cells <= n < layout.variable_end
        else Cell(constant(0, len(cell.code)), constant(0, len(cell.sharers)))
        for n, cell in enumerate(initial.cells)
    )
    state = Whole(cells, initial.threads).bits()
    judging = system.judging
    wanted = [judging.well_formed(), judging.holds(start.condition)]
    for invariant in system.instance.model.invariants:
        binders = [binder for _, binder in invariant.binders]
        wanted.append(judging.holds(judged(invariant), binders))
    copy = system.template(*wanted).copy(circuit, state)
    for literal in wanted:
        solver.require([copy(literal)])
    return state
