"""Calls as statements: of procedures, and of the built-in edits of lists, sets and counters."""

from __future__ import annotations

from pvcheck.diagnostics import Code
from pvcheck.lang import ast, core
from pvcheck.lang.accesses import NOTHING, access, total
from pvcheck.lang.expressions import Expressions
from pvcheck.lang.places import Places
from pvcheck.lang.scope import Scope
from pvcheck.lang.typing import inner, same
from pvcheck.model import types as t
from pvcheck.model.code import Assign, Bump, Place
from pvcheck.model.expr import Apply, Expr, Local, Op
from pvcheck.source import Span

_EDITS = {
    "append": Op.APPEND,
    "prepend": Op.PREPEND,
    "add": Op.INSERT,
    "remove": Op.REMOVE,
}


class Calls(Places):
    def __init__(
        self, procedure: ast.Procedure | ast.Thread, expressions: Expressions, scope: Scope
    ) -> None:
        super().__init__(expressions, scope)
        self._procedure = procedure

    def _called(self, expr: ast.Expr) -> ast.Procedure | None:
        """The procedure, if ``expr`` is the call of one."""
        if isinstance(expr, ast.Apply):
            declared = self._e.symbols.globals.get(expr.name.text)
            if isinstance(declared, ast.Procedure):
                return declared
        return None

    def _let_call(
        self, statement: ast.Let, called: ast.Procedure, wanted: t.Type | None
    ) -> core.Body:
        assert isinstance(statement.value, ast.Apply), "_called found a call"
        result = self._result_type(called, statement.value)
        if result is None:
            return ()
        slot = self._scope.hidden(f"{called.name.text}()", result)
        call = self._call(statement.value, called, slot.slot, statement.span)
        value = self._e.coerce(slot, wanted or result, statement.span)
        if call is None or value is None:
            return ()
        local = self._scope.local(statement.name, wanted or result)
        place = Place(local.slot, None, (), (), local.type)
        return (call, core.Do(Assign(place, value, statement.span), False, statement.span))

    def _assign_call(self, statement: ast.Assign, called: ast.Procedure, place: Place) -> core.Body:
        assert isinstance(statement.value, ast.Apply), "_called found a call"
        result = self._result_type(called, statement.value)
        if result is None:
            return ()
        slot = self._scope.hidden(f"{called.name.text}()", result)
        call = self._call(statement.value, called, slot.slot, statement.span)
        value = self._e.coerce(slot, place.type, statement.span)
        if call is None or value is None:
            return ()
        store = Assign(place, value, statement.span)
        return (call, *self._do(store, self._place_accesses(place), statement.span))

    def _result_type(self, called: ast.Procedure, call: ast.Apply) -> t.Type | None:
        if called.result is None:
            self._errors.add(Code.NO_VALUE, f"{called.name.text} returns no value", call.span)
            return None
        return self._e.types.resolve(called.result)

    def _call_statement(self, expr: ast.Expr, span: Span) -> core.Body:
        if not isinstance(expr, ast.Apply):
            message = "this is not a statement: it has no effect"
            self._errors.add(Code.NOT_HERE, message, expr.span)
            return ()
        if self._e.symbols.globals.get(expr.name.text) is None:
            if expr.name.text in _EDITS:
                return self._edit(expr, span)
            if expr.name.text == "bump":
                return self._bump(expr, span)
            known = (
                *_EDITS,
                "bump",
                *(n for n, d in self._e.symbols.globals.items() if isinstance(d, ast.Procedure)),
            )
            self._errors.unknown("proc or op", expr.name, known, Code.UNKNOWN_NAME)
            return ()
        called = self._called(expr)
        if called is None:
            message = f"the value of {expr.name.text!r} is not used"
            self._errors.add(Code.NOT_HERE, message, expr.span)
            return ()
        slot = None
        if called.result is not None:
            result = self._e.types.resolve(called.result)
            slot = self._scope.hidden(f"{called.name.text}()", result).slot if result else None
        call = self._call(expr, called, slot, span)
        return () if call is None else (call,)

    def _call(
        self, expr: ast.Apply, called: ast.Procedure, result: int | None, span: Span
    ) -> core.Call | None:
        if self._in_atomic:
            message = "no calls in an atomic block: put the block into the proc"
            self._errors.add(Code.NOT_IN_ATOMIC, message, span)
            return None
        if called.operation and isinstance(self._procedure, ast.Procedure):
            message = f"only threads call ops, and {called.name.text!r} is one"
            hint = "make it a proc, or move what is shared into a proc"
            self._errors.add(Code.NOT_HERE, message, span, hint=hint)
            return None
        given = self._e.in_order(expr, [p.name.text for p in called.parameters])
        if given is None:
            return None
        arguments: list[Expr | int] = []
        found = NOTHING
        for parameter, argument in zip(called.parameters, given, strict=True):
            type_ = self._e.types.resolve(parameter.type)
            if type_ is None:
                return None
            if parameter.inout:
                slot = self._inout(argument, type_)
                if slot is None:
                    return None
                arguments.append(slot)
                continue
            value = self._e.typed(argument, type_, self._scope)
            if value is None:
                return None
            found += self._accesses(value)
            arguments.append(value)
        self._one_atomic(found, span)
        return core.Call(called.name.text, tuple(arguments), result, found.visible, span)

    def _inout(self, argument: ast.Expr, type_: t.Type) -> int | None:
        local = None
        if isinstance(argument, ast.Reference):
            local = self._scope.find(argument.name.text)
        if not isinstance(local, Local):
            message = "an inout argument is a local variable"
            self._errors.add(Code.NOT_ASSIGNABLE, message, argument.span)
            return None
        if local.type != type_:
            message = f"expected a local of type {type_}, found {local.type}"
            if same(local.type, type_):
                message = "an inout argument has the very type of the parameter, bounds included"
            self._e.mismatch(message, argument.span)
            return None
        return local.slot

    def _edit(self, expr: ast.Apply, span: Span) -> core.Body:
        if len(expr.arguments) != 2 or any(a.name for a in expr.arguments):
            message = f"{expr.name.text!r} takes a list or set and an element"
            self._errors.add(Code.WRONG_COUNT, message, expr.span)
            return ()
        place = self.place(expr.arguments[0].value)
        if place is None:
            return ()
        match expr.name.text, inner(place.type):
            case "append" | "prepend" | "remove", t.ListOf(of):
                op = _EDITS[expr.name.text]
            case "add" | "remove", t.SetOf(of):
                op = Op.INSERT if expr.name.text == "add" else Op.DISCARD
            case _:
                message = f"no {expr.name.text!r} for {place.type}"
                self._e.mismatch(message, expr.arguments[0].value.span)
                return ()
        element = self._e.typed(expr.arguments[1].value, of, self._scope)
        if element is None:
            return ()
        old = self._e.plain(self._value_of(place))
        found = self._place_accesses(place) + self._accesses(old) + self._accesses(element)
        value = Apply(op, (old, element), inner(place.type))
        return self._do(Assign(place, value, span), found, span)

    def _bump(self, expr: ast.Apply, span: Span) -> core.Body:
        if len(expr.arguments) != 1:
            message = "'bump' takes one generation counter"
            self._errors.add(Code.WRONG_COUNT, message, expr.span)
            return ()
        counter = self._e.counter(expr.arguments[0].value, self._scope)
        if counter is None:
            return ()
        found = access(counter[0], self._e.symbols) + total(map(self._accesses, counter[1]))
        return self._do(Bump(*counter, span), found, span)
