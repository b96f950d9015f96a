"""What can be assigned to, and how often a statement touches shared state."""

from __future__ import annotations

from pvcheck.diagnostics import Code
from pvcheck.lang import ast, core
from pvcheck.lang.accesses import Accesses, access, accesses, total
from pvcheck.lang.expressions import Expressions, leading_indices, unwind
from pvcheck.lang.scope import Scope
from pvcheck.lang.symbols import KIND
from pvcheck.lang.typing import inner
from pvcheck.model import types as t
from pvcheck.model.code import Assign, Assume, Bump, Check, Place, Selector
from pvcheck.model.expr import Expr, Local
from pvcheck.source import Span


class Places:
    """The part of checking statements that knows variables."""

    def __init__(self, expressions: Expressions, scope: Scope) -> None:
        self._e = expressions
        self._errors = expressions.errors
        self._scope = scope
        self._in_atomic = False

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

    # --- accesses ---------------------------------------------------------------

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
        if found.lock_free > 1 and not self._in_atomic:
            message = "more than one access to atomic variables or locks in one statement"
            hint = "use one statement each, or 'atomic { }' if the hardware does it at once"
            self._errors.add(Code.TWO_ATOMIC_ACCESSES, message, span, hint=hint)
