"""Which faults an expression may end in, seen from its text, and where that depends on an order.

An expression has no effect, so the order in which a quantifier looks at the values of its domain
can be seen in one way only: where looking at a value may fault. A superset is found: what is known
are the sizes of sorts and the conditions on the way to a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

from pvcheck.model import values
from pvcheck.model.expr import (
    Apply,
    Bound,
    Changed,
    Comprehension,
    Const,
    Domain,
    Element,
    Expr,
    Kind,
    Let,
    LockRef,
    Op,
    Param,
    Quantifier,
    Read,
    SizeOf,
    TakeSnapshot,
)
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault, GuardLock, Variable
from pvcheck.model.parts import parts
from pvcheck.model.runtime import GREATEST
from pvcheck.model.types import BOOL, Enum, Int, Optional, Sort

Faults = frozenset[Fault]
NO_FAULT: Faults = frozenset()
Known = tuple[tuple[Expr, bool], ...]
"""Conditions with the outcome they have had."""
Interval = tuple[int, int] | None
"""Least and greatest possible value; ``None``: not known."""
Watch = Callable[[Domain, Faults, bool], None]
"""Told of each loop in an expression: the domain, what looking at one value may end in, and whether
it looks at every value (else it stops as soon as the result is known)."""

_PARTIAL = {
    Op.FIRST: Fault.EMPTY_LIST,
    Op.LAST: Fault.EMPTY_LIST,
    Op.NEXT: Fault.EMPTY_LIST,
    Op.REMOVE: Fault.EMPTY_LIST,
    Op.MIN: Fault.EMPTY_LIST,
    Op.MAX: Fault.EMPTY_LIST,
}


class Definedness:
    def __init__(self, instance: Instance, watch: Watch) -> None:
        self._instance = instance
        self._watch = watch
        self._variables: dict[str, Variable] = {v.name: v for v in instance.model.variables}
        self._bounds: dict[int, Interval] = {}
        """Of bound variables."""
        self._guarded = True

    def faults(self, expr: Expr, *, in_step: bool) -> Faults:
        """``in_step``: whether reads are checked."""
        self._guarded = in_step
        return self._faults(expr, ())

    def _faults(self, expr: Expr, known: Known) -> Faults:
        match expr:
            case Apply(op=Op.AND | Op.OR | Op.IMPLIES, args=(left, right)):
                goes_on = expr.op is not Op.OR
                rest = (*known, *_given(left, goes_on))
                return self._faults(left, known) | self._faults(right, rest)
            case Apply(op=Op.ITE, args=(condition, then, otherwise)):
                return (
                    self._faults(condition, known)
                    | self._faults(then, (*known, *_given(condition, True)))
                    | self._faults(otherwise, (*known, *_given(condition, False)))
                )
            case Apply():
                return self._all(expr.args, known) | self._operation(expr, known)
            case Quantifier(kind=kind, where=where, body=body):
                evaluated = [body] if where is None else [where, body]
                return self._loop(expr.binder, expr.domain, evaluated, kind is Kind.COUNT, known)
            case Comprehension(where=where):
                return self._loop(expr.binder, expr.domain, [where], True, known)
            case Let(binder=binder, value=value, body=body):
                self._bounds[binder.number] = self._interval(value)
                if self._is_some(value, known):
                    known = (*known, (_is_not_none(binder), True))
                return self._faults(value, known) | self._faults(body, known)
            case Read(variable=name) | TakeSnapshot(counter=name):
                return self._all(expr.indices, known) | self._indexing(expr) | self._access(name)
            case Changed(counter=name):
                inside = self._all((*expr.indices, expr.snapshot), known) | self._indexing(expr)
                return inside | self._access(name) | {Fault.NONE_ACCESS}
            case Element(index=index):
                return self._all(parts(expr), known) | _index(index)
            case _:
                return self._all(parts(expr), known)

    def _all(self, exprs: Iterable[Expr], known: Known) -> Faults:
        return reduce(frozenset.union, (self._faults(e, known) for e in exprs), NO_FAULT)

    def _loop(
        self, binder: Bound, domain: Domain, evaluated: Sequence[Expr], every: bool, known: Known
    ) -> Faults:
        outside = NO_FAULT if domain.within is None else self._faults(domain.within, known)
        if domain.within is None:
            self._bounds[binder.number] = self._range(domain.type)
        inside = NO_FAULT
        for expr in evaluated:
            inside |= self._faults(expr, known)
            known = (*known, *_given(expr, True))
        self._watch(domain, inside, every)
        return outside | inside

    def _indexing(self, expr: Read | TakeSnapshot | Changed) -> Faults:
        return reduce(frozenset.union, map(_index, expr.indices), NO_FAULT)

    def _access(self, name: str) -> Faults:
        """Of looking for the guard, and of not holding it."""
        guard = self._variables[name].guard
        if guard is None or not self._guarded:
            return NO_FAULT
        # Reads that find out which lock guards are not guarded.
        self._guarded = False
        found = reduce(frozenset.union, map(self.guard_lock, guard.locks), NO_FAULT)
        self._guarded = True
        return found | {Fault.RACE}

    def guard_lock(self, lock: GuardLock) -> Faults:
        where = NO_FAULT if lock.where is None else self._faults(lock.where, ())
        known = () if lock.where is None else tuple(_given(lock.where, True))
        inside = where | self._lock(lock.lock, known)
        if lock.binder is not None:
            self._watch(Domain(lock.binder.type), inside, True)
        return inside

    def _lock(self, lock: LockRef, known: Known) -> Faults:
        indexing = reduce(frozenset.union, map(_index, lock.indices), NO_FAULT)
        return self._all(lock.indices, known) | indexing

    def _operation(self, apply: Apply, known: Known) -> Faults:
        """Of the operation itself."""
        op, args = apply.op, apply.args
        if op is Op.DEREF:
            return NO_FAULT if self._is_some(args[0], known) else frozenset({Fault.NONE_ACCESS})
        if op in (Op.FIRST, Op.LAST) and (Apply(Op.EMPTY, args, BOOL), False) in known:
            return NO_FAULT
        if op in _PARTIAL:
            return frozenset({_PARTIAL[op]})
        if op in (Op.SHIFT, Op.ELEMENT):
            number = self._computed(Op.ADD, args) if op is Op.SHIFT else self._interval(args[0])
            return _unless(_inside(number, self._range(apply.type)))
        if op is Op.MUL:
            return _unless(self._interval(apply) is not None)
        if op in (Op.DIV, Op.MOD):
            by = self._interval(args[1])
            return _unless(by is not None and not by[0] <= 0 <= by[1])
        return NO_FAULT

    def _is_some(self, expr: Expr, known: Known) -> bool:
        """Whether an optional value is not ``none``."""
        if not isinstance(expr.type, Optional):
            return True
        if isinstance(expr, Const):
            return expr.value is not None
        return any(
            isinstance(condition, Apply)
            and condition.op is (Op.NE if outcome else Op.EQ)
            and _compared_with_none(condition) == expr
            for condition, outcome in known
        )

    # Bounds of numbers and elements

    def _range(self, type_: object) -> Interval:
        match type_:
            case Sort() | Enum():
                return 0, values.size(type_, self._instance) - 1
            case Int():
                low, high = values.bounds(type_, self._instance)
                return None if low is None or high is None else (low, high)
            case _:
                return None

    def _interval(self, expr: Expr) -> Interval:
        match expr:
            case Const(value=int(value)):
                return value, value
            case Param(name=name):
                number = int(self._instance.parameters[name])
                return number, number
            case SizeOf(sort=sort):
                return self._instance.sizes[sort], self._instance.sizes[sort]
            case Bound(number=number, type=Int()):
                # Its type says nothing, as the arguments of functions are not stored; nor does that
                # of other numbers that were computed before.
                return self._bounds.get(number)
            case Apply(op=op, args=args) if not isinstance(expr.type, Sort | Enum):
                return self._computed(op, args)
            case _:
                return None if isinstance(expr.type, Int) else self._range(expr.type)

    def _computed(self, op: Op, args: tuple[Expr, ...]) -> Interval:
        if op is Op.ITE:
            args = args[1:]
        sides = [self._interval(a) for a in args]
        known = [side for side in sides if side is not None]
        if len(known) < len(sides) or not known:
            return None
        (a, b), (c, d) = known[0], known[-1]
        match op:
            case Op.ORDINAL:
                return a, b
            case Op.NEG:
                return -b, -a
            case Op.ADD:
                return a + c, b + d
            case Op.SUB:
                return a - d, b - c
            case Op.MUL:
                corners = (a * c, a * d, b * c, b * d)
                product = min(corners), max(corners)
                return product if _inside(product, (-GREATEST, GREATEST)) else None
            case Op.DIV if c == d and c > 0:
                return a // c, b // c
            case Op.MOD if c == d and c > 0:
                return 0, c - 1
            case Op.ITE:
                return min(a, c), max(b, d)
            case _:
                return None


def _given(condition: Expr, outcome: bool) -> Iterable[tuple[Expr, bool]]:
    """The conditions that must have had some outcome if this one had ``outcome``."""
    yield condition, outcome
    match condition:
        case Apply(op=Op.NOT, args=(inner,)):
            yield from _given(inner, not outcome)
        case Apply(op=Op.AND, args=args) if outcome:
            for arg in args:
                yield from _given(arg, True)
        case Apply(op=Op.OR, args=args) if not outcome:
            for arg in args:
                yield from _given(arg, False)
        case Apply(op=Op.IMPLIES, args=(left, right)) if not outcome:
            yield from _given(left, True)
            yield from _given(right, False)


def _compared_with_none(condition: Apply) -> Expr | None:
    left, right = condition.args
    if isinstance(right, Const) and right.value is None:
        return left
    return right if isinstance(left, Const) and left.value is None else None


def _is_not_none(expr: Expr) -> Expr:
    return Apply(Op.NE, (expr, Const(None, expr.type)), BOOL)


def _index(index: Expr) -> Faults:
    return _unless(isinstance(index.type, Sort | Enum))


def _unless(safe: bool) -> Faults:
    return NO_FAULT if safe else frozenset({Fault.BOUNDS})


def _inside(inner: Interval, outer: Interval) -> bool:
    return inner is not None and outer is not None and outer[0] <= inner[0] and inner[1] <= outer[1]
