"""What numbers an expression can have, as far as that is plain: checks that cannot fail are left out."""

from __future__ import annotations

from pvcheck.model.encoding import Encoding
from pvcheck.model.expr import Apply, Bound, Const, Expr, Op, Param, SizeOf
from pvcheck.model.instance import Instance
from pvcheck.model.types import Enum, Int, Sort, Type

Range = tuple[int, int] | None
"""The least and the greatest value; ``None``: unknown, or too large to compute with unchecked."""


class Ranges:
    """The ranges of an instance's expressions."""

    def __init__(self, instance: Instance, encoding: Encoding) -> None:
        self._instance = instance
        self._encoding = encoding
        self._bound: dict[int, Range] = {}

    def bind(self, number: int, value: Expr) -> None:
        """A bound variable stands for the value."""
        self._bound[number] = self.of(value)

    def of(self, expr: Expr) -> Range:
        """Bounds of a number or a position; where a subexpression faults, they may not hold."""
        match expr:
            case Const(value=int() as value):
                return value, value
            case Param(name=name) if isinstance(expr.type, Int):
                value = int(self._instance.parameters[name])
                return value, value
            case SizeOf(sort=sort):
                return self._instance.sizes[sort], self._instance.sizes[sort]
            case Bound(number=number) if number in self._bound:
                return self._bound[number]
            case Apply(op=Op.ORDINAL | Op.ELEMENT | Op.SHIFT, args=args):
                if expr.op is Op.ORDINAL:
                    return self.of(args[0])
                by = self.of(args[1]) if expr.op is Op.SHIFT else (0, 0)
                return meet(plus_range(self.of(args[0]), by), self._of_type(expr.type))
            case Apply(op=Op.ADD | Op.SUB | Op.MUL | Op.DIV | Op.MOD | Op.NEG | Op.ITE):
                return self.arithmetic(expr)
        return self._of_type(expr.type)

    def _of_type(self, type_: Type) -> Range:
        match type_:
            case Sort() | Enum():
                return 0, self._encoding.size(type_) - 1
            case Int() if type_.low is not None:
                return self._encoding.bounds(type_)
        return None

    def arithmetic(self, apply: Apply) -> Range:
        ranges = [self.of(a) for a in apply.args]
        if any(r is None for r in ranges[-2:]):
            return None
        a, b = ranges[-2] if len(ranges) > 1 else (0, 0), ranges[-1]
        assert a is not None, "looked at above"
        assert b is not None, "looked at above"
        match apply.op:
            case Op.ADD:
                return plus_range(a, b)
            case Op.SUB | Op.NEG:
                return plus_range(a, (-b[1], -b[0]))
            case Op.MUL:
                products = [x * y for x in a for y in b]
                return small((min(products), max(products)))
            case Op.ITE:
                return min(a[0], b[0]), max(a[1], b[1])
            case Op.DIV if b[0] > 0:
                quotients = [x // y for x in a for y in b]
                return min(quotients), max(quotients)
            case Op.MOD if b[0] > 0:
                return 0, b[1] - 1
        return None


def within_range(range_: Range, low: int, high: int) -> bool:
    return range_ is not None and low <= range_[0] and range_[1] <= high


def small(range_: tuple[int, int]) -> Range:
    """The range, if numbers in it need no check."""
    return range_ if within_range(range_, -(1 << 31), 1 << 31) else None


def plus_range(a: Range, b: Range) -> Range:
    return None if a is None or b is None else small((a[0] + b[0], a[1] + b[1]))


def meet(a: Range, b: Range) -> Range:
    if a is None or b is None:
        return a or b
    return max(a[0], b[0]), min(a[1], b[1])
