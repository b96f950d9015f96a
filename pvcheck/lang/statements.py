"""Statements of one procedure: names resolved, types checked, accesses counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pvcheck.diagnostics import Code, Label
from pvcheck.lang import ast, core
from pvcheck.lang.accesses import NOTHING, ONE_LOCK_FREE, Accesses, access, accesses, total
from pvcheck.lang.expressions import Expressions, leading_indices, unwind
from pvcheck.lang.scope import Scope
from pvcheck.lang.symbols import KIND
from pvcheck.lang.typing import inner
from pvcheck.model import types as t
from pvcheck.model.code import (
    Assign,
    Assume,
    Bump,
    Check,
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
    Selector,
)
from pvcheck.model.expr import Apply, Comprehension, Const, Domain, Expr, Local, Op, Read
from pvcheck.model.expr import TRUE as TRUE_CONDITION
from pvcheck.model.model import KernelSource
from pvcheck.source import Span

_EDITS = {
    "append": Op.APPEND,
    "prepend": Op.PREPEND,
    "add": Op.INSERT,
    "remove": Op.REMOVE,
}


def check_procedure(
    declared: ast.Procedure | ast.Thread, expressions: Expressions
) -> core.Procedure | None:
    """The procedure, checked; ``None`` if its parameters have no types. Errors are on record."""
    scope = expressions.scope()
    parameters: list[tuple[str, t.Type, bool]] = []
    result, source, operation = None, None, False
    if isinstance(declared, ast.Procedure):
        operation = declared.operation
        if declared.source is not None:
            source = KernelSource(declared.source.file, declared.source.function)
        if declared.result is not None:
            result = expressions.types.resolve(declared.result)
        for parameter in declared.parameters:
            type_ = expressions.types.resolve(parameter.type)
            if type_ is None:
                return None
            if parameter.inout and operation:
                message = "an op has no inout parameters: threads have nothing to share"
                expressions.errors.add(Code.NOT_HERE, message, parameter.span)
            scope.local(parameter.name, type_)
            parameters.append((parameter.name.text, type_, parameter.inout))
    statements = Statements(declared, expressions, scope, result)
    body = statements.block(declared.body)
    return core.Procedure(
        declared.name.text,
        operation,
        tuple(parameters),
        result,
        tuple(scope.locals),
        body,
        source,
        declared.span,
    )


class Statements:
    def __init__(
        self,
        procedure: ast.Procedure | ast.Thread,
        expressions: Expressions,
        scope: Scope,
        result: t.Type | None,
    ) -> None:
        self._procedure = procedure
        self._e = expressions
        self._errors = expressions.errors
        self._scope = scope
        self._result = result
        self._labels = ast.labels_of(procedure.body)
        self._seen: dict[str, ast.Name] = {}
        self._loops = 0
        self.in_atomic = False

    def block(self, block: ast.Block) -> core.Body:
        with self._scope.block():
            return self.sequence(block.statements)

    def sequence(self, statements: tuple[ast.Stmt, ...]) -> core.Body:
        return tuple(s for statement in statements for s in self._statement(statement))

    def _statement(self, statement: ast.Stmt) -> core.Body:
        if self.in_atomic and isinstance(
            statement, ast.LockStatement | ast.While | ast.Goto | ast.Return | ast.Jump | ast.Label
        ):
            message = "not possible in an atomic block, which is one step"
            self._errors.add(Code.NOT_IN_ATOMIC, message, statement.span)
            return ()
        match statement:
            case ast.Block():
                return (core.Group(self.block(statement)),)
            case ast.Label(name):
                return self._label(name)
            case ast.Let():
                return self._let(statement)
            case ast.Assign():
                return self._assign(statement)
            case ast.Call(call):
                return self._call_statement(call, statement.span)
            case ast.LockStatement():
                return self._lock(statement)
            case ast.If():
                return self._if(statement)
            case ast.While():
                return self._while(statement)
            case ast.For():
                return self._for(statement)
            case ast.Choose(alternatives):
                blocks = tuple(self.block(b) for b in alternatives)
                return (core.Choose(blocks, statement.span),)
            case ast.Any():
                return self._any(statement)
            case ast.Goto(label):
                return self._goto(label, statement.span)
            case ast.Jump(kind):
                if not self._loops:
                    message = f"{kind!r} outside a loop"
                    self._errors.add(Code.NOT_HERE, message, statement.span)
                    return ()
                return (core.Jump(kind, statement.span),)
            case ast.Return():
                return self._return(statement)
            case ast.Condition():
                return self._condition(statement)
            case ast.Atomic(body):
                return self._atomic(body, statement.span)
            case ast.Empty():
                return ()

    # --- labels and jumps ------------------------------------------------------

    def _label(self, name: ast.Name) -> core.Body:
        if name.text in self._seen:
            related = (Label(self._seen[name.text].span, "first here"),)
            message = f"label {name.text!r} is declared twice"
            self._errors.add(Code.DUPLICATE_NAME, message, name.span, related=related)
            return ()
        self._seen[name.text] = name
        return (core.Label(name.text),)

    def _goto(self, label: ast.Name, span: Span) -> core.Body:
        if label.text not in self._labels:
            self._errors.unknown("label", label, self._labels, Code.UNKNOWN_LABEL)
            return ()
        return (core.Goto(label.text, span),)

    def _return(self, statement: ast.Return) -> core.Body:
        if (statement.value is None) != (self._result is None):
            name = self._procedure.name.text
            has = "no value" if self._result is None else f"a {self._result}"
            self._errors.add(Code.NO_VALUE, f"{name} returns {has}", statement.span)
            return ()
        if statement.value is None:
            return (core.Return(None, False, statement.span),)
        value = self._e.typed(statement.value, self._result, self._scope)
        if value is None:
            return ()
        found = self._accesses(value)
        self._one_atomic(found, statement.span)
        return (core.Return(value, found.visible, statement.span),)

    # --- data --------------------------------------------------------------------

    def _let(self, statement: ast.Let) -> core.Body:
        wanted = None if statement.type is None else self._e.types.resolve(statement.type)
        if statement.type is not None and wanted is None:
            return ()
        if statement.value is None:
            if wanted is None:
                message = "a local needs a type or a value"
                self._errors.add(Code.TYPE_MISMATCH, message, statement.span)
                return ()
            return self._uninitialised(statement.name, wanted, statement.span)
        called = self._called(statement.value)
        if called is not None:
            return self._let_call(statement, called, wanted)
        value = self._e.typed(statement.value, wanted, self._scope)
        if value is None:
            return ()
        local = self._scope.local(statement.name, wanted or value.type)
        place = Place(local.slot, None, (), (), local.type)
        return self._do(Assign(place, value, statement.span), self._accesses(value), statement.span)

    def _uninitialised(self, name: ast.Name, type_: t.Type, span: Span) -> core.Body:
        initial = self._e.first_value(type_, span)
        if initial is None:
            return ()
        local = self._scope.local(name, type_)
        place = Place(local.slot, None, (), (), type_)
        return (core.Do(Assign(place, initial, span), False, span),)

    def _assign(self, statement: ast.Assign) -> core.Body:
        place = self.place(statement.target)
        if place is None:
            return ()
        called = self._called(statement.value)
        if called is not None and statement.op == "=":
            return self._assign_call(statement, called, place)
        value = self._e.typed(statement.value, self._operand(place, statement), self._scope)
        if value is None:
            return ()
        found = self._place_accesses(place) + self._accesses(value)
        if statement.op != "=":
            old = self._e.plain(self._value_of(place))
            found += self._accesses(old)
            value = self._moved(old, value, statement)
            if value is None:
                return ()
        return self._do(Assign(place, value, statement.span), found, statement.span)

    def _operand(self, place: Place, statement: ast.Assign) -> t.Type:
        return place.type if statement.op == "=" else t.INT

    def _moved(self, old: Expr, by: Expr, statement: ast.Assign) -> Expr | None:
        plus = statement.op == "+="
        match old.type:
            case t.Int():
                return Apply(Op.ADD if plus else Op.SUB, (old, by), t.INT)
            case t.Sort(ordered=True):
                distance = by if plus else Apply(Op.NEG, (by,), t.INT)
                return Apply(Op.SHIFT, (old, distance), old.type)
        self._e.mismatch(f"no {old.type} {statement.op} ...", statement.span)
        return None

    def place(self, expr: ast.Expr) -> Place | None:
        """What can be assigned to: a local or shared variable, or a part of one."""
        base, selectors = unwind(expr)
        if not isinstance(base, ast.Reference):
            self._errors.add(Code.NOT_ASSIGNABLE, "this cannot be assigned to", expr.span)
            return None
        local = self._scope.find(base.name.text)
        if isinstance(local, Local):
            return self._path(Place(local.slot, None, (), (), local.type), selectors)
        declared = self._e.symbols.globals.get(base.name.text)
        if isinstance(declared, ast.Variable):
            taken = leading_indices(selectors, len(declared.dimensions))
            indices = self._e.indices(declared, taken, base.name, self._scope)
            type_ = self._e.types.resolve(declared.type)
            if indices is None or type_ is None:
                return None
            rest = selectors[len(taken) :]
            return self._path(Place(None, declared.name.text, indices, (), type_), rest)
        if declared is None and base.name.text not in self._e.symbols.labels:
            known = (*self._scope.names(), *self._e.symbols.globals)
            self._errors.unknown("variable", base.name, known, Code.UNKNOWN_NAME)
        else:
            what = "an enum label" if declared is None else f"a {KIND[type(declared)]}"
            message = f"{base.name.text!r} is {what} and cannot be assigned to"
            self._errors.add(Code.NOT_ASSIGNABLE, message, expr.span)
        return None

    def _path(self, place: Place, selectors: list[ast.Name | ast.Expr]) -> Place | None:
        path: tuple[Selector, ...] = ()
        type_ = place.type
        for selector in selectors:
            type_ = inner(type_)
            if isinstance(selector, ast.Name):
                position = self._e.field_position(type_, selector)
                if position is None:
                    return None
                assert isinstance(type_, t.Struct), "field_position found the field"
                path, type_ = (*path, Selector(position, None)), type_.fields[position][1]
            elif isinstance(type_, t.ArrayOf):
                index = self._e.typed(selector, type_.index, self._scope)
                if index is None:
                    return None
                path, type_ = (*path, Selector(None, index)), type_.of
            else:
                self._e.mismatch(f"{type_} has no elements to index", selector.span)
                return None
        return Place(place.slot, place.variable, place.indices, path, type_)

    def _value_of(self, place: Place) -> Expr:
        return self._e.read_place(place, self._declared_type(place))

    def _declared_type(self, place: Place) -> t.Type:
        if place.slot is not None:
            return self._scope.locals[place.slot].type
        assert place.variable is not None, "a place is a local or a variable"
        declared = self._e.symbols.globals[place.variable]
        assert isinstance(declared, ast.Variable), "place() resolved it"
        type_ = self._e.types.resolve(declared.type)
        assert type_ is not None, "place() resolved it"
        return type_

    # --- calls ----------------------------------------------------------------------

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

    def _assign_call(
        self, statement: ast.Assign, called: ast.Procedure, place: Place
    ) -> core.Body:
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
        if self.in_atomic:
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

    # --- locks ------------------------------------------------------------------------

    def _lock(self, statement: ast.LockStatement) -> core.Body:
        lock = self._e.lock(statement.lock, self._scope)
        if lock is None:
            return ()
        self._lock_accesses(lock.indices, statement.span)
        needs_rw = statement.mode is not None or statement.action in ("upgrade", "downgrade")
        if needs_rw and not self._is_rw(lock.lock, statement.span):
            return ()
        mode = Mode.SHARED if statement.mode == "read" else Mode.EXCLUSIVE
        instruction = Lock(LockAction(statement.action), lock, mode, statement.span)
        return (core.DoLock(instruction, statement.span),)

    def _is_rw(self, lock: str, span: Span) -> bool:
        declared = self._e.symbols.globals[lock]
        assert isinstance(declared, ast.Lock), "Expressions.lock() found one"
        if declared.kind == "rw":
            return True
        message = f"{lock!r} is a {declared.kind}, which has no modes"
        hint = f"declare 'lock {lock}...: rw;'"
        self._errors.add(Code.WRONG_MODE, message, span, hint=hint)
        return False

    def _lock_accesses(self, indices: tuple[Expr, ...], span: Span) -> None:
        self._one_atomic(ONE_LOCK_FREE + total(map(self._accesses, indices)), span)

    # --- control -----------------------------------------------------------------------

    def _if(self, statement: ast.If) -> core.Body:
        if isinstance(statement.condition, ast.Try):
            return self._try(statement, statement.condition)
        condition = self._e.typed(statement.condition, t.BOOL, self._scope)
        then = self.block(statement.then)
        otherwise = () if statement.otherwise is None else self._statement(statement.otherwise)
        if condition is None:
            return ()
        found = self._accesses(condition)
        self._one_atomic(found, statement.condition.span)
        span = statement.condition.span
        return (core.If(condition, found.visible, then, otherwise, span),)

    def _try(self, statement: ast.If, condition: ast.Try) -> core.Body:
        if self.in_atomic:
            message = "not possible in an atomic block, which is one step"
            self._errors.add(Code.NOT_IN_ATOMIC, message, condition.span)
        lock = self._e.lock(condition.lock, self._scope)
        then = self.block(statement.then)
        otherwise = () if statement.otherwise is None else self._statement(statement.otherwise)
        if lock is None:
            return ()
        self._lock_accesses(lock.indices, condition.span)
        if condition.mode is not None and not self._is_rw(lock.lock, condition.span):
            return ()
        mode = Mode.SHARED if condition.mode == "read" else Mode.EXCLUSIVE
        success, failure = (otherwise, then) if condition.negated else (then, otherwise)
        upgrade = condition.mode == "upgrade"
        return (core.Try(lock, mode, upgrade, success, failure, condition.span),)

    def _while(self, statement: ast.While) -> core.Body:
        condition = self._e.typed(statement.condition, t.BOOL, self._scope)
        with self._loop():
            body = self.block(statement.body)
        if condition is None:
            return ()
        found = self._accesses(condition)
        self._one_atomic(found, statement.condition.span)
        return (core.While(condition, found.visible, body, statement.condition.span),)

    def _for(self, statement: ast.For) -> core.Body:
        domain = self._for_domain(statement.domain)
        if domain is None:
            return ()
        is_list = domain.within is not None and isinstance(domain.within.type, t.ListOf)
        ordered = not isinstance(domain.type, t.Sort) or domain.type.ordered
        simple = isinstance(domain.type, t.Sort | t.Enum | t.Int | t.Bool)
        if statement.direction is not None and (is_list or not (ordered and simple)):
            message = f"{domain.type} has no order" if not is_list else "a list has its own order"
            self._errors.add(Code.NOT_ORDERED, message, statement.domain.span)
            return ()
        rest_type = t.ListOf(domain.type) if is_list else t.SetOf(domain.type)
        with self._scope.block():
            rest = self._scope.hidden(f"rest of {statement.name.text}", rest_type)
            local = self._scope.local(statement.name, domain.type)
            where = None
            if statement.where is not None:
                where = self._e.typed(statement.where, t.BOOL, self._scope)
                if where is None:
                    return ()
            with self._loop():
                body = self.block(statement.body)
        over = NOTHING if domain.within is None else self._accesses(domain.within)
        filtered = NOTHING if where is None else self._accesses(where)
        self._one_atomic(over, statement.domain.span)
        self._one_atomic(filtered, statement.span)
        return (
            core.For(
                local.slot,
                rest.slot,
                rest_type,
                domain,
                statement.direction == "descending",
                not is_list and not (ordered and simple),
                where,
                filtered.visible,
                over.visible,
                body,
                statement.domain.span,
            ),
        )

    def _for_domain(self, expr: ast.Expr) -> Domain | None:
        if isinstance(expr, ast.Reference) and self._scope.find(expr.name.text) is None:
            declared = self._e.symbols.globals.get(expr.name.text)
            if isinstance(declared, ast.Sort | ast.Enum | ast.Alias):
                type_ = self._e.types.named(expr.name)
                return None if type_ is None else Domain(type_)
        collection = self._e.infer(expr, self._scope)
        if collection is None:
            return None
        collection = self._e.plain(collection)
        if not isinstance(collection.type, t.SetOf | t.ListOf):
            message = f"expected a sort, enum, set or list, found {collection.type}"
            self._e.mismatch(message, expr.span)
            return None
        return Domain(collection.type.of, collection)

    def _any(self, statement: ast.Any) -> core.Body:
        domain = self._e.domain(statement.binder, self._scope)
        if domain is None:
            return ()
        local = self._scope.local(statement.binder.name, domain.type)
        found = NOTHING if domain.within is None else self._accesses(domain.within)
        where = None
        if statement.where is not None:
            where = self._e.typed(statement.where, t.BOOL, self._scope)
            if where is None:
                return ()
            # Every candidate is looked at, but as one look: what else could a free choice be.
            found += self._accesses(where)
        self._one_atomic(found, statement.span)
        pick = Pick(local.slot, domain, where, statement.span)
        return (core.DoPick(pick, found.visible, statement.span),)

    def _condition(self, statement: ast.Condition) -> core.Body:
        condition = self._e.typed(statement.condition, t.BOOL, self._scope)
        if condition is None:
            return ()
        found = self._accesses(condition)
        span = statement.span
        match statement.kind:
            case "assert":
                return self._do(Check(condition, span), found, span)
            case "assume":
                return self._do(Assume(condition, span), found, span)
        if self.in_atomic:
            message = "'await' is possible only as the first statement of an atomic block"
            self._errors.add(Code.NOT_IN_ATOMIC, message, span)
            return ()
        self._one_atomic(found, span)
        return (core.DoAwait(condition, span),)

    def _atomic(self, block: ast.Block, span: Span) -> core.Body:
        from pvcheck.lang.atomic import atomic_code  # noqa: PLC0415  (it needs this module's types)

        if self.in_atomic:
            return self.sequence(block.statements)
        statements = block.statements
        with self._scope.block():
            condition = None
            if statements and isinstance(statements[0], ast.Condition):
                first = statements[0]
                if first.kind == "await":
                    condition = self._e.typed(first.condition, t.BOOL, self._scope)
                    statements = statements[1:]
            self.in_atomic = True
            body = self.sequence(statements)
            self.in_atomic = False
        return (core.DoAtomic(condition, atomic_code(body), span),)

    # --- helpers ----------------------------------------------------------------------------

    @contextmanager
    def _loop(self) -> Iterator[None]:
        self._loops += 1
        yield
        self._loops -= 1

    def _do(
        self, instruction: Assign | Bump | Check | Assume, found: Accesses, span: Span
    ) -> core.Body:
        self._one_atomic(found, span)
        return (core.Do(instruction, found.visible, span),)

    def _accesses(self, expr: Expr) -> Accesses:
        return accesses(expr, self._e.symbols)

    def _place_accesses(self, place: Place) -> Accesses:
        indices = [*place.indices, *(s.index for s in place.path if s.index is not None)]
        found = total(map(self._accesses, indices))
        if place.variable is not None:
            found += access(place.variable, self._e.symbols)
        return found

    def _one_atomic(self, found: Accesses, span: Span) -> None:
        if found.lock_free > 1 and not self.in_atomic:
            message = "more than one access to atomic variables or locks in one statement"
            hint = "use one statement each, or 'atomic { }' if the hardware does it at once"
            self._errors.add(Code.TWO_ATOMIC_ACCESSES, message, span, hint=hint)

