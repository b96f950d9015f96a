"""Runs that do not begin in the initial state: what they may begin with, and what they show.

A start is well formed: all locks are free, every thread is where it begins, every invariant holds, and a condition
does. Such a state need not be reachable. So what is found from one is a violation only if a search finds
the way there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pvcheck.engines.base import Start
from pvcheck.engines.symbolic.circuit import Circuit, Vector, constant
from pvcheck.engines.symbolic.reach import Reached, reached
from pvcheck.engines.symbolic.solver import Solver
from pvcheck.engines.symbolic.state import Cell, Whole
from pvcheck.engines.symbolic.system import System
from pvcheck.model.compile_model import judged
from pvcheck.model.expr import Apply, Bound, Const, Expr, Op
from pvcheck.model.instance import Instance
from pvcheck.model.layout import Block
from pvcheck.model.model import Variable
from pvcheck.model.replay import trace_of
from pvcheck.model.semantics import State
from pvcheck.model.trace import Move
from pvcheck.model.types import BOOL
from pvcheck.model.verdict import Inconclusive, Verdict, Violated


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


def from_start(
    instance: Instance, name: str, begun: State, moves: Sequence[Move], start: Start
) -> Verdict:
    """What a run from the start shows: a violation if the start can be reached."""
    found = reached(instance.semantics, begun)
    if isinstance(found, list):
        return Violated(trace_of(instance.semantics, name, [*found, *moves]))
    known = {
        Reached.NEVER: "the start of this run cannot be reached: a false alarm",
        Reached.UNKNOWN: "whether the start of this run can be reached is not known",
    }[found]
    changed = begun_with(instance, begun)
    example = trace_of(changed.semantics, name, moves)
    return Inconclusive(None, f"violated from {start.words}; {known}", example)


def begun_with(instance: Instance, begun: State) -> Instance:
    """The instance with what the shared variables hold in that state as their initial values."""
    layout = instance.semantics.layout
    variables = tuple(
        v if v.counter else replace(v, initial=_table(v, layout.blocks[v.name], begun))
        for v in instance.model.variables
    )
    return replace(instance, model=replace(instance.model, variables=variables))


def _table(variable: Variable, block: Block, state: State) -> Expr:
    """The elements' values, as an expression over the variable's binders."""
    shared = state[0]
    values = [Const(shared[block.start + n], variable.type) for n in range(block.cells)]
    result: Expr = values[-1]
    for n in reversed(range(block.cells - 1)):
        here = _element(variable.binders, block.element(n))
        result = Apply(Op.ITE, (here, values[n], result), variable.type)
    return result


def _element(binders: Sequence[Bound], indices: Sequence[int]) -> Expr:
    tests: list[Expr] = [
        Apply(Op.EQ, (binder, Const(index, binder.type)), BOOL)
        for binder, index in zip(binders, indices, strict=True)
    ]
    result = tests[0]
    for test in tests[1:]:
        result = Apply(Op.AND, (result, test), BOOL)
    return result
