"""Guards, initial values and invariants as Python functions."""

from __future__ import annotations

from pvcheck.model.compile_expr import ExprCompiler
from pvcheck.model.expr import (
    TRUE,
    Apply,
    Bound,
    Domain,
    Expr,
    Kind,
    Let,
    Op,
    Quantifier,
)
from pvcheck.model.model import Guard, Invariant, Variable
from pvcheck.model.program import Maker, Program
from pvcheck.model.runtime import Faulted
from pvcheck.model.types import BOOL
from pvcheck.model.walk import depends_on_state


def compile_guards(program: Program) -> None:
    """Fill ``program.guards``."""
    for number, variable in enumerate(program.layout.variables.values()):
        if variable.guard is None:
            continue
        compiler = ExprCompiler(program, "p", inside_step=False)
        binders = "".join(f", b{b.number}" for b in variable.binders)
        cells = ", ".join(_guard_cells(compiler, variable.guard))
        source = f"def guard(w, p{binders}):\n    return ({cells},)\n"
        guard = program.load(source)["guard"]
        program.guards.functions[number] = guard
        if not depends_on_state(variable.guard):
            block = program.layout.blocks[variable.name]
            try:
                program.guards.tables[number] = tuple(
                    guard((), 0, *block.element(position)) for position in range(block.cells)
                )
            except Faulted:
                continue


def _guard_cells(compiler: ExprCompiler, guard: Guard) -> list[str]:
    result: list[str] = []
    for lock in guard.locks:
        cell = compiler.lock_cell(lock.lock)
        if lock.binder is None:
            result.append(cell)
        else:
            loop = compiler.loop(lock.binder, Domain(lock.binder.type), lock.where)
            result.append(f"*[{cell} {loop}]")
    return result


def compile_initial(program: Program) -> str:
    """The function from the shared part (of locks alone) to the initial cells of variables."""
    cells = [
        f"*[{_initial(program, variable)} {_loops(program, variable.binders)}]"
        if variable.binders
        else _initial(program, variable)
        for variable in program.instance.model.variables
        if not variable.counter
    ]
    return f"def initial(w):\n    return ({''.join(c + ', ' for c in cells)})\n"


def _initial(program: Program, variable: Variable) -> str:
    span = program.span(variable.span)
    code = ExprCompiler(program, span, inside_step=False).expr(variable.initial)
    check = program.function(Maker.STORE, variable.type)
    return code if check is None else f"{check}({code}, {span})"


def _loops(program: Program, binders: tuple[Bound, ...]) -> str:
    compiler = ExprCompiler(program, 0, inside_step=False)
    return " ".join(compiler.loop(b, Domain(b.type), None) for b in binders)


def compile_invariants(program: Program) -> str:
    """Functions of the shared part: whether each invariant holds, and whether its window opens."""
    texts: list[str] = []
    for number, invariant in enumerate(program.instance.model.invariants):
        compiler = ExprCompiler(program, program.span(invariant.span), inside_step=False)
        binders = tuple(b for _, b in invariant.binders)
        loops = _loops(program, binders)
        body = compiler.expr(judged(invariant))
        window = compiler.expr(premise(invariant))
        if binders:
            body, window = f"all({body} {loops})", f"any({window} {loops})"
        texts.append(f"def holds_{number}(w):\n    return {body}\n")
        texts.append(f"def opens_{number}(w):\n    return {window}\n")
    return "\n\n".join(texts)


def judged(invariant: Invariant) -> Expr:
    """What must hold for every binding: the window implies the condition."""
    if invariant.window is None:
        return invariant.condition
    return Apply(Op.IMPLIES, (invariant.window, invariant.condition), BOOL)


def premise(invariant: Invariant) -> Expr:
    """The window, or what the condition supposes."""
    return invariant.window if invariant.window is not None else _supposed(invariant.condition)


def _supposed(condition: Expr) -> Expr:
    match condition:
        case Apply(op=Op.IMPLIES, args=(before, _)):
            return before
        case Quantifier(kind=Kind.FORALL, binder=binder, domain=domain, where=where, body=body):
            return Quantifier(Kind.EXISTS, binder, domain, where, _supposed(body), BOOL)
        case Let(binder=binder, value=value, body=body):
            return Let(binder, value, _supposed(body), BOOL)
        case _:
            return TRUE
