"""Steps as functions of the state before them: all branches and choices of a step at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from pvcheck.engines.symbolic.assignments import Assignments
from pvcheck.engines.symbolic.circuit import FALSE, TRUE, Circuit, Literal, Vector, constant
from pvcheck.engines.symbolic.expressions import Chosen, Mover
from pvcheck.engines.symbolic.state import Bits, Cell
from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Begin,
    Bump,
    Check,
    Choose,
    Code,
    Finish,
    ForEach,
    Goto,
    If,
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Reached,
    TryLock,
)
from pvcheck.model.expr import Expr
from pvcheck.model.model import Fault, ThreadFamily


class Exit(NamedTuple):
    """One way out of a step."""

    live: Literal
    """Whether it is taken."""
    location: int
    cells: list[Cell]
    slots: dict[int, Vector]


Chooser = Callable[[int], Sequence[Literal]]
"""From the number of alternatives to one literal for each; exactly one holds, or none."""


@dataclass
class Inputs:
    """Choices that the solver makes: the same inputs for steps of which only one is taken."""

    circuit: Circuit
    _pool: list[Literal] = field(default_factory=list)
    _used: int = 0

    def again(self) -> None:
        """From here on other steps, which may use the same inputs."""
        self._used = 0

    def choose(self, arity: int) -> list[Literal]:
        width = (arity - 1).bit_length()
        while len(self._pool) < self._used + width:
            self._pool.append(self.circuit.input())
        bits = tuple(self._pool[self._used : self._used + width])
        self._used += width
        return [self.circuit.is_number(bits, n) for n in range(arity)]


class Steps(Assignments):
    """Takes one step of a thread family."""

    def __init__(
        self, circuit: Circuit, bits: Bits, mover: Mover, family: ThreadFamily, choose: Chooser
    ) -> None:
        super().__init__(circuit, bits, mover, family)
        self.exits: list[Exit] = []
        self._choose_one = choose

    def step(self, code: Code) -> None:
        """Run the code from what ``live``, ``cells`` and ``slots`` are; ``exits`` and ``faults`` tell what comes."""
        self._block(code)

    def _block(self, code: Code) -> None:
        for instruction in code:
            if self.live == FALSE:
                return
            self._instruction(instruction)

    def _instruction(self, instruction: Instruction) -> None:
        match instruction:
            case Goto(location=location):
                self._goto(location)
            case If():
                self._if(instruction)
            case TryLock():
                self._try(instruction)
            case Choose(alternatives=alternatives):
                chosen = self._choose_one(len(alternatives))
                self._branch(list(zip(chosen, alternatives, strict=True)))
            case Await(condition=condition) | Assume(condition=condition):
                holds = self._condition(condition)
                self.live = self.circuit.conj(self.live, holds)
            case Check(condition=condition):
                self.fault(Fault.ASSERTION, self._condition(condition) ^ 1)
            case Reached():
                pass
            case Lock():
                self._lock(instruction)
            case Assign():
                self.assign(instruction)
            case Bump():
                self.bump(instruction)
            case ForEach():
                self._for_each(instruction)
            case Pick():
                self._pick(instruction)
            case Begin() | Finish():
                self._operation(instruction)
            case _:
                assert_never(instruction)

    def _operation(self, instruction: Begin | Finish) -> None:
        if isinstance(instruction, Begin):
            self.slots[instruction.held] = self._held()
        else:
            same = self.circuit.equal(self._held(), self.slots[instruction.held])
            self.fault(Fault.LOCK_MISUSE, same ^ 1)

    def _condition(self, condition: Expr) -> Literal:
        holds = self.test(condition)
        self.settle(stored=False)
        return holds

    def _held(self) -> Vector:
        return tuple(self.holds(cell) for cell in self.cells[: self.layout.lock_cells])

    # Control

    def _goto(self, location: int) -> None:
        slots = dict(self.slots)
        for slot in self.bits.kept(self.family, location):
            type_ = self.family.locals[slot].type
            slots[slot] = self.from_code(self.to_code(slots[slot], type_), type_)
        self.settle(stored=False)
        if self.live != FALSE:
            self.exits.append(Exit(self.live, location, self.cells, slots))
            self.cells = list(self.cells)
        self.live = FALSE

    def _if(self, instruction: If) -> None:
        condition = self._condition(instruction.condition)
        self._branch([(condition, instruction.then), (condition ^ 1, instruction.otherwise)])

    def _branch(self, alternatives: Sequence[tuple[Literal, Code]]) -> None:
        """Goes on with the block whose condition holds; not at all where none does."""
        live, cells, slots = self.live, self.cells, self.slots
        ends: list[tuple[Literal, Literal, list[Cell], dict[int, Vector]]] = []
        for condition, block in alternatives:
            self.live = self.circuit.conj(live, condition)
            if self.live == FALSE:
                continue
            self.cells, self.slots = list(cells), dict(slots)
            self._block(block)
            if self.live != FALSE:
                ends.append((condition, self.live, self.cells, self.slots))
        self.live = FALSE
        for condition, end, after, locals_ in reversed(ends):
            if self.live == FALSE:
                self.live, self.cells, self.slots = end, after, locals_
            else:
                self._merge(condition, after, locals_)
                self.live = self.circuit.disj(self.live, end)

    def _merge(self, condition: Literal, cells: list[Cell], slots: dict[int, Vector]) -> None:
        """Where the condition holds, these."""
        mux = self.circuit.mux
        for n, (then, otherwise) in enumerate(zip(cells, self.cells, strict=True)):
            if then is not otherwise:
                self.cells[n] = Cell(
                    mux(condition, then.code, otherwise.code),
                    mux(condition, then.sharers, otherwise.sharers),
                )
        for slot, value in slots.items():
            other = self.slots.get(slot)
            if other is not value and other is not None:
                type_ = self.family.locals[slot].type
                self.slots[slot] = self.mux(condition, value, other, type_)
            elif other is None:
                self.slots[slot] = value

    def _for_each(self, instruction: ForEach) -> None:
        type_ = self.family.locals[instruction.slot].type
        items = list(self.loop(type_, instruction.domain, descending=instruction.descending))
        self.settle(stored=False)
        for item in items:
            before, cells, slots = self.live, self.cells, self.slots
            self.live = self.circuit.conj(before, item.condition)
            if self.live == FALSE:
                self.live = before
                continue
            self.cells, self.slots = list(cells), {**slots, instruction.slot: item.value}
            self._block(instruction.body)
            # The body falls through, or the step ends in a fault.
            if item.condition != TRUE:
                then, self.cells, then_slots, self.slots = self.cells, cells, self.slots, slots
                self.slots = dict(self.slots)
                self.cells = list(self.cells)
                self._merge(item.condition, then, then_slots)
                skipped = self.circuit.conj(before, item.condition ^ 1)
                self.live = self.circuit.disj(skipped, self.live)

    def _pick(self, instruction: Pick) -> None:
        type_ = self.family.locals[instruction.slot].type
        items = list(self.loop(type_, instruction.domain))
        self.settle(stored=False)
        possible: list[Literal] = []
        for item in items:
            self.slots[instruction.slot] = item.value
            possible.append(
                item.condition
                if instruction.where is None
                else self._candidate(item.condition, instruction.where)
            )
        self.settle(stored=False)
        chosen = self._choose_one(len(items)) if items else ()
        taken = [
            self.circuit.conj(choice, may) for choice, may in zip(chosen, possible, strict=True)
        ]
        self.live = self.circuit.conj(self.live, self.circuit.some(taken))
        picked = [(t, item.value) for t, item in zip(taken, items, strict=True)]
        self.slots[instruction.slot] = self.one_of(picked, type_)

    def _candidate(self, condition: Literal, where: Expr) -> Literal:
        holds = self.under(condition, lambda: self.test(where))
        return self.circuit.conj(condition, holds)

    # Locks

    def _change(self, at: list[Chosen], change: Callable[[Cell], Cell]) -> None:
        """Changes the cell that is chosen."""
        mux = self.circuit.mux
        for condition, n in at:
            before = self.cells[n]
            after = change(before)
            self.cells[n] = Cell(
                mux(condition, after.code, before.code),
                mux(condition, after.sharers, before.sharers),
            )

    def _asked(self, at: list[Chosen], ask: Callable[[Cell], Literal]) -> Literal:
        """What is so of the cell that is chosen."""
        (answer,) = self.circuit.one_of([(c, (ask(self.cells[n]),)) for c, n in at], 1)
        return answer

    def _owner(self) -> Vector:
        """What the lock cells hold that the mover holds."""
        assert self.mover is not None, "a step has a mover"
        width = self.bits.thread_width
        threads = [(is_, constant(t + 1, width)) for t, is_ in enumerate(self.mover.is_thread)]
        return self.circuit.one_of(threads, width)

    def _taken(self, before: Cell) -> Cell:
        return Cell(self._owner(), (FALSE,) * len(before.sharers))

    def _shared(self, before: Cell) -> Cell:
        assert self.mover is not None, "a step has a mover"
        return Cell(
            before.code, tuple(map(self.circuit.disj, before.sharers, self.mover.is_thread))
        )

    def _left(self, before: Cell) -> Cell:
        """Without the mover, which holds it in some mode."""
        assert self.mover is not None, "a step has a mover"
        others = tuple(
            self.circuit.conj(a, b ^ 1)
            for a, b in zip(before.sharers, self.mover.is_thread, strict=False)
        )
        return Cell((FALSE,) * len(before.code), others)

    def _downgraded(self, before: Cell) -> Cell:
        assert self.mover is not None, "a step has a mover"
        return Cell((FALSE,) * len(before.code), tuple(self.mover.is_thread[: len(before.sharers)]))

    def available(self, cell: Cell, mode: Mode) -> Literal:
        """Whether the mover can take the lock."""
        if mode is Mode.SHARED:
            busy = self.circuit.some(cell.code)
            return self.circuit.disj(busy, self.holds(cell)) ^ 1
        return self.bits.free(self.circuit, cell)

    def shares(self, cell: Cell) -> Literal:
        """Whether the mover holds the lock, but not alone."""
        alone = self.holds(cell, exclusive=True)
        return self.circuit.conj(self.holds(cell), alone ^ 1)

    def only_sharer(self, cell: Cell) -> Literal:
        return self.circuit.conj(self.shares(cell), self.circuit.some(self._left(cell).sharers) ^ 1)

    def _lock(self, instruction: Lock) -> None:
        at = self.lock_cell(instruction.lock)
        mode = instruction.mode
        match instruction.action:
            case LockAction.ACQUIRE:
                self.fault(Fault.LOCK_MISUSE, self._asked(at, self.holds))
                can = self._asked(at, lambda cell: self.available(cell, mode))
                self.live = self.circuit.conj(self.live, can)
                self._change(at, self._shared if mode is Mode.SHARED else self._taken)
            case LockAction.RELEASE:
                self.fault(Fault.LOCK_MISUSE, self._asked(at, self.holds) ^ 1)
                self._change(at, self._left)
            case LockAction.UPGRADE:
                self.fault(Fault.LOCK_MISUSE, self._asked(at, self.shares) ^ 1)
                self.live = self.circuit.conj(self.live, self._asked(at, self.only_sharer))
                self._change(at, self._taken)
            case LockAction.DOWNGRADE:
                alone = self._asked(at, lambda cell: self.holds(cell, exclusive=True))
                self.fault(Fault.LOCK_MISUSE, alone ^ 1)
                self._change(at, self._downgraded)
            case _:
                assert_never(instruction.action)

    def _try(self, instruction: TryLock) -> None:
        at = self.lock_cell(instruction.lock)
        if instruction.upgrade:
            self.fault(Fault.LOCK_MISUSE, self._asked(at, self.shares) ^ 1)
            can = self._asked(at, self.only_sharer)
        else:
            can = self._asked(at, lambda cell: self.available(cell, instruction.mode))
        shared = instruction.mode is Mode.SHARED and not instruction.upgrade
        failed = list(self.cells)
        self._change(at, self._shared if shared else self._taken)
        taken, self.cells = self.cells, failed
        live, slots = self.live, self.slots
        ends = []
        for condition, cells, block in (
            (can, taken, instruction.success),
            (can ^ 1, failed, instruction.failure),
        ):
            self.live = self.circuit.conj(live, condition)
            self.cells, self.slots = list(cells), dict(slots)
            self._block(block)
            ends.append((self.live, self.cells, self.slots))
        (success, after, locals_), (failure, _, _) = ends
        if failure == FALSE:
            self.live, self.cells, self.slots = success, after, locals_
        elif success != FALSE:
            self._merge(can, after, locals_)
            self.live = self.circuit.disj(success, failure)
