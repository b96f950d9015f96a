"""Literals of lists and sets, quantifiers, comprehensions: what ranges over many values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.scope import Scope
from pvcheck.lang.typing import inner
from pvcheck.model import types as t
from pvcheck.model.expr import (
    TRUE,
    Apply,
    Comprehension,
    Domain,
    Expr,
    Kind,
    Op,
    Quantifier,
)

if TYPE_CHECKING:
    from pvcheck.lang.expressions import Expressions


class Collections:
    def __init__(self, expressions: Expressions) -> None:
        self._e = expressions

    def literal(
        self,
        expr: ast.ListLiteral | ast.SetLiteral,
        elements: tuple[ast.Expr, ...],
        scope: Scope,
        wanted: t.Type | None,
    ) -> Expr | None:
        is_list = isinstance(expr, ast.ListLiteral)
        wanted = None if wanted is None else inner(wanted)
        of = wanted.of if isinstance(wanted, t.ListOf | t.SetOf) else None
        values: list[Expr] = []
        for element in elements:
            value = self._e.typed(element, of, scope)
            if value is None:
                return None
            of = of or value.type
            values.append(value)
        if of is None:
            self._e.mismatch("an empty list or set has no type here", expr.span)
            return None
        if isinstance(of, t.Snapshot):
            # Only those in locals of their own learn of a bump.
            message = "only a local variable holds a snapshot"
            self._e.errors.add(Code.NOT_HERE, message, expr.span)
            return None
        if is_list:
            return Apply(Op.LIST, tuple(values), t.ListOf(of))
        return Apply(Op.SET, tuple(values), t.SetOf(of))

    def domain(self, binder: ast.Binder, scope: Scope) -> Domain | None:
        """What a binder ranges over."""
        if binder.type is not None:
            type_ = self._e.types.resolve(binder.type)
            if isinstance(type_, t.Int) and type_.low is None:
                self._e.mismatch("no finite type", binder.span)
                return None
            return None if type_ is None else Domain(type_)
        assert binder.within is not None, "a binder has a type or a collection"
        collection = self._e.infer(binder.within, scope)
        if collection is None:
            return None
        collection = self._e.plain(collection)
        if not isinstance(collection.type, t.SetOf | t.ListOf):
            self._e.mismatch(f"expected a set or list, found {collection.type}", binder.within.span)
            return None
        return Domain(collection.type.of, collection)

    def quantified(
        self, expr: ast.Quantified, binders: tuple[ast.Binder, ...], scope: Scope
    ) -> Expr | None:
        """One quantifier per binder; the condition belongs to the innermost."""
        kind = Kind(expr.kind)
        if kind is Kind.COUNT and len(expr.binders) > 1:
            self._e.errors.add(Code.NOT_HERE, "count takes one variable", expr.span)
            return None
        first, *rest = binders
        domain = self.domain(first, scope)
        if domain is None:
            return None
        with scope.block():
            binder = self._e.bound(domain.type)
            scope.bind(first.name, binder)
            if rest:
                body = self.quantified(expr, tuple(rest), scope)
                where: Expr | None = None
            else:
                where = None if expr.where is None else self._e.typed(expr.where, t.BOOL, scope)
                body = self._e.typed(expr.body, t.BOOL, scope)
                if expr.where is not None and where is None:
                    return None
        if body is None:
            return None
        type_ = t.INT if kind is Kind.COUNT else t.BOOL
        return Quantifier(kind, binder, domain, where, body, type_)

    def comprehension(
        self, binder: ast.Binder, where: ast.Expr | None, scope: Scope
    ) -> Expr | None:
        domain = self.domain(binder, scope)
        if domain is None:
            return None
        with scope.block():
            bound = self._e.bound(domain.type)
            scope.bind(binder.name, bound)
            condition = TRUE if where is None else self._e.typed(where, t.BOOL, scope)
        if condition is None:
            return None
        return Comprehension(bound, domain, condition, t.SetOf(domain.type))
