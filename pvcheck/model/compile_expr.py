"""Expressions as Python source.

No text of the specification reaches the source: names are numbers, constants are numbers or sit in
a table. In the source ``w`` is the shared part, ``t`` the thread's number, ``u`` is ``t + 1``,
``me`` its element, ``q`` its first snapshot cell, ``xN`` local N, ``bN`` bound variable N,
``dN`` constant N.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from pvcheck.model import values
from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Changed,
    Comprehension,
    Const,
    Domain,
    Element,
    Expr,
    Field,
    Kind,
    Let,
    Local,
    LockRef,
    LockTest,
    Op,
    OpAllowed,
    Param,
    Quantifier,
    Read,
    Self,
    SizeOf,
    TakeSnapshot,
    Value,
)
from pvcheck.model.layout import Block
from pvcheck.model.parts import flatten
from pvcheck.model.program import Maker, Program
from pvcheck.model.types import ArrayOf, Bool, Enum, Int, Optional, SetOf, Sort, Type

INFIX = {
    Op.IFF: "==",
    Op.EQ: "==",
    Op.NE: "!=",
    Op.LT: "<",
    Op.LE: "<=",
    Op.GT: ">",
    Op.GE: ">=",
    Op.SUB: "-",
    Op.IN: "in",
    Op.MINUS: "-",
}
CHAINS = {Op.AND: "and", Op.OR: "or", Op.ADD: "+", Op.UNION: "|", Op.INTERSECT: "&"}
FAULTING = {
    Op.MUL: "product",
    Op.DIV: "div",
    Op.MOD: "mod",
    Op.DEREF: "deref",
    Op.FIRST: "first",
    Op.LAST: "last",
    Op.NEXT: "following",
    Op.REMOVE: "remove",
    Op.MIN: "least",
    Op.MAX: "greatest",
}
TEMPLATES = {
    Op.NOT: "(not {0})",
    Op.IMPLIES: "(not {0} or {1})",
    Op.NEG: "(-{0})",
    Op.ITE: "({1} if {0} else {2})",
    Op.ORDINAL: "{0}",
    Op.INSERT: "({0} | {{{1}}})",
    Op.DISCARD: "({0} - {{{1}}})",
    Op.APPEND: "(*{0}, {1})",
    Op.PREPEND: "({1}, *{0})",
    Op.EMPTY: "(not {0})",
    Op.SIZE: "len({0})",
}


class ExprCompiler:
    """Compiles the expressions of one function."""

    def __init__(self, program: Program, span: int | str, *, inside_step: bool) -> None:
        self.program = program
        self.instance = program.instance
        self.layout = program.layout
        self.span: int | str = span
        """To blame for faults."""
        self.inside_step = inside_step
        """Whether guards are checked, and there is a stepping thread."""
        self.snapshot_offset: dict[int, int] = {}
        """Of the locals that are snapshots, their cell after the thread's first."""
        self._granted: set[tuple[str, tuple[Expr, ...]]] = set()
        self._bound: dict[int, str] = {}

    @contextmanager
    def granted(self, variable: str, indices: tuple[Expr, ...]) -> Iterator[None]:
        """Within, this element's guard is known to be held for writing."""
        self._granted.add((variable, indices))
        yield
        self._granted.discard((variable, indices))

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Within, reads are not checked."""
        before, self.inside_step = self.inside_step, False
        yield
        self.inside_step = before

    def expr(self, expr: Expr) -> str:
        match expr:
            case Const() | Param() | SizeOf() | OpAllowed() | Local() | Self() | Bound():
                return self._leaf(expr)
            case Read():
                return self._read(expr)
            case Field(of=of, position=position):
                return f"{self.expr(of)}[{position}]"
            case Element(of=of, index=index):
                return f"{self.expr(of)}[{self._element_index(of, index)}]"
            case Apply():
                return self._apply(expr)
            case Quantifier():
                return self._quantifier(expr)
            case Comprehension():
                return self._comprehension(expr)
            case Let():
                return self._let(expr)
            case LockTest():
                return self._lock_test(expr)
            case TakeSnapshot(counter=counter, indices=indices):
                return self._counter(counter, indices)
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                number = self._counter(counter, indices)
                return f"changed({self.expr(snapshot)}, {number}, {self.span})"
            case _:
                assert_never(expr)

    def _leaf(self, expr: Const | Param | SizeOf | OpAllowed | Local | Self | Bound) -> str:
        match expr:
            case Const(value=value):
                return self._literal(value)
            case Param(name=name):
                return self._literal(self.instance.parameters[name])
            case SizeOf(sort=sort):
                return self._literal(self.instance.sizes[sort])
            case OpAllowed(operation=operation):
                return self._literal(self.instance.allows(operation))
            case Local(slot=slot):
                return self.local(slot)
            case Self():
                return "me"
            case Bound(number=number):
                return self._bound.get(number, f"b{number}")
            case _:
                assert_never(expr)

    def local(self, slot: int) -> str:
        offset = self.snapshot_offset.get(slot)
        return f"x{slot}" if offset is None else f"w[q + {offset}]"

    def _literal(self, value: Value) -> str:
        if value is None or isinstance(value, bool) or value == ():
            return repr(value)
        if isinstance(value, int):
            return repr(value) if value >= 0 else f"({value!r})"
        return self.program.constant(value, (repr(value),))

    def position(self, block: Block, indices: tuple[Expr, ...]) -> str:
        """The row-major position of an element in a block."""
        code = "0"
        for index, length in zip(indices, block.sizes, strict=True):
            part = self._index(index, length)
            if code.isdigit() and part.isdigit():
                code = str(int(code) * length + int(part))
            elif code == "0":
                code = part
            else:
                code = f"({code} * {length} + {part})"
        return code

    def _index(self, index: Expr, size: int) -> str:
        code = self.expr(index)
        if isinstance(index.type, Sort | Enum | Bool):
            return code
        return f"index({code}, {size}, {self.span})"

    def _element_index(self, of: Expr, index: Expr) -> str:
        assert isinstance(of.type, ArrayOf), "only arrays have elements"
        return self._index(index, self._size(of.type.index))

    def _size(self, type_: Type) -> int:
        assert isinstance(type_, Sort | Enum), "arrays are indexed by sorts and enums"
        return values.size(type_, self.instance)

    def _read(self, read: Read) -> str:
        block = self.layout.blocks[read.variable]
        return f"w[{self._may_read(read.variable, read.indices, block.start)}]"

    def _counter(self, counter: str, indices: tuple[Expr, ...]) -> str:
        return self._may_read(counter, indices, 0)

    def _may_read(self, variable: str, indices: tuple[Expr, ...], start: int) -> str:
        """``start`` and the position; in a step checked: the thread must hold a guarding lock."""
        position = self.position(self.layout.blocks[variable], indices)
        sum_ = plus(start, position)
        guard = self.layout.variables[variable].guard
        if not self.inside_step or guard is None or (variable, indices) in self._granted:
            return sum_
        v = self.number(variable)
        check = plus(start, f"check_read(w, t, {v}, {position}, {self.span})")
        lock = self.guard_cell(v, position)
        return check if lock is None else f"({sum_} if w[{lock}] == u else {check})"

    def number(self, variable: str) -> int:
        return self.program.guards.variables.index(variable)

    def guard_cell(self, v: int, position: str) -> str | None:
        """The cell of the one lock that guards an element; ``None`` if that is not so simple."""
        table = self.program.guards.tables.get(v)
        if table is None or any(len(cells) != 1 for cells in table):
            return None
        if position.isdigit():
            return str(table[int(position)][0])
        if not is_name(position):
            return None
        cells = tuple(cells[0] for cells in table)
        if cells == tuple(range(cells[0], cells[0] + len(cells))):
            return plus(cells[0], position)
        return f"{self.program.constant(cells)}[{position}]"

    def _apply(self, apply: Apply) -> str:
        op = apply.op
        if op in CHAINS:
            parts = [self.expr(a) for a in flatten(op, apply)]
            return "(" + f" {CHAINS[op]} ".join(parts) + ")"
        args = [self.expr(a) for a in apply.args]
        if op in INFIX:
            return f"({args[0]} {INFIX[op]} {args[1]})"
        if op in TEMPLATES:
            return TEMPLATES[op].format(*args)
        if op in FAULTING:
            return f"{FAULTING[op]}({', '.join(args)}, {self.span})"
        if op in (Op.STRUCT, Op.LIST):
            return "(" + "".join(a + ", " for a in args) + ")"
        if op is Op.SET:
            return f"frozenset(({''.join(a + ', ' for a in args)}))"
        if op is Op.ARRAY:
            assert isinstance(apply.type, ArrayOf), "what ARRAY makes"
            return f"({args[0]},) * {self._size(apply.type.index)}"
        return self._element(apply, args)

    def _element(self, apply: Apply, args: list[str]) -> str:
        assert apply.op in (Op.SHIFT, Op.ELEMENT), "every operator is compiled"
        assert isinstance(apply.type, Sort | Enum), "an element of an ordered sort"
        limit = values.size(apply.type, self.instance)
        return f"element({' + '.join(args)}, {limit}, {self.span})"

    def domain(self, domain: Domain) -> str:
        """An iterable of its values, in order."""
        if domain.within is None:
            return self._all_values(domain.type)
        code = self.expr(domain.within)
        if not isinstance(domain.within.type, SetOf):
            return code
        key = self.program.function(Maker.SORT_KEY, domain.within.type.of)
        return f"sorted({code})" if key is None else f"sorted({code}, key={key})"

    def _all_values(self, type_: Type) -> str:
        if isinstance(type_, Sort | Enum):
            return f"range({values.size(type_, self.instance)})"
        if isinstance(type_, Int):
            low, high = values.bounds(type_, self.instance)
            if low is not None and high is not None and high - low < values.MANY:
                return f"range({low}, {high + 1})"
        return self.program.constant(values.values(type_, self.instance))

    def _quantifier(self, q: Quantifier) -> str:
        loop = self.loop(q.binder, q.domain, q.where)
        body = self.expr(q.body)
        match q.kind:
            case Kind.FORALL:
                return f"all({body} {loop})"
            case Kind.EXISTS:
                return f"any({body} {loop})"
            case Kind.COUNT:
                return f"sum(1 {loop} if {body})"
            case _:
                assert_never(q.kind)

    def _comprehension(self, c: Comprehension) -> str:
        return f"frozenset(b{c.binder.number} {self.loop(c.binder, c.domain, c.where)})"

    def loop(self, binder: Bound, domain: Domain, where: Expr | None) -> str:
        """The part of a generator expression that runs over a domain."""
        loop = f"for b{binder.number} in {self.domain(domain)}"
        return loop if where is None else f"{loop} if {self.expr(where)}"

    def _let(self, let: Let) -> str:
        value = self.expr(let.value)
        number = let.binder.number
        if is_atom(value):
            self._bound[number] = value
            body = self.expr(let.body)
            del self._bound[number]
            return body
        return f"(lambda b{number}: {self.expr(let.body)})({value})"

    def lock_cell(self, lock: LockRef) -> str:
        block = self.layout.lock_blocks[lock.lock]
        position = self.position(block, lock.indices)
        return plus(block.start, position)

    def _lock_test(self, test: LockTest) -> str:
        cell = f"w[{self.lock_cell(test.lock)}]"
        match test.ask:
            case Ask.HELD:
                return f"holds({cell}, t)" if self.inside_step else "False"
            case Ask.FREE:
                return f"(not {cell})"
            case Ask.HOLDER:
                return f"{self._holders(test.type)}.get({cell})"
            case _:
                assert_never(test.ask)

    def _holders(self, type_: Type) -> str:
        """A table from what a lock cell holds to the element of the exclusive holder."""
        sort = type_.of if isinstance(type_, Optional) else type_
        table = {
            number + 1: element
            for number, (family, element) in enumerate(self.instance.threads)
            if family.sort == sort
        }
        return self.program.constant(table, ("holders", sort))


def plus(start: int, code: str) -> str:
    if code.isdigit():
        return str(start + int(code))
    return f"{start} + {code}" if start else code


def is_name(code: str) -> bool:
    return code.isidentifier()


def is_atom(code: str) -> bool:
    return code.isidentifier() or code.isdigit() or keyword.iskeyword(code)
