"""A transition taken again and again: each step's circuit over what the step before has left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pvcheck.engines.symbolic.circuit import FALSE, Circuit, Literal, Vector


class Template:
    """Functions of a circuit's inputs that are wanted of each step, and nothing else of it."""

    def __init__(
        self, circuit: Circuit, wanted: Iterable[Literal], inputs: Iterable[Literal]
    ) -> None:
        """``inputs``: those that are given, the bits of the state."""
        self._circuit = circuit
        self.inputs = tuple(inputs)
        self._nodes = circuit.below(wanted)

    @property
    def gates(self) -> int:
        return sum(self._circuit.left[n] >= 0 for n in self._nodes)

    @property
    def choices(self) -> Vector:
        """The inputs that are not given."""
        given = {literal >> 1 for literal in self.inputs}
        left = self._circuit.left
        return tuple(2 * n for n in self._nodes if left[n] < 0 and n not in given)

    def copy(self, target: Circuit, state: Vector) -> Copy:
        """The functions over the given bits and new inputs."""
        left, right = self._circuit.left, self._circuit.right
        made: dict[int, Literal] = {0: FALSE}
        for literal, bit in zip(self.inputs, state, strict=True):
            made[literal >> 1] = bit ^ (literal & 1)
        conj = target.conj
        for node in self._nodes:
            if node in made:
                continue
            a, b = left[node], right[node]
            if a < 0:
                made[node] = target.input()
            else:
                made[node] = conj(made[a >> 1] ^ (a & 1), made[b >> 1] ^ (b & 1))
        return Copy(made)


class Copy:
    """The functions of one step."""

    def __init__(self, made: Mapping[int, Literal]) -> None:
        self._made = made

    def __call__(self, literal: Literal) -> Literal:
        return self._made[literal >> 1] ^ (literal & 1)

    def row(self, vector: Sequence[Literal]) -> Vector:
        return tuple(self._made[literal >> 1] ^ (literal & 1) for literal in vector)
