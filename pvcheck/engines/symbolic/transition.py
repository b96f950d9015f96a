"""The step of an instance as a circuit: from a state and the solver's choices to the state after it.

One circuit per thread family does the work of all its threads: which of them steps is an input. A
transaction is one step; it passes locations in a fixed order (see ``resting``), and what can come from
several locations is joined where they meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Circuit, Literal, Vector, constant
from pvcheck.engines.symbolic.expressions import Mover
from pvcheck.engines.symbolic.resting import Route, routes
from pvcheck.engines.symbolic.state import Bits, Cell, Thread, Whole
from pvcheck.engines.symbolic.steps import Exit, Inputs, Steps
from pvcheck.model import values
from pvcheck.model.code import Await, Goto
from pvcheck.model.compile_code import slots_of
from pvcheck.model.compiled import first_of
from pvcheck.model.model import Fault, ThreadFamily
from pvcheck.model.semantics import Semantics
from pvcheck.model.transactions import Kind, Movers
from pvcheck.model.types import Snapshot
from pvcheck.model.walk import nodes


@dataclass
class Inflow:
    """One way to come to a location inside a transaction."""

    live: Literal
    cells: list[Cell]
    slots: dict[int, Vector]
    committed: Literal = FALSE
    taken: dict[str, Literal] = field(default_factory=dict)
    """Per class of lock, whether the transaction began with taking one."""


@dataclass(frozen=True)
class Transition:
    """One step of the instance."""

    before: Whole
    """Inputs."""
    after: Whole
    """As functions of ``before`` and further inputs; what they are matters only where ``moves``."""
    who: Vector
    """The thread that steps."""
    moves: Literal
    """Whether it does, without a fault."""
    faults: dict[Fault, Literal]
    unsupported: Literal
    """Whether the step needs a number that the encoding has no room for."""


class Builder:
    """Makes the circuits of an instance.

    Raises:
        Unsupported: something cannot be said in bits.
        TooLargeCircuit: they are too large.
    """

    def __init__(self, semantics: Semantics, movers: Movers | None) -> None:
        self.semantics = semantics
        self.instance = semantics.instance
        self.circuit = Circuit()
        self.routes = routes(semantics, movers)
        self.bits = Bits(semantics, {name: r.resting for name, r in self.routes.items()})
        self.before = self.bits.new(self.circuit)
        self._mentioned: dict[tuple[str, int], frozenset[int]] = {}

    def transition(self) -> Transition:
        c, threads = self.circuit, len(self.instance.threads)
        who = c.inputs((threads - 1).bit_length())
        stepping = [c.is_number(who, t) for t in range(threads)]
        exits: list[tuple[Literal, list[Cell], list[Literal], Thread]] = []
        faults: dict[Fault, Literal] = {}
        unsupported: Literal = FALSE
        inputs = Inputs(c), Inputs(c)
        for family in self.semantics.model.threads:
            passage = _Passage(self, family, stepping, inputs)
            passage.run()
            exits += [(live, cells, passage.is_thread, part) for live, cells, part in passage.ends]
            for kind, literal in passage.faults.items():
                faults[kind] = c.disj(faults.get(kind, FALSE), literal)
            unsupported = c.disj(unsupported, passage.unsupported)
        return Transition(
            before=self.before,
            after=self._after(exits, stepping),
            who=who,
            moves=c.some(e[0] for e in exits),
            faults=faults,
            unsupported=unsupported,
        )

    def _after(
        self,
        exits: Sequence[tuple[Literal, list[Cell], list[Literal], Thread]],
        stepping: Sequence[Literal],
    ) -> Whole:
        c = self.circuit
        cells = tuple(
            Cell(
                c.one_of([(live, after[n].code) for live, after, _, _ in exits], len(before.code)),
                c.one_of(
                    [(live, after[n].sharers) for live, after, _, _ in exits], len(before.sharers)
                ),
            )
            for n, before in enumerate(self.before.cells)
        )
        threads: list[Thread] = []
        for t, before in enumerate(self.before.threads):
            mine = [(live, part) for live, _, is_thread, part in exits if is_thread[t] != FALSE]
            moved = Thread(
                c.one_of([(live, p.location) for live, p in mine], len(before.location)),
                c.one_of([(live, p.row) for live, p in mine], len(before.row)),
            )
            threads.append(
                Thread(
                    c.mux(stepping[t], moved.location, before.location),
                    c.mux(stepping[t], moved.row, before.row),
                )
            )
        return Whole(cells, tuple(threads))

    # Parts of states

    def mover(self, thread: int) -> Mover:
        """A thread that is known."""
        family, element = self.instance.threads[thread]
        return Mover(
            tuple(int(t == thread) for t in range(len(self.instance.threads))),
            self.element(family, element),
        )

    def element(self, family: ThreadFamily, element: int | None) -> Vector:
        if family.sort is None:
            return ()
        return constant(element or 0, self.bits.encoding.width(family.sort))

    def at(self, thread: int, location: int) -> Literal:
        """Whether the thread is there."""
        family, _ = self.instance.threads[thread]
        where = self.bits.families[family.name].number(location)
        return self.circuit.is_number(self.before.threads[thread].location, where)

    def slots(
        self, steps: Steps, row: Vector, own: Sequence[Vector], location: int
    ) -> dict[int, Vector]:
        """The locals at a location. ``own``: the thread's snapshots."""
        family = steps.family
        bits = self.bits.families[family.name]
        live = family.locations[location].live
        snapshots = self.bits.layout.snapshot_slots[family.name]
        slots = self.defaults(steps, location)
        for slot in self.bits.kept(family, location):
            start, width = bits.slots[slot]
            slots[slot] = steps.from_code(row[start : start + width], family.locals[slot].type)
        for slot, value in zip(snapshots, own, strict=True):
            if slot in live:
                slots[slot] = value
        return slots

    def defaults(self, steps: Steps, location: int) -> dict[int, Vector]:
        """What locals hold that are not live at a location."""
        family = steps.family
        return {
            slot: steps.constant(
                values.default(family.locals[slot].type, self.instance), family.locals[slot].type
            )
            for slot in self.mentioned(family, location)
        }

    def mentioned(self, family: ThreadFamily, location: int) -> frozenset[int]:
        """The locals that the step from a location has to do with."""
        key = family.name, location
        if key not in self._mentioned:
            at = family.locations[location]
            inside = list(nodes(at.code))
            found = {*at.live, *slots_of(inside)}
            for node in inside:
                if isinstance(node, Goto) and node.location >= 0:
                    found.update(family.locations[node.location].live)
            self._mentioned[key] = frozenset(found)
        return self._mentioned[key]


class _Passage:
    """All transactions of a family's threads."""

    def __init__(
        self,
        builder: Builder,
        family: ThreadFamily,
        stepping: Sequence[Literal],
        inputs: tuple[Inputs, Inputs],
    ) -> None:
        """``inputs``: for choices of steps that begin a transaction, and of those that wait for a condition,
        which may come later in one."""
        c = self.circuit = builder.circuit
        self.builder = builder
        self.family = family
        self.bits = builder.bits
        self.route: Route = builder.routes[family.name]
        self.inputs = inputs
        instance = builder.instance
        threads = [t for t, (f, _) in enumerate(instance.threads) if f is family]
        self.steps_here = c.some(stepping[t] for t in threads)
        alone = len(threads) == 1
        self.is_thread = [
            FALSE if t not in threads else TRUE if alone else stepping[t]
            for t in range(len(stepping))
        ]
        chosen = [(self.is_thread[t], t) for t in threads]
        sort = family.sort
        self.me: Vector = (
            ()
            if sort is None
            else c.one_of(
                [(is_, builder.element(family, instance.threads[t][1])) for is_, t in chosen],
                self.bits.encoding.width(sort),
            )
        )
        before = builder.before
        bits = self.bits.families[family.name]
        self.location = c.one_of(
            [(is_, before.threads[t].location) for is_, t in chosen], bits.location_width
        )
        self.row = c.one_of([(is_, before.threads[t].row) for is_, t in chosen], bits.width)
        layout = self.bits.layout
        self.snapshots = layout.snapshot_slots[family.name]
        self.own: list[Vector] = [
            c.one_of(
                [(is_, before.cells[layout.snapshot_start[t] + n].code) for is_, t in chosen],
                self.bits.encoding.width(family.locals[slot].type),
            )
            for n, slot in enumerate(self.snapshots)
        ]
        self.inflows: dict[int, list[Inflow]] = {n: [] for n in self.route.order}
        self.ends: list[tuple[Literal, list[Cell], Thread]] = []
        self.faults: dict[Fault, Literal] = {}
        self.unsupported: Literal = FALSE

    def run(self) -> None:
        for location in self.route.order:
            self._pass(location)

    def _steps(self, location: int) -> Steps:
        mover = Mover(tuple(self.is_thread), self.me)
        awaits = (
            self.route.movers is not None
            and location >= 0
            and self.route.movers[location].kind is Kind.AWAIT
        )
        inputs = self.inputs[awaits]
        inputs.again()
        return Steps(self.circuit, self.bits, mover, self.family, inputs.choose)

    def _pass(self, location: int) -> None:
        inflows = self.inflows.pop(location)
        steps = self._steps(location)
        if location in self.route.resting:
            number = self.bits.families[self.family.name].number(location)
            here = self.circuit.conj(self.steps_here, self.circuit.is_number(self.location, number))
            slots = self.builder.slots(steps, self.row, self.own, location)
            inflows.append(Inflow(here, list(self.builder.before.cells), slots))
        if inflows:
            self._step(location, steps, self._joined(location, steps, inflows))

    def _joined(self, location: int, steps: Steps, inflows: list[Inflow]) -> Inflow:
        if len(inflows) == 1:
            return inflows[0]
        c = self.circuit
        first = inflows[0]
        cells = [
            cell
            if all(i.cells[n] is cell for i in inflows)
            else Cell(
                c.one_of([(i.live, i.cells[n].code) for i in inflows], len(cell.code)),
                c.one_of([(i.live, i.cells[n].sharers) for i in inflows], len(cell.sharers)),
            )
            for n, cell in enumerate(first.cells)
        ]
        slots = self.builder.defaults(steps, location)
        for slot in self.family.locations[location].live:
            type_ = self.family.locals[slot].type
            slots[slot] = steps.one_of([(i.live, i.slots[slot]) for i in inflows], type_)
        classes = {class_ for i in inflows for class_ in i.taken}
        return Inflow(
            c.some(i.live for i in inflows),
            cells,
            slots,
            c.some(c.conj(i.live, i.committed) for i in inflows),
            {k: c.some(c.conj(i.live, i.taken.get(k, FALSE)) for i in inflows) for k in classes},
        )

    def _step(self, location: int, steps: Steps, begun: Inflow) -> None:
        c = self.circuit
        steps.live, steps.cells, steps.slots = begun.live, list(begun.cells), dict(begun.slots)
        steps.step(self.family.locations[location].code)
        for kind, literal in steps.faults.items():
            self.faults[kind] = c.disj(self.faults.get(kind, FALSE), literal)
        self.unsupported = c.disj(self.unsupported, steps.unsupported)
        committed, taken = begun.committed, begun.taken
        if self.route.movers is not None:
            mover = self.route.movers[location]
            committed = TRUE if mover.commits else committed
            if mover.takes is not None:
                taken = {mover.takes: TRUE}
        for exit_ in steps.exits:
            self._go(location, exit_, committed, taken)

    def _go(self, source: int, exit_: Exit, committed: Literal, taken: dict[str, Literal]) -> None:
        """On with the transaction, or to its end."""
        c, target = self.circuit, exit_.location
        on: Literal = FALSE
        if self.route.may_go_on(source, target):
            on = self._goes_on(exit_, committed, taken)
        goes, ends = c.conj(exit_.live, on), c.conj(exit_.live, on ^ 1)
        if goes != FALSE:
            live = self.family.locations[target].live
            slots = {**self.builder.defaults(self._steps(target), target)}
            slots |= {slot: exit_.slots[slot] for slot in live}
            self.inflows[target].append(Inflow(goes, exit_.cells, slots, committed, taken))
        if ends != FALSE:
            self.ends.append((ends, *self._end(exit_)))

    def _goes_on(self, exit_: Exit, committed: Literal, taken: dict[str, Literal]) -> Literal:
        assert self.route.movers is not None, "else nothing goes on"
        c, mover = self.circuit, self.route.movers[exit_.location]
        any_taken = c.some(taken.values())
        match mover.kind:
            case Kind.AWAIT:
                free = c.conj(committed ^ 1, any_taken ^ 1)
                return FALSE if free == FALSE else c.conj(free, self._can_go_on(exit_))
            case Kind.NON:
                return committed ^ 1
            case _:
                return TRUE if mover.releases is None else taken.get(mover.releases, FALSE) ^ 1

    def _can_go_on(self, exit_: Exit) -> Literal:
        """Whether what the next step waits for is so, or faults: else the transaction ends before it."""
        location = self.family.locations[exit_.location]
        steps = self._steps(exit_.location)
        slots = {**self.builder.defaults(steps, exit_.location)}
        slots |= {slot: exit_.slots[slot] for slot in location.live}
        steps.live, steps.cells, steps.slots = exit_.live, list(exit_.cells), slots
        first = first_of(location.code)
        assert isinstance(first, Await), "a step of this kind begins so"
        holds = steps.test(first.condition)
        steps.settle(stored=False)
        return self.circuit.disj(holds, steps.live ^ 1)

    def _end(self, exit_: Exit) -> tuple[list[Cell], Thread]:
        """The shared part and the thread's where it rests."""
        c, layout = self.circuit, self.bits.layout
        target = exit_.location
        bits = self.bits.families[self.family.name]
        live = self.family.locations[target].live if target >= 0 else ()
        cells = list(exit_.cells)
        for n, slot in enumerate(self.snapshots):
            type_ = self.family.locals[slot].type
            width = self.bits.encoding.width(type_)
            value = exit_.slots[slot] if slot in live else (FALSE,) * width
            assert isinstance(type_, Snapshot), "the slot of a snapshot"
            for t, is_thread in enumerate(self.is_thread):
                if is_thread != FALSE:
                    cell = layout.snapshot_start[t] + n
                    cells[cell] = Cell(c.mux(is_thread, value, cells[cell].code))
        row = [FALSE] * bits.width
        steps = self._steps(target)
        for slot in self.bits.kept(self.family, target):
            start, width = bits.slots[slot]
            code = steps.to_code(exit_.slots[slot], self.family.locals[slot].type)
            row[start : start + width] = code
        where = constant(bits.number(target), bits.location_width)
        return cells, Thread(where, tuple(row))
