"""Statements of one procedure: names resolved, types checked, accesses counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pvcheck.diagnostics import Code, Label
from pvcheck.lang import ast, core
from pvcheck.lang.accesses import NOTHING, ONE_LOCK_FREE, total
from pvcheck.lang.calls import Calls
from pvcheck.lang.expressions import Expressions
from pvcheck.lang.returns import falls_through
from pvcheck.lang.scope import Scope
from pvcheck.model import types as t
from pvcheck.model.code import (
    Assign,
    Assume,
    Check,
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
)
from pvcheck.model.expr import Apply, Ask, Domain, Expr, LockTest, Op
from pvcheck.model.model import KernelSource
from pvcheck.source import Span


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
    if result is not None and falls_through(declared.body):
        message = f"{declared.name.text} may come to its end without a value"
        hint = f"it returns a {result}: end with 'return'"
        expressions.errors.add(Code.NO_VALUE, message, declared.name.span, hint=hint)
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


class Statements(Calls):
    def __init__(
        self,
        procedure: ast.Procedure | ast.Thread,
        expressions: Expressions,
        scope: Scope,
        result: t.Type | None,
    ) -> None:
        super().__init__(procedure, expressions, scope)
        self._result = result
        self._labels = ast.labels_of(procedure.body)
        self._seen: dict[str, ast.Name] = {}
        self._loops = 0

    def block(self, block: ast.Block) -> core.Body:
        with self._scope.block():
            return self.sequence(block.statements)

    def sequence(self, statements: tuple[ast.Stmt, ...]) -> core.Body:
        return tuple(s for statement in statements for s in self._statement(statement))

    def _statement(self, statement: ast.Stmt) -> core.Body:  # noqa: C901 (only dispatches)
        if self._in_atomic and isinstance(
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
        if statement.action == "acquire" and self._kind(lock.lock) == "ghost":
            free = Check(LockTest(Ask.FREE, lock, t.BOOL), statement.span)
            return (core.DoAtomic(None, (free, instruction), statement.span),)
        return (core.DoLock(instruction, statement.span),)

    def _is_rw(self, lock: str, span: Span) -> bool:
        kind = self._kind(lock)
        if kind == "rw":
            return True
        message = f"{lock!r} is a {kind}, which has no modes"
        hint = f"declare 'lock {lock}...: rw;'"
        self._errors.add(Code.WRONG_MODE, message, span, hint=hint)
        return False

    def _kind(self, lock: str) -> str:
        declared = self._e.symbols.globals[lock]
        assert isinstance(declared, ast.Lock), "Expressions.lock() found one"
        return declared.kind

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
        if self._in_atomic:
            message = "not possible in an atomic block, which is one step"
            self._errors.add(Code.NOT_IN_ATOMIC, message, condition.span)
        lock = self._e.lock(condition.lock, self._scope)
        then = self.block(statement.then)
        otherwise = () if statement.otherwise is None else self._statement(statement.otherwise)
        if lock is None or self._in_atomic:
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
        list_type = None if domain.within is None else domain.within.type
        is_list = isinstance(list_type, t.ListOf)
        ordered = not isinstance(domain.type, t.Sort) or domain.type.ordered
        simple = isinstance(domain.type, t.Sort | t.Enum | t.Int | t.Bool)
        if statement.direction is not None and (is_list or not (ordered and simple)):
            message = f"{domain.type} has no order" if not is_list else "a list has its own order"
            self._errors.add(Code.NOT_ORDERED, message, statement.domain.span)
            return ()
        in_any_order = not is_list and not (ordered and simple)
        if in_any_order and self._in_atomic:
            # A step takes them in one order, and the others would never be looked at.
            message = f"{domain.type} has no order, and an atomic block takes its elements in one"
            hint = "put the loop around the block, or make the sort an ordered one"
            self._errors.add(Code.NOT_ORDERED, message, statement.domain.span, hint=hint)
            return ()
        rest_type = list_type if isinstance(list_type, t.ListOf) else t.SetOf(domain.type)
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
                in_any_order,
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
        if self._in_atomic:
            message = "'await' is possible only as the first statement of an atomic block"
            self._errors.add(Code.NOT_IN_ATOMIC, message, span)
            return ()
        self._one_atomic(found, span)
        return (core.DoAwait(condition, span),)

    def _atomic(self, block: ast.Block, span: Span) -> core.Body:
        from pvcheck.lang.atomic import atomic_code  # noqa: PLC0415  (it needs this module's types)

        if self._in_atomic:
            return self.sequence(block.statements)
        statements = block.statements
        with self._scope.block():
            condition = None
            if statements and isinstance(statements[0], ast.Condition):
                first = statements[0]
                if first.kind == "await":
                    condition = self._e.typed(first.condition, t.BOOL, self._scope)
                    statements = statements[1:]
            self._in_atomic = True
            body = self.sequence(statements)
            self._in_atomic = False
        return (core.DoAtomic(condition, atomic_code(body), span),)

    # --- helpers ----------------------------------------------------------------------------

    @contextmanager
    def _loop(self) -> Iterator[None]:
        self._loops += 1
        yield
        self._loops -= 1
