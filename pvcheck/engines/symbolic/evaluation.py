"""What evaluating something means besides its value: under which conditions, and which faults it ends in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Circuit, Literal, Vector, constant
from pvcheck.engines.symbolic.numbers import Numbers, signed, trimmed
from pvcheck.model.encoding import Encoding, Unsupported
from pvcheck.model.layout import Layout
from pvcheck.model.model import Fault
from pvcheck.model.types import ArrayOf, Int, ListOf, Optional, SetOf, Type

Result = TypeVar("Result")


class Evaluation:
    """Follows one thread of control, all its branches at once.

    An ``Int`` is a number with a sign, all else its code (see ``pvcheck.model.encoding``).
    """

    def __init__(self, circuit: Circuit, layout: Layout, encoding: Encoding) -> None:
        self.circuit = circuit
        self.numbers = Numbers(circuit)
        self.layout = layout
        self.instance = layout.instance
        self.encoding = encoding
        self.live: Literal = TRUE
        """Whether control is here: this branch was taken, and nothing has faulted."""
        self.faults: dict[Fault, Literal] = {}
        """Whether evaluation has ended so."""
        self.unsupported: Literal = FALSE
        """Whether a number came about that the encoding has no room for."""
        self.late: Literal = FALSE
        """Whether a number or list does not fit where it is perhaps to be stored."""

    # Control

    def fault(self, kind: Fault, condition: Literal) -> None:
        """Evaluation ends here where the condition holds."""
        happens = self.circuit.conj(self.live, condition)
        if happens != FALSE:
            self.faults[kind] = self.circuit.disj(self.faults.get(kind, FALSE), happens)
            self.live = self.circuit.conj(self.live, condition ^ 1)

    def under(self, condition: Literal, evaluate: Callable[[], Result]) -> Result:
        """What is evaluated only where the condition holds."""
        outer = self.live
        inner = self.live = self.circuit.conj(outer, condition)
        result = evaluate()
        if self.live == inner:
            self.live = outer
        else:
            self.live = self.circuit.disj(self.circuit.conj(outer, condition ^ 1), self.live)
        return result

    def too_late(self, condition: Literal) -> None:
        """See ``late``."""
        happens = self.circuit.conj(self.live, condition)
        self.late = self.circuit.disj(self.late, happens)

    def settle(self, *, stored: bool) -> None:
        """What did not fit was to be stored, which is a fault; else nothing can be said."""
        late, self.late = self.late, FALSE
        if stored:
            self.fault(Fault.BOUNDS, late)
        else:
            happens = self.circuit.conj(self.live, late)
            self.unsupported = self.circuit.disj(self.unsupported, happens)
            self.live = self.circuit.conj(self.live, late ^ 1)

    # Values

    def width(self, type_: Type) -> int:
        return self.encoding.width(type_)

    def constant(self, value: object, type_: Type) -> Vector:
        if isinstance(type_, Int):
            assert isinstance(value, int), "an Int is an int"
            return signed(value)
        return constant(self.encoding.code(value, type_), self.width(type_))

    def to_code(self, value: Vector, type_: Type) -> Vector:
        """The code of a value of the type; see ``late``."""
        if not isinstance(type_, Int):
            return value
        low, high = self.encoding.bounds(type_)
        fits = self.numbers.within(value, low, high)
        self.too_late(fits ^ 1)
        return self.numbers.code(value, low, self.width(type_))

    def from_code(self, code: Vector, type_: Type) -> Vector:
        if not isinstance(type_, Int):
            return code
        low, _ = self.encoding.bounds(type_)
        return self.numbers.add(trimmed((*code, FALSE)), signed(low))

    def default(self, type_: Type) -> Vector:
        """Something, where evaluation does not get to."""
        return (FALSE,) if isinstance(type_, Int) else (FALSE,) * self.width(type_)

    def mux(self, condition: Literal, then: Vector, otherwise: Vector, type_: Type) -> Vector:
        if isinstance(type_, Int):
            return self.numbers.mux(condition, then, otherwise)
        return self.circuit.mux(condition, then, otherwise)

    def one_of(self, choices: list[tuple[Literal, Vector]], type_: Type) -> Vector:
        """The value whose condition holds; at most one does."""
        if not isinstance(type_, Int):
            return self.circuit.one_of(choices, self.width(type_))
        width = max((len(v) for _, v in choices), default=1)
        extended = [(c, self.numbers.extend(v, width)) for c, v in choices]
        return trimmed(self.circuit.one_of(extended, width))

    def same(self, a: Vector, b: Vector, type_: Type) -> Literal:
        """Whether values of the type are equal."""
        if isinstance(type_, Int):
            return self.numbers.equal(a, b)
        return self.circuit.equal(a, b)

    # Values of types that differ in bounds and question marks

    def coerce(self, value: Vector, given: Type, wanted: Type) -> Vector:
        if given == wanted or isinstance(wanted, Int):
            return value
        match given, wanted:
            case Optional(of=a), Optional(of=b):
                if self._alike(a, b):
                    return value
                some = self.circuit.is_number(value, 0) ^ 1
                inner = self.under(some, lambda: self._inside(self.less_one(value, given), a, b))
                inner = self.plus_one(inner, self.width(wanted))
                return self.circuit.mux(some, inner, (FALSE,) * len(inner))
            case _, Optional(of=b):
                return self.plus_one(self._inside_of(value, given, b), self.width(wanted))
            case SetOf(of=Int() as a), SetOf(of=Int() as b):
                return self._shifted_set(value, a, b)
            case ListOf(), ListOf():
                return self._list(value, given, wanted)
        if self._alike(given, wanted):
            return value
        raise Unsupported(f"a value of type {given} as one of {wanted}")

    def _inside(self, code: Vector, a: Type, b: Type) -> Vector:
        return self._inside_of(self.from_code(code, a), a, b)

    def _inside_of(self, value: Vector, a: Type, b: Type) -> Vector:
        return self.to_code(self.coerce(value, a, b), b)

    def plus_one(self, code: Vector, width: int) -> Vector:
        """The code of an optional that has this inside."""
        extended = code + (FALSE,) * (width - len(code))
        return self.circuit.add(extended, constant(0, width), TRUE)

    def less_one(self, code: Vector, type_: Type) -> Vector:
        """The code inside an optional that is not ``none``."""
        assert isinstance(type_, Optional), "only optionals have an inside"
        less = self.circuit.add(code, (TRUE,) * len(code))
        return less[: self.width(type_.of)]

    def _alike(self, a: Type, b: Type) -> bool:
        """Whether both have the same codes for the same values."""
        match a, b:
            case Int(), Int():
                return self.encoding.bounds(a) == self.encoding.bounds(b)
            case (Optional(of=x), Optional(of=y)) | (SetOf(of=x), SetOf(of=y)):
                return self._alike(x, y)
            case ListOf(of=x), ListOf(of=y):
                return self._alike(x, y) and self.encoding.list_of(a) == self.encoding.list_of(b)
            case ArrayOf(index=i, of=x), ArrayOf(index=j, of=y):
                return i == j and self._alike(x, y)
        return a == b

    def _shifted_set(self, value: Vector, a: Int, b: Int) -> Vector:
        (low, high), (least, most) = self.encoding.bounds(a), self.encoding.bounds(b)
        if low < least or high > most:
            raise Unsupported(f"a set of numbers {low}..{high} as one of {least}..{most}")
        return (FALSE,) * (low - least) + value + (FALSE,) * (most - high)

    def _list(self, value: Vector, given: ListOf, wanted: ListOf) -> Vector:
        """A list as one of another capacity or element type."""
        if self._alike(given, wanted):
            return value
        length, items = self.items(value, given)
        room, _ = self.encoding.list_of(wanted)
        self.too_late(self.circuit.at_most(length, room) ^ 1)
        codes: list[Vector] = []
        for k, item in enumerate(items[:room]):
            inside = self.circuit.at_most(length, k) ^ 1
            code = self.under(inside, lambda item=item: self._inside(item, given.of, wanted.of))  # type: ignore[misc]
            codes.append(self.circuit.mux(inside, code, (FALSE,) * len(code)))
        width = room.bit_length()
        shorter = self.circuit.at_most(length, room)
        cut = (length + (FALSE,) * width)[:width]
        return self.listed(self.circuit.mux(shorter, cut, constant(room, width)), codes, wanted)

    def items(self, code: Vector, type_: ListOf) -> tuple[Vector, list[Vector]]:
        """The length and the places of a list, from the head."""
        capacity, width = self.encoding.list_of(type_)
        places = [
            code[(capacity - 1 - k) * width : (capacity - k) * width] for k in range(capacity)
        ]
        return code[capacity * width :], places

    def listed(self, length: Vector, places: list[Vector], type_: ListOf) -> Vector:
        """The code of a list; places may be missing at its end."""
        capacity, width = self.encoding.list_of(type_)
        missing = [(FALSE,) * width] * (capacity - len(places))
        body: Vector = ()
        for place in reversed([*places, *missing]):
            body += place
        return body + length
