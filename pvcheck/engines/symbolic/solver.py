"""Solvers that are asked whether conditions, literals of a circuit, can hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from pvcheck.engines.symbolic.circuit import FALSE, Circuit, Literal, Vector

SEED = 1
"""Of whatever a solver chooses at random: the same question, the same answer."""


class Solver(Protocol):
    """Knows what was required; keeps what it has learned between questions."""

    circuit: Circuit

    def require(self, clause: Sequence[Literal]) -> None:
        """One of the literals holds."""

    def solve(self, assumed: Sequence[Literal], seconds: float | None) -> bool | None:
        """Whether all that is required can hold together with what is assumed; ``None``: not known."""

    def values(self, literals: Sequence[Literal]) -> Vector:
        """What they are in the solution found last."""

    def core(self) -> list[Literal]:
        """Of what was assumed last, enough that there is no solution."""


class NoSolver(Exception):
    """It is not installed; the message says how to install it."""


Maker = Callable[[Circuit], Solver]


class _Gates:
    """Which gates a solver knows, and what all gates are in a solution."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._known = bytearray(b"\1")
        self._solution: dict[int, int] = {}

    def unknown(self, literals: Iterable[Literal]) -> list[int]:
        """The nodes that the literals depend on and the solver does not know, earlier ones first; from now on it
        does."""
        left, right, known = self.circuit.left, self.circuit.right, self._known
        known.extend(bytes(len(left) - len(known)))
        todo = [literal >> 1 for literal in literals]
        found: list[int] = []
        while todo:
            node = todo.pop()
            if known[node]:
                continue
            known[node] = 1
            found.append(node)
            if left[node] >= 0:
                todo.append(left[node] >> 1)
                todo.append(right[node] >> 1)
        found.sort()
        return found

    def solved(self) -> None:
        """There is a new solution."""
        self._solution = {0: 0}

    def values(self, literals: Sequence[Literal], told: Callable[[int], bool]) -> Vector:
        """``told``: what the solver says of an input that it knows. The others do not matter."""
        left, right, solution = self.circuit.left, self.circuit.right, self._solution
        for literal in literals:
            todo = [literal >> 1]
            while todo:
                node = todo[-1]
                if node in solution:
                    todo.pop()
                    continue
                a, b = left[node], right[node]
                if a < 0:
                    known = node < len(self._known) and self._known[node]
                    solution[node] = int(known and told(node))
                    continue
                missing = [n for n in (a >> 1, b >> 1) if n not in solution]
                todo += missing
                if not missing:
                    solution[node] = (solution[a >> 1] ^ a & 1) & (solution[b >> 1] ^ b & 1)
        return tuple(solution[literal >> 1] ^ literal & 1 for literal in literals)


class Clauses:
    """CaDiCaL, through python-sat, where that is installed. It looks at no clock while it works."""

    name = "cadical"

    def __init__(self, circuit: Circuit) -> None:
        # Not everybody has it.
        from pysat.solvers import Solver as Sat  # noqa: PLC0415

        self.circuit = circuit
        self._gates = _Gates(circuit)
        self._solver = Sat(name="cadical195")
        self._solver.add_clause([-1])
        self._model: list[int] = []
        self._assumed: dict[int, Literal] = {}

    def require(self, clause: Sequence[Literal]) -> None:
        self._define(clause)
        self._solver.add_clause([_variable(literal) for literal in clause])

    def _define(self, literals: Iterable[Literal]) -> None:
        circuit, add = self._gates.circuit, self._solver.add_clause
        for node in self._gates.unknown(literals):
            a = circuit.left[node]
            if a >= 0:
                both = node + 1
                x, y = _variable(a), _variable(circuit.right[node])
                add([-both, x])
                add([-both, y])
                add([both, -x, -y])

    def solve(self, assumed: Sequence[Literal], seconds: float | None) -> bool | None:
        self._define(assumed)
        self._assumed = {_variable(literal): literal for literal in assumed}
        answer: bool | None
        try:
            answer = self._solver.solve(assumptions=list(self._assumed))
        except Exception as error:
            # It reports an interrupt as an error of a class that has no name outside.
            if "interrupt" not in str(error):
                raise
            raise KeyboardInterrupt from error
        self._model = self._solver.get_model() if answer else []
        self._gates.solved()
        return answer

    def values(self, literals: Sequence[Literal]) -> Vector:
        return self._gates.values(
            literals, lambda node: node < len(self._model) and self._model[node] > 0
        )

    def core(self) -> list[Literal]:
        return [self._assumed[v] for v in self._solver.get_core() or []]


def _variable(literal: Literal) -> int:
    number = (literal >> 1) + 1
    return -number if literal & 1 else number


class Z3:
    """z3, with its solver for finite domains."""

    name = "z3"

    def __init__(self, circuit: Circuit) -> None:
        import z3  # noqa: PLC0415 - takes its time

        self._z3: Any = z3
        self.circuit = circuit
        self._gates = _Gates(circuit)
        self._context = z3.Context()
        self._solver: Any = z3.SolverFor("QF_FD", ctx=self._context)
        self._solver.set("random_seed", SEED)
        self._terms: dict[Literal, Any] = {
            FALSE: z3.BoolVal(False, self._context),
            FALSE ^ 1: z3.BoolVal(True, self._context),
        }
        self._model: Any = None
        self._assumed: dict[int, Literal] = {}

    def require(self, clause: Sequence[Literal]) -> None:
        self._define(clause)
        terms = [self._term(literal) for literal in clause]
        self._solver.add(self._z3.Or(*terms) if len(terms) > 1 else terms[0])

    def _define(self, literals: Iterable[Literal]) -> None:
        circuit, z3 = self._gates.circuit, self._z3
        for node in self._gates.unknown(literals):
            a = circuit.left[node]
            self._terms[2 * node] = (
                z3.Bool(f"b{node}", self._context)
                if a < 0
                else z3.And(self._term(a), self._term(circuit.right[node]))
            )

    def _term(self, literal: Literal) -> Any:
        term = self._terms.get(literal)
        if term is None:
            term = self._terms[literal] = self._z3.Not(self._terms[literal ^ 1])
        return term

    def solve(self, assumed: Sequence[Literal], seconds: float | None) -> bool | None:
        self._define(assumed)
        terms = [self._term(literal) for literal in assumed]
        self._assumed = {t.get_id(): x for t, x in zip(terms, assumed, strict=True)}
        if seconds is not None:
            self._solver.set("timeout", max(1, int(seconds * 1000)))
        answer = self._solver.check(*terms)
        self._gates.solved()
        if answer == self._z3.unknown:
            if "interrupted" in self._solver.reason_unknown():
                raise KeyboardInterrupt
            return None
        self._model = self._solver.model() if answer == self._z3.sat else None
        return bool(answer == self._z3.sat)

    def values(self, literals: Sequence[Literal]) -> Vector:
        return self._gates.values(literals, self._told)

    def _told(self, node: int) -> bool:
        return bool(self._z3.is_true(self._model[self._terms[2 * node]]))

    def core(self) -> list[Literal]:
        return [self._assumed[t.get_id()] for t in self._solver.unsat_core()]


def choose(name: str | None, *, timed: bool = False) -> Maker:
    """What makes solvers of that name; by default the fastest that is installed, and keeps time if ``timed``.

    Raises:
        NoSolver: that one is not.
    """
    found = find_spec("pysat") is not None
    if name == Clauses.name and not found:
        raise NoSolver("pip install 'pmap-pvcheck[sat]'")
    if name == Clauses.name or (name is None and found and not timed):
        return Clauses
    if find_spec("z3") is None:
        raise NoSolver("pip install z3-solver")
    return Z3
