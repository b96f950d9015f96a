"""Type expressions to types; and which types go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import KIND, Symbols
from pvcheck.model import types as t
from pvcheck.model.expr import Const, Expr

if TYPE_CHECKING:
    from pvcheck.lang.expressions import Expressions


MAX_PARTS = 1_000
"""Of a type with all that it is made of."""
MAX_DEPTH = 32
"""Of the same."""


class Types:
    """Resolves type expressions; each declared type once."""

    def __init__(self, symbols: Symbols, errors: Errors) -> None:
        self._symbols = symbols
        self._errors = errors
        self._known: dict[str, t.Type | None] = {}
        self._open: list[str] = []
        self.expressions: Expressions
        """Set by ``Expressions``: bounds of ranges are expressions, and those have types."""

    def resolve(self, expr: ast.TypeExpr) -> t.Type | None:
        """The type; ``None`` with the error on record."""
        match expr:
            case ast.BoolType():
                return t.BOOL
            case ast.RangeType(low, high):
                bounds = self._constant(low), self._constant(high)
                if bounds[0] is None or bounds[1] is None:
                    return None
                match bounds:
                    case Const(int(a)), Const(int(b)) if a > b:
                        message = f"the range {a}..{b} is empty"
                        self._errors.add(Code.BAD_VALUE, message, expr.span)
                return t.Int(*bounds)
            case ast.NamedType(name):
                return self.named(name)
            case ast.OptionalType(of):
                return self._optional(of, expr)
            case ast.SetType(of):
                return _over(t.SetOf, self.resolve(of))
            case ast.ListType(of, capacity):
                inner = self.resolve(of)
                limit = None if capacity is None else self._constant(capacity)
                return None if inner is None else t.ListOf(inner, limit)
            case ast.ArrayType(index, of):
                dimension, inner = self.dimension(index), self.resolve(of)
                if dimension is None or inner is None:
                    return None
                return t.ArrayOf(dimension, inner)

    def dimension(self, expr: ast.TypeExpr) -> t.Type | None:
        """A type that can index: a sort or an enum."""
        type_ = self.resolve(expr)
        if type_ is not None and not isinstance(type_, t.Sort | t.Enum):
            message = f"an index is an element of a sort or enum, not {type_}"
            self._errors.add(Code.TYPE_MISMATCH, message, expr.span)
            return None
        return type_

    def named(self, name: ast.Name) -> t.Type | None:
        declared = self._symbols.globals.get(name.text)
        if declared is None:
            known = (
                n
                for n, d in self._symbols.globals.items()
                if isinstance(d, ast.Sort | ast.Enum | ast.Struct | ast.Alias)
            )
            self._errors.unknown("type", name, known, Code.UNKNOWN_NAME)
            return None
        if not isinstance(declared, ast.Sort | ast.Enum | ast.Struct | ast.Alias):
            message = f"{name.text!r} is a {KIND[type(declared)]}, not a type"
            self._errors.add(Code.WRONG_KIND, message, name.span)
            return None
        return self._declared(name, declared)

    def _declared(
        self, name: ast.Name, declared: ast.Sort | ast.Enum | ast.Struct | ast.Alias
    ) -> t.Type | None:
        if name.text in self._open:
            ring = " -> ".join((*self._open[self._open.index(name.text) :], name.text))
            self._errors.add(Code.RECURSION, f"the type contains itself: {ring}", name.span)
            return None
        if name.text not in self._known:
            self._open.append(name.text)
            type_ = self._define(declared)
            if type_ is not None and _is_large(type_):
                message = f"{name.text!r} has more than {MAX_PARTS} parts, or {MAX_DEPTH} levels"
                self._errors.add(Code.TOO_LARGE, message, declared.name.span)
                type_ = None
            self._known[name.text] = type_
            self._open.pop()
        return self._known[name.text]

    def _define(self, declared: ast.Sort | ast.Enum | ast.Struct | ast.Alias) -> t.Type | None:
        match declared:
            case ast.Sort(name, ordered):
                return t.Sort(name.text, ordered)
            case ast.Enum(name, labels):
                return t.Enum(name.text, tuple(label.text for label in labels))
            case ast.Alias(type=type_):
                return self.resolve(type_)
            case ast.Struct(name, fields):
                return self._struct(name, fields)

    def _struct(self, name: ast.Name, fields: tuple[ast.FieldDeclaration, ...]) -> t.Type | None:
        resolved: dict[str, t.Type] = {}
        for field in fields:
            if field.name.text in resolved:
                message = f"field {field.name.text!r} is declared twice"
                self._errors.add(Code.DUPLICATE_NAME, message, field.name.span)
            type_ = self.resolve(field.type)
            if type_ is None:
                return None
            resolved[field.name.text] = type_
        return t.Struct(name.text, tuple(resolved.items()))

    def _optional(self, of: ast.TypeExpr, expr: ast.OptionalType) -> t.Type | None:
        inner = self.resolve(of)
        if isinstance(inner, t.Optional):
            self._errors.add(Code.TYPE_MISMATCH, "already optional", expr.span)
            return None
        return _over(t.Optional, inner)

    def _constant(self, expr: ast.Expr) -> Expr | None:
        return self.expressions.constant(expr, t.INT)


def _over(
    make: type[t.SetOf] | type[t.Optional], inner: t.Type | None
) -> t.SetOf | t.Optional | None:
    return None if inner is None else make(inner)


def _is_large(type_: t.Type) -> bool:
    """Whether it goes beyond the bounds; looks no further than needed."""
    stack, parts = [(type_, 1)], 0
    while stack:
        part, depth = stack.pop()
        parts += 1
        if parts > MAX_PARTS or depth > MAX_DEPTH:
            return True
        match part:
            case t.Struct(fields=fields):
                stack += [(f, depth + 1) for _, f in fields]
            case t.Optional(of) | t.SetOf(of) | t.ListOf(of) | t.ArrayOf(of=of):
                stack.append((of, depth + 1))
    return False


def same(a: t.Type, b: t.Type) -> bool:
    """Whether values of the two types are alike; bounds of integers and lists aside."""
    match a, b:
        case t.Int(), t.Int():
            return True
        case t.Optional(x), t.Optional(y):
            return same(x, y)
        case t.SetOf(x), t.SetOf(y):
            return same(x, y)
        case t.ListOf(x), t.ListOf(y):
            return same(x, y)
        case t.ArrayOf(i, x), t.ArrayOf(j, y):
            return i == j and same(x, y)
        case t.Struct(m), t.Struct(n):
            return m == n
    return a == b


def inner(type_: t.Type) -> t.Type:
    """Without a question mark."""
    return type_.of if isinstance(type_, t.Optional) else type_
