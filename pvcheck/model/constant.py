"""The value of a constant expression once sizes and parameters are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pvcheck.model.expr import Apply, Const, Expr, Op, Param, SizeOf

Number = int | bool


class NotConstant(Exception):
    """The expression has no value: it divides by zero, or a size is not known."""


LIMIT = 10**18
"""Of the absolute value: products of products would take all the memory there is."""


def evaluate(expr: Expr, sizes: Mapping[str, int], parameters: Mapping[str, Number]) -> Number:
    """The value of ``expr`` over numbers, parameters and sizes.

    Raises:
        NotConstant: with the reason as text.
    """
    match expr:
        case Const(int(value)):
            return value
        case Param(name):
            if name not in parameters:
                raise NotConstant(f"{name} has no value")
            return parameters[name]
        case SizeOf(sort):
            if sort not in sizes:
                raise NotConstant(f"{sort} has no size")
            return sizes[sort]
        case Apply(op, args) if op in _OPS:
            value = _OPS[op](*(evaluate(a, sizes, parameters) for a in args))
            if abs(value) > LIMIT:
                raise NotConstant("the number is too large")
            return value
    raise NotConstant("not a number")


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise NotConstant("division by zero")
    return a // b


def _modulo(a: int, b: int) -> int:
    if b == 0:
        raise NotConstant("division by zero")
    return a % b


_OPS: dict[Op, Callable[..., Number]] = {
    Op.NOT: lambda a: not a,
    Op.AND: lambda a, b: a and b,
    Op.OR: lambda a, b: a or b,
    Op.IMPLIES: lambda a, b: not a or b,
    Op.IFF: lambda a, b: a == b,
    Op.EQ: lambda a, b: a == b,
    Op.NE: lambda a, b: a != b,
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GE: lambda a, b: a >= b,
    Op.ADD: lambda a, b: a + b,
    Op.SUB: lambda a, b: a - b,
    Op.MUL: lambda a, b: a * b,
    Op.DIV: _divide,
    Op.MOD: _modulo,
    Op.NEG: lambda a: -a,
    Op.ITE: lambda c, a, b: a if c else b,
}
