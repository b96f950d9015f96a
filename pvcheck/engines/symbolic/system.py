"""An instance as one circuit, ready to be taken apart into steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pvcheck.engines.symbolic.circuit import Literal, Vector
from pvcheck.engines.symbolic.frames import Template
from pvcheck.engines.symbolic.judging import Judging
from pvcheck.engines.symbolic.state import Bits, Cell, Thread, Whole
from pvcheck.engines.symbolic.transition import Builder
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.semantics import State
from pvcheck.model.transactions import Movers


@dataclass(frozen=True)
class System:
    """What is asked of each state, and of the step from it; all of them literals of one circuit."""

    instance: Instance
    bits: Bits
    judging: Judging
    before: Vector
    """The bits of the state."""
    after: Vector
    """Those of the state after the step, if it is taken."""
    who: Vector
    moves: Literal
    """Whether the step is taken, and ends in no fault."""
    faults: dict[Fault, Literal]
    unsupported: Literal
    violated: dict[str, Literal]
    """Per property of states."""
    transactions: bool
    """Whether a step is a transaction."""

    @property
    def wanted(self) -> tuple[Literal, ...]:
        """All of them."""
        return (
            *self.after,
            *self.who,
            self.moves,
            *self.faults.values(),
            self.unsupported,
            *self.violated.values(),
        )

    @property
    def parts(self) -> list[range]:
        """Which bits of a state are those of one cell, or of one thread."""
        shape, end = self.judging.state, 0
        parts: list[range] = []
        cells = [len(cell.code) + len(cell.sharers) for cell in shape.cells]
        for width in (*cells, *(len(t.location) + len(t.row) for t in shape.threads)):
            parts.append(range(end, end + width))
            end += width
        return parts

    @property
    def bit_names(self) -> list[str]:
        """What the bits of a state are called, for certificates."""
        layout, bits = self.bits.layout, self.bits
        named = {cell: name for cell, name, _ in layout.variable_cells()}
        names: list[str] = []
        for n, cell in enumerate(self.judging.state.cells):
            name = layout.lock_names[n] if n < layout.lock_cells else named.get(n, f"snapshot {n}")
            owner = "owner of " if n < layout.lock_cells else ""
            names += [f"{owner}{name}.{k}" for k in range(len(cell.code))]
            names += [f"sharers of {name}.{k}" for k in range(len(cell.sharers))]
        for t, part in enumerate(self.judging.state.threads):
            thread = bits.instance.thread_name(t)
            names += [f"location of {thread}.{k}" for k in range(len(part.location))]
            names += [f"locals of {thread}.{k}" for k in range(len(part.row))]
        return names

    def template(self, *more: Literal) -> Template:
        """For copies of a step, in which also these further literals are wanted."""
        return Template(self.judging.circuit, (*self.wanted, *more), self.before)

    def decode(self, bits: Vector) -> State:
        """The state that these bits are."""
        rest = iter(bits)

        def take(vector: Vector) -> Vector:
            return tuple(next(rest) for _ in vector)

        shape = self.judging.state
        cells = tuple(Cell(take(cell.code), take(cell.sharers)) for cell in shape.cells)
        threads = tuple(Thread(take(part.location), take(part.row)) for part in shape.threads)
        return self.bits.state(Whole(cells, threads))

    def encode(self, state: State) -> Vector:
        """The bits of a state."""
        return self.bits.whole(state).bits()


def system(instance: Instance, movers: Movers | None, properties: Collection[str]) -> System:
    """
    Raises:
        Unsupported: something cannot be said in bits.
        TooLargeCircuit: the circuit would be too large.
    """
    builder = Builder(instance.semantics, movers)
    step = builder.transition()
    judging = Judging(builder)
    violated = judging.violated(properties)
    return System(
        instance=instance,
        bits=builder.bits,
        judging=judging,
        before=builder.before.bits(),
        after=step.after.bits(),
        who=step.who,
        moves=step.moves,
        faults=step.faults,
        unsupported=builder.circuit.disj(step.unsupported, judging.unsupported),
        violated=violated,
        transactions=movers is not None,
    )
