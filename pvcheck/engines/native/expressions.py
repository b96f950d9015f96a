"""Expressions as C.

No text of the specification reaches the C but in comments: names are numbers. A subexpression that is
undefined sets ``x->fault`` (the first one wins) and yields 0, which every type has; whoever uses the
value looks at ``x->fault`` first. An ``Int`` is an ``i64`` in C, all else its code (see ``encoding``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, assert_never

from pvcheck.engines.native.encoding import Encoding, Unsupported
from pvcheck.model.compile_expr import flatten
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
)
from pvcheck.engines.native.state import StateLayout
from pvcheck.model.layout import Block
from pvcheck.model.types import (
    INT,
    ArrayOf,
    Bool,
    Enum,
    Int,
    ListOf,
    Optional,
    SetOf,
    Sort,
    Struct,
    Type,
)

CHAINS = {Op.AND: "&&", Op.OR: "||"}
COMPARISONS = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
PLAIN = {Op.ADD: "+", Op.SUB: "-", Op.MUL: "*"}
ARITHMETIC = {Op.ADD: "add", Op.SUB: "sub", Op.MUL: "product", Op.DIV: "divide", Op.MOD: "modulo"}
LISTS = {
    Op.FIRST: "first",
    Op.LAST: "last",
    Op.APPEND: "append",
    Op.PREPEND: "prepend",
    Op.NEXT: "following",
    Op.REMOVE: "without",
}
SETS = {Op.UNION: "({0} | {1})", Op.INTERSECT: "({0} & {1})", Op.MINUS: "({0} & ~{1})"}


Range = tuple[int, int] | None
"""The least and the greatest value; ``None``: unknown, or too large to compute with unchecked."""


class Loop(NamedTuple):
    """A loop in C, to be written around its body."""

    begin: str
    end: str
    items: str = ""
    """The name of the collection it goes through, if any."""
    at: str = ""
    """The name of the position in that collection."""


class Expressions:
    """Writes the expressions of one function."""

    def __init__(self, state: StateLayout, *, inside_step: bool) -> None:
        self.state = state
        self.layout = state.layout
        self.instance = state.layout.instance
        self.encoding: Encoding = state.encoding
        self.inside_step = inside_step
        """Whether guards are checked, and there is a stepping thread."""
        self.snapshots: dict[int, int] = {}
        """Of the locals that are snapshots, their cell after the thread's first."""
        self.faults = False
        """Whether something written since this was last set to ``False`` may fault."""
        self.lates = False
        """The same of numbers and lists that may not fit where they are put."""
        self.granted: tuple[str, tuple[Expr, ...]] | None = None
        """An element whose guard is known to be held for writing."""
        self._names = 0
        self._ranges: dict[int, Range] = {}
        """Of bound variables that stand for a number."""

    # Values

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
                return self._quantifier(expr)
            case Comprehension():
                return self._comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                name = f"b{binder.number}"
                given = self.typed(value, binder.type)
                self._ranges[binder.number] = self.range(value)
                return f"({{ {self.declared(binder.type)} {name} = {given}; {self.expr(body)}; }})"
            case LockTest():
                return self._lock_test(expr)
            case TakeSnapshot(counter=counter, indices=indices):
                return f"({self.may_read(counter, indices)} + 2)"
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                first, (seen, position) = self.operands(
                    ("u64", lambda: self.expr(snapshot)),
                    ("u64", lambda: self.may_read(counter, indices)),
                )
                return within(first, self._may_fault(f"changed(x, {seen}, {position})"))
            case _:
                assert_never(expr)

    def typed(self, expr: Expr, type_: Type) -> str:
        """The expression as a value of ``type_``, which may differ in bounds and question marks."""
        return self.coerce(self.expr(expr), expr.type, type_)

    def code(self, expr: Expr, type_: Type) -> str:
        """The expression as a code of ``type_``."""
        value = self.typed(expr, type_)
        if isinstance(type_, Int):
            low, high = self.encoding.bounds(type_)
            if within_range(self.range(expr), low, high):
                return f"(u64)({value} - {literal(low)})" if low else f"(u64){value}"
        return self.to_code(value, type_)

    def range(self, expr: Expr) -> Range:
        """Bounds of a number or a position; where a subexpression faults, they may not hold."""
        match expr:
            case Const(value=int() as value):
                return value, value
            case Param(name=name) if isinstance(expr.type, Int):
                value = int(self.instance.parameters[name])
                return value, value
            case SizeOf(sort=sort):
                return self.instance.sizes[sort], self.instance.sizes[sort]
            case Bound(number=number) if number in self._ranges:
                return self._ranges[number]
            case Apply(op=Op.ORDINAL | Op.ELEMENT | Op.SHIFT, args=args):
                if expr.op is Op.ORDINAL:
                    return self.range(args[0])
                by = self.range(args[1]) if expr.op is Op.SHIFT else (0, 0)
                return meet(plus_range(self.range(args[0]), by), self._of_type(expr.type))
            case Apply(op=Op.ADD | Op.SUB | Op.MUL | Op.DIV | Op.MOD | Op.NEG | Op.ITE):
                return self._arithmetic_range(expr)
        return self._of_type(expr.type)

    def _of_type(self, type_: Type) -> Range:
        match type_:
            case Sort() | Enum():
                return 0, self.encoding.size(type_) - 1
            case Int() if type_.low is not None:
                return self.encoding.bounds(type_)
        return None

    def _arithmetic_range(self, apply: Apply) -> Range:
        ranges = [self.range(a) for a in apply.args]
        if any(r is None for r in ranges[-2:]):
            return None
        a, b = ranges[-2] if len(ranges) > 1 else (0, 0), ranges[-1]
        assert a is not None, "looked at above"
        assert b is not None, "looked at above"
        match apply.op:
            case Op.ADD:
                return plus_range(a, b)
            case Op.SUB | Op.NEG:
                return plus_range(a, (-b[1], -b[0]))
            case Op.MUL:
                products = [x * y for x in a for y in b]
                return small((min(products), max(products)))
            case Op.ITE:
                return min(a[0], b[0]), max(a[1], b[1])
            case Op.DIV if b[0] > 0:
                quotients = [x // y for x in a for y in b]
                return min(quotients), max(quotients)
            case Op.MOD if b[0] > 0:
                return 0, b[1] - 1
        return None

    def coerce(self, value: str, given: Type, wanted: Type) -> str:
        if given == wanted or isinstance(wanted, Int):
            return value
        match given, wanted:
            case Optional(of=a), Optional(of=b):
                if self._alike(a, b):
                    return value
                o = self.name("o")
                inner = self.to_code(self.coerce(self.from_code(f"({o} - 1)", a), a, b), b)
                return f"({{ {self.word(given)} {o} = {value}; {o} ? {inner} + 1 : 0; }})"
            case _, Optional(of=b):
                return f"(({self.word(wanted)}){self.to_code(self.coerce(value, given, b), b)} + 1)"
            case SetOf(of=Int() as a), SetOf(of=Int() as b):
                return self._shifted_set(value, a, b)
            case ListOf(), ListOf():
                return self._list(value, given, wanted)
        if self._alike(given, wanted):
            return value
        raise Unsupported(f"a value of type {given} as one of {wanted}")

    def _alike(self, a: Type, b: Type) -> bool:
        """Whether both have the same codes for the same values."""
        match a, b:
            case Int(), Int():
                return self.encoding.bounds(a) == self.encoding.bounds(b)
            case (Optional(of=x), Optional(of=y)) | (SetOf(of=x), SetOf(of=y)):
                return self._alike(x, y)
            case ListOf(of=x), ListOf(of=y):
                return self._alike(x, y) and self.encoding.list(a) == self.encoding.list(b)
            case ArrayOf(index=i, of=x), ArrayOf(index=j, of=y):
                return i == j and self._alike(x, y)
        return a == b

    def _shifted_set(self, value: str, a: Int, b: Int) -> str:
        (low, high), (least, most) = self.encoding.bounds(a), self.encoding.bounds(b)
        if (low, high) == (least, most):
            return value
        if low < least or high > most:
            raise Unsupported(f"a set of numbers {low}..{high} as one of {least}..{most}")
        return f"(({self.word(SetOf(b))}){value} << {low - least})"

    def _list(self, value: str, given: ListOf, wanted: ListOf) -> str:
        """A list as one of another capacity or element type."""
        if self._alike(given, wanted):
            return value
        (most, width), (room, wide) = self.encoding.list(given), self.encoding.list(wanted)
        e, n, k, r = (self.name(letter) for letter in "enkr")
        word, target = self.word(given), self.word(wanted)
        element = self.from_code(f"({e} >> ({most - 1} - {k}) * {width} & {mask(width)})", given.of)
        code = self.to_code(self.coerce(element, given.of, wanted.of), wanted.of)
        late = ""
        if most > room:
            self.lates = True
            late = f"if ({n} > {room}) {{ x->late = 1; {n} = {room}; }} "
        return (
            f"({{ {word} {e} = {value}; int {n} = (int)({e} >> {most * width}); {late}"
            f"{target} {r} = ({target}){n} << {room * wide}; for (int {k} = 0; {k} < {n}; ++{k}) "
            f"{r} |= ({target}){code} << ({room - 1} - {k}) * {wide}; {r}; }})"
        )

    def word(self, type_: Type) -> str:
        """The C type of a code."""
        return "u64" if self.encoding.width(type_) <= 64 else "u128"

    def declared(self, type_: Type) -> str:
        """The C type of a value."""
        return "i64" if isinstance(type_, Int) else self.word(type_)

    def to_code(self, value: str, type_: Type) -> str:
        if not isinstance(type_, Int):
            return value
        low, high = self.encoding.bounds(type_)
        if value.lstrip("(-").rstrip(")").isdigit():
            number = int(value.strip("()"))
            if low <= number <= high:
                return str(number - low)
        self.lates = True
        return f"number(x, {value}, {literal(low)}, {literal(high)})"

    def from_code(self, code: str, type_: Type) -> str:
        if not isinstance(type_, Int):
            return code
        low, _ = self.encoding.bounds(type_)
        return f"((i64)({code}) + {literal(low)})" if low else f"(i64)({code})"

    def part(self, code: str, shift: int, type_: Type) -> str:
        """The part of a code that starts at a bit, as a value."""
        width = self.encoding.width(type_)
        shifted = f"({code} >> {shift})" if shift else f"({code})"
        cast = f"({self.word(type_)})"
        return self.from_code(f"({cast}{shifted} & {mask(width)})", type_)

    def element(self, array: str, type_: ArrayOf, index: str) -> str:
        size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
        cast = f"({self.word(type_.of)})"
        shifted = f"({array} >> ({size - 1} - {index}) * {width})"
        return self.from_code(f"({cast}{shifted} & {mask(width)})", type_.of)

    def name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}_"

    def _may_fault(self, code: str) -> str:
        self.faults = True
        return code

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

    def constant(self, value: object, type_: Type) -> str:
        if isinstance(type_, Int):
            assert isinstance(value, int), "an Int is an int"
            if abs(value) >= 1 << 62:
                raise Unsupported(f"the number {value}")
            return literal(value)
        return wide(self.encoding.code(value, type_))

    # Places in the shared part

    def index(self, index: Expr, type_: Type) -> str:
        size = self.encoding.size(type_)
        code = self.expr(index)
        if isinstance(index.type, Sort | Enum | Bool):
            return code
        if within_range(self.range(index), 0, size - 1):
            return f"(u64){code}"
        return self._may_fault(f"indexed(x, {code}, {size})")

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
        return self._may_fault(f"may_read_{self.state.variable(variable)}(x, {position})")

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
                both = self.encoding.join(args[0].type, args[1].type)
                return self._infix("!=" if op is Op.NE else "==", args, both)
            case Op.ITE:
                condition, then, otherwise = args
                chosen = self.typed(then, apply.type), self.typed(otherwise, apply.type)
                cast = f"({self.declared(apply.type)})"
                return f"({self.expr(condition)} ? {cast}{chosen[0]} : {cast}{chosen[1]})"
            case Op.LT | Op.LE | Op.GT | Op.GE:
                return self._infix(COMPARISONS[op], args, args[0].type)
            case Op.ADD | Op.SUB | Op.MUL | Op.DIV | Op.MOD:
                first, both = self._operands(args, INT, INT)
                return within(first, self._arithmetic(apply, both))
            case Op.NEG:
                return f"(-{self.expr(args[0])})"
            case Op.SHIFT | Op.ELEMENT | Op.ORDINAL | Op.DEREF | Op.STRUCT | Op.ARRAY:
                return self._made(apply)
            case Op.UNION | Op.INTERSECT | Op.MINUS | Op.SET | Op.INSERT | Op.DISCARD:
                return self._set(apply)
            case Op.MIN | Op.MAX:
                lowest = "least" if op is Op.MIN else "greatest"
                return self._may_fault(f"{lowest}{self._size(args[0].type)}(x, {self.expr(args[0])})")
            case Op.IN:
                return self._in(args[0], args[1])
            case Op.EMPTY:
                return self._empty(args[0])
            case Op.SIZE:
                return self._length(args[0])
            case _:
                return self._of_list(apply)

    def _arithmetic(self, apply: Apply, both: list[str]) -> str:
        """Checked only as far as the operands' ranges leave a doubt."""
        known = self._arithmetic_range(apply) is not None
        if known and apply.op in PLAIN:
            return f"({both[0]} {PLAIN[apply.op]} {both[1]})"
        dividend = self.range(apply.args[0])
        if known and apply.op in (Op.DIV, Op.MOD) and dividend is not None and dividend[0] >= 0:
            return f"({both[0]} {'/' if apply.op is Op.DIV else '%'} {both[1]})"
        return self._may_fault(f"{ARITHMETIC[apply.op]}(x, {both[0]}, {both[1]})")

    def _infix(self, operator: str, args: tuple[Expr, ...], type_: Type) -> str:
        first, (left, right) = self._operands(args, type_, type_)
        return within(first, f"({left} {operator} {right})")

    def operands(self, *operands: tuple[str, Callable[[], str]]) -> tuple[str, list[str]]:
        """C types of operands and what writes them: declarations to go first, and the operands.

        C does not say in which order it evaluates operands, but which fault is the first matters
        where several may fault.
        """
        faults, written = self.faults, []
        for _, write in operands:
            self.faults = False
            written.append((write(), self.faults))
            faults |= self.faults
        self.faults = faults
        if sum(may for _, may in written) <= 1:
            return "", [code for code, _ in written]
        names = [self.name("v") for _ in operands]
        declarations = (
            f"{type_} {name} = {code}; "
            for name, (type_, _), (code, _) in zip(names, operands, written, strict=True)
        )
        return "".join(declarations), names

    def _operands(self, args: tuple[Expr, ...], *types: Type) -> tuple[str, list[str]]:
        """Operands as values of these types."""
        return self.operands(
            *(
                (self.declared(type_), partial(self.typed, arg, type_))
                for arg, type_ in zip(args, types, strict=True)
            )
        )

    def _codes(self, args: tuple[Expr, ...], *types: Type) -> tuple[str, list[str]]:
        """Operands as codes of these types."""
        return self.operands(
            *(
                (self.word(type_), partial(self.code, arg, type_))
                for arg, type_ in zip(args, types, strict=True)
            )
        )

    def _made(self, apply: Apply) -> str:
        type_, args = apply.type, apply.args
        match apply.op:
            case Op.SHIFT:
                first, (place, by) = self._operands(args, args[0].type, INT)
                fits = plus_range(self.range(args[0]), self.range(args[1]))
                sum_ = f"((i64){place} + {by})" if fits else f"add(x, (i64){place}, {by})"
                return within(first, self._element_of(sum_, fits, type_))
            case Op.ELEMENT:
                return self._element_of(self.expr(args[0]), self.range(args[0]), type_)
            case Op.ORDINAL:
                return f"(i64){self.expr(args[0])}"
            case Op.DEREF:
                inner = args[0].type
                assert isinstance(inner, Optional), "only optionals have an inside"
                some = self._may_fault(f"some{self._size(inner)}(x, {self.expr(args[0])})")
                return self.from_code(some, inner.of)
            case Op.STRUCT:
                assert isinstance(type_, Struct), "what STRUCT makes"
                first, codes = self._codes(args, *(t for _, t in type_.fields))
                shifts = [self.encoding.field(type_, n) for n in range(len(codes))]
                return within(first, self._packed(type_, codes, shifts))
            case _:
                assert isinstance(type_, ArrayOf), "what ARRAY makes"
                size, width = self.encoding.size(type_.index), self.encoding.width(type_.of)
                ones = wide(sum(1 << k * width for k in range(size)) if width else 0)
                return f"(({self.word(type_)}){self.code(args[0], type_.of)} * {ones})"

    def _element_of(self, number: str, range_: Range, type_: Type) -> str:
        size = self.encoding.size(type_)
        if within_range(range_, 0, size - 1):
            return f"(u64){number}"
        return self._may_fault(f"element(x, {number}, {size})")

    def _packed(self, type_: Type, codes: list[str], shifts: list[int]) -> str:
        """The code that has these codes at these bits."""
        word = self.word(type_)
        parts = [f"({word}){c} << {n}" for c, n in zip(codes, shifts, strict=True)]
        return "(" + " | ".join(parts) + ")" if parts else "0"

    def _set(self, apply: Apply) -> str:
        type_, args = apply.type, apply.args
        assert isinstance(type_, SetOf), "what set operators make"
        word, of = self.word(type_), type_.of
        match apply.op:
            case Op.SET:
                first, codes = self._codes(args, *[of] * len(args))
                bits = [f"(({word})1 << {code})" for code in codes]
                return within(first, "(" + " | ".join(bits) + ")" if bits else "0")
            case Op.DISCARD if isinstance(of, Int):
                low, high = map(literal, self.encoding.bounds(of))
                first, (before, gone) = self._operands(args, type_, INT)
                r, v = self.name("r"), self.name("v")
                return (
                    f"({{ {first}{word} {r} = {before}; i64 {v} = {gone}; {v} < {low} || {v} > {high} "
                    f"? {r} : {r} & ~(({word})1 << ({v} - {low})); }})"
                )
            case Op.INSERT | Op.DISCARD:
                first, (before, code) = self._codes(args, type_, of)
                bit = f"(({word})1 << {code})"
                changed = f"| {bit}" if apply.op is Op.INSERT else f"& ~{bit}"
                return within(first, f"({before} {changed})")
            case op:
                first, both = self._operands(args, type_, type_)
                return within(first, SETS[op].format(*both))

    def _in(self, element: Expr, collection: Expr) -> str:
        if isinstance(collection, Apply) and collection.op in (Op.LIST, Op.SET):
            return self._among(element, collection.args)
        of = collection.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        c, e, v = (self.name(letter) for letter in "cev")
        inside = f"(int)({c} >> {e} & 1)"
        if isinstance(of, ListOf):
            inside = f"find{self._size(of)}({c}, {e}, {self._shape(of)}) >= 0"
        items = f"{self.word(of)} {c} = "
        if isinstance(of.of, Int):
            low, high = map(literal, self.encoding.bounds(of.of))
            value = self.expr(element)
            return (
                f"({{ i64 {v} = {value}; {items}{self.expr(collection)}; u64 {e} = (u64)({v} - {low}); "
                f"{v} >= {low} && {v} <= {high} && {inside}; }})"
            )
        item = f"{self.word(of.of)} {e} = {self.code(element, of.of)}"
        return f"({{ {item}; {items}{self.expr(collection)}; {inside}; }})"

    def _among(self, element: Expr, items: tuple[Expr, ...]) -> str:
        """Whether the element is one of the items, all of which are evaluated."""
        type_ = element.type
        for item in items:
            type_ = self.encoding.join(type_, item.type)
        v, r = self.name("v"), self.name("r")
        sought = f"{self.declared(type_)} {v} = {self.typed(element, type_)}; int {r} = 0;"
        tests = "".join(f" {r} |= {v} == {self.typed(item, type_)};" for item in items)
        return f"({{ {sought}{tests} {r}; }})"

    def _empty(self, of: Expr) -> str:
        if isinstance(of.type, SetOf):
            return f"(!{self.expr(of)})"
        return f"({self._length(of)} == 0)"

    def _length(self, of: Expr) -> str:
        if isinstance(of, Apply) and of.op is Op.LIST:
            return f"({{ {''.join(f'(void){self.expr(a)}; ' for a in of.args)}(i64){len(of.args)}; }})"
        if isinstance(of.type, SetOf):
            return f"size{self._size(of.type)}({self.expr(of)})"
        assert isinstance(of.type, ListOf), "only lists and sets have a size"
        capacity, width = self.encoding.list(of.type)
        return f"(i64)({self.expr(of)} >> {capacity * width})"

    def _of_list(self, apply: Apply) -> str:
        op, args = apply.op, apply.args
        if op is Op.LIST:
            assert isinstance(apply.type, ListOf), "what LIST makes"
            return self._list_literal(args, apply.type)
        of = args[0].type
        assert isinstance(of, ListOf), "an operator of lists"
        function, shape = f"{LISTS[op]}{self._size(of)}", self._shape(of)
        if op in (Op.FIRST, Op.LAST):
            code = self._may_fault(f"{function}(x, {self.expr(args[0])}, {shape})")
            return self.from_code(code, of.of)
        self.lates |= op in (Op.APPEND, Op.PREPEND)
        if op in (Op.NEXT, Op.REMOVE) and isinstance(of.of, Int):
            low, high = map(literal, self.encoding.bounds(of.of))
            first, (list_, item) = self._operands(args, of, INT)
            item = f"sought({item}, {low}, {high})"
        else:
            first, (list_, item) = self._codes(args, of, of.of)
        self.faults |= op in (Op.NEXT, Op.REMOVE)
        return within(first, f"{function}(x, {list_}, {item}, {shape})")

    def _list_literal(self, args: tuple[Expr, ...], type_: ListOf) -> str:
        capacity, width = self.encoding.list(type_)
        if len(args) > capacity:
            raise Unsupported(f"a list of {len(args)} elements of type {type_}")
        first, codes = self._codes(args, *[type_.of] * len(args))
        shifts = [(capacity - 1 - n) * width for n in range(len(args))]
        packed = self._packed(
            type_, [str(len(args)), *codes], [capacity * width, *shifts]
        )
        return within(first, packed)

    def _shape(self, type_: ListOf) -> str:
        capacity, width = self.encoding.list(type_)
        return f"{capacity}, {width}"

    def _size(self, type_: Type) -> str:
        return "" if self.word(type_) == "u64" else "_wide"

    # Many values

    def loop(
        self, name: str, type_: Type, domain: Domain, *, descending: bool = False
    ) -> Loop:
        """A loop over a domain, in whose body ``name`` is declared as a value of ``type_``."""
        declared = f"{self.declared(type_)} {name}"
        if domain.within is not None:
            return self._loop_within(declared, type_, domain.within, descending)
        match domain.type:
            case Sort() | Enum() | Bool():
                size = 2 if isinstance(domain.type, Bool) else self.encoding.size(domain.type)
                head = f"{declared} = 0; {name} < {size}; ++{name}"
                if descending:
                    head = f"{declared} = {size}; {name}-- > 0; "
                return Loop(f"for ({head}) {{ ", "}")
            case Int():
                low, high = map(literal, self.encoding.bounds(domain.type))
                head = f"{declared} = {low}; {name} <= {high}; ++{name}"
                if descending:
                    head = f"{declared} = {high}; {name} >= {low}; --{name}"
                return Loop(f"for ({head}) {{ ", "}")
        k, table = self.name("k"), self.state.table(domain.type)
        count = len(self.encoding.all(domain.type))
        head = f"int {k} = 0; {k} < {count}; ++{k}"
        if descending:
            head = f"int {k} = {count}; {k}-- > 0; "
        return Loop(f"for ({head}) {{ {declared} = {table}[{k}]; ", "}")

    def _loop_within(self, declared: str, type_: Type, within: Expr, descending: bool) -> Loop:
        of = within.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        items, k, word = self.name("c"), self.name("k"), self.word(of)
        begin = f"{word} {items} = {self.expr(within)}; "
        if isinstance(of, ListOf):
            most, width = self.encoding.list(of)
            length = f"(int)({items} >> {most * width})"
            code = f"({self.word(of.of)})({items} >> ({most - 1} - {k}) * {width} & {mask(width)})"
            head = f"int {k} = 0, {k}n = {length}; {k} < {k}n; ++{k}"
            if descending:
                head = f"int {k} = {length}; {k}-- > 0; "
        else:
            function = f"{'highest' if descending else 'lowest'}{self._size(of)}"
            head = f"u64 {k}; {items} && ({k} = {function}({items}), 1); {items} &= ~(({word})1 << {k})"
            code = k
        value = self.coerce(self.from_code(code, of.of), of.of, type_)
        return Loop(f"{{ {begin}for ({head}) {{ {declared} = {value}; ", "} }", items, k)

    def _quantifier(self, q: Quantifier) -> str:
        loop = self.loop(f"b{q.binder.number}", q.binder.type, q.domain)
        begin, end = loop.begin, loop.end
        where = "" if q.where is None else f"if (!{self.expr(q.where)}) continue; "
        body = self.expr(q.body)
        r = self.name("r")
        match q.kind:
            case Kind.FORALL:
                return f"({{ int {r} = 1; {begin}{where}if (!{body}) {{ {r} = 0; break; }} {end} {r}; }})"
            case Kind.EXISTS:
                return f"({{ int {r} = 0; {begin}{where}if ({body}) {{ {r} = 1; break; }} {end} {r}; }})"
            case Kind.COUNT:
                return f"({{ i64 {r} = 0; {begin}{where}if ({body}) ++{r}; {end} {r}; }})"
            case _:
                assert_never(q.kind)

    def _comprehension(self, c: Comprehension) -> str:
        assert isinstance(c.type, SetOf), "what a comprehension makes"
        name = f"b{c.binder.number}"
        loop = self.loop(name, c.binder.type, c.domain)
        r, word = self.name("r"), self.word(c.type)
        code = self.to_code(self.coerce(name, c.binder.type, c.type.of), c.type.of)
        where = self.expr(c.where)
        add = f"if ({where}) {r} |= ({word})1 << {code};"
        return f"({{ {word} {r} = 0; {loop.begin}{add} {loop.end} {r}; }})"


def within_range(range_: Range, low: int, high: int) -> bool:
    return range_ is not None and low <= range_[0] and range_[1] <= high


def small(range_: tuple[int, int]) -> Range:
    """The range, if numbers in it need no check."""
    return range_ if within_range(range_, -(1 << 31), 1 << 31) else None


def plus_range(a: Range, b: Range) -> Range:
    return None if a is None or b is None else small((a[0] + b[0], a[1] + b[1]))


def meet(a: Range, b: Range) -> Range:
    if a is None or b is None:
        return a or b
    return max(a[0], b[0]), min(a[1], b[1])


def within(first: str, code: str) -> str:
    """``code`` with declarations that go first."""
    return f"({{ {first}{code}; }})" if first else code


def plus(start: int, code: str) -> str:
    if code.isdigit():
        return str(start + int(code))
    return f"{start} + {code}" if start else code


def mask(width: int) -> str:
    return wide((1 << width) - 1)


def literal(number: int) -> str:
    """A number of any sign."""
    text = f"{number}" if -(2**31) < number < 2**31 else f"{number}LL"
    return text if number >= 0 else f"({text})"


def wide(number: int) -> str:
    """A code of up to 128 bits."""
    if number < 1 << 31:
        return str(number)
    if number < 1 << 64:
        return f"{number:#x}ULL"
    return f"((u128){number >> 64:#x}ULL << 64 | {number & (1 << 64) - 1:#x}ULL)"
