"""Steps as Python functions.

``step(t, u, me, q, s, l, c)`` takes the thread's number, that plus one, its element, its first
snapshot cell, the shared part, the local part and the choices. It returns the shared and local
parts after the step and the bit set of what it covered; or ``None`` if this run of the step does
not exist (the thread waits, an assumption fails, nothing can be picked); or it raises ``Faulted``.
"""

from __future__ import annotations

from typing import assert_never

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
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
    Reached,
    TryLock,
)
from pvcheck.model.compile_expr import ExprCompiler, is_atom, plus
from pvcheck.model.expr import Const, Expr, Local, Read, Value
from pvcheck.model.model import FINISHED, ThreadFamily
from pvcheck.model.program import Covered, Maker, Program
from pvcheck.model.runtime import Faulted
from pvcheck.model.stores import Store, store
from pvcheck.model.types import ArrayOf, ListOf, Optional, Struct, Type
from pvcheck.model.walk import nodes

INDENT = "    "
PARAMETERS = "t, u, me, q, s, l, c"
LOCK_FUNCTIONS = {
    (LockAction.ACQUIRE, Mode.EXCLUSIVE): "acquire",
    (LockAction.ACQUIRE, Mode.SHARED): "acquire_shared",
    (LockAction.UPGRADE, Mode.EXCLUSIVE): "upgrade",
    (LockAction.UPGRADE, Mode.SHARED): "upgrade",
}


class CodeCompiler(ExprCompiler):
    """Compiles one step of a thread family."""

    def __init__(self, program: Program, family: ThreadFamily) -> None:
        super().__init__(program, 0, inside_step=True)
        self.family = family
        slots = self.layout.snapshot_slots[family.name]
        self.snapshot_offset = {slot: offset for offset, slot in enumerate(slots)}
        self._lines: list[str] = []
        self._depth = 1
        self._covered = 0
        """What was covered since the last time it went into ``k``."""
        self._temporaries = 0
        self._reset: tuple[int, ...] = ()
        """Snapshot slots that may be set."""
        self._changes = True
        """Whether the step may change the shared part."""
        self.targets: dict[int, None] = {}
        """The locations that the code leads to in this instance, in order."""

    def step(self, name: str, live: tuple[int, ...], code: Code) -> str:
        """The function for ``code``, begun where the slots ``live`` are."""
        inside = list(nodes(code))
        mentioned = slots_of(inside)
        self._reset = tuple(s for s in self.snapshot_offset if s in live or s in mentioned)
        self._changes = bool(self._reset) or any(map(self._changes_shared, inside))
        if self._block(code):
            self._emit("raise AssertionError")
        head = [f"def {name}({PARAMETERS}):", *self._unpack(live)]
        needed = mentioned | {x for n in inside if isinstance(n, Goto) for x in self._live(n)}
        head.extend(
            f"{INDENT}x{slot} = {self._literal(self._default(slot))}"
            for slot in sorted(needed - set(live) - self.snapshot_offset.keys())
        )
        head.append(f"{INDENT}w = list(s)" if self._changes else f"{INDENT}w = s")
        return "\n".join([*head, f"{INDENT}k = 0", *self._lines, ""])

    def wanted(self, name: str, live: tuple[int, ...], lock: Lock) -> str:
        """The function for the cell of the lock that a step begins with."""
        self.span = self.program.span(lock.span)
        result = f"{INDENT}return {self.lock_cell(lock.lock)}"
        head = [f"def {name}({PARAMETERS}):", *self._unpack(live), f"{INDENT}w = s"]
        return "\n".join([*head, result, ""])

    def _changes_shared(self, node: object) -> bool:
        return isinstance(node, Lock | TryLock | Bump) or (
            isinstance(node, Place) and (node.slot is None or node.slot in self.snapshot_offset)
        )

    def _unpack(self, live: tuple[int, ...]) -> list[str]:
        names = [f"x{slot}" for slot in live if slot not in self.snapshot_offset]
        return [f"{INDENT}_, {', '.join(names)} = l"] if names else []

    def _default(self, slot: int) -> Value:
        return values.default(self.family.locals[slot].type, self.instance)

    def _emit(self, line: str) -> None:
        self._lines.append(INDENT * self._depth + line)

    def _temporary(self, code: str) -> str:
        """A name for the value of ``code``, which is evaluated here."""
        if is_atom(code):
            return code
        self._temporaries += 1
        self._emit(f"v{self._temporaries} = {code}")
        return f"v{self._temporaries}"

    def _cover(self, item: Covered) -> None:
        self._covered |= self.program.cover(item)

    def _flush(self) -> None:
        if self._covered:
            self._emit(f"k |= {self._covered}")
            self._covered = 0

    def _block(self, code: Code) -> bool:
        """Whether the block falls through to what follows it."""
        return all(self._instruction(instruction) for instruction in code)

    def _inner(self, code: Code, covered: int) -> bool:
        """A block inside, begun with ``covered``; whether it falls through."""
        self._depth += 1
        self._covered = covered
        begin = len(self._lines)
        falls = self._block(code)
        if falls:
            self._flush()
        if len(self._lines) == begin:
            self._emit("pass")
        self._depth -= 1
        self._covered = 0
        return falls

    def _instruction(self, instruction: Instruction) -> bool:
        """Whether control goes on behind the instruction."""
        if not isinstance(instruction, Goto):
            self.span = self.program.span(instruction.span)
        match instruction:
            case Goto():
                return self._goto(instruction)
            case If() | TryLock() | Choose():
                return self._branching(instruction)
            case Await(condition=condition) | Assume(condition=condition):
                return self._unless(condition, "return None")
            case Check(condition=condition):
                line = f"assertion({self.span}, 'the assertion is false')"
                return self._unless(condition, line)
            case Reached(span=span):
                self._cover(Covered("statement", span))
            case Lock():
                self._lock(instruction)
            case Assign():
                self._assign(instruction)
            case Bump():
                self._bump(instruction)
            case ForEach():
                self._for_each(instruction)
            case Pick():
                self._pick(instruction)
            case Begin() | Finish():
                self._operation(instruction)
            case _:
                assert_never(instruction)
        return True

    def _branching(self, instruction: If | TryLock | Choose) -> bool:
        match instruction:
            case If():
                return self._if(instruction)
            case TryLock():
                return self._try(instruction)
            case Choose():
                return self._choose(instruction)
            case _:
                assert_never(instruction)

    def _unless(self, condition: Expr, line: str) -> bool:
        """Leave by ``line`` unless the condition holds; whether control can go on."""
        code = self.expr(condition)
        if code == "False":
            self._emit(line)
        elif code != "True":
            self._emit(f"if not {code}: {line}")
        return code != "False"

    def _goto(self, goto: Goto) -> bool:
        live = self._live(goto)
        if goto.location != FINISHED:
            self.targets[goto.location] = None
        for slot in self._reset:
            if slot not in live:
                self._emit(f"{self.local(slot)} = None")
        local = "".join(f"x{s}, " for s in live if s not in self.snapshot_offset)
        covered = f"k | {self._covered}" if self._covered else "k"
        self._emit(
            f"return {'tuple(w)' if self._changes else 's'}, ({goto.location}, {local}), {covered}"
        )
        return False

    def _live(self, goto: Goto) -> tuple[int, ...]:
        return () if goto.location == FINISHED else self.family.locations[goto.location].live

    def _if(self, instruction: If) -> bool:
        bits = [0, 0]
        if instruction.written:
            for outcome in (False, True):
                bits[outcome] = self.program.cover(Covered("branch", instruction.span, outcome))
        condition = self.expr(instruction.condition)
        blocks = (instruction.otherwise, instruction.then)
        if condition in ("True", "False"):
            self._covered |= bits[condition == "True"]
            return self._block(blocks[condition == "True"])
        return self._branches([(condition, blocks[1], bits[1]), ("", blocks[0], bits[0])])

    def _try(self, instruction: TryLock) -> bool:
        cell = self.lock_cell(instruction.lock)
        condition = f"try_acquire(w, {cell}, t)"
        if instruction.upgrade:
            condition = f"upgrade(w, {cell}, t, {self.span})"
        elif instruction.mode is Mode.SHARED:
            condition = f"try_acquire_shared(w, {cell}, t)"
        taken, failed = (
            self.program.cover(Covered("branch", instruction.span, outcome))
            for outcome in (True, False)
        )
        failed |= self.program.cover(Covered("try failed", name=instruction.lock.lock))
        return self._branches(
            [(condition, instruction.success, taken), ("", instruction.failure, failed)]
        )

    def _choose(self, instruction: Choose) -> bool:
        count = len(instruction.alternatives)
        choice = self._temporary(f"c.take({count})")
        return self._branches(
            [
                (f"{choice} == {n}" if n < count - 1 else "", block, 0)
                for n, block in enumerate(instruction.alternatives)
            ]
        )

    def _branches(self, branches: list[tuple[str, Code, int]]) -> bool:
        """Conditions, blocks, and what going there covers; the last has no condition."""
        covered = self._covered
        falls = False
        for number, (condition, block, bits) in enumerate(branches):
            if not condition and not falls:
                self._covered = covered | bits
                return self._block(block)
            word = "else" if not condition else f"{'elif' if number else 'if'} {condition}"
            if condition or block or covered | bits:
                self._emit(f"{word}:")
                falls |= self._inner(block, covered | bits)
            else:
                falls = True
        self._covered = 0
        return falls

    def _lock(self, instruction: Lock) -> None:
        arguments = f"w, {self.lock_cell(instruction.lock)}, t, {self.span}"
        function = LOCK_FUNCTIONS.get((instruction.action, instruction.mode))
        if function is None:
            self._emit(f"{instruction.action.value}({arguments})")
        else:
            self._emit(f"if not {function}({arguments}): return None")

    def _assign(self, instruction: Assign) -> None:
        place = instruction.place
        if place.slot is not None:
            self._put(
                place, self.local(place.slot), self.family.locals[place.slot].type, instruction
            )
            return
        assert place.variable is not None, "a place is a local or a variable"
        block = self.layout.blocks[place.variable]
        position = self._temporary(self.position(block, place.indices))
        self._may_write(place.variable, position)
        type_ = self.layout.variables[place.variable].type
        with self.granted(place.variable, place.indices):
            self._put(place, f"w[{plus(block.start, position)}]", type_, instruction)

    def _may_write(self, variable: str, position: str) -> None:
        if self.layout.variables[variable].guard is None:
            return
        v = self.number(variable)
        check = f"check_write(w, t, {v}, {position}, {self.span})"
        lock = self.guard_cell(v, position)
        self._emit(check if lock is None else f"if w[{lock}] != u: {check}")

    def _put(self, place: Place, target: str, type_: Type, instruction: Assign) -> None:
        """Assign to ``target`` of ``type_``, or to the part of it that the path says."""
        parts: list[tuple[str, str]] = []
        whole = target
        for selector in place.path:
            whole = self._temporary(whole)
            while isinstance(type_, Optional):
                whole, type_ = self._temporary(f"deref({whole}, {self.span})"), type_.of
            if selector.field is not None:
                assert isinstance(type_, Struct), "only structs have fields"
                key, type_ = str(selector.field), type_.fields[selector.field][1]
            else:
                assert isinstance(type_, ArrayOf), "only arrays have elements"
                assert selector.index is not None, "a selector is a field or an index"
                key = self._temporary(self._index(selector.index, self._size(type_.index)))
                type_ = type_.of
            parts.append((whole, key))
            whole = f"{whole}[{key}]"
        code = self._stored(instruction.value, place.type)
        for whole, key in reversed(parts):
            code = f"put({whole}, {key}, {code})"
        self._emit(f"{target} = {code}")

    def _stored(self, value: Expr, type_: Type) -> str:
        code = self.expr(value)
        check = store(type_, self.instance)
        if check is None or (isinstance(value, Local | Read) and value.type == type_):
            return code
        if isinstance(value, Const) and _takes(check, value.value):
            return code
        return f"{self.program.function(Maker.STORE, type_)}({code}, {self.span})"

    def _bump(self, instruction: Bump) -> None:
        block = self.layout.blocks[instruction.counter]
        position = self._temporary(self.position(block, instruction.indices))
        self._may_write(instruction.counter, position)
        cells = self.layout.snapshot_cells(instruction.counter)
        if cells:
            self._emit(f"bump(w, {self.program.constant(cells)}, {position})")

    def _for_each(self, instruction: ForEach) -> None:
        self._flush()
        items = self.domain(instruction.domain)
        items = f"reversed({items})" if instruction.descending else items
        self._emit(f"for x{instruction.slot} in {items}:")
        self._inner(instruction.body, 0)

    def _pick(self, instruction: Pick) -> None:
        name = f"x{instruction.slot}"
        items = self.domain(instruction.domain)
        within = instruction.domain.within
        if within is not None and isinstance(within.type, ListOf):
            items = f"tuple(dict.fromkeys({items}))"
        if instruction.where is not None:
            items = f"[{name} for {name} in {items} if {self.expr(instruction.where)}]"
        items = self._temporary(items)
        self._emit(f"if not {items}: return None")
        self._emit(f"{name} = {items}[c.take(len({items}))]")
        self._emit(f"c.note('pick', {instruction.slot}, {name})")

    def _operation(self, instruction: Begin | Finish) -> None:
        slot = f"x{instruction.held}"
        if isinstance(instruction, Finish):
            self._emit(f"finish(w, t, {slot}, {self.span})")
            self._note("finish", instruction.operation)
            return
        self._emit(f"{slot} = held(w[:{self.layout.lock_cells}], t)")
        with self.unguarded():
            arguments = "".join(f"{self.expr(a)}, " for a in instruction.arguments)
        self._note("begin", instruction.operation, f"({arguments})")

    def _note(self, what: str, operation: str, *more: str) -> None:
        self._cover(Covered(what, name=operation))
        arguments = ", ".join((repr(what), self.program.constant(operation), *more))
        self._emit(f"if c is not None: c.note({arguments})")


def _takes(check: Store, value: Value) -> bool:
    try:
        check(value, 0)
    except Faulted:
        return False
    return True


def slots_of(inside: list[object]) -> set[int]:
    """The locals that code mentions; all that is inside it."""
    slots: set[int] = set()
    for node in inside:
        match node:
            case Local(slot=slot) | ForEach(slot=slot) | Pick(slot=slot):
                slots.add(slot)
            case Place(slot=int() as slot):
                slots.add(slot)
            case Begin(held=slot) | Finish(held=slot):
                slots.add(slot)
            case _:
                pass
    return slots
