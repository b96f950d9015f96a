"""Values as bits: every value of a type is one number, its code.

Codes rise as the values do (see ``pvcheck.model.values``), so that loops over codes come in the order
of the values:

==================  ===============================================================
``Bool``            0, 1
``Int``             the number less the least one; unbounded: plus 2^31
``Sort``, ``Enum``  the position
``Optional``        0 for ``none``, else 1 more than the inner code
``Struct``          the codes of the fields, the first one in the highest bits
``ArrayOf``         the codes of the elements, likewise
``ListOf``          the length, then one code per place, the head's highest; 0 behind the end
``SetOf``           bit n: whether the value of code n is in
``Snapshot``        0 ``none``, 1 bumped since, 2 and more: element 0 and more
``LockSet``         bit n: whether lock cell n is in
==================  ===============================================================
"""

from __future__ import annotations

from typing import Any, assert_never

from pvcheck.model import values
from pvcheck.model.expr import Const
from pvcheck.model.layout import Layout
from pvcheck.model.types import (
    INT,
    ArrayOf,
    Bool,
    Enum,
    Int,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)

WIDEST = 128
"""Bits of one value."""
UNBOUNDED = 1 << 31
"""Integers without bounds are kept from minus this number to this number less 1."""
MOST_VALUES = 4096
"""Of a type that is enumerated from a table."""


class Unsupported(Exception):
    """Something cannot be represented in numbers; the message says what. The interpreter can do it."""


class Encoding:
    """The codes of an instance's types."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._instance = layout.instance
        self._tops: dict[Type, int] = {}

    def width(self, type_: Type) -> int:
        """Bits of a code.

        Raises:
            Unsupported: more than ``WIDEST``.
        """
        width = self.top(type_).bit_length()
        if width > WIDEST:
            raise Unsupported(f"a value of type {type_} has {width} bits")
        return width

    def top(self, type_: Type) -> int:
        """A number that no code exceeds."""
        top = self._tops.get(type_)
        if top is None:
            top = self._tops[type_] = self._top(type_)
        return top

    def _top(self, type_: Type) -> int:
        match type_:
            case Bool():
                return 1
            case Int():
                low, high = self.bounds(type_)
                if high < low:
                    raise Unsupported(f"a range without values: {low}..{high}")
                return high - low
            case Sort() | Enum():
                return self.size(type_) - 1
            case Optional(of=of):
                return self.top(of) + 1
            case Struct(fields=fields):
                return (1 << sum(self.width(t) for _, t in fields)) - 1
            case ArrayOf(index=index, of=of):
                return int((1 << self.size(index) * self.width(of)) - 1)
            case ListOf():
                capacity, element = self.list_of(type_)
                length = capacity.bit_length()
                return int((1 << length + capacity * element) - 1)
            case SetOf(of=of):
                if self.top(of) >= WIDEST:
                    raise Unsupported(f"a set over type {of}, which has too many values")
                return int((1 << self.top(of) + 1) - 1)
            case Snapshot(counter=counter):
                return self._layout.blocks[counter].cells + 1
            case LockSet():
                return int((1 << self._layout.lock_cells) - 1)
            case _:
                assert_never(type_)

    def bounds(self, type_: Int) -> tuple[int, int]:
        low, high = values.bounds(type_, self._instance)
        if low is None or high is None:
            return -UNBOUNDED, UNBOUNDED - 1
        return low, high

    def size(self, type_: Type) -> int:
        assert isinstance(type_, Sort | Enum), "only sorts and enums index"
        return values.size(type_, self._instance)

    def list_of(self, type_: ListOf) -> tuple[int, int]:
        """How many elements, and bits per element."""
        capacity = values.capacity(type_, self._instance)
        if capacity is None or capacity > WIDEST:
            raise Unsupported(f"a list of type {type_} without a small bound")
        return capacity, self.width(type_.of)

    def field(self, type_: Struct, position: int) -> int:
        """How far the code of a field is shifted to the left."""
        return sum(self.width(t) for _, t in type_.fields[position + 1 :])

    def all(self, type_: Type) -> list[int]:
        """The codes of all values, rising.

        Raises:
            Unsupported: there are too many.
        """
        number = values.count(type_, self._instance)
        if number is None or number > MOST_VALUES:
            raise Unsupported(f"type {type_} has too many values to go through")
        return [self.code(v, type_) for v in values.values(type_, self._instance)]

    def code(self, value: Any, type_: Type) -> int:
        """The code of a value as the reference semantics has it.

        Raises:
            Unsupported: an unbounded integer is too large.
        """
        match type_:
            case Int():
                low, high = self.bounds(type_)
                if not low <= value <= high:
                    raise Unsupported(f"the number {value} of type {type_}")
                return int(value) - low
            case Bool() | Sort() | Enum():
                return int(value)
            case Optional(of=of):
                return 0 if value is None else self.code(value, of) + 1
            case Struct(fields=fields):
                return self._row(
                    [self.code(v, t) for v, (_, t) in zip(value, fields, strict=True)],
                    [self.width(t) for _, t in fields],
                )
            case ArrayOf(of=of):
                return self._row([self.code(v, of) for v in value], [self.width(of)] * len(value))
            case ListOf(of=of):
                capacity, width = self.list_of(type_)
                if len(value) > capacity:
                    raise Unsupported(f"a list of {len(value)} elements of type {type_}")
                places = [self.code(v, of) for v in value] + [0] * (capacity - len(value))
                return self._row(
                    [len(value), *places], [capacity.bit_length(), *[width] * capacity]
                )
            case SetOf(of=of):
                return sum(1 << self.code(v, of) for v in value)
            case Snapshot():
                return 0 if value is None else value + 2
            case LockSet():
                return sum(1 << cell for cell in value)
            case _:
                assert_never(type_)

    def value(self, code: int, type_: Type) -> Any:
        """The value of a code, as the reference semantics has it: what ``code`` undoes."""
        match type_:
            case Bool():
                return bool(code)
            case Int():
                return code + self.bounds(type_)[0]
            case Sort() | Enum():
                return code
            case Optional(of=of):
                return None if code == 0 else self.value(code - 1, of)
            case Struct(fields=fields):
                return tuple(
                    self.value(self._cut(code, self.field(type_, n), t), t)
                    for n, (_, t) in enumerate(fields)
                )
            case ArrayOf(index=index, of=of):
                size, width = self.size(index), self.width(of)
                shifts = [(size - 1 - n) * width for n in range(size)]
                return tuple(self.value(self._cut(code, shift, of), of) for shift in shifts)
            case ListOf(of=of):
                capacity, width = self.list_of(type_)
                shifts = [(capacity - 1 - n) * width for n in range(code >> capacity * width)]
                return tuple(self.value(self._cut(code, shift, of), of) for shift in shifts)
            case SetOf(of=of):
                return frozenset(
                    self.value(n, of) for n in range(code.bit_length()) if code >> n & 1
                )
            case Snapshot():
                return None if code == 0 else code - 2
            case LockSet():
                return frozenset(n for n in range(code.bit_length()) if code >> n & 1)
            case _:
                assert_never(type_)

    def _cut(self, code: int, shift: int, type_: Type) -> int:
        """The part of a code that begins at a bit."""
        return code >> shift & (1 << self.width(type_)) - 1

    def _row(self, codes: list[int], widths: list[int]) -> int:
        row = 0
        for code, width in zip(codes, widths, strict=True):
            row = row << width | code
        return row

    def lock_code(self, cell: int) -> int:
        """Of what a lock cell holds: 0, the holder and 1, or the sharers' bits and the number of threads."""
        return cell if cell >= 0 else -cell + len(self._instance.threads)

    def lock_top(self, shared: bool) -> int:
        threads = len(self._instance.threads)
        return threads + (1 << threads) - 1 if shared else threads

    def join(self, a: Type, b: Type) -> Type:
        """A type that takes the values of both; they are alike but for bounds and question marks."""
        if a == b:
            return a
        match a, b:
            case Optional(), _:
                return Optional(self.join(a.of, b.of if isinstance(b, Optional) else b))
            case _, Optional(of=of):
                return Optional(self.join(a, of))
            case Int(), Int():
                (low, high), (least, most) = self.bounds(a), self.bounds(b)
                return Int(Const(min(low, least), INT), Const(max(high, most), INT))
            case SetOf(of=x), SetOf(of=y):
                return SetOf(self.join(x, y))
            case ListOf(of=x), ListOf(of=y):
                capacity = max(self.list_of(a)[0], self.list_of(b)[0])
                return ListOf(self.join(x, y), Const(capacity, INT))
            case ArrayOf(index=index, of=x), ArrayOf(of=y):
                return ArrayOf(index, self.join(x, y))
        raise Unsupported(f"values of types {a} and {b} together")
