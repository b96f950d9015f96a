"""Steps as C functions.

``int step_F_N(X *x)`` takes the step of family F from location N: it reads the local part at ``x->l``,
changes the shared part ``x->w`` in place and writes the new local part to ``x->n``. It returns
``BLOCKED`` if this run of the step does not exist (the thread waits, an assumption fails, nothing can
be picked), ``FAULT``, ``UNSUPPORTED`` (a number that the encoding has no room for) or ``DONE``.
"""

from __future__ import annotations

import re
from typing import assert_never

from pvcheck.engines.native.assignments import INDENT, Assignments
from pvcheck.engines.native.collections import Loop
from pvcheck.engines.native.state import Place as Bits
from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.values import literal, wide
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
from pvcheck.model.compile_code import slots_of
from pvcheck.model.compiled import waited_for
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import Expr
from pvcheck.model.model import FINISHED, ThreadFamily
from pvcheck.model.program import Covered
from pvcheck.model.types import ListOf, Type
from pvcheck.model.walk import nodes

_LOCALS = re.compile(r"\bx(\d+)\b")
WAITS = {
    (LockAction.ACQUIRE, Mode.EXCLUSIVE): "acquire",
    (LockAction.ACQUIRE, Mode.SHARED): "acquire_shared",
    (LockAction.UPGRADE, Mode.EXCLUSIVE): "upgrade",
    (LockAction.UPGRADE, Mode.SHARED): "upgrade",
}
"""Lock operations that may wait."""
MOST_CHOICES = 2**31 - 1
"""In one place, as their number is an int."""


class Items:
    """What steps can cover, numbered in groups: a group is covered together."""

    def __init__(self) -> None:
        self.all: list[tuple[Covered, ...]] = []
        self._numbers: dict[tuple[Covered, ...], int] = {}

    def number(self, group: tuple[Covered, ...]) -> int:
        if group not in self._numbers:
            self._numbers[group] = len(self.all)
            self.all.append(group)
        return self._numbers[group]


class Steps(Assignments):
    """Writes one step of a thread family."""

    def __init__(self, state: StateLayout, family: ThreadFamily, items: Items) -> None:
        super().__init__(state, family)
        self.items = items
        self._reset: tuple[int, ...] = ()
        """Snapshot slots that may be set."""
        self._begun: frozenset[int] = frozenset()
        """Slots that are live where the step begins."""
        self._changed: frozenset[int | None] = frozenset()
        """Slots that it may set."""
        self._covered: list[Covered] = []
        """What is covered here and not written yet."""
        self._wanted: Lock | None = None
        """The operation that the step begins with, if it may wait."""

    def step(self, name: str, live: tuple[int, ...], code: Code) -> str:
        """The function for ``code``, begun where the slots ``live`` are."""
        inside = list(nodes(code))
        mentioned = slots_of(inside)
        self._begun = frozenset(live)
        self._changed = frozenset(map(_assigned, inside)) - {None}
        self._wanted = waited_for(code)
        self._reset = tuple(s for s in self.snapshots if s in live or s in mentioned)
        if self._block(code):
            self.emit("__builtin_unreachable();")
        used = {int(n) for line in self.lines for n in _LOCALS.findall(line)}
        head = [
            f"int {name}(X *x)",
            "{",
            *self._unpack(live, used),
            *(
                f"{INDENT}{self._local_type(slot)} x{slot} = {self._default(slot)};"
                for slot in sorted(used - set(live) - self.snapshots.keys())
            ),
        ]
        return "\n".join([*head, *self.lines, "}", ""])

    def _local_type(self, slot: int) -> str:
        return self.declared(self.family.locals[slot].type)

    def _default(self, slot: int) -> str:
        type_ = self.family.locals[slot].type
        return self.constant(values.default(type_, self.instance), type_)

    def _unpack(self, live: tuple[int, ...], used: set[int]) -> list[str]:
        lines: list[str] = []
        for slot in self.state.kept(self.family, live):
            if slot in used:
                type_ = self.family.locals[slot].type
                value = self.from_code(_bits("x->l", self._place(slot)), type_)
                lines.append(f"{INDENT}{self._local_type(slot)} x{slot} = {value};")
        return lines

    def _place(self, slot: int) -> Bits:
        return self.state.locals[self.family.name][slot]

    # Lines

    def _cover(self, item: Covered) -> None:
        # Written as late as possible, many at once: what is covered counts only if the step succeeds.
        self._covered.append(item)

    def _flush(self) -> None:
        if self._covered:
            self.emit(f"cover(x, {self.items.number(tuple(self._covered))});")
            self._covered = []

    # Code

    def _block(self, code: Code) -> bool:
        """Whether the block falls through to what follows it."""
        return all(self._instruction(instruction) for instruction in code)

    def _inner(self, head: str, code: Code, *covered: Covered) -> bool:
        """A block inside, beside others; whether it falls through."""
        before = list(self._covered)
        self._covered += covered
        self.emit(f"{head} {{")
        self.depth += 1
        falls = self._block(code)
        if falls:
            self._flush()
        self.depth -= 1
        self.emit("}")
        self._covered = before
        return falls

    def _instruction(self, instruction: Instruction) -> bool:
        """Whether control goes on behind the instruction."""
        match instruction:
            case Goto():
                return self._goto(instruction)
            case If():
                return self._if(instruction)
            case TryLock():
                return self._try(instruction)
            case Choose():
                return self._choose(instruction)
            case Await(condition=condition) | Assume(condition=condition):
                return self._unless(condition, "return BLOCKED;")
            case Check(condition=condition):
                return self._unless(condition, "return fault(x, ASSERTION);")
            case Reached(span=span):
                self._cover(Covered("statement", span))
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
        return True

    def _unless(self, condition: Expr, line: str) -> bool:
        """Leave by ``line`` unless the condition holds; whether control can go on."""
        code = self.expr(condition)
        if code == "1":
            return True
        test = self.temporary(code, "int")
        self.look()
        self.emit(line if code == "0" else f"if (!{test}) {line}")
        return code != "0"

    def _goto(self, goto: Goto) -> bool:
        live = self._live(goto)
        for slot in self._reset:
            if slot not in live:
                self.emit(f"PUT(x->w, x->first + {self.snapshots[slot]}, 0);")
        self.look()
        row: dict[int, list[str]] = {n: [] for n in range(self.state.local_words)}
        same = dict.fromkeys(row, 0)
        row[0].append(str(goto.location + 2))
        for slot in self.state.kept(self.family, live):
            bits = self._place(slot)
            if slot in self._begun and slot not in self._changed:
                same[bits.word] |= bits.mask
                if bits.width > 64:
                    same[bits.word + 1] |= bits.mask
                continue
            if bits.width == 0:
                continue
            value = self.to_code(f"x{slot}", self.family.locals[slot].type)
            row[bits.word].append(f"(u64){value} << {bits.shift}")
            if bits.width > 64:
                row[bits.word + 1].append(f"(u64)({value} >> 64)")
        for word, parts in row.items():
            if same[word]:
                parts.insert(0, f"(x->l[{word}] & {same[word]:#x}ULL)")
            self.emit(f"x->n[{word}] = {' | '.join(parts) or '0'};")
        self.look()
        self._flush()
        self.emit("return DONE;")
        return False

    def _live(self, goto: Goto) -> tuple[int, ...]:
        return () if goto.location == FINISHED else self.family.locations[goto.location].live

    def _if(self, instruction: If) -> bool:
        covered: list[tuple[Covered, ...]] = [(), ()]
        if instruction.written:
            covered = [(Covered("branch", instruction.span, outcome),) for outcome in (False, True)]
        condition = self.expr(instruction.condition)
        if condition in ("0", "1"):
            for item in covered[condition == "1"]:
                self._cover(item)
            return self._block(instruction.then if condition == "1" else instruction.otherwise)
        test = self.temporary(condition, "int")
        self.look()
        then = self._inner(f"if ({test})", instruction.then, *covered[1])
        otherwise = self._inner("else", instruction.otherwise, *covered[0])
        self._covered = []
        return then or otherwise

    def _try(self, instruction: TryLock) -> bool:
        function = "try_acquire"
        if instruction.upgrade:
            function = "upgrade"
        elif instruction.mode is Mode.SHARED:
            function = "try_acquire_shared"
        cell = self.temporary(self.lock_cell(instruction.lock), "int")
        self.look()
        taken, failed = (Covered("branch", instruction.span, outcome) for outcome in (True, False))
        test = self.temporary(f"{function}(x, {cell})", "int")
        if instruction.upgrade:
            self.faults = True
            self.look()
        success = self._inner(f"if ({test})", instruction.success, taken)
        contended = Covered("try failed", name=instruction.lock.lock)
        failure = self._inner("else", instruction.failure, failed, contended)
        self._covered = []
        return success or failure

    def _choose(self, instruction: Choose) -> bool:
        count = len(instruction.alternatives)
        choice = self.temporary(f"take(x, {count})", "int")
        falls = False
        for n, block in enumerate(instruction.alternatives):
            word = "else " if n else ""
            test = f"if ({choice} == {n})" if n < count - 1 else ""
            falls |= self._inner((word + test).strip(), block)
        self._covered = []
        return falls

    def _lock(self, instruction: Lock) -> None:
        cell = self.temporary(self.lock_cell(instruction.lock), "int")
        self.look()
        function = WAITS.get((instruction.action, instruction.mode))
        self.faults = True
        if function is None:
            self.emit(f"{instruction.action.value}(x, {cell});")
            self.look()
            return
        if instruction is self._wanted:
            self.emit(f"want(x, {cell});")
        taken = self.temporary(f"{function}(x, {cell})", "int")
        self.look()
        self.emit(f"if (!{taken}) return BLOCKED;")

    def _for_each(self, instruction: ForEach) -> None:
        type_ = self.family.locals[instruction.slot].type
        v = self.name("v")
        loop = self.loop(v, type_, instruction.domain, descending=instruction.descending)
        self._flush()
        self.emit(loop.begin)
        self.depth += 1
        # The collection may have faulted; it is empty then.
        self.emit(f"x{instruction.slot} = {v};")
        doubts = self.faults, self.lates
        self.faults = self.lates = False
        self._block(instruction.body)
        self._flush()
        self.look()
        self.depth -= 1
        self.emit(loop.end)
        self.faults, self.lates = doubts
        self.look()

    def _pick(self, instruction: Pick) -> None:
        type_ = self.family.locals[instruction.slot].type
        numbers = self.consecutive(instruction.domain)
        if numbers and numbers.stop - numbers.start > MOST_CHOICES:
            raise Unsupported("so many choices in one step")
        if numbers and instruction.where is None:
            self.emit(f"x{instruction.slot} = {literal(numbers.start)} + take(x, {len(numbers)});")
            return
        v, n, k = (self.name(letter) for letter in "vnk")
        loop = self.loop(v, type_, instruction.domain)
        candidate = loop.begin + self._candidate(instruction, loop, v, type_)
        self.emit(f"int {n} = 0, {k};")
        self.emit(f"{candidate}++{n}; {loop.end}")
        self.look()
        self.emit(f"if (!{n}) return BLOCKED;")
        self.emit(f"{k} = take(x, {n});")
        self.emit(f"{candidate}if (!{k}--) goto {n}picked; {loop.end}")
        self.emit(f"{n}picked:;")

    def _candidate(self, pick: Pick, loop: Loop, element: str, type_: Type) -> str:
        """What goes to the loop's next element if this one cannot be picked."""
        code = f"x{pick.slot} = {element}; "
        of = None if pick.domain.within is None else pick.domain.within.type
        if isinstance(of, ListOf):
            # Each value once, where it is first.
            capacity, width = self.encoding.list_of(of)
            suffix = "" if self.word(of) == "u64" else "_wide"
            item = self.to_code(self.coerce(element, type_, of.of), of.of)
            first = f"find{suffix}({loop.items}, {item}, {capacity}, {width})"
            code += f"if ({first} < {loop.at}) continue; "
        if pick.where is not None:
            code += f"if (!{self.expr(pick.where)}) continue; "
        return code

    def _operation(self, instruction: Begin | Finish) -> None:
        slot = f"x{instruction.held}"
        if isinstance(instruction, Finish):
            self.emit(f"if (held(x) != {slot}) return fault(x, LOCK_MISUSE);")
            self._cover(Covered("finish", name=instruction.operation))
            return
        self.emit(f"{slot} = held(x);")
        self._cover(Covered("begin", name=instruction.operation))


def _assigned(node: object) -> int | None:
    """The slot that a node of code sets."""
    match node:
        case Place(slot=int() as slot) | ForEach(slot=slot) | Pick(slot=slot) | Begin(held=slot):
            return slot
    return None


def _bits(row: str, bits: Bits) -> str:
    """The code in these bits of a row."""
    if bits.width == 0:
        return "0"
    if bits.width > 64:
        return f"((u128){row}[{bits.word + 1}] << 64 | {row}[{bits.word}])"
    return f"({row}[{bits.word}] >> {bits.shift} & {wide((1 << bits.width) - 1)})"
