"""What a step does, when nothing in it waits or chooses any more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import assert_never

from pvcheck.export.frame import Frame
from pvcheck.export.program import Assert, Block, Call, Go, Set, When
from pvcheck.export.syntax import FALSE, TRUE, Syntax
from pvcheck.export.terms import Terms
from pvcheck.export.ways import Picked, Rest
from pvcheck.model import values
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
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
    Reached,
    Selector,
    TryLock,
)
from pvcheck.model.compiled import waited_for
from pvcheck.model.model import FINISHED, Fault, Location, ThreadFamily
from pvcheck.model.types import ArrayOf, Optional, Struct, Type
from pvcheck.model.walk import nodes

EXCLUSIVE, SHARED, UPGRADE = range(3)
"""How a lock is wanted: the number of all locks is added so many times."""


class Body:
    """Writes one way of a step."""

    def __init__(self, frame: Frame, family: ThreadFamily, terms: Terms, source: Location) -> None:
        self._frame = frame
        self._family = family
        self._terms = terms
        self._syntax: Syntax = terms.syntax
        self._registers = frame.registers[family.name]
        self._snapshots = frame.snapshots[family.name]
        self._names = frame.locals[family.name]
        self._source = source
        self._set: frozenset[int] = frozenset()
        """The locals that the way sets."""
        self._mentioned: frozenset[int] = frozenset()
        terms.locals = self._local

    def write(self, code: Rest) -> None:
        """The whole way, to the block of the terms."""
        live = self._source.live
        self._set = frozenset(filter(lambda s: s not in self._snapshots, assigned(code)))
        self._mentioned = frozenset(assigned(code)) | set(live)
        for slot in sorted(self._set):
            if _reads(code, slot, self._live) is True:
                self._emit(Set(self._names[slot], self._initial(slot, slot in live)))
        self._code(code)
        for check in self._frame.checks(code):
            self._emit(Call(check))

    def _initial(self, slot: int, live: bool) -> str:
        type_ = self._family.locals[slot].type
        if live:
            return self._terms.from_code(self._registers[slot], type_)
        return self._terms.constant(values.default(type_, self._terms.instance), type_)

    def _local(self, slot: int) -> str:
        if slot in self._set:
            return self._names[slot]
        return self._frame.before(self._terms, self._family, slot)

    @property
    def _block(self) -> Block:
        assert self._terms.block is not None, "statements are written to one"
        return self._terms.block

    def _emit(self, instruction: Set | When | Assert | Call | Go) -> None:
        self._block.append(instruction)
        if not isinstance(instruction, Assert):
            self._terms.forget()

    # Code

    def _code(self, code: Rest) -> None:
        for n, instruction in enumerate(code):
            if isinstance(instruction, If | TryLock):
                self._branch(instruction, code[n + 1 :])
                return
            self._instruction(instruction)

    def _branch(self, instruction: If | TryLock, rest: Rest) -> None:
        """What follows is written behind, or, if one block ends the step, in the other one."""
        self._terms.place = self._frame.where(instruction.span)
        if isinstance(instruction, If):
            condition = self._terms.condition(instruction.condition)
            blocks, taken = (instruction.then, instruction.otherwise), None
        else:
            condition, taken = self._try(instruction)
            blocks = instruction.success, instruction.failure
        inside = any(isinstance(n, Goto) for n in nodes(blocks))
        written: list[Block] = []
        for number, block in enumerate(blocks):
            own: Block = []
            written.append(own)
            if condition == (FALSE, TRUE)[number]:
                # It may lead to where nothing leads in this instance.
                continue
            with self._terms.inside(own):
                if taken is not None and number == 0:
                    self._emit(taken)
                self._code((*block, *rest) if inside else block)
        if condition == FALSE or not any(written):
            self._block.extend(written[1])
        elif condition == TRUE:
            self._block.extend(written[0])
        else:
            self._emit(When(((condition, written[0]),), written[1]))
        self._terms.forget()
        if not inside:
            self._code(rest)

    def _instruction(self, instruction: object) -> None:
        terms = self._terms
        if hasattr(instruction, "span"):
            terms.place = self._frame.where(instruction.span)
        match instruction:
            case Goto(location=location):
                self._goto(location)
            case Picked(slot=slot, parameter=parameter):
                self._emit(Set(self._names[slot], parameter))
            case Check(condition=condition):
                terms.doubt(Fault.ASSERTION, terms.condition(condition))
            case Reached():
                pass
            case Lock():
                self._lock(instruction)
            case Assign():
                self._assign(instruction)
            case Bump(counter=counter, indices=indices):
                position = terms.once(terms.position(terms.layout.blocks[counter], indices))
                terms.may_write(counter, position)
                for snapshot in self._frame.counted(counter):
                    hit = self._syntax.same(snapshot, self._syntax.sum(position, "2"))
                    self._emit(When(((hit, [Set(snapshot, "1")]),), []))
            case ForEach():
                self._for_each(instruction)
            case Begin(held=slot):
                self._emit(Set(self._names[slot], terms.held()))
            case Finish(held=slot):
                same = self._syntax.same(terms.held(), self._local(slot))
                terms.doubt(Fault.LOCK_MISUSE, same)
            case Pick() | Choose() | Await() | Assume() | _:
                raise AssertionError("split off before")

    def _for_each(self, instruction: ForEach) -> None:
        terms, slot = self._terms, instruction.slot
        found = list(terms.elements(instruction.domain, self._family.locals[slot].type))
        for inside, value in reversed(found) if instruction.descending else found:
            own: Block = [Set(self._names[slot], value)]
            terms.forget()
            with terms.inside(own):
                self._code(instruction.body)
            self._block.extend(own) if inside == TRUE else self._emit(When(((inside, own),), []))

    # Locks

    def _try(self, instruction: TryLock) -> tuple[str, Set]:
        """Whether the lock is taken, and what that sets."""
        terms, syntax = self._terms, self._syntax
        cell = terms.once(terms.lock_cell(instruction.lock))
        held, threads = f"lock[{cell}]", str(len(terms.instance.threads))
        if instruction.upgrade:
            terms.doubt(Fault.LOCK_MISUSE, terms.shares(cell))
            return syntax.same(held, terms.shared_by_me()), Set(held, terms.one_more())
        if instruction.mode is Mode.EXCLUSIVE:
            return syntax.same(held, "0"), Set(held, terms.one_more())
        shared = syntax.all([syntax.less(threads, held), syntax.negated(terms.shares(cell))])
        return syntax.any([syntax.same(held, "0"), shared]), self._share(held)

    def _share(self, held: str) -> Set:
        syntax, threads = self._syntax, str(len(self._terms.instance.threads))
        assert self._terms.me is not None, "in steps"
        before = syntax.chosen(syntax.same(held, "0"), threads, held)
        return Set(held, syntax.sum(before, syntax.left("1", self._terms.me)))

    def _lock(self, lock: Lock) -> None:
        terms, syntax = self._terms, self._syntax
        cell = terms.once(terms.lock_cell(lock.lock))
        held = f"lock[{cell}]"
        match lock.action:
            case LockAction.ACQUIRE:
                terms.doubt(Fault.LOCK_MISUSE, syntax.negated(terms.holds(cell)))
                one = Set(held, terms.one_more())
                self._emit(one if lock.mode is Mode.EXCLUSIVE else self._share(held))
            case LockAction.RELEASE:
                terms.doubt(Fault.LOCK_MISUSE, terms.holds(cell))
                alone = syntax.same(held, terms.one_more())
                if terms.shared_locks:
                    alone = syntax.any([alone, syntax.same(held, terms.shared_by_me())])
                    assert terms.me is not None, "in steps"
                    fewer = syntax.minus(held, syntax.left("1", terms.me))
                    self._emit(Set(held, syntax.chosen(alone, "0", fewer)))
                else:
                    self._emit(Set(held, "0"))
            case LockAction.UPGRADE:
                terms.doubt(Fault.LOCK_MISUSE, terms.shares(cell))
                self._emit(Set(held, terms.one_more()))
            case LockAction.DOWNGRADE:
                terms.doubt(Fault.LOCK_MISUSE, syntax.same(held, terms.one_more()))
                self._emit(Set(held, terms.shared_by_me()))
            case _:
                assert_never(lock.action)

    # Assignments

    def _assign(self, instruction: Assign) -> None:
        place, terms = instruction.place, self._terms
        if place.slot is not None and place.slot in self._snapshots:
            self._emit(Set(self._snapshots[place.slot], terms.number(instruction.value)))
            return
        if place.slot is not None:
            type_ = self._family.locals[place.slot].type
            name = self._names[place.slot]
            code = self._put(self._to_code(name, type_), type_, place.path, instruction)
            self._emit(Set(name, terms.from_code(code, type_)))
            return
        assert place.variable is not None, "a place is a local or a variable"
        variable = terms.layout.variables[place.variable]
        position = terms.position(terms.layout.blocks[place.variable], place.indices)
        position = terms.once(position)
        terms.may_write(place.variable, position)
        target = terms.cell(place.variable, position)
        guarded = variable.guard is not None
        with terms.granted(place.variable, place.indices) if guarded else nullcontext():
            code = self._put(target, variable.type, place.path, instruction)
        self._emit(Set(target, code))

    def _to_code(self, value: str, type_: Type) -> str:
        return self._syntax.minus(value, self._terms.constant_low(type_))

    def _put(self, whole: str, type_: Type, path: tuple[Selector, ...], instruction: Assign) -> str:
        """The code of ``type_`` after the assignment to the part of it that the path says."""
        terms, syntax = self._terms, self._syntax
        if not path:
            return terms.code(instruction.value, instruction.place.type)
        if isinstance(type_, Optional):
            whole = terms.once(whole)
            terms.doubt(Fault.NONE_ACCESS, syntax.differ(whole, "0"))
            inner = self._put(syntax.minus(whole, "1"), type_.of, path, instruction)
            return syntax.sum(inner, "1")
        selector = path[0]
        whole = terms.once(whole)
        if selector.field is not None:
            assert isinstance(type_, Struct), "only structs have fields"
            shift = str(terms.encoding.field(type_, selector.field))
            inside = type_.fields[selector.field][1]
        else:
            assert isinstance(type_, ArrayOf), "only arrays have elements"
            assert selector.index is not None, "a selector is a field or an index"
            shift = terms.once(terms.shift_of(type_, selector.index))
            inside = type_.of
        part = syntax.low_bits(syntax.right(whole, shift), terms.encoding.width(inside))
        part = terms.once(part)
        changed = self._put(part, inside, path[1:], instruction)
        return syntax.sum(
            syntax.minus(whole, syntax.left(part, shift)), syntax.left(changed, shift)
        )

    # The end

    def _goto(self, location: int) -> None:
        live = self._live(location)
        target = None if location == FINISHED else self._family.locations[location]
        wanted = self._wanted(target)
        for slot in sorted(self._mentioned & self._snapshots.keys() - set(live)):
            self._emit(Set(self._snapshots[slot], "0"))
        kept = {self._registers[s] for s in live if s not in self._snapshots}
        for slot in live:
            if slot in self._set:
                code = self._to_code(self._names[slot], self._family.locals[slot].type)
                self._emit(Set(self._registers[slot], code))
        gone = {self._registers[s] for s in self._source.live if s not in self._snapshots} - kept
        for register in sorted(gone):
            self._emit(Set(register, "0"))
        self._arrive(target, wanted)
        self._emit(Go(None if target is None else location))

    def _live(self, location: int) -> tuple[int, ...]:
        return () if location == FINISHED else self._family.locations[location].live

    def _wanted(self, target: Location | None) -> str:
        """The lock that the step from there waits for, and how, and 1; 0: none."""
        lock = None if target is None else waited_for(target.code)
        if lock is None:
            return "0"
        terms, syntax = self._terms, self._syntax
        block, terms.block, doubts, terms.doubts = terms.block, None, terms.doubts, []
        cell = syntax.sum(terms.lock_cell(lock.lock), "1")
        fine, terms.block, terms.doubts = terms.fine(), block, doubts
        how = EXCLUSIVE
        if lock.action is LockAction.UPGRADE:
            how = UPGRADE
        elif lock.mode is Mode.SHARED:
            how = SHARED
        wanted = syntax.sum(cell, str(how * terms.layout.lock_cells))
        return terms.once(syntax.chosen(fine, wanted, "0"))

    def _arrive(self, target: Location | None, wanted: str) -> None:
        """Judge the state after the step, as far as the step can make it worse."""
        me, frame = self._terms.me, self._frame
        assert me is not None, "in steps"
        waits = wanted != "0"
        if frame.waiting and (waits or waited_for(self._source.code) is not None):
            self._emit(Set(f"want[{me}]", wanted))
        if waits and frame.ordered:
            self._emit(Call("lock_order", (me, wanted)))
        if waits and frame.waiting:
            self._emit(Call("waiting", (me,)))
        if target is None and frame.waiting:
            self._emit(Call("ended", (me,)))


def assigned(code: object) -> list[int]:
    """The locals that code sets."""
    found: list[int] = []
    for node in nodes(code):
        match node:
            case Place(slot=int() as slot) | ForEach(slot=slot) | Begin(held=slot):
                found.append(slot)
            case Picked(slot=slot):
                found.append(slot)
    return found


def _reads(code: Rest | Code, slot: int, live: Callable[[int], tuple[int, ...]]) -> bool | None:
    """Whether a local may be read before it is set as a whole; ``None``: neither happens before the end."""
    for instruction in code:
        found: bool | None = None
        match instruction:
            case Picked(slot=s) | Begin(held=s) if s == slot:
                return False
            case Assign(place=Place(slot=s, path=()), value=value) if s == slot:
                return slot in mentioned(value)
            case Goto(location=location):
                return slot in live(location)
            case If(then=first, otherwise=second) | TryLock(success=first, failure=second):
                asked = instruction.condition if isinstance(instruction, If) else instruction.lock
                both = _reads(first, slot, live), _reads(second, slot, live)
                if slot in mentioned(asked) or True in both:
                    return True
                found = False if both == (False, False) else None
            case ForEach(slot=s, domain=domain, body=body):
                inner = _reads(body, slot, live) is True and s != slot
                if slot in mentioned(domain) or inner:
                    return True
            case _ if slot in mentioned(instruction):
                return True
        if found is False:
            return False
    return None


def mentioned(root: object) -> set[int]:
    return {
        node.slot for node in nodes(root) if hasattr(node, "slot") and isinstance(node.slot, int)
    } | {node.held for node in nodes(root) if isinstance(node, Begin | Finish)}
