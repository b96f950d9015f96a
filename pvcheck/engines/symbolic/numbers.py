"""Whole numbers with a sign as vectors: two's complement, as wide as the result needs, so nothing overflows."""

from __future__ import annotations

from pvcheck.engines.symbolic.circuit import (
    FALSE,
    TRUE,
    Circuit,
    Literal,
    Vector,
    constant,
    negated,
)


class Numbers:
    """Arithmetic. Every vector has a sign bit, the last one."""

    def __init__(self, circuit: Circuit) -> None:
        self._c = circuit

    def extend(self, a: Vector, width: int) -> Vector:
        return a + (a[-1],) * (width - len(a))

    def add(self, a: Vector, b: Vector) -> Vector:
        width = max(len(a), len(b)) + 1
        return trimmed(self._c.add(self.extend(a, width), self.extend(b, width)))

    def subtract(self, a: Vector, b: Vector) -> Vector:
        width = max(len(a), len(b)) + 1
        b = negated(self.extend(b, width))
        return trimmed(self._c.add(self.extend(a, width), b, TRUE))

    def negate(self, a: Vector) -> Vector:
        return self.subtract((FALSE,), a)

    def multiply(self, a: Vector, b: Vector) -> Vector:
        width = len(a) + len(b)
        a, b = self.extend(a, width), self.extend(b, width)
        result = (FALSE,) * width
        for k, bit in enumerate(b):
            if bit != FALSE:
                row = (FALSE,) * k + tuple(self._c.conj(bit, x) for x in a[: width - k])
                result = self._c.add(result, row)
        return trimmed(result)

    def divide(self, a: Vector, b: Vector) -> tuple[Vector, Vector]:
        """Quotient, rounded towards minus infinity, and rest; ``b`` is not 0."""
        width = max(len(a), len(b)) + 1
        a, b = self.extend(a, width), self.extend(b, width)
        quotient, rest = self._magnitudes(self._size(a), self._size(b))
        opposite = self._c.xor(a[-1], b[-1])
        inexact = self._c.some(rest)
        down = self._c.conj(opposite, inexact)
        negative = self._c.add(negated(quotient), constant(0, width), down ^ 1)
        result = self._c.mux(opposite, negative, quotient)
        # The rest has the sign of the divisor.
        product = self.multiply(result, b)
        return trimmed(result), self.subtract(a, product)

    def _size(self, a: Vector) -> Vector:
        return self._c.mux(a[-1], self._c.add(negated(a), constant(1, len(a))), a)

    def _magnitudes(self, a: Vector, b: Vector) -> tuple[Vector, Vector]:
        """Division bit by bit, without signs."""
        width = len(a)
        rest: Vector = (FALSE,) * width
        quotient: list[Literal] = []
        for bit in reversed(a):
            rest = (bit, *rest[:-1])
            fits = self._c.less(rest, b) ^ 1
            rest = self._c.mux(fits, self._c.add(rest, negated(b), TRUE), rest)
            quotient.append(fits)
        return tuple(reversed(quotient)), rest

    def less(self, a: Vector, b: Vector) -> Literal:
        width = max(len(a), len(b))
        a, b = self.extend(a, width), self.extend(b, width)
        return self._c.less((*a[:-1], a[-1] ^ 1), (*b[:-1], b[-1] ^ 1))

    def equal(self, a: Vector, b: Vector) -> Literal:
        width = max(len(a), len(b))
        return self._c.equal(self.extend(a, width), self.extend(b, width))

    def mux(self, condition: Literal, then: Vector, otherwise: Vector) -> Vector:
        width = max(len(then), len(otherwise))
        return trimmed(
            self._c.mux(condition, self.extend(then, width), self.extend(otherwise, width))
        )

    def within(self, a: Vector, low: int, high: int) -> Literal:
        """Whether the number is from ``low`` to ``high``."""
        above = self.less(a, signed(low)) ^ 1
        return self._c.conj(above, self.less(signed(high), a) ^ 1)

    def code(self, a: Vector, low: int, width: int) -> Vector:
        """The number less ``low``, without a sign, cut to a width that it fits in."""
        return self.extend(self.subtract(a, signed(low)), width + 1)[:width]

    def count(self, bits: Vector) -> Vector:
        """How many of the bits are set."""
        rows: list[Vector] = [(bit, FALSE) for bit in bits]
        while len(rows) > 1:
            rows = [
                self.add(rows[k], rows[k + 1]) if k + 1 < len(rows) else rows[k]
                for k in range(0, len(rows), 2)
            ]
        return rows[0] if rows else (FALSE,)


def signed(number: int) -> Vector:
    """A constant."""
    width = max(number, ~number).bit_length() + 1
    return constant(number, width)


def trimmed(a: Vector) -> Vector:
    """Without signs that are repeated."""
    width = len(a)
    while width > 1 and a[width - 1] == a[width - 2]:
        width -= 1
    return a[:width]
