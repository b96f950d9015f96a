"""Operators of expressions: which types they take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.scope import Scope
from pvcheck.lang.typing import inner, same
from pvcheck.model import types as t
from pvcheck.model.expr import Apply, Expr, Op

if TYPE_CHECKING:
    from pvcheck.lang.expressions import Expressions

_LOGIC = {"&&": Op.AND, "||": Op.OR, "=>": Op.IMPLIES, "<=>": Op.IFF}
_EQUALITY = {"==": Op.EQ, "!=": Op.NE}
_COMPARISON = {"<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}
_ARITHMETIC = {"+": Op.ADD, "-": Op.SUB, "*": Op.MUL, "/": Op.DIV, "%": Op.MOD}
_SETS = {"|": Op.UNION, "&": Op.INTERSECT, "-": Op.MINUS}


class Operators:
    def __init__(self, expressions: Expressions) -> None:
        self._e = expressions

    def binary(self, expr: ast.Binary, scope: Scope, wanted: t.Type | None) -> Expr | None:
        if expr.op in _LOGIC:
            left = self._e.typed(expr.left, t.BOOL, scope)
            right = self._e.typed(expr.right, t.BOOL, scope)
            if left is None or right is None:
                return None
            return Apply(_LOGIC[expr.op], (left, right), t.BOOL)
        if expr.op == "in":
            return self._member(expr, scope)
        both = self._both(expr, scope, wanted)
        if both is None:
            return None
        left, right = both
        if expr.op in _EQUALITY:
            if not same(inner(left.type), inner(right.type)):
                self._e.mismatch(f"{left.type} and {right.type} are never equal", expr.span)
                return None
            if isinstance(left.type, t.Snapshot):
                self._e.mismatch("snapshots are compared by changed(g, s) only", expr.span)
                return None
            return Apply(_EQUALITY[expr.op], both, t.BOOL)
        left, right = self._e.plain(left), self._e.plain(right)
        if expr.op in _COMPARISON:
            return self._ordered(expr, left, right)
        return self._arithmetic(expr, left, right)

    def _both(
        self, expr: ast.Binary, scope: Scope, wanted: t.Type | None
    ) -> tuple[Expr, Expr] | None:
        """Both operands; a literal without a type of its own takes the other's."""
        equality = expr.op in _EQUALITY
        hint = wanted if isinstance(wanted, t.SetOf) else None
        if _untyped(expr.left) and not _untyped(expr.right):
            right = self._e.infer(expr.right, scope, hint)
            left = self._e.infer(expr.left, scope, _hint(right, equality)) if right else None
        else:
            left = self._e.infer(expr.left, scope, hint)
            if left is None and _untyped(expr.right):
                return None
            right = self._e.infer(expr.right, scope, _hint(left, equality))
        return None if left is None or right is None else (left, right)

    def _ordered(self, expr: ast.Binary, left: Expr, right: Expr) -> Expr | None:
        if not same(left.type, right.type):
            self._e.mismatch(f"cannot compare {left.type} with {right.type}", expr.span)
            return None
        match left.type:
            case t.Int() | t.Sort(ordered=True):
                return Apply(_COMPARISON[expr.op], (left, right), t.BOOL)
            case t.Sort(name):
                hint = f"declare 'ordered sort {name};'"
                message = f"{name} has no order"
                self._e.errors.add(Code.NOT_ORDERED, message, expr.span, hint=hint)
            case _:
                self._e.errors.add(Code.NOT_ORDERED, f"{left.type} has no order", expr.span)
        return None

    def _arithmetic(self, expr: ast.Binary, left: Expr, right: Expr) -> Expr | None:
        match left.type, right.type:
            case t.Int(), t.Int() if expr.op in _ARITHMETIC:
                return Apply(_ARITHMETIC[expr.op], (left, right), t.INT)
            case t.SetOf(), t.SetOf() if expr.op in _SETS and same(left.type, right.type):
                return Apply(_SETS[expr.op], (left, right), left.type)
            case t.Sort(ordered=True), t.Int() if expr.op in ("+", "-"):
                by = right if expr.op == "+" else Apply(Op.NEG, (right,), t.INT)
                return Apply(Op.SHIFT, (left, by), left.type)
            case t.Sort(name, ordered=False), t.Int():
                hint = f"declare 'ordered sort {name};'"
                self._e.errors.add(Code.NOT_ORDERED, f"{name} has no order", expr.span, hint=hint)
            case _:
                self._e.mismatch(f"no {left.type} {expr.op} {right.type}", expr.span)
        return None

    def _member(self, expr: ast.Binary, scope: Scope) -> Expr | None:
        collection = self._e.infer(expr.right, scope)
        if collection is None:
            return None
        collection = self._e.plain(collection)
        if not isinstance(collection.type, t.SetOf | t.ListOf):
            message = f"expected a set or list, found {collection.type}"
            self._e.mismatch(message, expr.right.span)
            return None
        element = self._e.typed(expr.left, collection.type.of, scope)
        return None if element is None else Apply(Op.IN, (element, collection), t.BOOL)

    def conditional(
        self, expr: ast.Conditional, scope: Scope, wanted: t.Type | None
    ) -> Expr | None:
        condition = self._e.typed(expr.condition, t.BOOL, scope)
        then = self._e.infer(expr.then, scope, wanted)
        if condition is None or then is None:
            return None
        # The range of one side says nothing about the other.
        type_ = wanted or (t.INT if isinstance(then.type, t.Int) else then.type)
        otherwise = self._e.typed(expr.otherwise, type_, scope)
        first = self._e.coerce(then, type_, expr.then.span)
        if otherwise is None or first is None:
            return None
        return Apply(Op.ITE, (condition, first, otherwise), type_)


def _untyped(expr: ast.Expr) -> bool:
    match expr:
        case ast.Literal("none") | ast.ListLiteral(()) | ast.SetLiteral(()):
            return True
    return False


def _hint(other: Expr | None, equality: bool) -> t.Type | None:
    """The type that the other operand suggests; anything may be compared with ``none``."""
    if other is None:
        return None
    if equality and not isinstance(other.type, t.Optional | t.SetOf | t.ListOf):
        return t.Optional(other.type)
    return other.type if equality or isinstance(other.type, t.SetOf) else None
