"""The body of an atomic block as the code of one step."""

from __future__ import annotations

from pvcheck.lang import core
from pvcheck.model import code as c


def atomic_code(body: core.Body) -> c.Code:
    """Only statements that the block may contain occur in ``body``."""
    return tuple(i for statement in body for i in _instructions(statement))


def _instructions(statement: core.Stmt) -> c.Code:
    match statement:
        case core.Do(instruction=instruction) | core.DoPick(instruction=instruction):
            return (c.Reached(statement.span), instruction)
        case core.If(condition, _, then, otherwise, span):
            return (c.If(condition, atomic_code(then), atomic_code(otherwise), span),)
        case core.For():
            return (_for_each(statement),)
        case core.Choose(alternatives, span):
            return (c.Choose(tuple(map(atomic_code, alternatives)), span),)
        case core.Group(body):
            return atomic_code(body)
        case core.DoAtomic(None, code):
            return code
    raise AssertionError(f"{statement} in an atomic block")


def _for_each(statement: core.For) -> c.ForEach:
    body = atomic_code(statement.body)
    if statement.where is not None:
        body = (c.If(statement.where, body, (), statement.span, written=False),)
    return c.ForEach(statement.slot, statement.domain, statement.descending, body, statement.span)
