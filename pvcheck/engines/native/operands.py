"""Operands of C functions and operators, in the order in which they are evaluated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.values import Values, literal
from pvcheck.model.expr import Expr
from pvcheck.model.ranges import Ranges, within_range
from pvcheck.model.types import Int, Type


class Operands(Values):
    """Writes expressions as values and codes of given types."""

    def __init__(self, state: StateLayout) -> None:
        super().__init__(state)
        self.ranges = Ranges(self.instance, self.encoding)

    @abstractmethod
    def expr(self, expr: Expr) -> str:
        """The expression as a value of its type."""

    def typed(self, expr: Expr, type_: Type) -> str:
        """The expression as a value of ``type_``, which may differ in bounds and question marks."""
        return self.coerce(self.expr(expr), expr.type, type_)

    def code(self, expr: Expr, type_: Type) -> str:
        """The expression as a code of ``type_``."""
        value = self.typed(expr, type_)
        if isinstance(type_, Int):
            low, high = self.encoding.bounds(type_)
            if within_range(self.ranges.of(expr), low, high):
                return f"(u64)({value} - {literal(low)})" if low else f"(u64){value}"
        return self.to_code(value, type_)

    def operands(self, *operands: tuple[str, Callable[[], str]]) -> tuple[str, list[str]]:
        """C types of operands and what writes them: declarations to go first, and the operands.

        C does not say in which order it evaluates operands, but which fault is the first matters
        where several may fault.
        """
        faults, written = self.faults, []
        for _, write in operands:
            self.faults = False
            written.append((write(), self.faults))
            faults |= self.faults
        self.faults = faults
        if sum(may for _, may in written) <= 1:
            return "", [code for code, _ in written]
        names = [self.name("v") for _ in operands]
        declarations = (
            f"{type_} {name} = {code}; "
            for name, (type_, _), (code, _) in zip(names, operands, written, strict=True)
        )
        return "".join(declarations), names

    def values_of(self, args: tuple[Expr, ...], *types: Type) -> tuple[str, list[str]]:
        """Operands as values of these types."""
        return self.operands(
            *(
                (self.declared(type_), partial(self.typed, arg, type_))
                for arg, type_ in zip(args, types, strict=True)
            )
        )

    def codes_of(self, args: tuple[Expr, ...], *types: Type) -> tuple[str, list[str]]:
        """Operands as codes of these types."""
        return self.operands(
            *(
                (self.word(type_), partial(self.code, arg, type_))
                for arg, type_ in zip(args, types, strict=True)
            )
        )

    def may_fault(self, code: str) -> str:
        self.faults = True
        return code
