"""Sets and lists as vectors, and what ranges over many values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple, assert_never

from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Literal, Vector, constant
from pvcheck.engines.symbolic.evaluation import Evaluation
from pvcheck.engines.symbolic.numbers import signed
from pvcheck.model.expr import Apply, Comprehension, Domain, Expr, Kind, Op, Quantifier
from pvcheck.model.model import Fault
from pvcheck.model.types import Int, ListOf, SetOf, Type


class Item(NamedTuple):
    """One value that a loop comes to, if the condition holds."""

    condition: Literal
    value: Vector


class Collections(Evaluation):
    """Evaluates the operators of sets and lists, loops and quantifiers."""

    bound: dict[int, Vector]
    """Values of bound variables."""

    @abstractmethod
    def expr(self, expr: Expr) -> Vector:
        """The expression as a value of its type."""

    def test(self, expr: Expr) -> Literal:
        """The outcome of a condition."""
        (result,) = self.expr(expr)
        return result

    def typed(self, expr: Expr, type_: Type) -> Vector:
        """The expression as a value of a type that may differ in bounds and question marks."""
        return self.coerce(self.expr(expr), expr.type, type_)

    def code(self, expr: Expr, type_: Type) -> Vector:
        """The expression as a code of the type."""
        return self.to_code(self.typed(expr, type_), type_)

    def of_collection(self, apply: Apply) -> Vector:
        """An operator that takes or makes a set or list."""
        op, args = apply.op, apply.args
        match op:
            case Op.UNION | Op.INTERSECT | Op.MINUS | Op.SET | Op.INSERT | Op.DISCARD:
                return self._set(apply)
            case Op.MIN | Op.MAX:
                return self._extreme(args[0], greatest=op is Op.MAX)
            case Op.IN:
                return (self._in(args[0], args[1]),)
            case Op.EMPTY | Op.SIZE:
                return self._size(op, args[0])
            case _:
                return self._of_list(apply)

    # Sets

    def _set(self, apply: Apply) -> Vector:
        type_, args, c = apply.type, apply.args, self.circuit
        assert isinstance(type_, SetOf), "what set operators make"
        width = self.width(type_)
        match apply.op:
            case Op.SET:
                bits = [self._bit(self.code(a, type_.of), width) for a in args]
                return tuple(c.some(b[k] for b in bits) for k in range(width))
            case Op.DISCARD if isinstance(type_.of, Int):
                before, gone = self.typed(args[0], type_), self.expr(args[1])
                low, _ = self.encoding.bounds(type_.of)
                return tuple(
                    c.conj(bit, self.numbers.equal(gone, signed(low + k)) ^ 1)
                    for k, bit in enumerate(before)
                )
            case Op.INSERT | Op.DISCARD:
                before = self.typed(args[0], type_)
                one = self._bit(self.code(args[1], type_.of), width)
                if apply.op is Op.INSERT:
                    return tuple(map(c.disj, before, one))
                return tuple(c.conj(a, b ^ 1) for a, b in zip(before, one, strict=True))
            case op:
                left, right = (self.typed(a, type_) for a in args)
                if op is Op.UNION:
                    return tuple(map(c.disj, left, right))
                flip = int(op is Op.MINUS)
                return tuple(c.conj(a, b ^ flip) for a, b in zip(left, right, strict=True))

    def _bit(self, code: Vector, width: int) -> Vector:
        return tuple(self.circuit.is_number(code, k) for k in range(width))

    def _extreme(self, of: Expr, *, greatest: bool) -> Vector:
        assert isinstance(of.type, SetOf), "of sets only"
        bits = self.expr(of)
        self.fault(Fault.EMPTY_LIST, self.circuit.some(bits) ^ 1)
        before: Literal = FALSE
        choices: list[tuple[Literal, Vector]] = []
        width = self.width(of.type.of)
        numbers = range(len(bits))
        for k in reversed(numbers) if greatest else numbers:
            choices.append((self.circuit.conj(bits[k], before ^ 1), constant(k, width)))
            before = self.circuit.disj(before, bits[k])
        return self.from_code(self.circuit.one_of(choices, width), of.type.of)

    def _in(self, element: Expr, collection: Expr) -> Literal:
        if isinstance(collection, Apply) and collection.op in (Op.LIST, Op.SET):
            return self._among(element, collection.args)
        of = collection.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        if isinstance(of.of, Int):
            value, items = self.expr(element), self.expr(collection)
            low, high = self.encoding.bounds(of.of)
            inside = self.numbers.within(value, low, high)
            code = self.numbers.code(value, low, self.width(of.of))
            return self.circuit.conj(inside, self._contains(items, code, of))
        code = self.code(element, of.of)
        return self._contains(self.expr(collection), code, of)

    def _contains(self, items: Vector, code: Vector, of: ListOf | SetOf) -> Literal:
        c = self.circuit
        if isinstance(of, SetOf):
            return c.some(c.conj(bit, c.is_number(code, k)) for k, bit in enumerate(items))
        return c.some(self._found(items, code, of))

    def _found(self, items: Vector, code: Vector, of: ListOf) -> list[Literal]:
        """Per place, whether the element is first there."""
        c = self.circuit
        length, places = self.items(items, of)
        before: Literal = FALSE
        first: list[Literal] = []
        for k, place in enumerate(places):
            here = c.conj(c.at_most(length, k) ^ 1, c.equal(place, code))
            first.append(c.conj(here, before ^ 1))
            before = c.disj(before, here)
        return first

    def _among(self, element: Expr, items: tuple[Expr, ...]) -> Literal:
        """Whether the element is one of the items, all of which are evaluated."""
        type_ = element.type
        for item in items:
            type_ = self.encoding.join(type_, item.type)
        sought = self.typed(element, type_)
        return self.circuit.some([self.same(sought, self.typed(i, type_), type_) for i in items])

    def _size(self, op: Op, of: Expr) -> Vector:
        if isinstance(of, Apply) and of.op is Op.LIST:
            for item in of.args:
                self.expr(item)
            return (int(not of.args),) if op is Op.EMPTY else signed(len(of.args))
        value = self.expr(of)
        if isinstance(of.type, SetOf):
            if op is Op.EMPTY:
                return (self.circuit.some(value) ^ 1,)
            return self.numbers.count(value)
        assert isinstance(of.type, ListOf), "only lists and sets have a size"
        length, _ = self.items(value, of.type)
        if op is Op.EMPTY:
            return (self.circuit.some(length) ^ 1,)
        return (*length, FALSE)

    # Lists

    def _of_list(self, apply: Apply) -> Vector:
        op, args, c = apply.op, apply.args, self.circuit
        if op is Op.LIST:
            assert isinstance(apply.type, ListOf), "what LIST makes"
            return self._literal(args, apply.type)
        of = args[0].type
        assert isinstance(of, ListOf), "an operator of lists"
        list_ = self.expr(args[0])
        capacity, width = self.encoding.list_of(of)
        length, places = self.items(list_, of)
        if op in (Op.FIRST, Op.LAST):
            self.fault(Fault.EMPTY_LIST, c.some(length) ^ 1)
            if op is Op.FIRST:
                return self.from_code(places[0] if places else (FALSE,) * width, of.of)
            choices = [(c.is_number(length, k + 1), place) for k, place in enumerate(places)]
            return self.from_code(c.one_of(choices, width), of.of)
        if op in (Op.APPEND, Op.PREPEND):
            code = self.code(args[1], of.of)
            full = c.is_number(length, capacity)
            self.too_late(full)
            longer = c.add(length, constant(0, len(length)), TRUE)
            if op is Op.PREPEND:
                more = [code, *places[:-1]] if places else []
            else:
                more = [
                    c.mux(c.is_number(length, k), code, place) for k, place in enumerate(places)
                ]
            return c.mux(full, list_, self.listed(longer, more, of))
        found = self._found(list_, self._sought(args[1], of), of)
        self.fault(Fault.EMPTY_LIST, c.some(found) ^ 1)
        return (
            self._next(length, places, found, of)
            if op is Op.NEXT
            else self._without(length, places, found, of)
        )

    def _sought(self, element: Expr, of: ListOf) -> Vector:
        """The code of what is looked for; one that is nowhere if it is out of range."""
        if not isinstance(of.of, Int):
            return self.code(element, of.of)
        low, high = self.encoding.bounds(of.of)
        value = self.expr(element)
        self.fault(Fault.EMPTY_LIST, self.numbers.within(value, low, high) ^ 1)
        return self.numbers.code(value, low, self.width(of.of))

    def _next(
        self, length: Vector, places: list[Vector], found: list[Literal], of: ListOf
    ) -> Vector:
        c, width = self.circuit, self.encoding.top(of.of) + 1
        choices = [
            (
                c.conj(found[k], c.at_most(length, k + 1) ^ 1),
                self.plus_one(places[k + 1], width.bit_length()),
            )
            for k in range(len(places) - 1)
        ]
        return c.one_of(choices, width.bit_length())

    def _without(
        self, length: Vector, places: list[Vector], found: list[Literal], of: ListOf
    ) -> Vector:
        c = self.circuit
        _, width = self.encoding.list_of(of)
        behind = [*places[1:], (FALSE,) * width]
        gone: Literal = FALSE
        less: list[Vector] = []
        for k, place in enumerate(places):
            gone = c.disj(gone, found[k])
            less.append(c.mux(gone, behind[k], place))
        shorter = c.add(length, (TRUE,) * len(length))
        return self.listed(c.mux(gone, shorter, length), less, of)

    def _literal(self, args: tuple[Expr, ...], type_: ListOf) -> Vector:
        capacity, _ = self.encoding.list_of(type_)
        places = [self.code(a, type_.of) for a in args]
        if len(args) > capacity:
            self.too_late(TRUE)
        length = constant(min(len(args), capacity), capacity.bit_length())
        return self.listed(length, places[:capacity], type_)

    # Loops

    def loop(self, type_: Type, domain: Domain, *, descending: bool = False) -> Iterator[Item]:
        """What a loop comes to, as values of the type, in order."""
        if domain.within is None:
            codes = self.encoding.all(domain.type)
            width = self.width(domain.type)
            values = [self.from_code(constant(code, width), domain.type) for code in codes]
            items = [Item(TRUE, self.coerce(v, domain.type, type_)) for v in values]
        else:
            items = self._within(type_, domain.within)
        yield from reversed(items) if descending else items

    def _within(self, type_: Type, within: Expr) -> list[Item]:
        of, c = within.type, self.circuit
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        value = self.expr(within)
        if isinstance(of, SetOf):
            width = self.width(of.of)
            codes = [(bit, constant(k, width)) for k, bit in enumerate(value)]
        else:
            length, places = self.items(value, of)
            codes = [(c.at_most(length, k) ^ 1, place) for k, place in enumerate(places)]
        return [
            Item(
                condition,
                self.under(
                    condition,
                    lambda code=code: self.coerce(self.from_code(code, of.of), of.of, type_),  # type: ignore[misc]
                ),
            )
            for condition, code in codes
            if condition != FALSE
        ]

    def quantifier(self, q: Quantifier) -> Vector:
        c = self.circuit
        counted: list[Literal] = []
        undecided: Literal = TRUE
        """Of a quantifier: no value before has decided it."""
        for item in self.loop(q.binder.type, q.domain):
            self.bound[q.binder.number] = item.value
            satisfied = self.under(
                c.conj(item.condition, undecided), lambda: self._satisfies(q.where, q.body)
            )
            if q.kind is Kind.COUNT:
                counted.append(c.conj(item.condition, c.conj(*satisfied)))
                continue
            where, body = satisfied
            decides = body if q.kind is Kind.EXISTS else body ^ 1
            decides = c.conj(item.condition, c.conj(where, decides))
            undecided = c.conj(undecided, decides ^ 1)
        match q.kind:
            case Kind.FORALL:
                return (undecided,)
            case Kind.EXISTS:
                return (undecided ^ 1,)
            case Kind.COUNT:
                return self.numbers.count(tuple(counted))
            case _:
                assert_never(q.kind)

    def _satisfies(self, where: Expr | None, body: Expr) -> tuple[Literal, Literal]:
        if where is None:
            return TRUE, self.test(body)
        counts = self.test(where)
        if counts == FALSE:
            return FALSE, FALSE
        return counts, self.under(counts, lambda: self.test(body))

    def comprehension(self, e: Comprehension) -> Vector:
        assert isinstance(e.type, SetOf), "what a comprehension makes"
        of, c = e.type.of, self.circuit
        width = self.width(e.type)
        chosen: list[tuple[Literal, Vector]] = []

        def judge() -> None:
            inside = c.conj(item.condition, self.test(e.where))
            value = self.coerce(item.value, e.binder.type, of)
            code = self.under(inside, lambda: self.to_code(value, of))
            chosen.append((inside, self._bit(code, width)))

        for item in self.loop(e.binder.type, e.domain):
            self.bound[e.binder.number] = item.value
            self.under(item.condition, judge)
        return tuple(
            c.some([c.conj(inside, bits[k]) for inside, bits in chosen]) for k in range(width)
        )
