"""The built-in functions of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.scope import Scope
from pvcheck.model import types as t
from pvcheck.model.expr import (
    Apply,
    Ask,
    Changed,
    Expr,
    LockTest,
    Op,
    SizeOf,
    TakeSnapshot,
)

if TYPE_CHECKING:
    from pvcheck.lang.expressions import Expressions

_OF_LIST = {"first": Op.FIRST, "last": Op.LAST}
_OF_SET = {"min": Op.MIN, "max": Op.MAX}
_ARITY = {
    "size": 1,
    "empty": 1,
    "first": 1,
    "last": 1,
    "next": 2,
    "min": 1,
    "max": 1,
    "int": 1,
    "held": 1,
    "free": 1,
    "holder": 1,
    "snapshot": 1,
    "changed": 2,
}
_STATEMENTS = frozenset({"append", "prepend", "remove", "add", "bump"})


class BuiltIns:
    def __init__(self, expressions: Expressions) -> None:
        self._e = expressions

    def knows(self, name: str) -> bool:
        return name in _ARITY or name in _STATEMENTS

    def apply(self, expr: ast.Apply, scope: Scope, wanted: t.Type | None) -> Expr | None:
        name = expr.name.text
        if name in _STATEMENTS:
            self._e.errors.add(Code.NOT_HERE, f"{name!r} is a statement of its own", expr.span)
            return None
        arguments = self._positional(expr, _ARITY[name])
        if arguments is None:
            return None
        match name:
            case "held" | "free" | "holder":
                return self._lock_test(Ask(name), arguments[0], scope)
            case "snapshot":
                found = self._e.counter(arguments[0], scope)
                return None if found is None else TakeSnapshot(*found, t.Snapshot(found[0]))
            case "changed":
                return self._changed(arguments[0], arguments[1], scope)
            case "int":
                return self._ordinal(arguments[0], scope)
            case "size":
                return self._size(arguments[0], scope)
            case "next":
                return self._next(arguments, scope)
            case _:
                return self._of_collection(name, arguments[0], scope)

    def element(self, expr: ast.Apply, scope: Scope) -> Expr | None:
        """``S(i)``: an int as an element of an ordered sort."""
        type_ = self._e.types.named(expr.name)
        arguments = self._positional(expr, 1)
        if arguments is None or type_ is None:
            return None
        value = self._e.typed(arguments[0], t.INT, scope)
        if not self._is_ordered(type_, expr) or value is None:
            return None
        return Apply(Op.ELEMENT, (value,), type_)

    def _positional(self, expr: ast.Apply, number: int) -> list[ast.Expr] | None:
        if len(expr.arguments) != number or any(a.name for a in expr.arguments):
            message = f"{expr.name.text!r} takes {number}, not {len(expr.arguments)} arguments"
            self._e.errors.add(Code.WRONG_COUNT, message, expr.span)
            return None
        return [a.value for a in expr.arguments]

    def _lock_test(self, ask: Ask, argument: ast.Expr, scope: Scope) -> Expr | None:
        lock = self._e.lock(argument, scope)
        if lock is None:
            return None
        if ask is not Ask.HOLDER:
            return LockTest(ask, lock, t.BOOL)
        threads = [d for d in self._e.symbols.globals.values() if isinstance(d, ast.Thread)]
        if len(threads) != 1 or len(threads[0].dimensions) != 1:
            message = "'holder' needs one family of threads, indexed by a sort"
            self._e.errors.add(Code.NOT_HERE, message, argument.span)
            return None
        sort = self._e.types.dimension(threads[0].dimensions[0].type)
        return None if sort is None else LockTest(ask, lock, t.Optional(sort))

    def _changed(self, counter: ast.Expr, snapshot: ast.Expr, scope: Scope) -> Expr | None:
        found = self._e.counter(counter, scope)
        if found is None:
            return None
        taken = self._e.typed(snapshot, t.Snapshot(found[0]), scope)
        return None if taken is None else Changed(*found, taken)

    def _ordinal(self, argument: ast.Expr, scope: Scope) -> Expr | None:
        value = self._e.infer(argument, scope)
        if value is None:
            return None
        value = self._e.plain(value)
        if not self._is_ordered(value.type, argument):
            return None
        return Apply(Op.ORDINAL, (value,), t.INT)

    def _is_ordered(self, type_: t.Type, at: ast.Expr) -> bool:
        if isinstance(type_, t.Sort) and type_.ordered:
            return True
        message = f"expected an element of an ordered sort, found {type_}"
        self._e.errors.add(Code.NOT_ORDERED, message, at.span)
        return False

    def _size(self, argument: ast.Expr, scope: Scope) -> Expr | None:
        if isinstance(argument, ast.Reference) and scope.find(argument.name.text) is None:
            declared = self._e.symbols.globals.get(argument.name.text)
            if isinstance(declared, ast.Sort | ast.Alias):
                type_ = self._e.types.named(argument.name)
                if isinstance(type_, t.Sort):
                    return SizeOf(type_.name)
        return self._of_collection("size", argument, scope)

    def _of_collection(self, name: str, argument: ast.Expr, scope: Scope) -> Expr | None:
        value = self._e.infer(argument, scope)
        if value is None:
            return None
        value = self._e.plain(value)
        match name, value.type:
            case "size", t.ListOf() | t.SetOf():
                return Apply(Op.SIZE, (value,), t.INT)
            case "empty", t.ListOf() | t.SetOf():
                return Apply(Op.EMPTY, (value,), t.BOOL)
            case "first" | "last", t.ListOf(of):
                return Apply(_OF_LIST[name], (value,), of)
            case "min" | "max", t.SetOf(of):
                if not self._is_ordered(of, argument):
                    return None
                return Apply(_OF_SET[name], (value,), of)
        self._e.mismatch(f"no {name!r} of {value.type}", argument.span)
        return None

    def _next(self, arguments: list[ast.Expr], scope: Scope) -> Expr | None:
        value = self._e.infer(arguments[0], scope)
        if value is None:
            return None
        value = self._e.plain(value)
        if not isinstance(value.type, t.ListOf):
            self._e.mismatch(f"expected a list, found {value.type}", arguments[0].span)
            return None
        element = self._e.typed(arguments[1], value.type.of, scope)
        if element is None:
            return None
        of = value.type.of
        result = of if isinstance(of, t.Optional) else t.Optional(of)
        return Apply(Op.NEXT, (value, element), result)
