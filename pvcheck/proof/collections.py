"""Sets, lists and quantifiers as formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import z3

from pvcheck.model.expr import (
    Apply,
    Bound,
    Comprehension,
    Domain,
    Expr,
    Kind,
    Op,
    Quantifier,
)
from pvcheck.model.model import Fault
from pvcheck.model.types import (
    Bool,
    Int,
    ListOf,
    Optional,
    SetOf,
    Struct,
    Type,
)
from pvcheck.proof.evaluation import Evaluation, with_element
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Atom,
    Function,
    List,
    Maybe,
    Opaque,
    OutsideFragment,
    Set,
    Terms,
    Tuple,
    Value,
    all_of,
    any_of,
    choose,
    equal_terms,
    implies,
    members,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, TRUE, exists, is_false, is_true


class Collections(Evaluation):
    """Operators on collections, and what binds a variable."""

    def _opaque(self, expr: Apply) -> Value:
        """Nothing is known of the value, but the operands may have faults."""
        for arg in expr.args:
            self.value(arg)
        return self.unknown(expr.type)

    def _collection(self, expr: Apply) -> Value:
        op, args, type_ = expr.op, expr.args, expr.type
        match op:
            case Op.SET | Op.LIST:
                if isinstance(inner(type_), SetOf):
                    return self._opaque(expr)
                value = self._empty(type_)
                for arg in args:
                    element = self.as_type(arg, inner(type_))
                    value = with_element(value, terms(element))
                return value
            case Op.IN:
                return Atom(self._in(args[0], args[1]))
            case Op.UNION | Op.INTERSECT | Op.MINUS:
                a, b = (self.value(x) for x in args)
                assert isinstance(a, Set)
                assert isinstance(b, Set)
                return Set(_SETS[op](a.has, b.has))
            case Op.INSERT | Op.DISCARD:
                a = self.value(args[0])
                assert isinstance(a, Set)
                x = terms(self.as_type(args[1], inner(args[0].type)))
                if op is Op.INSERT:
                    return with_element(a, x)
                return Set(Function(lambda *t: all_of([a.has(*t), negation(equal_terms(t, x))])))
            case Op.APPEND | Op.PREPEND | Op.REMOVE:
                return self._change_list(expr)
            case Op.EMPTY:
                return Atom(negation(self.filled(self.value(args[0]), args[0].type)))
            case Op.SIZE:
                return self._size(args[0])
            case Op.FIRST | Op.LAST | Op.NEXT | Op.MIN | Op.MAX:
                return self._pick(expr)
        raise OutsideFragment(f"the operator {op.value}")

    def _in(self, element: Expr, collection: Expr) -> Any:
        value = self.value(element)
        into = self.value(collection)
        if isinstance(inner(collection.type), SetOf):
            return terms(self.unknown(Bool(), "in"))[0]
        inside = members(into)
        if isinstance(value, Maybe) and not isinstance(inner(collection.type), Optional):
            return all_of([value.some, inside(*terms(value.of))])
        return inside(*terms(value))

    def filled(self, value: Value, type_: Type) -> Any:
        """Whether there is something in a set or list."""
        if isinstance(value, List) and isinstance(inner(type_), SetOf):
            return value.filled
        x = self.theory.constants("e", inner(type_))
        if isinstance(value, Set):
            # Marks are true: they only say by what the others are found.
            marks = self.theory.seen(inner(type_), x)
            return exists(x, all_of([(value.meaning or value.has)(*x), *marks]), *marks)
        return z3.Exists(list(x), members(value)(*x))

    def _size(self, collection: Expr) -> Value:
        filled = self.filled(self.value(collection), collection.type)
        size = self._number(Atom(terms(self.unknown(Int(), "size"))[0]), least=0)
        self.fact((size.term == 0) == negation(filled))
        return size

    def _change_list(self, expr: Apply) -> Value:
        old = self.value(expr.args[0])
        assert isinstance(old, List)
        type_ = expr.type
        assert isinstance(type_, ListOf)
        if isinstance(inner(type_), SetOf):
            return self._change_sets(expr, old)
        x = terms(self.as_type(expr.args[1], inner(type_)))
        if expr.op is Op.REMOVE:
            self.fault(Fault.EMPTY_LIST, negation(old.once(*x)))
            thrice = terms(self.unknown(Bool(), "thrice"))[0]
            once = Function(lambda *t: choose(equal_terms(t, x), old.twice(*x), old.once(*t)))
            y = self.theory.constants("e", inner(type_))
            return List(
                once,
                Function(
                    lambda *t: choose(
                        equal_terms(t, x), all_of([old.twice(*x), thrice]), old.twice(*t)
                    )
                ),
                z3.Exists(list(y), once(*y)),
            )
        y = self.theory.constants("e", inner(type_))
        if type_.capacity is None:
            # As many as there are values: a list without a repetition takes what is not in it.
            repeats = any_of([old.once(*x), z3.Exists(list(y), old.twice(*y))])
            self.fault(Fault.BOUNDS, repeats, surely=False)
        else:
            self.fault(Fault.BOUNDS, TRUE, surely=False)
        return with_element(old, x)

    def _change_sets(self, expr: Apply, old: List) -> Value:
        part = self.value(expr.args[1])
        assert isinstance(part, Set)
        assert isinstance(expr.type, ListOf)
        assert isinstance(inner(expr.type), SetOf)
        has = part.has
        x = self.theory.constants("e", inner(expr.type.of))
        if expr.op is Op.REMOVE:
            self.fault(Fault.EMPTY_LIST, TRUE, surely=False)
            more = self.theory.unknown("more", self.over, tuple(t.sort() for t in x), z3.BoolSort())
            once = Function(lambda *t: choose(has(*t), old.twice(*t), old.once(*t)))
            twice = Function(
                lambda *t: choose(has(*t), all_of([old.twice(*t), more(*t)]), old.twice(*t))
            )
            filled = terms(self.unknown(Bool(), "filled"))[0]
            self.fact(z3.ForAll(list(x), implies(once(*x), filled)))
            return List(once, twice, filled)
        self.fault(Fault.BOUNDS, TRUE, surely=False)
        return List(
            Function(lambda *t: any_of([old.once(*t), has(*t)])),
            Function(lambda *t: any_of([old.twice(*t), all_of([old.once(*t), has(*t)])])),
            TRUE,
        )

    def _pick(self, expr: Apply) -> Value:
        """An element of a collection that its order determines."""
        collection = expr.args[0]
        value = self.value(collection)
        of = inner(collection.type)
        if isinstance(of, SetOf):
            return self._pick_set(expr, value)
        inside = members(value)
        picked = self.unknown(of, expr.op.value)
        leaves = terms(picked)
        if expr.op is Op.NEXT:
            x = terms(self.as_type(expr.args[1], of))
            self.fault(Fault.EMPTY_LIST, negation(inside(*x)))
            some = terms(self.unknown(Bool(), "has_next"))[0]
            self.fact(implies(some, inside(*leaves)))
            return Maybe(some, picked)
        filled = self.filled(value, collection.type)
        self.fault(Fault.EMPTY_LIST, negation(filled))
        self.fact(implies(filled, inside(*leaves)))
        if expr.op in (Op.MIN, Op.MAX):
            x = self.theory.constants("e", of)
            other = self.theory.shape(of, list(x))
            beyond = (
                self.theory.less(other, picked, of)
                if expr.op is Op.MIN
                else self.theory.less(picked, other, of)
            )
            self.fact(z3.ForAll(list(x), z3.Implies(inside(*x), z3.Not(beyond))))
        return picked

    def _pick_set(self, expr: Apply, value: Value) -> Value:
        assert isinstance(value, List)
        for arg in expr.args[1:]:
            self.value(arg)
        picked = self.unknown(inner(expr.args[0].type), expr.op.value)
        self.fault(
            Fault.EMPTY_LIST,
            negation(value.filled) if expr.op is not Op.NEXT else terms(self.unknown(Bool()))[0],
        )
        assert isinstance(picked, Set)
        x = self.theory.constants("e", inner(inner(expr.args[0].type)))
        self.fact(z3.ForAll(list(x), implies(picked.has(*x), members(value)(*x))))
        if expr.op is Op.NEXT:
            return Maybe(terms(self.unknown(Bool(), "has_next"))[0], picked)
        return picked

    # Binders

    def _range(self, binder: Bound, domain: Domain) -> tuple[Terms, Value, Any, Callable[[], Any]]:
        """Variables for the binder, its value, and what says that it is in the domain (and twice)."""
        if domain.within is None:
            x = self.theory.constants("x", domain.type)
            value = self.theory.shape(domain.type, list(x))
            return x, value, self.in_type(value, domain.type), lambda: FALSE
        of = inner(domain.within.type)
        if isinstance(of, SetOf):
            raise OutsideFragment("a quantifier over sets")
        collection = self.value(domain.within)
        if isinstance(collection, Opaque):
            raise OutsideFragment("a quantifier over such a collection")
        x = self.theory.constants("x", of)
        value = self.theory.shape(of, list(x))
        if isinstance(collection, Set):
            return x, value, collection.has(*x), lambda: FALSE
        assert isinstance(collection, List)
        twice = collection.twice
        return x, value, collection.once(*x), lambda: twice(*x)

    def in_type(self, value: Value, type_: Type) -> Any:
        """Whether all numbers in a first-order value are in their ranges."""
        match value, type_:
            case _, Int():
                return self.in_range(value, type_)
            case Maybe(some, of), Optional(of=inner):
                return implies(some, self.in_type(of, inner))
            case Tuple(parts), Struct(fields=fields):
                return all_of([self.in_type(v, t) for v, (_, t) in zip(parts, fields, strict=True)])
        return TRUE

    def in_range(self, value: Value, type_: Int) -> Any:
        """Whether a number is in the range of the type."""
        number = terms(value)[0]
        low = [] if type_.low is None else [terms(self.value(type_.low))[0] <= number]
        high = [] if type_.high is None else [number <= terms(self.value(type_.high))[0]]
        return all_of([*low, *high])

    def _quantifier(self, expr: Quantifier) -> Value:
        within = expr.domain.within
        if within is not None and isinstance(inner(within.type), SetOf):
            return self._over_sets(expr)
        x, value, inside, twice = self._range(expr.binder, expr.domain)
        stops = expr.kind is not Kind.COUNT
        with self.binding(expr.binder.number, value, x, stops=stops), self.given(inside):
            where = TRUE if expr.where is None else self.truth(expr.where)
            with self.given(where):
                body = self.truth(expr.body)
        match expr.kind:
            case Kind.FORALL:
                return Atom(_quantified(z3.ForAll, x, implies(all_of([inside, where]), body)))
            case Kind.EXISTS:
                return Atom(_quantified(z3.Exists, x, all_of([inside, where, body])))
        return self._count(x, all_of([inside, where, body]), twice())

    def _count(self, x: Terms, counted: Any, twice: Any) -> Value:
        """A number of which only none, one and more are told apart."""
        number = self._number(Atom(terms(self.unknown(Int(), "count"))[0]), least=0)
        y = tuple(z3.Const(self.theory.unique("y"), t.sort()) for t in x)
        other = z3.substitute(counted, *zip(x, y, strict=True))
        two = z3.And(counted, other, z3.Not(equal_terms(x, y)))
        self.fact((number.term == 0) == z3.Not(z3.Exists(list(x), counted)))
        self.fact(
            (number.term <= 1)
            == z3.And(
                z3.Not(z3.Exists([*x, *y], two)),
                z3.Not(z3.Exists(list(x), all_of([counted, twice]))),
            )
        )
        return number

    def _at_most_one(self, counts: Sequence[Quantifier]) -> Any:
        """That together they count one at most: as a number, they would be something new at each value of what
        is bound around them."""
        found: list[Any] = []
        before: list[tuple[Terms, Any]] = []
        for expr in counts:
            x, value, inside, twice = self._range(expr.binder, expr.domain)
            with self.binding(expr.binder.number, value, x), self.given(inside):
                where = TRUE if expr.where is None else self.truth(expr.where)
                with self.given(where):
                    counted = all_of([inside, where, self.truth(expr.body)])
            y = tuple(z3.Const(self.theory.unique("y"), t.sort()) for t in x)
            other = z3.substitute(counted, *zip(x, y, strict=True))
            two = all_of([counted, other, negation(equal_terms(x, y))])
            found.append(_quantified(z3.ForAll, (*x, *y), negation(two)))
            found.append(_quantified(z3.ForAll, x, negation(all_of([counted, twice()]))))
            for z, of_another in before:
                both = all_of([counted, of_another])
                found.append(_quantified(z3.ForAll, (*x, *z), negation(both)))
            before.append((x, counted))
        return all_of(found)

    def _over_sets(self, expr: Quantifier) -> Value:
        """``exists c in l: x in c`` and the number of such, of a list of sets."""
        within = expr.domain.within
        assert within is not None
        collection = self.value(within)
        assert isinstance(collection, List)
        match expr.body:
            case Apply(op=Op.IN, args=(element, Bound(number=number))) if (
                number == expr.binder.number and expr.where is None
            ):
                x = terms(self.as_type(element, inner(inner(within.type))))
                if expr.kind is Kind.EXISTS:
                    return Atom(collection.once(*x))
                if expr.kind is Kind.COUNT:
                    count = self._number(Atom(terms(self.unknown(Int(), "count"))[0]), least=0)
                    self.fact((count.term == 0) == negation(collection.once(*x)))
                    self.fact((count.term <= 1) == negation(collection.twice(*x)))
                    return count
        raise OutsideFragment("a quantifier over sets")

    def _comprehension(self, expr: Comprehension) -> Value:
        x, value, inside, _ = self._range(expr.binder, expr.domain)
        with self.binding(expr.binder.number, value, x), self.given(inside):
            body = all_of([inside, self.truth(expr.where)])
        symbol = self.theory.unknown("set", self.over, tuple(t.sort() for t in x), z3.BoolSort())
        self.fact(z3.ForAll(list(x), symbol(*x) == body, patterns=[symbol(*x)]))
        meaning = Function(lambda *t: z3.substitute(body, *zip(x, t, strict=True)))
        return Set(symbol, meaning)


def _quantified(how: Callable[..., Any], x: Terms, body: Any) -> Any:
    return body if is_true(body) or is_false(body) else how(list(x), body)


_SETS: Mapping[Op, Callable[[Function, Function], Function]] = {
    Op.UNION: lambda a, b: Function(lambda *t: any_of([a(*t), b(*t)])),
    Op.INTERSECT: lambda a, b: Function(lambda *t: all_of([a(*t), b(*t)])),
    Op.MINUS: lambda a, b: Function(lambda *t: all_of([a(*t), negation(b(*t))])),
}
