"""Expressions as C.

No text of the specification reaches the C but in comments: names are numbers. A subexpression that is
undefined sets ``x->fault`` (the first one wins) and yields 0, which every type has; whoever uses the
value looks at ``x->fault`` first. An ``Int`` is an ``i64`` in C, all else its code (see ``encoding``).
"""

from __future__ import annotations

from typing import assert_never

from pvcheck.engines.native.collections import Collections
from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.values import literal, plus, wide, within
from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Changed,
    Comprehension,
    Const,
    Element,
    Expr,
    Field,
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
)
from pvcheck.model.layout import Block
from pvcheck.model.parts import flatten
from pvcheck.model.ranges import Range, plus_range, within_range
from pvcheck.model.types import (
    INT,
    ArrayOf,
    Bool,
    Enum,
    Optional,
    Sort,
    Struct,
    Type,
)

CHAINS = {Op.AND: "&&", Op.OR: "||"}
COMPARISONS = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
PLAIN = {Op.ADD: "+", Op.SUB: "-", Op.MUL: "*"}
ARITHMETIC = {Op.ADD: "add", Op.SUB: "sub", Op.MUL: "product", Op.DIV: "divide", Op.MOD: "modulo"}


class Expressions(Collections):
    """Writes the expressions of one function."""

    def __init__(self, state: StateLayout, *, inside_step: bool) -> None:
        super().__init__(state)
        self.inside_step = inside_step
        """Whether guards are checked, and there is a stepping thread."""
        self.snapshots: dict[int, int] = {}
        """Of the locals that are snapshots, their cell after the thread's first."""
        self.granted: tuple[str, tuple[Expr, ...]] | None = None
        """An element whose guard is known to be held for writing."""

    def expr(self, expr: Expr) -> str:
        match expr:
            case Const() | Param() | SizeOf() | OpAllowed() | Local() | Self() | Bound():
                return self._leaf(expr)
            case Read():
                return self._read(expr)
            case Field(of=of, position=position):
                assert isinstance(of.type, Struct), "only structs have fields"
                type_ = of.type.fields[position][1]
                return self.part(self.expr(of), self.encoding.field(of.type, position), type_)
            case Element(of=of, index=index):
                assert isinstance(of.type, ArrayOf), "only arrays have elements"
                array = self.expr(of)
                return self.element(array, of.type, self.index(index, of.type.index))
            case Apply():
                return self._apply(expr)
            case Quantifier():
                return self.quantifier(expr)
            case Comprehension():
                return self.comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                name = f"b{binder.number}"
                given = self.typed(value, binder.type)
                self.ranges.bind(binder.number, value)
                return f"({{ {self.declared(binder.type)} {name} = {given}; {self.expr(body)}; }})"
            case LockTest():
                return self._lock_test(expr)
            case TakeSnapshot(counter=counter, indices=indices):
                return f"({self.may_read(counter, indices)} + 2)"
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                first, (seen, element) = self.operands(
                    ("u64", lambda: self.expr(snapshot)),
                    ("u64", lambda: self.may_read(counter, indices)),
                )
                return within(first, self.may_fault(f"changed(x, {seen}, {element})"))
            case _:
                assert_never(expr)

    def _leaf(self, expr: Const | Param | SizeOf | OpAllowed | Local | Self | Bound) -> str:
        match expr:
            case Const(value=value, type=type_):
                return self.constant(value, type_)
            case Param(name=name, type=type_):
                return self.constant(self.instance.parameters[name], type_)
            case SizeOf(sort=sort):
                return literal(self.instance.sizes[sort])
            case OpAllowed(operation=operation):
                return str(int(self.instance.allows(operation)))
            case Local(slot=slot):
                offset = self.snapshots.get(slot)
                return f"x{slot}" if offset is None else f"GET(x->w, x->first + {offset})"
            case Self():
                return "x->me"
            case Bound(number=number):
                return f"b{number}"
            case _:
                assert_never(expr)

    # Places in the shared part

    def index(self, index: Expr, type_: Type) -> str:
        size = self.encoding.size(type_)
        code = self.expr(index)
        if isinstance(index.type, Sort | Enum | Bool):
            return code
        if within_range(self.ranges.of(index), 0, size - 1):
            return f"(u64){code}"
        return self.may_fault(f"indexed(x, {code}, {size})")

    def position(self, block: Block, indices: tuple[Expr, ...]) -> str:
        """The row-major position of an element in a block."""
        code = "0"
        for index, type_, length in zip(indices, block.indices, block.sizes, strict=True):
            part = self.index(index, type_)
            if code.isdigit() and part.isdigit():
                code = str(int(code) * length + int(part))
            elif code == "0":
                code = part
            else:
                code = f"({code} * {length} + {part})"
        return code

    def _read(self, read: Read) -> str:
        block = self.layout.blocks[read.variable]
        position = self.may_read(read.variable, read.indices)
        type_ = self.layout.variables[read.variable].type
        return self.from_code(self.state.get(block.start, position, self.word(type_)), type_)

    def may_read(self, variable: str, indices: tuple[Expr, ...]) -> str:
        """The position; in a step checked: the thread must hold a guarding lock."""
        position = self.position(self.layout.blocks[variable], indices)
        guard = self.layout.variables[variable].guard
        if not self.inside_step or guard is None or (variable, indices) == self.granted:
            return position
        return self.may_fault(f"may_read_{self.state.variable(variable)}(x, {position})")

    def lock_cell(self, lock: LockRef) -> str:
        block = self.layout.lock_blocks[lock.lock]
        return plus(block.start, self.position(block, lock.indices))

    def _lock_test(self, test: LockTest) -> str:
        cell = f"GET(x->w, {self.lock_cell(test.lock)})"
        match test.ask:
            case Ask.HELD:
                return f"holds({cell}, x->thread)" if self.inside_step else "0"
            case Ask.FREE:
                return f"(!{cell})"
            case Ask.HOLDER:
                sort = test.type.of if isinstance(test.type, Optional) else test.type
                assert isinstance(sort, Sort), "a family of threads is indexed by a sort"
                return f"holder_{self.state.sort(sort)}({cell})"
            case _:
                assert_never(test.ask)

    # Operators

    def _apply(self, apply: Apply) -> str:
        op, args = apply.op, apply.args
        match op:
            case Op.AND | Op.OR:
                parts = [self.expr(a) for a in flatten(op, apply)]
                return "(" + f" {CHAINS[op]} ".join(parts) + ")"
            case Op.NOT:
                return f"(!{self.expr(args[0])})"
            case Op.IMPLIES:
                return f"(!{self.expr(args[0])} || {self.expr(args[1])})"
            case Op.IFF | Op.EQ | Op.NE:
                type_ = self.encoding.join(args[0].type, args[1].type)
                return self._infix("!=" if op is Op.NE else "==", args, type_)
            case Op.ITE:
                condition, then, otherwise = args
                chosen = self.typed(then, apply.type), self.typed(otherwise, apply.type)
                cast = f"({self.declared(apply.type)})"
                return f"({self.expr(condition)} ? {cast}{chosen[0]} : {cast}{chosen[1]})"
            case Op.LT | Op.LE | Op.GT | Op.GE:
                return self._infix(COMPARISONS[op], args, args[0].type)
            case Op.ADD | Op.SUB | Op.MUL | Op.DIV | Op.MOD:
                first, both = self.values_of(args, INT, INT)
                return within(first, self._arithmetic(apply, both))
            case Op.NEG:
                return f"(-{self.expr(args[0])})"
            case Op.SHIFT | Op.ELEMENT | Op.ORDINAL | Op.DEREF | Op.STRUCT | Op.ARRAY:
                return self._made(apply)
            case _:
                return self.of_collection(apply)

    def _arithmetic(self, apply: Apply, both: list[str]) -> str:
        """Checked only as far as the operands' ranges leave a doubt."""
        known = self.ranges.arithmetic(apply) is not None
        if known and apply.op in PLAIN:
            return f"({both[0]} {PLAIN[apply.op]} {both[1]})"
        dividend = self.ranges.of(apply.args[0])
        if known and apply.op in (Op.DIV, Op.MOD) and dividend is not None and dividend[0] >= 0:
            return f"({both[0]} {'/' if apply.op is Op.DIV else '%'} {both[1]})"
        return self.may_fault(f"{ARITHMETIC[apply.op]}(x, {both[0]}, {both[1]})")

    def _infix(self, operator: str, args: tuple[Expr, ...], type_: Type) -> str:
        first, (left, right) = self.values_of(args, type_, type_)
        return within(first, f"({left} {operator} {right})")

    def _made(self, apply: Apply) -> str:
        type_, args = apply.type, apply.args
        match apply.op:
            case Op.SHIFT:
                first, (place, by) = self.values_of(args, args[0].type, INT)
                fits = plus_range(self.ranges.of(args[0]), self.ranges.of(args[1]))
                sum_ = f"((i64){place} + {by})" if fits else f"add(x, (i64){place}, {by})"
                return within(first, self._element_of(sum_, fits, type_))
            case Op.ELEMENT:
                return self._element_of(self.expr(args[0]), self.ranges.of(args[0]), type_)
            case Op.ORDINAL:
                return f"(i64){self.expr(args[0])}"
            case Op.DEREF:
                inner = args[0].type
                assert isinstance(inner, Optional), "only optionals have an inside"
                some = self.may_fault(f"some{self.size(inner)}(x, {self.expr(args[0])})")
                return self.from_code(some, inner.of)
            case Op.STRUCT:
                assert isinstance(type_, Struct), "what STRUCT makes"
                first, codes = self.codes_of(args, *(t for _, t in type_.fields))
                shifts = [self.encoding.field(type_, n) for n in range(len(codes))]
                return within(first, self.packed(type_, codes, shifts))
            case _:
                assert isinstance(type_, ArrayOf), "what ARRAY makes"
                size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
                ones = wide(sum(1 << k * width for k in range(size)) if width else 0)
                return f"(({self.word(type_)}){self.code(args[0], type_.of)} * {ones})"

    def _element_of(self, number: str, range_: Range, type_: Type) -> str:
        size = self.encoding.size(type_)
        if within_range(range_, 0, size - 1):
            return f"(u64){number}"
        return self.may_fault(f"element(x, {number}, {size})")

    # Many values
