"""And-inverter graphs: Boolean functions of inputs, shared where they are equal.

A literal is a number: twice the number of its node, plus 1 if negated. Node 0 is the constant false, so
``FALSE`` is 0 and ``TRUE`` is 1. A vector is a tuple of literals, least bit first.

Source: Kuehlmann, Paruthi, Krohm, Ganai, "Robust Boolean Reasoning for Equivalence Checking and Functional
Property Verification" (IEEE TCAD 21, 2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Literal = int
Vector = tuple[Literal, ...]

FALSE: Literal = 0
TRUE: Literal = 1


class TooLargeCircuit(Exception):
    """The functions need more gates than there is room for."""


MOST_GATES = 30_000_000


class Circuit:
    """Gates, each the conjunction of two literals of earlier nodes."""

    def __init__(self) -> None:
        self.left: list[Literal] = [-1]
        """Per node; -1: no gate but an input or the constant."""
        self.right: list[Literal] = [-1]
        self._gates: dict[tuple[Literal, Literal], Literal] = {}

    def input(self) -> Literal:
        """A new input."""
        self.left.append(-1)
        self.right.append(-1)
        return 2 * (len(self.left) - 1)

    def inputs(self, width: int) -> Vector:
        return tuple(self.input() for _ in range(width))

    def below(self, literals: Iterable[Literal]) -> list[int]:
        """The nodes that these are made of, but the constant; each after those that it is made of."""
        found: set[int] = set()
        waiting = [literal >> 1 for literal in literals]
        while waiting:
            node = waiting.pop()
            if node and node not in found:
                found.add(node)
                if self.left[node] >= 0:
                    waiting += (self.left[node] >> 1, self.right[node] >> 1)
        return sorted(found)

    def conj(self, a: Literal, b: Literal) -> Literal:
        """Both."""
        if a > b:
            a, b = b, a
        if a <= TRUE:
            return b if a else FALSE
        if a ^ b <= 1:
            return a if a == b else FALSE
        gate = self._gates.get((a, b))
        if gate is not None:
            return gate
        node = b >> 1
        left, right = self.left[node], self.right[node]
        if left >= 0 and (a in (left, right) or a ^ 1 in (left, right)):
            # ``a`` is, or contradicts, a part of ``b``.
            if b & 1 == 0:
                return b if a in (left, right) else FALSE
            if a ^ 1 in (left, right):
                return a
            return self.conj(a, (right if a == left else left) ^ 1)
        gate = 2 * len(self.left)
        if gate > 2 * MOST_GATES:
            raise TooLargeCircuit(f"a function of more than {MOST_GATES} gates")
        self.left.append(a)
        self.right.append(b)
        self._gates[a, b] = gate
        return gate

    def disj(self, a: Literal, b: Literal) -> Literal:
        """One or both."""
        return self.conj(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: Literal, b: Literal) -> Literal:
        if a <= TRUE:
            return b ^ a
        if b <= TRUE:
            return a ^ b
        sign = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        both, neither = self.conj(a, b), self.conj(a ^ 1, b ^ 1)
        return self.conj(both ^ 1, neither ^ 1) ^ sign

    def choose(self, condition: Literal, then: Literal, otherwise: Literal) -> Literal:
        if condition <= TRUE:
            return then if condition else otherwise
        if then == otherwise:
            return then
        if then ^ otherwise == 1:
            return self.xor(condition, otherwise)
        return self.disj(self.conj(condition, then), self.conj(condition ^ 1, otherwise))

    def every(self, literals: Iterable[Literal]) -> Literal:
        """All of them, as a balanced tree."""
        row = sorted(set(literals))
        while len(row) > 1:
            row = [
                self.conj(row[k], row[k + 1]) if k + 1 < len(row) else row[k]
                for k in range(0, len(row), 2)
            ]
        return row[0] if row else TRUE

    def some(self, literals: Iterable[Literal]) -> Literal:
        """One at least."""
        return self.every(literal ^ 1 for literal in literals) ^ 1

    # Vectors

    def mux(self, condition: Literal, then: Vector, otherwise: Vector) -> Vector:
        """Vectors of one width."""
        if condition <= TRUE:
            return then if condition else otherwise
        return tuple(self.choose(condition, a, b) for a, b in zip(then, otherwise, strict=True))

    def equal(self, a: Vector, b: Vector) -> Literal:
        return self.every(self.xor(x, y) ^ 1 for x, y in zip(a, b, strict=True))

    def is_number(self, a: Vector, number: int) -> Literal:
        """Whether the vector, without a sign, is this number."""
        if number < 0 or number >> len(a):
            return FALSE
        return self.every(bit if number >> k & 1 else bit ^ 1 for k, bit in enumerate(a))

    def less(self, a: Vector, b: Vector) -> Literal:
        """Without signs."""
        result = FALSE
        for x, y in zip(a, b, strict=True):
            result = self.choose(self.xor(x, y), y, result)
        return result

    def at_most(self, a: Vector, number: int) -> Literal:
        """Whether the vector, without a sign, is at most this number."""
        if number < 0:
            return FALSE
        if number >> len(a) or number == (1 << len(a)) - 1:
            return TRUE
        return self.less(constant(number, len(a)), a) ^ 1

    def one_of(self, choices: Sequence[tuple[Literal, Vector]], width: int) -> Vector:
        """The vector whose condition holds; of the conditions, at most one does. Else 0."""
        if len(choices) == 1 and choices[0][0] == TRUE:
            return choices[0][1]
        alike: dict[Vector, list[Literal]] = {}
        for condition, vector in choices:
            if condition != FALSE:
                alike.setdefault(vector, []).append(condition)
        conditions = [(self.some(same), vector) for vector, same in alike.items()]
        return tuple(
            self.some(self.conj(condition, vector[k]) for condition, vector in conditions)
            for k in range(width)
        )

    def add(self, a: Vector, b: Vector, carry: Literal = FALSE) -> Vector:
        """The sum modulo two to the width, which both have."""
        result: list[Literal] = []
        for x, y in zip(a, b, strict=True):
            half = self.xor(x, y)
            result.append(self.xor(half, carry))
            carry = self.disj(self.conj(x, y), self.conj(half, carry))
        return tuple(result)


def constant(number: int, width: int) -> Vector:
    """The number, modulo two to the width."""
    return tuple(number >> k & 1 for k in range(width))


def number_of(vector: Vector) -> int | None:
    """The number that a vector of constants is, without a sign."""
    result = 0
    for k, bit in enumerate(vector):
        if bit > TRUE:
            return None
        result |= bit << k
    return result


def negated(vector: Vector) -> Vector:
    return tuple(bit ^ 1 for bit in vector)
