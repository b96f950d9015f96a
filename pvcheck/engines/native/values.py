"""Values and codes in C: an ``Int`` is an ``i64``, all else its code (see ``encoding``)."""

from __future__ import annotations

from pvcheck.engines.native.state import StateLayout
from pvcheck.model.encoding import Encoding, Unsupported
from pvcheck.model.types import ArrayOf, Int, ListOf, Optional, SetOf, Type


class Values:
    """Writes conversions of values for one function."""

    def __init__(self, state: StateLayout) -> None:
        self.state = state
        self.layout = state.layout
        self.instance = state.layout.instance
        self.encoding: Encoding = state.encoding
        self.faults = False
        """Whether something written since this was last set to ``False`` may fault."""
        self.lates = False
        """The same of numbers and lists that may not fit where they are put."""
        self._names = 0

    def name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}_"

    def word(self, type_: Type) -> str:
        """The C type of a code."""
        return "u64" if self.encoding.width(type_) <= 64 else "u128"

    def declared(self, type_: Type) -> str:
        """The C type of a value."""
        return "i64" if isinstance(type_, Int) else self.word(type_)

    def size(self, type_: Type) -> str:
        return "" if self.word(type_) == "u64" else "_wide"

    def constant(self, value: object, type_: Type) -> str:
        if isinstance(type_, Int):
            assert isinstance(value, int), "an Int is an int"
            if abs(value) >= 1 << 62:
                raise Unsupported(f"the number {value}")
            return literal(value)
        return wide(self.encoding.code(value, type_))

    def to_code(self, value: str, type_: Type) -> str:
        if not isinstance(type_, Int):
            return value
        low, high = self.encoding.bounds(type_)
        if value.lstrip("(-").rstrip(")").isdigit():
            number = int(value.strip("()"))
            if low <= number <= high:
                return str(number - low)
        self.lates = True
        return f"number(x, {value}, {literal(low)}, {literal(high)})"

    def from_code(self, code: str, type_: Type) -> str:
        if not isinstance(type_, Int):
            return code
        low, _ = self.encoding.bounds(type_)
        return f"((i64)({code}) + {literal(low)})" if low else f"(i64)({code})"

    def part(self, code: str, shift: int, type_: Type) -> str:
        """The part of a code that starts at a bit, as a value."""
        width = self.encoding.width(type_)
        if width == 0:
            return self.from_code("0", type_)
        shifted = f"({code} >> {shift})" if shift else f"({code})"
        cast = f"({self.word(type_)})"
        return self.from_code(f"({cast}{shifted} & {mask(width)})", type_)

    def element(self, array: str, type_: ArrayOf, index: str) -> str:
        size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
        cast = f"({self.word(type_.of)})"
        shifted = f"({array} >> ({size - 1} - {index}) * {width})"
        return self.from_code(f"({cast}{shifted} & {mask(width)})", type_.of)

    def coerce(self, value: str, given: Type, wanted: Type) -> str:
        if given == wanted or isinstance(wanted, Int):
            return value
        match given, wanted:
            case Optional(of=a), Optional(of=b):
                if self._alike(a, b):
                    return value
                o = self.name("o")
                inner = self.to_code(self.coerce(self.from_code(f"({o} - 1)", a), a, b), b)
                return f"({{ {self.word(given)} {o} = {value}; {o} ? {inner} + 1 : 0; }})"
            case _, Optional(of=b):
                return f"(({self.word(wanted)}){self.to_code(self.coerce(value, given, b), b)} + 1)"
            case SetOf(of=Int() as a), SetOf(of=Int() as b):
                return self._shifted_set(value, a, b)
            case ListOf(), ListOf():
                return self._list(value, given, wanted)
        if self._alike(given, wanted):
            return value
        raise Unsupported(f"a value of type {given} as one of {wanted}")

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

    def _shifted_set(self, value: str, a: Int, b: Int) -> str:
        (low, high), (least, most) = self.encoding.bounds(a), self.encoding.bounds(b)
        if (low, high) == (least, most):
            return value
        if low < least or high > most:
            raise Unsupported(f"a set of numbers {low}..{high} as one of {least}..{most}")
        return f"(({self.word(SetOf(b))}){value} << {low - least})"

    def _list(self, value: str, given: ListOf, wanted: ListOf) -> str:
        """A list as one of another capacity or element type."""
        if self._alike(given, wanted):
            return value
        (most, width), (room, wide) = self.encoding.list_of(given), self.encoding.list_of(wanted)
        e, n, k, r = (self.name(letter) for letter in "enkr")
        word, target = self.word(given), self.word(wanted)
        element = self.from_code(f"({e} >> ({most - 1} - {k}) * {width} & {mask(width)})", given.of)
        code = self.to_code(self.coerce(element, given.of, wanted.of), wanted.of)
        late = ""
        if most > room:
            self.lates = True
            late = f"if ({n} > {room}) {{ x->late = 1; {n} = {room}; }} "
        return (
            f"({{ {word} {e} = {value}; int {n} = (int)({e} >> {most * width}); {late}"
            f"{target} {r} = ({target}){n} << {room * wide}; for (int {k} = 0; {k} < {n}; ++{k}) "
            f"{r} |= ({target}){code} << ({room - 1} - {k}) * {wide}; {r}; }})"
        )

    def shape(self, type_: ListOf) -> str:
        capacity, width = self.encoding.list_of(type_)
        return f"{capacity}, {width}"


def within(first: str, code: str) -> str:
    """``code`` with declarations that go first."""
    return f"({{ {first}{code}; }})" if first else code


def plus(start: int, code: str) -> str:
    if code.isdigit():
        return str(start + int(code))
    return f"{start} + {code}" if start else code


def mask(width: int) -> str:
    return wide((1 << width) - 1)


def literal(number: int) -> str:
    """A number of any sign."""
    text = f"{number}" if -(2**31) < number < 2**31 else f"{number}LL"
    return text if number >= 0 else f"({text})"


def wide(number: int) -> str:
    """A code of up to 128 bits."""
    if number < 1 << 31:
        return str(number)
    if number < 1 << 64:
        return f"{number:#x}ULL"
    return f"((u128){number >> 64:#x}ULL << 64 | {number & (1 << 64) - 1:#x}ULL)"
