"""The step as a circuit against the reference semantics: the same successors, faults and judgements."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from strategies import specifications
from systems import instance

from pvcheck.diagnostics import SpecError
from pvcheck.engines.symbolic.circuit import Circuit, Literal, Vector
from pvcheck.engines.symbolic.state import Whole
from pvcheck.engines.symbolic.system import System, system
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.replay import violated
from pvcheck.model.semantics import State
from pvcheck.reduce.movers import movers
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
MOST_STATES = 120
MOST_INPUTS = 13
"""All values of the inputs that say what is chosen are tried at once."""
WRITTEN = [
    *sorted((ROOT / "agreement" / "specs").glob("*.pv")),
    *(ROOT / "specs" / f"{name}.pv" for name in ("abba", "good", "hidden_order", "swapped")),
    *(ROOT.parent / "specs" / "primitives").glob("*_*.pv"),
]


class Tables:
    """Every function of a circuit, for all values of some inputs at once: bit n is for value n."""

    def __init__(self, circuit: Circuit, free: list[int]) -> None:
        self.circuit = circuit
        self.rows = 1 << len(free)
        self.full = (1 << self.rows) - 1
        self.free = {node: self._column(k) for k, node in enumerate(free)}

    def _column(self, k: int) -> int:
        column, size = ((1 << (1 << k)) - 1) << (1 << k), 2 << k
        while size < self.rows:
            column |= column << size
            size *= 2
        return column

    def fill(self, given: dict[int, int]) -> None:
        left, right, full = self.circuit.left, self.circuit.right, self.full
        values = self.values = [0] * len(left)
        for node in range(1, len(left)):
            a, b = left[node], right[node]
            if a < 0:
                values[node] = self.free.get(node, full if given.get(node) else 0)
                continue
            x = values[a >> 1] ^ full if a & 1 else values[a >> 1]
            y = values[b >> 1] ^ full if b & 1 else values[b >> 1]
            values[node] = x & y

    def __call__(self, literal: Literal) -> int:
        value = self.values[literal >> 1]
        return value ^ self.full if literal & 1 else value


def made(what: Instance, *, transactions: bool) -> tuple[System, Literal, Tables] | None:
    """``None``: there are too many choices to try them all."""
    semantics = what.semantics
    step = system(what, movers(semantics) if transactions else None, what.model.safety)
    formed = step.judging.well_formed()
    circuit = step.judging.circuit
    state = {literal >> 1 for literal in step.before}
    free = [n for n in range(1, len(circuit.left)) if circuit.left[n] < 0 and n not in state]
    if len(free) > MOST_INPUTS:
        return None
    return step, formed, Tables(circuit, free)


def successors(step: System, tables: Tables) -> set[State]:
    """All states after the step, each of which must have no other bits than those of its values."""
    columns = [tables(literal) for literal in step.after]
    moves = tables(step.moves)
    rows = {tuple(c >> n & 1 for c in columns) for n in range(tables.rows) if moves >> n & 1}
    found = {row: step.decode(row) for row in rows}
    for row, state in found.items():
        assert step.encode(state) == row
    return set(found.values())


def look(step: System, formed: Literal, tables: Tables, state: State) -> None:
    """Judge everything that the circuit says of the state itself."""
    bits: Vector = step.encode(state)
    assert step.decode(bits) == state
    tables.fill({x >> 1: bit for x, bit in zip(step.before, bits, strict=True)})
    assert tables(formed) == tables.full
    assert tables(step.unsupported) == 0
    for name, literal in step.violated.items():
        expected = violated(step.instance.semantics, name, state, None)
        assert tables(literal) == (tables.full if expected else 0), name


def agreed(what: Instance) -> bool:
    """Whether the instance was small enough to compare every step of some states."""
    if what.semantics.initial_fault is not None:
        return False
    found = made(what, transactions=False)
    if found is None:
        return False
    step, formed, tables = found
    todo, seen = [what.semantics.initial], {what.semantics.initial}
    for state in todo[:MOST_STATES]:
        look(step, formed, tables, state)
        expected: set[State] = set()
        faults = set()
        for _, outcome, after in what.semantics.successors(state):
            if after is None:
                assert outcome.fault is not None
                faults.add(outcome.fault.kind)
            else:
                expected.add(after)
        assert successors(step, tables) == expected
        assert {kind for kind, literal in step.faults.items() if tables(literal)} == faults
        for after in expected - seen:
            seen.add(after)
            todo.append(after)
    return True


def reachable(what: Instance) -> set[State] | None:
    seen, todo = {what.semantics.initial}, [what.semantics.initial]
    for state in todo:
        if len(seen) > 2_000:
            return None
        for _, _, after in what.semantics.successors(state):
            if after is not None and after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


def only_real_transactions(what: Instance) -> bool:
    """Whether every transaction of some states leads to a state that can be reached, with the same faults overall."""
    if what.semantics.initial_fault is not None:
        return False
    real, found = reachable(what), made(what, transactions=True)
    if found is None or real is None:
        return False
    step, formed, tables = found
    todo, seen = [what.semantics.initial], {what.semantics.initial}
    for state in todo[:MOST_STATES]:
        look(step, formed, tables, state)
        after = successors(step, tables)
        assert after <= real
        todo += after - seen
        seen |= after
    return True


def instances(path: Path) -> list[Instance]:
    return [job.instance for job in prepare(path, Selection(all_instances=True))]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_written_specifications(path: Path) -> None:
    for what in instances(path):
        agreed(what)
        only_real_transactions(what)


def test_most_of_them_are_compared() -> None:
    judged = [agreed(what) for path in WRITTEN for what in instances(path)[:1]]

    assert judged.count(True) >= len(judged) - 1


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(specifications(5))
def test_random_specifications(text: str) -> None:
    try:
        what = instance(text)
        judged = agreed(what)
        only_real_transactions(what)
    except (SpecError, Unsupported):
        judged = False
    assume(judged)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(specifications(5))
def test_random_specifications_at_length(text: str) -> None:
    test_random_specifications.hypothesis.inner_test(text)  # type: ignore[attr-defined]


def test_vectors_keep_their_shape() -> None:
    (what,) = instances(ROOT / "specs" / "abba.pv")
    step = system(what, None, ())
    whole: Whole = step.judging.state

    assert len(whole.bits()) == len(step.before) == len(step.after)
