"""Expressions as text of a language, with what may go wrong on the way."""

from __future__ import annotations

from typing import assert_never

from pvcheck.export.places import Places
from pvcheck.export.syntax import FALSE, TRUE
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Changed,
    Comprehension,
    Const,
    Element,
    Expr,
    Field,
    Kind,
    Let,
    Local,
    LockTest,
    Op,
    OpAllowed,
    Param,
    Quantifier,
    Read,
    Self,
    SizeOf,
    TakeSnapshot,
)
from pvcheck.model.model import Fault
from pvcheck.model.parts import flatten
from pvcheck.model.ranges import within_range
from pvcheck.model.types import ArrayOf, Bool, Optional, Struct

COMPARED = {Op.LT: (False, False), Op.GT: (True, False), Op.LE: (False, True), Op.GE: (True, True)}
"""Whether the operands change places, and whether they may be equal."""


class Terms(Places):
    """Writes expressions in one place of the program."""

    def condition(self, expr: Expr) -> str:
        """A ``Bool`` as a condition."""
        syntax = self.syntax
        match expr:
            case Const(value=value):
                return TRUE if value else FALSE
            case Param(name=name):
                return TRUE if self.instance.parameters[name] else FALSE
            case OpAllowed(operation=operation):
                return TRUE if self.instance.allows(operation) else FALSE
            case Quantifier(kind=Kind.FORALL | Kind.EXISTS):
                return self.quantified(expr)
            case Let(binder=binder, value=value, body=body):
                self.let(binder, value)
                return self.condition(body)
            case LockTest():
                return self.lock_test(expr)
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                seen = self.once(self.number(snapshot))
                position = self.once(self.may_read(counter, indices))
                now = syntax.same(seen, syntax.sum(position, "2"))
                bumped = syntax.same(seen, "1")
                self.doubt(Fault.NONE_ACCESS, syntax.any([now, bumped]))
                return bumped
            case Apply():
                return self._applied(expr)
        return syntax.same(self.number(expr), "1")

    def _applied(self, apply: Apply) -> str:
        syntax, op, args = self.syntax, apply.op, apply.args
        match op:
            case Op.AND | Op.OR:
                return self._chain(op, flatten(op, apply))
            case Op.NOT:
                return syntax.negated(self.condition(args[0]))
            case Op.IMPLIES:
                before = self.condition(args[0])
                with self.under(before):
                    return syntax.any([syntax.negated(before), self.condition(args[1])])
            case Op.IFF | Op.EQ | Op.NE:
                type_ = self.encoding.join(args[0].type, args[1].type)
                left, right = (self.typed(a, type_) for a in args)
                return (syntax.differ if op is Op.NE else syntax.same)(left, right)
            case Op.LT | Op.GT | Op.LE | Op.GE:
                swapped, equal = COMPARED[op]
                left, right = (self.number(a) for a in args)
                both = (right, left) if swapped else (left, right)
                return (syntax.at_most if equal else syntax.less)(*both)
            case Op.IN | Op.EMPTY:
                return self.asked(apply)
            case Op.ITE:
                condition = self.condition(args[0])
                with self.under(condition):
                    then = self.condition(args[1])
                with self.under(syntax.negated(condition)):
                    otherwise = self.condition(args[2])
                return syntax.any(
                    [
                        syntax.all([condition, then]),
                        syntax.all([syntax.negated(condition), otherwise]),
                    ]
                )
        return syntax.same(self.number(apply), "1")

    def _chain(self, op: Op, parts: list[Expr]) -> str:
        syntax, conditions = self.syntax, list[str]()
        for part in parts:
            before = conditions if op is Op.AND else map(syntax.negated, conditions)
            with self.under(*before):
                condition = self.condition(part)
            conditions.append(condition)
            if condition == (FALSE if op is Op.AND else TRUE):
                break
        return syntax.all(conditions) if op is Op.AND else syntax.any(conditions)

    def number(self, expr: Expr) -> str:
        """Any expression as a number: itself or its code."""
        match expr:
            case Const() | Param() | SizeOf() | Local() | Self() | Bound():
                return self._leaf(expr)
            case Read() | Field() | Element():
                return self._part(expr)
            case Comprehension():
                return self.comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                self.let(binder, value)
                return self.number(body)
            case TakeSnapshot(counter=counter, indices=indices):
                return self.syntax.sum(self.may_read(counter, indices), "2")
            case Quantifier(kind=Kind.COUNT):
                return self.counted(expr)
            case Apply(op=op) if not isinstance(expr.type, Bool) or op is Op.DEREF:
                return self._computed(expr)
            case LockTest(ask=Ask.HOLDER):
                return self.holder(expr)
            case Apply() | Quantifier() | LockTest() | Changed() | OpAllowed():
                return self.syntax.chosen(self.condition(expr), "1", "0")
            case _:
                assert_never(expr)

    def _leaf(self, expr: Const | Param | SizeOf | Local | Self | Bound) -> str:
        match expr:
            case Const(value=value, type=type_):
                return self.constant(value, type_)
            case Param(name=name, type=type_):
                return self.constant(self.instance.parameters[name], type_)
            case SizeOf(sort=sort):
                return str(self.instance.sizes[sort])
            case Local(slot=slot):
                return self.locals(slot)
            case Self():
                return self.element
            case Bound(number=number):
                return self._bound[number]
            case _:
                assert_never(expr)

    def _part(self, expr: Read | Field | Element) -> str:
        match expr:
            case Read(variable=variable, indices=indices):
                position = self.may_read(variable, indices)
                type_ = self.layout.variables[variable].type
                return self.from_code(self.cell(variable, position), type_)
            case Field(of=of, position=place):
                assert isinstance(of.type, Struct), "only structs have fields"
                return self.field(self.number(of), of.type, place)
            case Element(of=of, index=index):
                assert isinstance(of.type, ArrayOf), "only arrays have elements"
                array, shift = self.number(of), self.shift_of(of.type, index)
                width = self.encoding.width(of.type.of)
                part = self.syntax.low_bits(self.syntax.right(array, shift), width)
                return self.from_code(part, of.type.of)
            case _:
                assert_never(expr)

    def _computed(self, apply: Apply) -> str:
        syntax, args = self.syntax, apply.args
        match apply.op:
            case Op.ADD:
                return syntax.sum(*(self.number(a) for a in args))
            case Op.SUB:
                return syntax.minus(*(self.number(a) for a in args))
            case Op.NEG:
                return syntax.minus("0", self.number(args[0]))
            case Op.MUL:
                if not any(within_range(self.ranges.of(a), -1024, 1024) for a in args):
                    raise Unsupported("a product that may be large")
                return syntax.times(*(self.number(a) for a in args))
            case Op.DIV | Op.MOD:
                return self._divided(apply)
            case Op.ITE:
                condition = self.condition(args[0])
                with self.under(condition):
                    then = self.typed(args[1], apply.type)
                with self.under(syntax.negated(condition)):
                    otherwise = self.typed(args[2], apply.type)
                return syntax.chosen(condition, then, otherwise)
            case Op.ORDINAL:
                return self.number(args[0])
            case Op.ELEMENT | Op.SHIFT:
                number = self.once(syntax.sum(*(self.number(a) for a in args)))
                size = self.encoding.size(apply.type)
                if not within_range(self._range_of(apply), 0, size - 1):
                    inside = [syntax.at_most("0", number), syntax.less(number, str(size))]
                    self.doubt(Fault.BOUNDS, syntax.all(inside))
                return number
            case Op.DEREF:
                inner = args[0].type
                assert isinstance(inner, Optional), "only optionals have an inside"
                value = self.once(self.number(args[0]))
                self.doubt(Fault.NONE_ACCESS, syntax.differ(value, "0"))
                return self.from_code(syntax.minus(value, "1"), inner.of)
            case Op.STRUCT:
                assert isinstance(apply.type, Struct), "what STRUCT makes"
                return syntax.sum(
                    *(
                        syntax.left(self.code(a, t), str(self.encoding.field(apply.type, n)))
                        for n, (a, (_, t)) in enumerate(zip(args, apply.type.fields, strict=True))
                    )
                )
            case Op.ARRAY:
                assert isinstance(apply.type, ArrayOf), "what ARRAY makes"
                size, width = (
                    self.encoding.size(apply.type.index),
                    self.encoding.width(apply.type.of),
                )
                ones = sum(1 << k * width for k in range(size)) if width else 0
                return syntax.times(self.code(args[0], apply.type.of), str(ones))
            case _:
                return self.collected(apply)

    def _range_of(self, apply: Apply) -> tuple[int, int] | None:
        """Of the number that an element is made of."""
        ranges = [self.ranges.of(a) for a in apply.args]
        known = [r for r in ranges if r is not None]
        if len(known) < len(ranges):
            return None
        return sum(low for low, _ in known), sum(high for _, high in known)

    def _divided(self, apply: Apply) -> str:
        syntax = self.syntax
        by = self.ranges.of(apply.args[1])
        if by is None or by[0] < 0:
            raise Unsupported("a division by what may be less than 0")
        of = self.ranges.of(apply.args[0])
        a, b = (self.once(self.number(arg)) for arg in apply.args)
        self.doubt(Fault.BOUNDS, syntax.differ(b, "0"))
        if of is not None and of[0] >= 0:
            return (syntax.divided if apply.op is Op.DIV else syntax.remainder)(a, b)
        quotient = syntax.floor_divided(a, b)
        return quotient if apply.op is Op.DIV else syntax.minus(a, syntax.times(b, quotient))
