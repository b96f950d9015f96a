"""Expressions: names resolved, types checked, functions put in place."""

from __future__ import annotations

from itertools import count

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.builtins import BuiltIns
from pvcheck.lang.collections import Collections
from pvcheck.lang.errors import Errors
from pvcheck.lang.functions import Functions
from pvcheck.lang.operators import Operators
from pvcheck.lang.scope import Scope
from pvcheck.lang.symbols import KIND, Symbols
from pvcheck.lang.typing import Types, inner, same
from pvcheck.model import types as t
from pvcheck.model.code import Place
from pvcheck.model.expr import (
    Apply,
    Bound,
    Const,
    Element,
    Expr,
    Field,
    Local,
    LockRef,
    Op,
    Param,
    Read,
    Self,
    SizeOf,
)
from pvcheck.model.parts import walk
from pvcheck.source import Span


class Expressions:
    """Everything that is the same for all expressions of a specification."""

    def __init__(self, symbols: Symbols, types: Types, errors: Errors) -> None:
        self.symbols = symbols
        self.types = types
        self.errors = errors
        self.numbers = count()
        """Of bound variables."""
        self.functions = Functions(self)
        self._builtins = BuiltIns(self)
        self._operators = Operators(self)
        self._collections = Collections(self)
        self.domain = self._collections.domain
        types.expressions = self

    # --- what other stages ask for ---------------------------------------

    def scope(self) -> Scope:
        return Scope(self.symbols, self.errors)

    def typed(self, expr: ast.Expr, wanted: t.Type | None, scope: Scope) -> Expr | None:
        """The expression, as a ``wanted``; ``None`` with the error on record."""
        found = self.infer(expr, scope, wanted)
        if found is None or wanted is None:
            return found
        return self.coerce(found, wanted, expr.span)

    def constant(self, expr: ast.Expr, wanted: t.Type | None) -> Expr | None:
        """An expression over numbers, parameters and sizes only."""
        found = self.typed(expr, wanted, self.scope())
        allowed = Const | Param | SizeOf | Apply
        if found is not None and not all(isinstance(e, allowed) for e in walk(found)):
            self.errors.add(Code.NOT_CONSTANT, "this is not a constant", expr.span)
            return None
        return found

    def coerce(self, expr: Expr, wanted: t.Type, span: Span) -> Expr | None:
        """``expr`` where a ``wanted`` is expected: a ``T`` is a ``T?``, a ``T?`` is unpacked."""
        if same(expr.type, wanted) or same(expr.type, inner(wanted)):
            return expr
        if isinstance(expr.type, t.Optional) and same(expr.type.of, wanted):
            return Apply(Op.DEREF, (expr,), expr.type.of)
        message = f"expected {wanted}, found {expr.type}"
        self.errors.add(Code.TYPE_MISMATCH, message, span, f"this is {expr.type}")
        return None

    def plain(self, expr: Expr) -> Expr:
        """Without its question mark, for an access to a part."""
        if isinstance(expr.type, t.Optional):
            return Apply(Op.DEREF, (expr,), expr.type.of)
        return expr

    def bound(self, type_: t.Type) -> Bound:
        return Bound(next(self.numbers), type_)

    def mismatch(self, message: str, span: Span) -> None:
        self.errors.add(Code.TYPE_MISMATCH, message, span)

    def read_place(self, place: Place, declared: t.Type) -> Expr:
        """The present value of ``place``; ``declared`` is the type of the whole variable."""
        value: Expr
        if place.slot is not None:
            value = Local(place.slot, declared)
        else:
            assert place.variable is not None, "a place is a local or a variable"
            value = Read(place.variable, place.indices, declared)
        for selector in place.path:
            value = self.plain(value)
            if selector.index is not None:
                assert isinstance(value.type, t.ArrayOf), "the place was checked"
                value = Element(value, selector.index, value.type.of)
            else:
                assert isinstance(value.type, t.Struct), "the place was checked"
                assert selector.field is not None, "a selector is a field or an index"
                value = Field(value, selector.field, value.type.fields[selector.field][1])
        return value

    def first_value(self, type_: t.Type, span: Span) -> Expr | None:
        """The value that a variable has when none is given."""
        match type_:
            case t.Bool():
                return Const(False, type_)
            case t.Int(low=low):
                return Const(0, t.INT) if low is None else low
            case t.Sort() | t.Enum():
                return Const(0, type_)
            case t.Optional():
                return Const(None, type_)
            case t.SetOf():
                return Apply(Op.SET, (), type_)
            case t.ListOf():
                return Apply(Op.LIST, (), type_)
            case t.Struct(fields=fields):
                values = [self.first_value(f, span) for _, f in fields]
                given = tuple(v for v in values if v is not None)
                return Apply(Op.STRUCT, given, type_) if len(given) == len(fields) else None
            case t.ArrayOf(of=of):
                value = self.first_value(of, span)
                return None if value is None else Apply(Op.ARRAY, (value,), type_)
        self.mismatch(f"no first value of {type_}", span)
        return None

    # --- inference ---------------------------------------------------------

    def infer(self, expr: ast.Expr, scope: Scope, wanted: t.Type | None = None) -> Expr | None:
        """The expression; ``wanted`` only helps with literals that have no type of their own."""
        match expr:
            case ast.Integer(value):
                return Const(value, t.INT)
            case ast.Literal(text):
                return self._literal(text, expr.span, wanted)
            case ast.Reference(name):
                return self._reference(name, scope)
            case ast.Index() | ast.Field():
                return self._part(expr, scope)
            case ast.Apply():
                return self._apply(expr, scope, wanted)
            case ast.Unary(op, operand):
                type_ = t.BOOL if op == "!" else t.INT
                inside = self.typed(operand, type_, scope)
                chosen = Op.NOT if op == "!" else Op.NEG
                return None if inside is None else Apply(chosen, (inside,), type_)
            case ast.Binary():
                return self._operators.binary(expr, scope, wanted)
            case ast.Conditional():
                return self._operators.conditional(expr, scope, wanted)
            case ast.Quantified():
                return self._collections.quantified(expr, expr.binders, scope)
            case ast.ListLiteral(elements) | ast.SetLiteral(elements):
                return self._collections.literal(expr, elements, scope, wanted)
            case ast.Comprehension(binder, where):
                return self._collections.comprehension(binder, where, scope)

    def _literal(self, text: str, span: Span, wanted: t.Type | None) -> Expr | None:
        match text:
            case "true" | "false":
                return Const(text == "true", t.BOOL)
            case "none":
                if isinstance(wanted, t.Optional):
                    return Const(None, wanted)
                what = "" if wanted is None else f", where {wanted} is expected"
                self.mismatch(f"'none' has no type here{what}", span)
                return None
            case _:
                return self._self(span)

    def _self(self, span: Span) -> Expr | None:
        sorts = {
            type_
            for d in self.symbols.globals.values()
            if isinstance(d, ast.Thread) and d.dimensions
            if (type_ := self.types.resolve(d.dimensions[0].type)) is not None
        }
        if len(sorts) != 1:
            message = "'self' needs threads indexed by one sort"
            self.errors.add(Code.NOT_HERE, message, span)
            return None
        return Self(sorts.pop())

    def _reference(self, name: ast.Name, scope: Scope) -> Expr | None:
        local = scope.find(name.text)
        if local is not None:
            return local
        if name.text in self.symbols.labels:
            enum, position = self.symbols.labels[name.text]
            type_ = self.types.named(enum.name)
            return None if type_ is None else Const(position, type_)
        match declared := self.symbols.globals.get(name.text):
            case None:
                names = (*scope.names(), *self.symbols.globals, *self.symbols.labels)
                self.errors.unknown("name", name, names, Code.UNKNOWN_NAME)
            case ast.Parameter():
                return self.parameter(declared)
            case ast.Function(parameters=()):
                return self.functions.call(declared, (), name.span)
            case ast.Variable():
                return self._read(declared, (), name, scope)
            case _:
                message = f"{name.text!r} is a {KIND[type(declared)]}, not a value"
                self.errors.add(Code.WRONG_KIND, message, name.span)
        return None

    def parameter(self, declared: ast.Parameter) -> Expr | None:
        if declared.type is None:
            is_bool = isinstance(declared.default, ast.Literal)
            return Param(declared.name.text, t.BOOL if is_bool else t.INT)
        type_ = self.types.resolve(declared.type)
        return None if type_ is None else Param(declared.name.text, type_)

    # --- parts: v[i][j].f --------------------------------------------------

    def _part(self, expr: ast.Index | ast.Field, scope: Scope) -> Expr | None:
        base, selectors = unwind(expr)
        declared = None
        if isinstance(base, ast.Reference) and scope.find(base.name.text) is None:
            declared = self.symbols.globals.get(base.name.text)
        if isinstance(base, ast.Reference) and isinstance(declared, ast.Variable):
            dimensions = len(declared.dimensions)
            taken = leading_indices(selectors, dimensions)
            value = self._read(declared, taken, base.name, scope)
            selectors = selectors[len(taken) :]
        else:
            value = self.infer(base, scope)
        for selector in selectors:
            if value is None:
                return None
            value = self._select(value, selector, scope)
        return value

    def _select(self, value: Expr, selector: ast.Name | ast.Expr, scope: Scope) -> Expr | None:
        value = self.plain(value)
        if isinstance(selector, ast.Name):
            position = self.field_position(value.type, selector)
            if position is None:
                return None
            assert isinstance(value.type, t.Struct), "field_position found the field"
            return Field(value, position, value.type.fields[position][1])
        if not isinstance(value.type, t.ArrayOf):
            self.mismatch(f"{value.type} has no elements to index", selector.span)
            return None
        index = self.typed(selector, value.type.index, scope)
        return None if index is None else Element(value, index, value.type.of)

    def field_position(self, type_: t.Type, name: ast.Name) -> int | None:
        if not isinstance(type_, t.Struct):
            self.errors.add(Code.UNKNOWN_FIELD, f"{type_} has no fields", name.span)
            return None
        names = [n for n, _ in type_.fields]
        if name.text not in names:
            self.errors.unknown(f"field of {type_}", name, names, Code.UNKNOWN_FIELD)
            return None
        return names.index(name.text)

    def _read(
        self,
        declared: ast.Variable,
        indices: tuple[ast.Expr, ...],
        name: ast.Name,
        scope: Scope,
    ) -> Expr | None:
        checked = self.indices(declared, indices, name, scope)
        type_ = self.types.resolve(declared.type)
        if checked is None or type_ is None:
            return None
        return Read(declared.name.text, checked, type_)

    def indices(
        self,
        declared: ast.Variable | ast.Counter | ast.Lock,
        indices: tuple[ast.Expr, ...],
        name: ast.Name,
        scope: Scope,
    ) -> tuple[Expr, ...] | None:
        """One index per dimension, each of the dimension's type."""
        if len(indices) != len(declared.dimensions):
            wanted = len(declared.dimensions)
            message = f"{name.text!r} has {wanted} {_indices(wanted)}, not {len(indices)}"
            self.errors.add(Code.WRONG_COUNT, message, name.span)
            return None
        checked = []
        for dimension, index in zip(declared.dimensions, indices, strict=True):
            type_ = self.types.dimension(dimension.type)
            value = None if type_ is None else self.typed(index, type_, scope)
            if value is None:
                return None
            checked.append(value)
        return tuple(checked)

    def lock(self, expr: ast.Expr, scope: Scope) -> LockRef | None:
        """``pv[p]`` as one lock."""
        found = self._indexed(expr, ast.Lock, "lock", scope)
        return None if found is None else LockRef(*found)

    def counter(self, expr: ast.Expr, scope: Scope) -> tuple[str, tuple[Expr, ...]] | None:
        """``pv_gen[p]`` as a generation counter's element."""
        return self._indexed(expr, ast.Counter, "gen", scope)

    def _indexed(
        self, expr: ast.Expr, wanted: type[ast.Lock] | type[ast.Counter], what: str, scope: Scope
    ) -> tuple[str, tuple[Expr, ...]] | None:
        base, selectors = unwind(expr)
        if not isinstance(base, ast.Reference):
            self.errors.add(Code.WRONG_KIND, f"expected a {what}", expr.span)
            return None
        declared = self.symbols.globals.get(base.name.text)
        if declared is None:
            known = (n for n, d in self.symbols.globals.items() if isinstance(d, wanted))
            self.errors.unknown(what, base.name, known, Code.UNKNOWN_NAME)
            return None
        if not isinstance(declared, wanted):
            message = f"{base.name.text!r} is a {KIND[type(declared)]}, not a {what}"
            self.errors.add(Code.WRONG_KIND, message, base.span)
            return None
        taken = leading_indices(selectors, len(selectors))
        if len(taken) < len(selectors):
            self.errors.add(Code.WRONG_KIND, f"a {what} has no parts", expr.span)
            return None
        checked = self.indices(declared, taken, base.name, scope)
        return None if checked is None else (base.name.text, checked)

    # --- calls -----------------------------------------------------------------

    def _apply(self, expr: ast.Apply, scope: Scope, wanted: t.Type | None) -> Expr | None:
        name = expr.name
        if self._builtins.knows(name.text):
            return self._builtins.apply(expr, scope, wanted)
        match declared := self.symbols.globals.get(name.text):
            case ast.Struct():
                return self._construct(declared, expr, scope)
            case ast.Sort():
                return self._builtins.element(expr, scope)
            case ast.Alias():
                type_ = self.types.named(name)
                if isinstance(type_, t.Sort):
                    return self._builtins.element(expr, scope)
                self.errors.add(Code.WRONG_KIND, f"{name.text!r} is not a function", name.span)
            case ast.Function():
                arguments = self.arguments(expr, declared.parameters, scope)
                if arguments is None:
                    return None
                return self.functions.call(declared, arguments, expr.span)
            case ast.Procedure():
                hint = "write it as a statement of its own: 'let x = ...;'"
                message = "the call of a proc is not part of an expression"
                self.errors.add(Code.NOT_HERE, message, expr.span, hint=hint)
            case None:
                known = (
                    n
                    for n, d in self.symbols.globals.items()
                    if isinstance(d, ast.Function | ast.Struct)
                )
                self.errors.unknown("function", name, known, Code.UNKNOWN_NAME)
            case _:
                message = f"{name.text!r} is a {KIND[type(declared)]}, not a function"
                self.errors.add(Code.WRONG_KIND, message, name.span)
        return None

    def arguments(
        self, expr: ast.Apply, parameters: tuple[ast.ParameterDeclaration, ...], scope: Scope
    ) -> tuple[Expr, ...] | None:
        """One value per parameter, in order."""
        names = [p.name.text for p in parameters]
        given = self.in_order(expr, names)
        if given is None:
            return None
        values = []
        for parameter, argument in zip(parameters, given, strict=True):
            type_ = self.types.resolve(parameter.type)
            value = None if type_ is None else self.typed(argument, type_, scope)
            if value is None:
                return None
            values.append(value)
        return tuple(values)

    def in_order(self, expr: ast.Apply, names: list[str]) -> list[ast.Expr] | None:
        """The arguments in the order of ``names``: by position, or each by its name."""
        named = [a for a in expr.arguments if a.name is not None]
        if named and len(named) < len(expr.arguments):
            self.errors.add(Code.WRONG_COUNT, "name all arguments or none", expr.span)
            return None
        for argument in named:
            assert argument.name is not None, "filtered above"
            if argument.name.text not in names:
                self.errors.unknown("parameter", argument.name, names, Code.UNKNOWN_FIELD)
                return None
        by_name = {a.name.text: a.value for a in named if a.name is not None}
        if len(expr.arguments) != len(names) or (named and len(by_name) != len(names)):
            wanted = f"({', '.join(names)})"
            message = f"{expr.name.text} takes {wanted}, not {len(expr.arguments)} arguments"
            self.errors.add(Code.WRONG_COUNT, message, expr.span)
            return None
        if named:
            return [by_name[name] for name in names]
        return [a.value for a in expr.arguments]

    def _construct(self, declared: ast.Struct, expr: ast.Apply, scope: Scope) -> Expr | None:
        type_ = self.types.named(declared.name)
        if not isinstance(type_, t.Struct):
            return None
        given = self.in_order(expr, [n for n, _ in type_.fields])
        if given is None:
            return None
        values = [
            self.typed(argument, field, scope)
            for argument, (_, field) in zip(given, type_.fields, strict=True)
        ]
        if any(v is None for v in values):
            return None
        return Apply(Op.STRUCT, tuple(v for v in values if v is not None), type_)


def unwind(expr: ast.Expr) -> tuple[ast.Expr, list[ast.Name | ast.Expr]]:
    """``v[i, j].f`` as ``v`` and ``i``, ``j``, ``f``."""
    selectors: list[ast.Name | ast.Expr] = []
    while True:
        match expr:
            case ast.Index(of, indices):
                selectors[:0] = indices
                expr = of
            case ast.Field(of, name):
                selectors.insert(0, name)
                expr = of
            case _:
                return expr, selectors


def leading_indices(selectors: list[ast.Name | ast.Expr], most: int) -> tuple[ast.Expr, ...]:
    """The indices (not fields) that come first, at most so many."""
    taken: list[ast.Expr] = []
    for selector in selectors[:most]:
        if isinstance(selector, ast.Name):
            break
        taken.append(selector)
    return tuple(taken)


def _indices(number: int) -> str:
    return "index" if number == 1 else "indices"
