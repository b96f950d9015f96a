"""Expressions as z3 formulas, and when they fault.

What has no exact formula becomes unknown: any value of its type. That can only make a proof fail.
"""

from __future__ import annotations

from typing import Any

import z3

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
    LockRef,
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
from pvcheck.model.parts import rebuild
from pvcheck.model.types import (
    Bool,
    Enum,
    Int,
    ListOf,
    Optional,
    SetOf,
    Sort,
    Struct,
    Type,
)
from pvcheck.model.walk import nodes
from pvcheck.proof.collections import Collections
from pvcheck.proof.evaluation import bare, fit
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Atom,
    Maybe,
    Opaque,
    OutsideFragment,
    Set,
    Terms,
    Tuple,
    Value,
    all_of,
    any_of,
    choose_value,
    equal_terms,
    implies,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, TRUE, is_false


class Evaluator(Collections):
    """The meaning of expressions in one state."""

    def value(self, expr: Expr) -> Value:  # noqa: C901 (only dispatches)
        match expr:
            case Const(value=value, type=type_):
                return self._constant(value, type_)
            case Param(name=name, type=type_):
                return self.world.parameter(name, type_)
            case SizeOf() | OpAllowed():
                if isinstance(expr, OpAllowed):
                    return Atom(TRUE if self.world.allows(expr.operation) else FALSE)
                return self._number(Atom(z3.Int(f"size.{expr.sort}")), least=1)
            case Local(slot=slot, type=type_):
                return self.world.local(slot, type_)
            case Self(type=type_):
                return self.world.self_element(type_)
            case Bound(number=number):
                if number not in self.bound:
                    raise OutsideFragment("a variable of such a quantifier")
                return self.bound[number]
            case Read(variable=variable, indices=indices):
                return self._read(variable, indices)
            case Element(of=of, index=index):
                self.value(of)
                self.value(index)
                return self.unknown(expr.type)
            case Field(of=of, position=position):
                struct = self.value(of)
                if isinstance(struct, Opaque):
                    return self.unknown(expr.type)
                assert isinstance(struct, Tuple)
                return struct.parts[position]
            case Apply():
                return self._apply(expr)
            case Quantifier():
                return self._quantifier(expr)
            case Comprehension():
                return self._comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                with self.binding(binder.number, self.value(value)):
                    return self.value(body)
            case LockTest(ask=ask, lock=lock, type=type_):
                return self._lock_test(ask, lock, type_)
            case TakeSnapshot(counter=counter, indices=indices):
                self._accessed(counter, indices)
                return Opaque()
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                self._accessed(counter, indices)
                self.value(snapshot)
                self.fault(Fault.NONE_ACCESS, terms(self.unknown(Bool(), "other_element"))[0])
                return self.unknown(expr.type, "changed")
        raise OutsideFragment(f"{type(expr).__name__.lower()}")

    def _constant(self, value: Any, type_: Type) -> Value:
        match type_:
            case Bool():
                return Atom(z3.BoolVal(value))
            case Int():
                return Atom(z3.IntVal(value))
            case Enum():
                return Atom(self.theory.label(type_, value))
            case _ if self.theory.is_opaque(type_):
                return Opaque()
            case Optional(of=of):
                if value is None:
                    return Maybe(FALSE, self._default(of))
                return Maybe(TRUE, self._constant(value, of))
            case Struct(fields=fields):
                return Tuple(
                    tuple(self._constant(v, t) for v, (_, t) in zip(value, fields, strict=True))
                )
            case SetOf() | ListOf() if not value:
                return self._empty(type_)
            case Sort():
                return self.theory.converted(("element", value), Tuple(()), type_)
        return self.unknown(type_)

    def _default(self, type_: Type) -> Value:
        """What is in a ``none``: of no interest."""
        return self.theory.converted(("none", type_), Tuple(()), type_)

    # State

    def _read(self, variable: str, indices: tuple[Expr, ...]) -> Value:
        return self.world.read(variable, self._accessed(variable, indices))

    def _accessed(self, variable: str, indices: tuple[Expr, ...]) -> Terms:
        """Where it is read."""
        at = self.variable_indices(variable, indices)
        if self.guarded:
            self.fault(Fault.RACE, negation(self.world.may_read(variable, at)))
        return at

    def variable_indices(self, variable: str, indices: tuple[Expr, ...]) -> Terms:
        return self.indices(indices, self.theory.binder_types(variable))

    def lock_indices(self, lock: LockRef) -> Terms:
        return self.indices(lock.indices, self.theory.locks[lock.lock].indices)

    def _lock_test(self, ask: Ask, lock: LockRef, type_: Type) -> Value:
        at = self.lock_indices(lock)
        match ask:
            case Ask.HELD:
                return Atom(self.world.held(lock.lock, at))
            case Ask.FREE:
                return Atom(self.world.free(lock.lock, at))
        return self.world.holder(lock.lock, at, type_)

    # Operators

    def _apply(self, expr: Apply) -> Value:  # noqa: C901 (only dispatches)
        op, args = expr.op, expr.args
        match op:
            case Op.AND | Op.OR | Op.IMPLIES:
                return Atom(self._connective(op, args))
            case Op.ITE:
                condition = self.truth(args[0])
                with self.given(condition):
                    then = fit(self.value(args[1]), args[1].type, expr.type)
                with self.given(negation(condition)):
                    otherwise = fit(self.value(args[2]), args[2].type, expr.type)
                return choose_value(condition, then, otherwise)
            case Op.NOT:
                return Atom(negation(self.truth(args[0])))
            case Op.IFF:
                return Atom(self.truth(args[0]) == self.truth(args[1]))
            case Op.EQ | Op.NE:
                same = self._equal(args[0], args[1])
                return Atom(same if op is Op.EQ else negation(same))
            case Op.LT | Op.LE | Op.GT | Op.GE:
                return Atom(self._compare(op, args[0], args[1]))
            case Op.ADD | Op.SUB | Op.MUL | Op.NEG | Op.DIV | Op.MOD:
                return self._arithmetic(expr)
            case Op.ELEMENT | Op.SHIFT:
                return self._element(expr)
            case Op.DEREF:
                value = self.value(args[0])
                if not isinstance(value, Maybe):
                    self.fault(Fault.NONE_ACCESS, terms(self.unknown(Bool(), "is_none"))[0])
                    return self.unknown(expr.type)
                self.fault(Fault.NONE_ACCESS, negation(value.some))
                return value.of
            case Op.STRUCT:
                assert isinstance(expr.type, Struct)
                if self.theory.is_opaque(expr.type):
                    return self._opaque(expr)
                wanted = (t for _, t in expr.type.fields)
                return Tuple(tuple(self.as_type(a, t) for a, t in zip(args, wanted, strict=True)))
            case Op.ARRAY | Op.ORDINAL:
                return self._opaque(expr)
        if any(self.theory.is_opaque(a.type) for a in args) or self.theory.is_opaque(expr.type):
            return self._of_opaque(expr)
        return self._collection(expr)

    def _of_opaque(self, expr: Apply) -> Value:
        """An operator on a collection of which nothing is known: any fault that it can have."""
        kinds = {
            Op.APPEND: Fault.BOUNDS,
            Op.PREPEND: Fault.BOUNDS,
            Op.REMOVE: Fault.EMPTY_LIST,
            Op.FIRST: Fault.EMPTY_LIST,
            Op.LAST: Fault.EMPTY_LIST,
            Op.NEXT: Fault.EMPTY_LIST,
            Op.MIN: Fault.EMPTY_LIST,
            Op.MAX: Fault.EMPTY_LIST,
        }
        value = self._opaque(expr)
        if expr.op in kinds:
            self.fault(kinds[expr.op], terms(self.unknown(Bool(), "fault"))[0])
        return value

    def _connective(self, op: Op, args: tuple[Expr, ...]) -> Any:
        left = self.truth(args[0])
        with self.given(negation(left) if op is Op.OR else left):
            right = self.truth(args[1])
        match op:
            case Op.AND:
                return all_of([left, right])
            case Op.OR:
                return any_of([left, right])
        return implies(left, right)

    def _equal(self, a: Expr, b: Expr) -> Any:
        if (offsets := self._offsets(a, b)) is not None:
            return equal_terms(*offsets)
        left, right = self.value(a), self.value(b)
        if isinstance(left, Maybe) and not isinstance(right, Maybe):
            right = Maybe(TRUE, right)
        if isinstance(right, Maybe) and not isinstance(left, Maybe):
            left = Maybe(TRUE, left)
        return self.equal(left, right, a.type)

    def equal(self, left: Value, right: Value, type_: Type) -> Any:
        match left, right:
            case Atom(a), Atom(b):
                return equal_terms((a,), (b,))
            case Tuple(a), Tuple(b):
                return all_of([self.equal(x, y, type_) for x, y in zip(a, b, strict=True)])
            case Maybe(a, x), Maybe(b, y):
                if is_false(a):
                    return negation(b)
                if is_false(b):
                    return negation(a)
                return all_of([equal_terms((a,), (b,)), implies(a, self.equal(x, y, type_))])
            case Set(has=one), Set(has=other) if isinstance(type_, SetOf):
                e = self.theory.constants("e", inner(type_))
                return z3.ForAll(list(e), one(*e) == other(*e))
        return terms(self.unknown(Bool(), "equal"))[0]

    def _compare(self, op: Op, a: Expr, b: Expr) -> Any:
        if op is Op.LE and b == Const(1, b.type) and (counts := _counts(a)):
            return self._at_most_one(counts)
        left, right = self.value(a), self.value(b)
        left, right = fit(left, a.type, bare(a.type)), fit(right, b.type, bare(b.type))
        if op in (Op.GT, Op.GE):
            left, right = right, left
        if isinstance(a.type, Int) and op in (Op.LE, Op.GE):
            return terms(left)[0] <= terms(right)[0]
        if op in (Op.LT, Op.GT):
            return self.theory.less(left, right, bare(a.type))
        return negation(self.theory.less(right, left, bare(a.type)))

    def _arithmetic(self, expr: Apply) -> Value:
        values = [terms(self.value(a))[0] for a in expr.args]
        match expr.op:
            case Op.ADD:
                return Atom(values[0] + values[1])
            case Op.SUB:
                return Atom(values[0] - values[1])
            case Op.NEG:
                return Atom(-values[0])
        if expr.op in (Op.DIV, Op.MOD):
            self.fault(Fault.BOUNDS, values[1] == 0)
        if expr.op is Op.MUL and any(z3.is_int_value(v) for v in values):
            return Atom(values[0] * values[1])
        return self.unknown(expr.type, "product")

    # Runs

    def _offsets(self, a: Expr, b: Expr) -> tuple[Terms, Terms] | None:
        """The two sides of ``int(x) % N == int(y) % N``."""
        sides = [self._offset(a), self._offset(b)]
        if sides[0] is None or sides[1] is None:
            return None
        if sides[0][0] != sides[1][0]:
            return None
        return sides[0][1], sides[1][1]

    def _offset(self, expr: Expr) -> tuple[str, Terms] | None:
        """The place in its run that ``int(x) % N`` is."""
        match expr:
            case Apply(op=Op.MOD, args=(Apply(op=Op.ORDINAL, args=(x,)), size)):
                parts = self.theory.parts(bare(x.type))
                if parts is not None and parts.size == size:
                    value = fit(self.value(x), x.type, bare(x.type))
                    assert isinstance(value, Tuple)
                    return self.theory.offset(size), terms(value.parts[1])
        return None

    def _element(self, expr: Apply) -> Value:
        if expr.op is Op.ELEMENT and (value := self._of_runs(expr)) is not None:
            return value
        if not self._in_range(expr):
            self.fault(Fault.BOUNDS, terms(self.unknown(Bool(), "out_of_range"))[0])
        # Some function of what is read.
        read: list[Expr] = []

        def hole(part: Expr) -> Expr:
            if isinstance(bare(part.type), Sort) or isinstance(part, Local | Read | Bound):
                read.append(part)
                return Bound(-len(read), part.type)
            return rebuild(part, hole)

        pattern = tuple(map(hole, expr.args))
        if not all(isinstance(n, Apply | Bound | Const | Param | SizeOf) for n in nodes(pattern)):
            return self._opaque(expr)
        values = tuple(fit(self.value(e), e.type, bare(e.type)) for e in read)
        try:
            return self.theory.converted((expr.op, pattern), Tuple(values), expr.type)
        except OutsideFragment:
            return self.unknown(expr.type)

    def _of_runs(self, expr: Apply) -> Value | None:
        """Conversions between an element, its run and its place in the run."""
        match expr.args[0]:
            case Apply(op=Op.DIV, args=(Apply(op=Op.ORDINAL, args=(x,)), size)):
                parts = self.theory.parts(bare(x.type))
                if parts is not None and (parts.run, parts.size) == (expr.type, size):
                    value = fit(self.value(x), x.type, bare(x.type))
                    assert isinstance(value, Tuple)
                    return value.parts[0]
            case Apply(op=Op.MUL, args=(Apply(op=Op.ORDINAL, args=(r,)), size)):
                parts = self.theory.parts(expr.type)
                if parts is not None and (parts.run, parts.size) == (bare(r.type), size):
                    run = fit(self.value(r), r.type, bare(r.type))
                    return Tuple((run, self.theory.zero(size)))
            case Apply(
                op=Op.ADD,
                args=(Apply(op=Op.MUL, args=(Apply(op=Op.ORDINAL, args=(r,)), size)), place),
            ):
                parts = self.theory.parts(expr.type)
                offset = self._offset(place)
                if (
                    parts is not None
                    and offset is not None
                    and (parts.run, parts.size) == (bare(r.type), size)
                    and offset[0] == self.theory.offset(size)
                ):
                    run = fit(self.value(r), r.type, bare(r.type))
                    return Tuple((run, Atom(offset[1][0])))
        return None

    def _in_range(self, expr: Apply) -> bool:
        match expr:
            case Apply(op=Op.ELEMENT, args=(Apply(op=Op.MOD, args=(_, by)),), type=Sort() as sort):
                return by in (SizeOf(sort.name), self.theory.sizes.get(sort))
            case Apply(op=Op.ELEMENT, args=(Const(value=0),)):
                return True
        return False


def _counts(expr: Expr) -> list[Quantifier]:
    """If it is a sum of numbers of elements: these."""
    match expr:
        case Quantifier(kind=Kind.COUNT, domain=domain):
            within = domain.within
            return [] if within is not None and isinstance(inner(within.type), SetOf) else [expr]
        case Apply(op=Op.ADD, args=(a, b)):
            left, right = _counts(a), _counts(b)
            return [*left, *right] if left and right else []
    return []
