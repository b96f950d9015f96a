"""Declarations other than procedures: checked, and as parts of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pvcheck.diagnostics import Code, Label
from pvcheck.lang import ast
from pvcheck.lang.expressions import Expressions
from pvcheck.lang.instances import declared_instance
from pvcheck.lang.lock_order import declared_order
from pvcheck.lang.scope import Scope
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model import types as t
from pvcheck.model.expr import (
    Ask,
    Bound,
    Changed,
    Expr,
    LockTest,
    Read,
    Self,
    TakeSnapshot,
)
from pvcheck.model.model import (
    ASSUMED,
    BUILT_IN,
    FAIR,
    Expected,
    Guard,
    GuardLock,
    InstanceDeclaration,
    Invariant,
    KernelSource,
    LockClass,
    LockKind,
    LockOrder,
    Model,
    Never,
    Operation,
    Parameter,
    Progress,
    SortDeclaration,
    Statement,
    ThreadFamily,
    Variable,
    progress_name,
)
from pvcheck.model.parts import walk
from pvcheck.source import Source

_N = TypeVar("_N", bound=ast.Node)


def _texts(names: tuple[ast.Name, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(n.text for n in names)


class Declarations:
    """Checks every declaration once; ``model`` puts the results together."""

    def __init__(self, expressions: Expressions) -> None:
        self._e = expressions
        self._symbols = expressions.symbols
        self._errors = expressions.errors
        self._sorts: list[SortDeclaration] = []
        self._parameters: list[Parameter] = []
        self._variables: list[Variable] = []
        self._locks: list[LockClass] = []
        self._order = LockOrder(frozenset(), frozenset(), frozenset())
        self._operations: list[Operation] = []
        self._invariants: list[Invariant] = []
        self._instances: list[InstanceDeclaration] = []

    def check(self) -> None:
        for sort in self._of(ast.Sort):
            self._sort(sort)
        for parameter in self._of(ast.Parameter):
            self._parameter(parameter)
        for name in (
            *(d.name for d in self._of(ast.Alias)),
            *(d.name for d in self._of(ast.Struct)),
        ):
            self._e.types.named(name)
        for lock in self._of(ast.Lock):
            self._lock(lock)
        self._order = declared_order(self._symbols, self._errors)
        for variable in self._of(ast.Variable):
            self._variable(variable)
        for counter in self._of(ast.Counter):
            self._counter(counter)
        for function in self._of(ast.Function):
            self._e.functions.check(function)
        for procedure in self._of(ast.Procedure):
            self._operation(procedure)
        for thread in self._of(ast.Thread):
            self._thread(thread)
        if not self.threads() and self._symbols.systems:
            message = "no 'thread': nothing would ever happen"
            self._errors.add(Code.NO_THREADS, message, self._symbols.systems[0].span)
        for invariant in self._symbols.invariants.values():
            self._invariant(invariant)
        for instance in self._symbols.instances.values():
            found = declared_instance(instance, self._e)
            self._instances += [] if found is None else [found]
        self._properties_named()

    def threads(self) -> list[ast.Thread]:
        return self._of(ast.Thread)

    def thread_sort(self, thread: ast.Thread) -> t.Sort | None:
        if not thread.dimensions:
            return None
        sort = self._e.types.resolve(thread.dimensions[0].type)
        assert isinstance(sort, t.Sort), "check() refused the rest"
        return sort

    def model(
        self,
        sources: tuple[Source, ...],
        threads: tuple[ThreadFamily, ...],
        statements: tuple[Statement, ...],
        nevers: tuple[Never, ...],
    ) -> Model:
        types = self._e.types
        enums = (types.named(d.name) for d in self._of(ast.Enum))
        structs = (types.named(d.name) for d in self._of(ast.Struct))
        return Model(
            name=self._symbols.systems[0].name.text,
            sources=sources,
            sorts=tuple(self._sorts),
            enums=tuple(e for e in enums if isinstance(e, t.Enum)),
            structs=tuple(s for s in structs if isinstance(s, t.Struct)),
            parameters=tuple(self._parameters),
            variables=tuple(self._variables),
            locks=tuple(self._locks),
            order=self._order,
            operations=tuple(self._operations),
            threads=threads,
            invariants=tuple(self._invariants),
            progress=tuple(
                Progress(
                    p.operation.text,
                    ASSUMED if p.fair is None else tuple(n.text for n in p.fair),
                    _texts(p.instances),
                    p.span,
                )
                for p in self._symbols.progress
            ),
            instances=tuple(self._instances),
            expected=tuple(
                Expected(p.text, _texts(e.instances))
                for e in self._symbols.expects
                for p in e.properties
            ),
            statements=statements,
            nevers=nevers,
        )

    def _of(self, kind: type[_N]) -> list[_N]:
        return [d for d in self._symbols.globals.values() if isinstance(d, kind)]

    # --- sizes and parameters ---------------------------------------------------

    def _sort(self, declared: ast.Sort) -> None:
        size = None if declared.size is None else self._e.constant(declared.size, t.INT)
        sort = t.Sort(declared.name.text, declared.ordered)
        self._sorts.append(SortDeclaration(sort, size, declared.span))

    def _parameter(self, declared: ast.Parameter) -> None:
        value = self._e.parameter(declared)
        if value is None:
            return
        if not isinstance(value.type, t.Bool | t.Int):
            message = f"a parameter is a bool or a number, not a {value.type}"
            self._errors.add(Code.TYPE_MISMATCH, message, declared.span)
            return
        default = self._e.constant(declared.default, value.type)
        if default is not None:
            name = declared.name.text
            self._parameters.append(Parameter(name, value.type, default, declared.span))

    # --- locks and variables ------------------------------------------------------

    def _lock(self, declared: ast.Lock) -> None:
        indices = [self._e.types.dimension(d.type) for d in declared.dimensions]
        self._locks.append(
            LockClass(
                declared.name.text,
                tuple(i for i in indices if i is not None),
                LockKind(declared.kind),
                declared.span,
            )
        )

    def _binders(
        self, dimensions: tuple[ast.Dimension, ...], scope: Scope
    ) -> tuple[Bound, ...] | None:
        binders = []
        for dimension in dimensions:
            type_ = self._e.types.dimension(dimension.type)
            if type_ is None:
                return None
            bound = self._e.bound(type_)
            if dimension.name is not None:
                scope.bind(dimension.name, bound)
            binders.append(bound)
        return tuple(binders)

    def _variable(self, declared: ast.Variable) -> None:
        scope = self._e.scope()
        binders = self._binders(declared.dimensions, scope)
        type_ = self._e.types.resolve(declared.type)
        if type_ is None or binders is None:
            return
        if declared.initial is None:
            initial = self._e.first_value(type_, declared.span)
        else:
            initial = self._e.typed(declared.initial, type_, scope)
            self._only_indices(initial, declared.initial, "an initial value")
        guard = self._guard(declared.protection, scope)
        if initial is not None:
            name = declared.name.text
            span = declared.span
            self._variables.append(Variable(name, binders, type_, initial, guard, False, span))

    def _counter(self, declared: ast.Counter) -> None:
        scope = self._e.scope()
        binders = self._binders(declared.dimensions, scope)
        guard = self._guard(declared.protection, scope)
        if binders is None:
            return
        zero = self._e.first_value(t.INT, declared.span)
        assert zero is not None, "integers have a first value"
        name = declared.name.text
        self._variables.append(Variable(name, binders, t.INT, zero, guard, True, declared.span))

    def _guard(self, protection: ast.Protection, scope: Scope) -> Guard | None:
        locks = []
        for guard in protection.guards:
            with scope.block():
                found = self._guard_lock(guard, scope)
            if found is not None:
                locks.append(found)
        return Guard(tuple(locks)) if protection.guards else None

    def _guard_lock(self, guard: ast.Guard, scope: Scope) -> GuardLock | None:
        binder = where = None
        if guard.binder is not None:
            domain = self._e.domain(guard.binder, scope)
            if domain is None:
                return None
            binder = self._e.bound(domain.type)
            scope.bind(guard.binder.name, binder)
            if guard.where is not None:
                where = self._e.typed(guard.where, t.BOOL, scope)
                self._only_indices(where, guard.where, "a guard")
        lock = self._e.lock(guard.lock, scope)
        if lock is None:
            return None
        for index in lock.indices:
            self._only_indices(index, guard.lock, "a guard")
        return GuardLock(lock, binder, where)

    def _only_indices(self, expr: Expr | None, at: ast.Expr, what: str) -> None:
        """Neither shared state nor locks: the value depends on indices and sizes alone."""
        state = Read | LockTest | TakeSnapshot | Changed | Self
        if expr is not None and any(isinstance(e, state) for e in walk(expr)):
            message = f"{what} depends on indices and constants only"
            self._errors.add(Code.NOT_HERE, message, at.span)

    # --- threads, operations, properties --------------------------------------------

    def _operation(self, declared: ast.Procedure) -> None:
        if not declared.operation:
            return
        parameters = []
        for parameter in declared.parameters:
            type_ = self._e.types.resolve(parameter.type)
            if type_ is None:
                return
            parameters.append((parameter.name.text, type_))
        source = None
        if declared.source is not None:
            source = KernelSource(declared.source.file, declared.source.function)
        name = declared.name.text
        self._operations.append(Operation(name, tuple(parameters), source, declared.span))

    def _thread(self, declared: ast.Thread) -> None:
        if len(declared.dimensions) > 1:
            message = "threads are indexed by one sort at most"
            self._errors.add(Code.WRONG_COUNT, message, declared.name.span)
        for dimension in declared.dimensions[:1]:
            type_ = self._e.types.resolve(dimension.type)
            if type_ is not None and not isinstance(type_, t.Sort):
                message = f"threads are indexed by a sort, not {type_}"
                self._errors.add(Code.TYPE_MISMATCH, message, dimension.span)
            if dimension.name is not None:
                message = "a thread's element is called 'self'"
                self._errors.add(Code.NOT_HERE, message, dimension.name.span)

    def _invariant(self, declared: ast.Invariant) -> None:
        if declared.name.text in BUILT_IN:
            message = f"{declared.name.text!r} is a built-in property"
            self._errors.add(Code.DUPLICATE_NAME, message, declared.name.span)
        scope = self._e.scope()
        binders = []
        for parameter in declared.parameters:
            type_ = self._e.types.resolve(parameter.type)
            if type_ is None:
                return
            if parameter.inout:
                self._errors.add(Code.NOT_HERE, "no inout here", parameter.span)
            bound = self._e.bound(type_)
            scope.bind(parameter.name, bound)
            binders.append((parameter.name.text, bound))
        window = None
        if declared.window is not None:
            window = self._property(declared.window, scope)
        condition = self._property(declared.condition, scope)
        if condition is not None:
            self._invariants.append(
                Invariant(
                    declared.name.text,
                    tuple(binders),
                    window,
                    condition,
                    declared.lemma,
                    declared.span,
                )
            )

    def _property(self, expr: ast.Expr, scope: Scope) -> Expr | None:
        found = self._e.typed(expr, t.BOOL, scope)
        for part in () if found is None else walk(found):
            match part:
                case LockTest(ask=Ask.HELD):
                    hint = "use free(L) or holder(L)"
                    message = "no thread looks at an invariant: 'held' has no meaning"
                    self._errors.add(Code.NOT_HERE, message, expr.span, hint=hint)
                case Self() | TakeSnapshot() | Changed():
                    message = "an invariant is about shared state: no 'self', no snapshots"
                    self._errors.add(Code.NOT_HERE, message, expr.span)
        return found

    def _properties_named(self) -> None:
        """Expectations, ``progress`` and mutants name what exists."""
        progress_of = [progress_name(p.operation.text) for p in self._symbols.progress]
        known = (*BUILT_IN, *self._symbols.invariants, *progress_of)
        violated = [m.violated for m in self._symbols.mutants.values() if m.violated is not None]
        for name in (*(p for e in self._symbols.expects for p in e.properties), *violated):
            self._known(name, known, "property")
        for mutant in self._symbols.mutants.values():
            if mutant.instance is not None:
                self._known(mutant.instance, self._symbols.instances, "instance")
        places = [e.instances for e in self._symbols.expects]
        places += [p.instances for p in self._symbols.progress]
        for name in (n for names in places for n in names or ()):
            self._known(name, self._symbols.instances, "instance")
        operations = [p.name.text for p in self._of(ast.Procedure) if p.operation]
        declared: dict[str, ast.Name] = {}
        for progress in self._symbols.progress:
            self._known(progress.operation, operations, "op")
            for name in progress.fair or ():
                if name.text not in FAIR:
                    message = f"nothing is known of fair {name.text}"
                    hint = did_you_mean(name.text, FAIR) or f"{', '.join(FAIR)} can be fair"
                    self._errors.add(Code.NO_FAIRNESS, message, name.span, hint=hint)
            earlier = declared.setdefault(progress.operation.text, progress.operation)
            if earlier is not progress.operation:
                message = f"progress of {progress.operation.text!r} is declared twice"
                related = (Label(earlier.span, "first here"),)
                self._errors.add(
                    Code.DUPLICATE_NAME, message, progress.span, "again here", related=related
                )

    def _known(self, name: ast.Name, known: Iterable[str], what: str) -> None:
        names = list(known)
        if name.text not in names:
            hint = did_you_mean(name.text, names)
            message = f"no {what} {name.text!r}"
            self._errors.add(Code.UNKNOWN_NAME, message, name.span, hint=hint)
