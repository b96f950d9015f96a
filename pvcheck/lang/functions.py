"""Pure functions: each body is checked once, and put in place of every call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.model.expr import (
    Bound,
    Comprehension,
    Const,
    Expr,
    Let,
    Local,
    Param,
    Quantifier,
    Self,
)
from pvcheck.model.parts import depth, rebuild, walk
from pvcheck.source import Span

if TYPE_CHECKING:
    from pvcheck.lang.expressions import Expressions

MAX_NODES = 20_000
"""Of one expression with all functions in place."""
MAX_DEPTH = 80
"""Of the same."""


@dataclass(frozen=True)
class _Checked:
    parameters: tuple[Bound, ...]
    body: Expr


class Functions:
    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._checked: dict[str, _Checked | None] = {}
        self._open: list[str] = []

    def check(self, function: ast.Function) -> None:
        """Record the errors of a function, called or not."""
        self._body(function, function.span)

    def call(self, function: ast.Function, arguments: tuple[Expr, ...], span: Span) -> Expr | None:
        """The body with the arguments (checked already) in place of the parameters."""
        checked = self._body(function, span)
        if checked is None or len(checked.parameters) != len(arguments):
            return None
        mapping: dict[int, Expr] = {}
        lets: list[tuple[Bound, Expr]] = []
        for parameter, argument in zip(checked.parameters, arguments, strict=True):
            if isinstance(argument, Const | Local | Bound | Self | Param):
                mapping[parameter.number] = argument
            else:
                fresh = self._expressions.bound(parameter.type)
                mapping[parameter.number] = fresh
                lets.append((fresh, argument))
        result = self._fresh(checked.body, mapping)
        for bound, value in reversed(lets):
            result = Let(bound, value, result, result.type)
        return result if self._fits(result, function, span) else None

    def _body(self, function: ast.Function, span: Span) -> _Checked | None:
        name = function.name.text
        if name in self._open:
            ring = " -> ".join((*self._open[self._open.index(name) :], name))
            message = f"functions call each other in a ring: {ring}"
            self._expressions.errors.add(Code.RECURSION, message, span)
            return None
        if name not in self._checked:
            self._open.append(name)
            self._checked[name] = self._define(function)
            self._open.pop()
        return self._checked[name]

    def _define(self, function: ast.Function) -> _Checked | None:
        e = self._expressions
        scope = e.scope()
        parameters = []
        for parameter in function.parameters:
            if parameter.inout:
                message = "a function changes nothing: no inout"
                e.errors.add(Code.NOT_HERE, message, parameter.span)
            type_ = e.types.resolve(parameter.type)
            if type_ is None:
                return None
            bound = e.bound(type_)
            scope.bind(parameter.name, bound)
            parameters.append(bound)
        result = e.types.resolve(function.result)
        if result is None:
            return None
        body = e.typed(function.body, result, scope)
        return None if body is None else _Checked(tuple(parameters), body)

    def _fresh(self, expr: Expr, mapping: dict[int, Expr]) -> Expr:
        """``expr`` with bound variables replaced and its own binders renamed: they stay unique."""
        match expr:
            case Bound(number):
                return mapping.get(number, expr)
            case Let() | Quantifier() | Comprehension():
                bound = self._expressions.bound(expr.binder.type)
                inner = {**mapping, expr.binder.number: bound}
                # Within the domain or value the binder does not occur, so one mapping serves all.
                moved = rebuild(expr, lambda e: self._fresh(e, inner))
                assert isinstance(moved, Let | Quantifier | Comprehension), "rebuild keeps the kind"
                return replace(moved, binder=bound)
        return rebuild(expr, lambda e: self._fresh(e, mapping))

    def _fits(self, expr: Expr, function: ast.Function, span: Span) -> bool:
        nodes = sum(1 for _, _ in zip(range(MAX_NODES + 1), walk(expr), strict=False))
        if nodes <= MAX_NODES and depth(expr) <= MAX_DEPTH:
            return True
        message = f"{function.name.text!r} is too large with all functions in place"
        hint = f"at most {MAX_NODES} parts, {MAX_DEPTH} levels deep"
        self._expressions.errors.add(Code.TOO_LARGE, message, span, hint=hint)
        return False
