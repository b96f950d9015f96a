"""Expressions: names resolved, types checked, functions put in place."""

from __future__ import annotations

from itertools import count

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.builtins import BuiltIns
from pvcheck.lang.errors import Errors
from pvcheck.lang.functions import Functions
from pvcheck.lang.scope import Scope
from pvcheck.lang.symbols import KIND, Symbols
from pvcheck.lang.typing import Types, inner, same
from pvcheck.model import types as t
from pvcheck.model.code import Place
from pvcheck.model.expr import (
    Apply,
    Bound,
    Comprehension,
    Const,
    Domain,
    Element,
    Expr,
    Field,
    Kind,
    Local,
    LockRef,
    Op,
    Param,
    Quantifier,
    Read,
    Self,
    SizeOf,
)
from pvcheck.model.expr import TRUE as TRUE_CONDITION
from pvcheck.model.parts import walk
from pvcheck.source import Span

_LOGIC = {"&&": Op.AND, "||": Op.OR, "=>": Op.IMPLIES, "<=>": Op.IFF}
_EQUALITY = {"==": Op.EQ, "!=": Op.NE}
_COMPARISON = {"<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}
_ARITHMETIC = {"+": Op.ADD, "-": Op.SUB, "*": Op.MUL, "/": Op.DIV, "%": Op.MOD}
_SETS = {"|": Op.UNION, "&": Op.INTERSECT, "-": Op.MINUS}


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
        """The present value of what ``place`` names; ``declared`` is the type of the whole variable."""
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
                value = self.typed(operand, type_, scope)
                chosen = Op.NOT if op == "!" else Op.NEG
                return None if value is None else Apply(chosen, (value,), type_)
            case ast.Binary():
                return self._binary(expr, scope, wanted)
            case ast.Conditional():
                return self._conditional(expr, scope, wanted)
            case ast.Quantified():
                return self._quantified(expr, expr.binders, scope)
            case ast.ListLiteral(elements) | ast.SetLiteral(elements):
                return self._collection(expr, elements, scope, wanted)
            case ast.Comprehension(binder, where):
                return self._comprehension(binder, where, scope)

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

    def counter(
        self, expr: ast.Expr, scope: Scope
    ) -> tuple[str, tuple[Expr, ...]] | None:
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

    # --- operators ----------------------------------------------------------

    def _binary(self, expr: ast.Binary, scope: Scope, wanted: t.Type | None) -> Expr | None:
        if expr.op in _LOGIC:
            left = self.typed(expr.left, t.BOOL, scope)
            right = self.typed(expr.right, t.BOOL, scope)
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
                self.mismatch(f"{left.type} and {right.type} are never equal", expr.span)
                return None
            return Apply(_EQUALITY[expr.op], both, t.BOOL)
        left, right = self.plain(left), self.plain(right)
        if expr.op in _COMPARISON:
            return self._ordered(expr, left, right)
        return self._arithmetic(expr, left, right)

    def _both(
        self, expr: ast.Binary, scope: Scope, wanted: t.Type | None
    ) -> tuple[Expr, Expr] | None:
        """Both operands; a literal without a type of its own takes the other's."""
        equality = expr.op in _EQUALITY
        hint = None if equality else wanted
        if _untyped(expr.left) and not _untyped(expr.right):
            right = self.infer(expr.right, scope, hint)
            left = self.infer(expr.left, scope, _hint(right, equality)) if right else None
        else:
            left = self.infer(expr.left, scope, hint)
            right = self.infer(expr.right, scope, _hint(left, equality))
        return None if left is None or right is None else (left, right)

    def _ordered(self, expr: ast.Binary, left: Expr, right: Expr) -> Expr | None:
        if not same(left.type, right.type):
            self.mismatch(f"cannot compare {left.type} with {right.type}", expr.span)
            return None
        match left.type:
            case t.Int() | t.Sort(ordered=True):
                return Apply(_COMPARISON[expr.op], (left, right), t.BOOL)
            case t.Sort(name):
                hint = f"declare 'ordered sort {name};'"
                message = f"{name} has no order"
                self.errors.add(Code.NOT_ORDERED, message, expr.span, hint=hint)
            case _:
                self.errors.add(Code.NOT_ORDERED, f"{left.type} has no order", expr.span)
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
                self.errors.add(Code.NOT_ORDERED, f"{name} has no order", expr.span, hint=hint)
            case _:
                self.mismatch(f"no {left.type} {expr.op} {right.type}", expr.span)
        return None

    def _member(self, expr: ast.Binary, scope: Scope) -> Expr | None:
        collection = self.infer(expr.right, scope)
        if collection is None:
            return None
        collection = self.plain(collection)
        if not isinstance(collection.type, t.SetOf | t.ListOf):
            message = f"expected a set or list, found {collection.type}"
            self.mismatch(message, expr.right.span)
            return None
        element = self.typed(expr.left, collection.type.of, scope)
        return None if element is None else Apply(Op.IN, (element, collection), t.BOOL)

    def _conditional(
        self, expr: ast.Conditional, scope: Scope, wanted: t.Type | None
    ) -> Expr | None:
        condition = self.typed(expr.condition, t.BOOL, scope)
        then = self.infer(expr.then, scope, wanted)
        if condition is None or then is None:
            return None
        type_ = wanted or then.type
        otherwise = self.typed(expr.otherwise, type_, scope)
        first = self.coerce(then, type_, expr.then.span)
        if otherwise is None or first is None:
            return None
        return Apply(Op.ITE, (condition, first, otherwise), type_)

    # --- collections and quantifiers -----------------------------------------

    def _collection(
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
            value = self.typed(element, of, scope)
            if value is None:
                return None
            of = of or value.type
            values.append(value)
        if of is None:
            self.mismatch("an empty list or set has no type here", expr.span)
            return None
        if is_list:
            return Apply(Op.LIST, tuple(values), t.ListOf(of))
        return Apply(Op.SET, tuple(values), t.SetOf(of))

    def domain(self, binder: ast.Binder, scope: Scope) -> Domain | None:
        """What a binder ranges over."""
        if binder.type is not None:
            type_ = self.types.resolve(binder.type)
            if isinstance(type_, t.Int) and type_.low is None:
                self.mismatch("no finite type", binder.span)
                return None
            return None if type_ is None else Domain(type_)
        assert binder.within is not None, "a binder has a type or a collection"
        collection = self.infer(binder.within, scope)
        if collection is None:
            return None
        collection = self.plain(collection)
        if not isinstance(collection.type, t.SetOf | t.ListOf):
            self.mismatch(f"expected a set or list, found {collection.type}", binder.within.span)
            return None
        return Domain(collection.type.of, collection)

    def _quantified(
        self, expr: ast.Quantified, binders: tuple[ast.Binder, ...], scope: Scope
    ) -> Expr | None:
        """One quantifier per binder; the condition belongs to the innermost."""
        kind = Kind(expr.kind)
        if kind is Kind.COUNT and len(expr.binders) > 1:
            self.errors.add(Code.NOT_HERE, "count takes one variable", expr.span)
            return None
        first, *rest = binders
        domain = self.domain(first, scope)
        if domain is None:
            return None
        with scope.block():
            binder = self.bound(domain.type)
            scope.bind(first.name, binder)
            if rest:
                body = self._quantified(expr, tuple(rest), scope)
                where: Expr | None = None
            else:
                where = None if expr.where is None else self.typed(expr.where, t.BOOL, scope)
                body = self.typed(expr.body, t.BOOL, scope)
                if expr.where is not None and where is None:
                    return None
        if body is None:
            return None
        type_ = t.INT if kind is Kind.COUNT else t.BOOL
        return Quantifier(kind, binder, domain, where, body, type_)

    def _comprehension(
        self, binder: ast.Binder, where: ast.Expr | None, scope: Scope
    ) -> Expr | None:
        domain = self.domain(binder, scope)
        if domain is None:
            return None
        with scope.block():
            bound = self.bound(domain.type)
            scope.bind(binder.name, bound)
            condition = TRUE_CONDITION if where is None else self.typed(where, t.BOOL, scope)
        if condition is None:
            return None
        return Comprehension(bound, domain, condition, t.SetOf(domain.type))

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


def leading_indices(
    selectors: list[ast.Name | ast.Expr], most: int
) -> tuple[ast.Expr, ...]:
    """The indices (not fields) that come first, at most so many."""
    taken: list[ast.Expr] = []
    for selector in selectors[:most]:
        if isinstance(selector, ast.Name):
            break
        taken.append(selector)
    return tuple(taken)


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
    return other.type


def _indices(number: int) -> str:
    return "index" if number == 1 else "indices"
