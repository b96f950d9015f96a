"""The parts of expressions: going through them, rebuilding them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pvcheck.model.expr import (
    Apply,
    Changed,
    Comprehension,
    Domain,
    Element,
    Expr,
    Field,
    Let,
    LockRef,
    LockTest,
    Op,
    Quantifier,
    Read,
    TakeSnapshot,
)

Rewrite = Callable[[Expr], Expr]


def rebuild(expr: Expr, change: Rewrite) -> Expr:
    """``expr`` with ``change`` applied to each of its direct parts; binders stay."""
    match expr:
        case Apply(args=args):
            return replace(expr, args=tuple(map(change, args)))
        case Read(indices=indices) | TakeSnapshot(indices=indices):
            return replace(expr, indices=tuple(map(change, indices)))
        case Changed(indices=indices, snapshot=snapshot):
            return replace(expr, indices=tuple(map(change, indices)), snapshot=change(snapshot))
        case Field(of=of):
            return replace(expr, of=change(of))
        case Element(of=of, index=index):
            return replace(expr, of=change(of), index=change(index))
        case LockTest(lock=lock):
            return replace(expr, lock=rebuild_lock(lock, change))
        case Let(value=value, body=body):
            return replace(expr, value=change(value), body=change(body))
        case Quantifier(domain=domain, where=where, body=body):
            return replace(
                expr,
                domain=rebuild_domain(domain, change),
                where=None if where is None else change(where),
                body=change(body),
            )
        case Comprehension(domain=domain, where=where):
            return replace(expr, domain=rebuild_domain(domain, change), where=change(where))
    return expr


def rebuild_domain(domain: Domain, change: Rewrite) -> Domain:
    if domain.within is None:
        return domain
    return replace(domain, within=change(domain.within))


def rebuild_lock(lock: LockRef, change: Rewrite) -> LockRef:
    return replace(lock, indices=tuple(map(change, lock.indices)))


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of ``expr``, in the order of evaluation."""
    found: list[Expr] = []

    def keep(part: Expr) -> Expr:
        found.append(part)
        return part

    rebuild(expr, keep)
    return tuple(found)


def walk(expr: Expr) -> Iterator[Expr]:
    """``expr`` and everything in it, outermost first."""
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(parts(current))


def depth(expr: Expr) -> int:
    """Levels of nesting, 1 for a constant."""
    deepest, level = 0, [expr]
    while level:
        deepest += 1
        level = [part for outer in level for part in parts(outer)]
    return deepest


def flatten(op: Op, expr: Expr) -> list[Expr]:
    """The operands of a chain of one associative operator, however nested to the left."""
    operands: list[Expr] = []
    while isinstance(expr, Apply) and expr.op is op:
        operands.extend(reversed(expr.args[1:]))
        expr = expr.args[0]
    return [expr, *reversed(operands)]
