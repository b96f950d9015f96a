"""Properties of states as circuits, and which states are well formed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import product

from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Literal, Vector, constant
from pvcheck.engines.symbolic.expressions import Expressions
from pvcheck.engines.symbolic.state import Whole
from pvcheck.engines.symbolic.steps import Chooser, Steps
from pvcheck.engines.symbolic.transition import Builder
from pvcheck.model.code import Assume, Await, Lock, LockAction, Mode, Pick
from pvcheck.model.compile_model import judged
from pvcheck.model.compiled import first_of, waited_for
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import Bound, Expr
from pvcheck.model.model import DEADLOCK, FINISHED, LOCK_ORDER, Location
from pvcheck.model.semantics import STUCK
from pvcheck.model.types import (
    ArrayOf,
    Enum,
    Int,
    ListOf,
    Optional,
    Snapshot,
    Sort,
    Struct,
    Type,
)
from pvcheck.model.walk import nodes

MOST_RUNS = 2000
"""Of one step, that are looked at for one that is possible."""


class Judging:
    """Properties of the state that a builder's transition begins in."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.circuit = builder.circuit
        self.bits = builder.bits
        self.state: Whole = builder.before
        self.semantics = builder.semantics
        self.threads = range(len(builder.instance.threads))
        self.unsupported: Literal = FALSE
        """Whether what was judged needs a number that the encoding has no room for: then it says nothing."""
        self._wants: list[list[tuple[Lock, int, Literal]]] | None = None

    def violated(self, properties: Collection[str]) -> dict[str, Literal]:
        """Whether the state violates each of those properties that are of states."""
        found: dict[str, Literal] = {}
        if DEADLOCK in properties:
            found[DEADLOCK] = self._deadlock()
        if LOCK_ORDER in properties:
            found[LOCK_ORDER] = self._out_of_order()
        for invariant in self.semantics.model.invariants:
            if invariant.name in properties:
                binders = [binder for _, binder in invariant.binders]
                found[invariant.name] = self.holds(judged(invariant), binders) ^ 1
        return found

    def holds(self, condition: Expr, binders: Sequence[Bound] = ()) -> Literal:
        """Whether the condition holds for all values of the binders, and can be evaluated."""
        encoding = self.bits.encoding
        results: list[Literal] = []
        ranges = [encoding.all(b.type) for b in binders]
        for codes in product(*ranges):
            evaluation = Expressions(self.circuit, self.bits, None)
            evaluation.cells = list(self.state.cells)
            for binder, code in zip(binders, codes, strict=True):
                value = constant(code, encoding.width(binder.type))
                evaluation.bound[binder.number] = evaluation.from_code(value, binder.type)
            outcome = evaluation.test(condition)
            evaluation.settle(stored=False)
            holds = self.circuit.conj(outcome, evaluation.live)
            results.append(self.circuit.disj(holds, evaluation.unsupported))
            self.unsupported = self.circuit.disj(self.unsupported, evaluation.unsupported)
        return self.circuit.every(results)

    # Locks

    def wants(self) -> list[list[tuple[Lock, int, Literal]]]:
        """Per thread, the locks that it may be about to take, and whether it is."""
        if self._wants is None:
            self._wants = [list(self._wanted(t)) for t in self.threads]
        return self._wants

    def _wanted(self, thread: int) -> Iterator[tuple[Lock, int, Literal]]:
        for location, steps in self._resting(thread):
            lock = waited_for(location.code)
            if lock is not None:
                at = steps.lock_cell(lock.lock)
                for condition, cell in at:
                    is_it = self.circuit.conj(steps.live, condition)
                    if is_it != FALSE:
                        yield lock, cell, is_it

    def _resting(self, thread: int) -> Iterator[tuple[Location, Steps]]:
        """Where the thread may rest, and what its next step is evaluated with."""
        family, _ = self.builder.instance.threads[thread]
        for number in sorted(self.builder.routes[family.name].resting):
            steps = self.prepared(thread, number, _no_choice)
            if steps.live != FALSE:
                yield family.locations[number], steps

    def prepared(self, thread: int, location: int, choose: Chooser) -> Steps:
        """Ready to take the thread's step from a location, if it is there."""
        family, _ = self.builder.instance.threads[thread]
        steps = Steps(self.circuit, self.bits, self.builder.mover(thread), family, choose)
        layout = self.bits.layout
        start = layout.snapshot_start[thread]
        own = [
            self.state.cells[start + n].code for n in range(len(layout.snapshot_slots[family.name]))
        ]
        steps.live = self.builder.at(thread, location)
        steps.cells = list(self.state.cells)
        steps.slots = self.builder.slots(steps, self.state.threads[thread].row, own, location)
        return steps

    def _holds(self, cell: int, thread: int, *, exclusive: bool = False) -> Literal:
        return self.bits.holds(self.circuit, self.state.cells[cell], thread, exclusive)

    def _out_of_order(self) -> Literal:
        c = self.circuit
        wrong: list[Literal] = []
        for thread, wants in enumerate(self.wants()):
            locks = {cell: c.some(w for _, n, w in wants if n == cell) for _, cell, _ in wants}
            for cell, wanted in locks.items():
                allowed = self.semantics.may_precede[cell]
                late = [
                    self._holds(k, thread)
                    for k in range(self.bits.layout.lock_cells)
                    if k not in allowed and k != cell
                ]
                wrong.append(c.conj(wanted, c.some(late)))
        return c.some(wrong)

    # Deadlock

    def _deadlock(self) -> Literal:
        c = self.circuit
        finished = [self.builder.at(t, FINISHED) for t in self.threads]
        waits = [[self._waits(t, other) for other in self.threads] for t in self.threads]
        for middle in self.threads:
            for t in self.threads:
                for other in self.threads:
                    way = c.conj(waits[t][middle], waits[middle][other])
                    waits[t][other] = c.disj(waits[t][other], way)
        forever = [waits[t][t] for t in self.threads]
        forever += [c.conj(waits[t][u], finished[u]) for t in self.threads for u in self.threads]
        nobody = c.every(self.enabled(t) ^ 1 for t in self.threads)
        return c.disj(c.some(forever), c.conj(nobody, c.every(finished) ^ 1))

    def _waits(self, thread: int, other: int) -> Literal:
        """Whether the other is in the way of the lock that the thread waits for."""
        if thread == other:
            return FALSE
        c = self.circuit
        found: list[Literal] = []
        for lock, cell, wanted in self.wants()[thread]:
            if lock.action is LockAction.UPGRADE:
                alone = self._holds(cell, thread, exclusive=True)
                mine = c.conj(self._holds(cell, thread), alone ^ 1)
                blocked = c.conj(mine, self._holds(cell, other))
            else:
                exclusive = lock.mode is Mode.SHARED
                blocked = c.conj(
                    self._holds(cell, thread) ^ 1, self._holds(cell, other, exclusive=exclusive)
                )
            found.append(c.conj(wanted, blocked))
        return c.some(found)

    def enabled(self, thread: int) -> Literal:
        """Whether the thread can take a step, or faults."""
        family, _ = self.builder.instance.threads[thread]
        resting = sorted(self.builder.routes[family.name].resting)
        return self.circuit.some([self._possible(thread, number) for number in resting])

    def _possible(self, thread: int, location: int) -> Literal:
        """Whether the thread is at the location and can go on."""
        family, _ = self.builder.instance.threads[thread]
        code = family.locations[location].code
        inside = list(nodes(code))
        blocking = [n for n in inside if _may_block(n)]
        if not blocking:
            return self.builder.at(thread, location)
        first = first_of(code)
        if blocking == [first] and not isinstance(first, Pick):
            steps = self.prepared(thread, location, _no_choice)
            begun = steps.live
            steps.step((blocking[0],))
            return self.circuit.conj(begun, _ended(steps, steps.live))
        return self._some_run(thread, location)

    def _some_run(self, thread: int, location: int) -> Literal:
        """The same, by going through all that the step may choose."""
        family, _ = self.builder.instance.threads[thread]
        vector: list[int] = []
        found: list[Literal] = []
        for _ in range(MOST_RUNS):
            arities: list[int] = []

            def choose(arity: int, arities: list[int] = arities) -> Sequence[Literal]:
                arities.append(arity)
                if len(vector) < len(arities):
                    vector.append(0)
                return constant(1 << vector[len(arities) - 1], arity)

            steps = self.prepared(thread, location, choose)
            begun = steps.live
            steps.step(family.locations[location].code)
            ways = self.circuit.some(e.live for e in steps.exits)
            found.append(self.circuit.conj(begun, _ended(steps, ways)))
            if found[-1] == begun:
                return begun
            while vector and vector[-1] + 1 == arities[len(vector) - 1]:
                vector.pop()
            if not vector:
                return self.circuit.some(found)
            vector[-1] += 1
        raise Unsupported("so many choices in one step")

    # Well-formed states

    def well_formed(self) -> Literal:
        """Whether every code is that of a value, every location one where the thread can rest."""
        parts: list[Literal] = []
        for number, (cell, type_) in enumerate(zip(self.state.cells, self.bits.types, strict=True)):
            if type_ is not None:
                parts.append(self.is_value(cell.code, type_))
                continue
            owned = self.circuit.some(cell.code)
            parts.append(self.circuit.at_most(cell.code, len(self.threads)))
            parts += [self.circuit.conj(owned, s) ^ 1 for s in cell.sharers]
            assert number < self.bits.layout.lock_cells, "locks come first"
        parts += [self._local_formed(t) for t in self.threads]
        return self.circuit.every(parts)

    def _local_formed(self, thread: int) -> Literal:
        family, _ = self.builder.instance.threads[thread]
        bits, part = self.bits.families[family.name], self.state.threads[thread]
        layout = self.bits.layout
        snapshots = layout.snapshot_slots[family.name]
        ways: list[Literal] = []
        for number in bits.locations:
            here = self.builder.at(thread, number)
            used: set[int] = set()
            formed: list[Literal] = [here]
            for slot in self.bits.kept(family, number):
                start, width = bits.slots[slot]
                used.update(range(start, start + width))
                code = part.row[start : start + width]
                formed.append(self.is_value(code, family.locals[slot].type))
            formed += [bit ^ 1 for k, bit in enumerate(part.row) if k not in used]
            live = family.locations[number].live if number >= 0 else ()
            for n, slot in enumerate(snapshots):
                if slot not in live:
                    cell = self.state.cells[layout.snapshot_start[thread] + n]
                    formed.append(self.circuit.is_number(cell.code, 0))
            ways.append(self.circuit.every(formed))
        return self.circuit.some(ways)

    def is_value(self, code: Vector, type_: Type) -> Literal:
        """Whether it is the code of a value."""
        c, encoding = self.circuit, self.bits.encoding
        match type_:
            case Sort() | Enum() | Int() | Snapshot():
                return c.at_most(code, encoding.top(type_))
            case Optional(of=of):
                inner = self.is_value(self._less_one(code, encoding.width(of)), of)
                below = c.at_most(code, encoding.top(type_))
                return c.conj(below, c.disj(c.is_number(code, 0), inner))
            case Struct(fields=fields):
                starts = [(encoding.field(type_, n), t) for n, (_, t) in enumerate(fields)]
                return c.every(self.is_value(code[s : s + encoding.width(t)], t) for s, t in starts)
            case ArrayOf(index=index, of=of):
                width = encoding.width(of)
                return c.every(
                    self.is_value(code[n * width : (n + 1) * width], of)
                    for n in range(encoding.size(index))
                )
            case ListOf():
                return self._is_list(code, type_)
            case _:
                return TRUE

    def _less_one(self, code: Vector, width: int) -> Vector:
        return self.circuit.add(code, (TRUE,) * len(code))[:width]

    def _is_list(self, code: Vector, type_: ListOf) -> Literal:
        c = self.circuit
        capacity, width = self.bits.encoding.list_of(type_)
        length = code[capacity * width :]
        parts = [c.at_most(length, capacity)]
        for k in range(capacity):
            place = code[(capacity - 1 - k) * width : (capacity - k) * width]
            inside = c.at_most(length, k) ^ 1
            empty = c.is_number(place, 0)
            parts.append(c.choose(inside, self.is_value(place, type_.of), empty))
        return c.every(parts)

    def at_rest(self) -> Literal:
        """Whether all locks are free, and every thread is where it begins, with what it begins with."""
        c = self.circuit
        layout = self.bits.layout
        initial = self.bits.whole(self.semantics.initial)
        parts = [self.bits.free(c, cell) for cell in self.state.cells[: layout.lock_cells]]
        parts += [c.is_number(cell.code, 0) for cell in self.state.cells[layout.variable_end :]]
        for part, begun in zip(self.state.threads, initial.threads, strict=True):
            parts.append(c.equal(part.location, begun.location))
            parts.append(c.equal(part.row, begun.row))
        return c.every(parts)


def _ended(steps: Steps, way: Literal) -> Literal:
    """Whether the step has an outcome: a way on, or a fault."""
    return steps.circuit.some((way, steps.unsupported, *steps.faults.values()))


def _may_block(node: object) -> bool:
    match node:
        case Await() | Assume():
            return True
        case Pick(domain=domain, where=where):
            return where is not None or domain.within is not None
        case Lock(action=LockAction.ACQUIRE | LockAction.UPGRADE):
            return True
    return False


def _no_choice(arity: int) -> Sequence[Literal]:
    raise AssertionError(f"what is evaluated here chooses nothing of {arity}")


assert STUCK < FINISHED, "both are before all locations"
