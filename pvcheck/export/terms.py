"""Expressions as text of a language, with what may go wrong on the way.

A number is written as itself, all else as its code (see ``pvcheck.model.encoding``). Domains are finite
and small, so quantifiers are written out. With a block to write to, what is long and used twice becomes
a temporary there, and what may go wrong an ``Assert``; without one the text stands alone, and what
may go wrong is in ``doubts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, assert_never

from pvcheck.export.codes import Codes
from pvcheck.export.lists import Lists
from pvcheck.export.program import Assert, Block, Set, When
from pvcheck.export.syntax import FALSE, TRUE, Syntax, is_atom
from pvcheck.model import values
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import (
    TRUE as HOLDS,
)
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
from pvcheck.model.layout import Block as Cells
from pvcheck.model.layout import Layout
from pvcheck.model.model import Fault
from pvcheck.model.parts import flatten
from pvcheck.model.ranges import Ranges, within_range
from pvcheck.model.types import (
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

MOST_WRITTEN_OUT = 4096
"""Values of a domain."""
MOST_TEXT = 400
"""Characters of a quantifier that is written without temporaries."""
COMPARED = {Op.LT: (False, False), Op.GT: (True, False), Op.LE: (False, True), Op.GE: (True, True)}
"""Whether the operands change places, and whether they may be equal."""


class Temporaries:
    """Names of numbers that mean nothing between steps; as many as are needed at once."""

    def __init__(self) -> None:
        self.most = 0
        self.used = 0

    def name(self) -> str:
        self.used += 1
        self.most = max(self.most, self.used)
        return f"t{self.used}"


class Terms(Lists):
    """Writes expressions in one place of the program."""

    def __init__(
        self,
        layout: Layout,
        syntax: Syntax,
        names: Mapping[str, str],
        *,
        me: str | None,
        element: str = "0",
        block: Block | None = None,
        temporaries: Temporaries | None = None,
    ) -> None:
        self.layout = layout
        self.instance = layout.instance
        self.encoding = Codes(layout)
        self.ranges = Ranges(self.instance, self.encoding)
        self.syntax = syntax
        self.names = names
        """Of the variables."""
        self.me = me
        """The number of the stepping thread; ``None``: in properties, where nobody steps."""
        self.element = element
        """Which of its family that is."""
        self.locals: Callable[[int], str] = lambda _: "0"
        """How the value of a local is written."""
        self.block = block
        self.temporaries = temporaries or Temporaries()
        self.doubts: list[tuple[str, str]] = []
        """Properties, and the conditions under which they are not violated, in order."""
        self.blamed: str | None = None
        """The property that all doubts are about, if it is one."""
        self.place = ""
        self._bound: dict[int, str] = {}
        self._under: list[str] = []
        self._granted: tuple[str, tuple[Expr, ...]] | None = None
        self._known: dict[str, list[tuple[str, set[str]]]] = {}
        """The temporaries that hold a text's value where these conditions hold."""

    # Where things are written

    def doubt(self, fault: Fault, fine: str) -> None:
        """What is evaluated here ends in a fault unless the condition holds."""
        syntax = self.syntax
        if fine == TRUE or set(syntax.conjuncts(fine)) <= self._supposed():
            return
        fine = syntax.any([syntax.negated(syntax.all(self._under)), fine])
        property_ = self.blamed or str(fault)
        if self.block is None:
            self.doubts.append((property_, fine))
        else:
            self.block.append(Assert(fine, property_, self.place))

    def _supposed(self) -> set[str]:
        """What holds where it is evaluated."""
        return {part for c in self._under for part in self.syntax.conjuncts(c)}

    def fine(self) -> str:
        """The condition under which nothing has gone wrong."""
        return self.syntax.all(fine for _, fine in self.doubts)

    @contextmanager
    def under(self, *conditions: str) -> Iterator[None]:
        """What is written within is evaluated only if these hold."""
        known = len(self._under)
        self._under += conditions
        yield
        del self._under[known:]

    def once(self, text: str) -> str:
        """What to write for the text in several places."""
        if self.block is None or is_atom(text):
            return text
        supposed = self._supposed()
        for name, before in self._known.get(text, ()):
            if before <= supposed:
                return name
        name = self.temporaries.name()
        self._known.setdefault(text, []).append((name, supposed))
        condition = self.syntax.all(self._under)
        # What is not evaluated may have no value: an index out of range, say.
        if condition == TRUE:
            self.block.append(Set(name, text))
        else:
            self.block.append(When(((condition, [Set(name, text)]),), [Set(name, "0")]))
        return name

    @contextmanager
    def inside(self, block: Block) -> Iterator[None]:
        """Within, things are written to a block that may be run or not; then, behind it."""
        outer, used, known = self.block, self.temporaries.used, self._known
        self.block, self._known = block, {text: list(names) for text, names in known.items()}
        yield
        self.block, self.temporaries.used, self._known = outer, used, known

    def forget(self) -> None:
        """Something changes: no temporary holds any longer what its text says."""
        self._known.clear()

    @contextmanager
    def granted(self, variable: str, indices: tuple[Expr, ...]) -> Iterator[None]:
        """Within, this element's guard is known to be held for writing."""
        self._granted = variable, indices
        yield
        self._granted = None

    # Values

    def constant(self, value: Any, type_: Type) -> str:
        return str(value if isinstance(type_, Int) else self.encoding.code(value, type_))

    def from_code(self, code: str, type_: Type) -> str:
        if self.encoding.top(type_) == 0:
            code = "0"
        if isinstance(type_, Int):
            return self.syntax.sum(code, str(self.encoding.bounds(type_)[0]))
        return code

    def to_code(self, value: str, type_: Type) -> str:
        """The code of a value; a number out of range is a fault."""
        if not isinstance(type_, Int):
            return value
        low, high = self.encoding.bounds(type_)
        syntax = self.syntax
        value = self.once(value)
        if type_.low is not None:
            inside = [syntax.at_most(str(low), value), syntax.at_most(value, str(high))]
            self.doubt(Fault.BOUNDS, syntax.all(inside))
        return syntax.minus(value, str(low))

    def code(self, expr: Expr, type_: Type) -> str:
        """The expression as a code of ``type_``."""
        value = self.typed(expr, type_)
        if isinstance(type_, Int):
            low, high = self.encoding.bounds(type_)
            if within_range(self.ranges.of(expr), low, high):
                return self.syntax.minus(value, str(low))
        return self.to_code(value, type_)

    def typed(self, expr: Expr, type_: Type) -> str:
        return self.coerce(self.number(expr), expr.type, type_)

    def coerce(self, value: str, given: Type, wanted: Type) -> str:
        """The value of a type as one of another, which differs in bounds or question marks."""
        if given == wanted or isinstance(wanted, Int):
            return value
        syntax = self.syntax
        match given, wanted:
            case Optional(of=a), Optional(of=b):
                o = self.once(value)
                inner = self.from_code(syntax.minus(o, "1"), a)
                with self.under(syntax.differ(o, "0")):
                    code = self.to_code(self.coerce(inner, a, b), b)
                return syntax.chosen(syntax.same(o, "0"), "0", syntax.sum(code, "1"))
            case _, Optional(of=b):
                return syntax.sum(self.to_code(self.coerce(value, given, b), b), "1")
            case SetOf(of=Int() as a), SetOf(of=Int() as b):
                (low, high), (least, most) = self.encoding.bounds(a), self.encoding.bounds(b)
                if low < least or high > most:
                    raise Unsupported(f"a set of numbers {low}..{high} as one of {least}..{most}")
                return syntax.left(value, str(low - least))
            case ListOf(), ListOf():
                return self.list_as(value, given, wanted)
        return value

    def values(self, type_: Type) -> list[str]:
        """All values of a type, rising."""
        count = values.count(type_, self.instance)
        if count is None or count > MOST_WRITTEN_OUT:
            raise Unsupported(f"type {type_} has too many values to write out")
        return [self.constant(v, type_) for v in values.values(type_, self.instance)]

    # Expressions

    def condition(self, expr: Expr) -> str:
        """A ``Bool`` as a condition."""
        syntax = self.syntax
        match expr:
            case Const(value=value):
                return TRUE if value else FALSE
            case Param(name=name):
                return TRUE if self.instance.parameters[name] else FALSE
            case OpAllowed(operation=operation):
                return TRUE if self.instance.allows(operation) else FALSE
            case Quantifier(kind=Kind.FORALL | Kind.EXISTS):
                return self._quantified(expr)
            case Let(binder=binder, value=value, body=body):
                self._let(binder, value)
                return self.condition(body)
            case LockTest():
                return self._lock_test(expr)
            case Changed(counter=counter, indices=indices, snapshot=snapshot):
                seen = self.once(self.number(snapshot))
                position = self.once(self.may_read(counter, indices))
                now = syntax.same(seen, syntax.sum(position, "2"))
                bumped = syntax.same(seen, "1")
                self.doubt(Fault.NONE_ACCESS, syntax.any([now, bumped]))
                return bumped
            case Apply():
                return self._applied(expr)
        return syntax.same(self.number(expr), "1")

    def _applied(self, apply: Apply) -> str:
        syntax, op, args = self.syntax, apply.op, apply.args
        match op:
            case Op.AND | Op.OR:
                return self._chain(op, flatten(op, apply))
            case Op.NOT:
                return syntax.negated(self.condition(args[0]))
            case Op.IMPLIES:
                before = self.condition(args[0])
                with self.under(before):
                    return syntax.any([syntax.negated(before), self.condition(args[1])])
            case Op.IFF | Op.EQ | Op.NE:
                type_ = self.encoding.join(args[0].type, args[1].type)
                left, right = (self.typed(a, type_) for a in args)
                return (syntax.differ if op is Op.NE else syntax.same)(left, right)
            case Op.LT | Op.GT | Op.LE | Op.GE:
                swapped, equal = COMPARED[op]
                left, right = (self.number(a) for a in args)
                both = (right, left) if swapped else (left, right)
                return (syntax.at_most if equal else syntax.less)(*both)
            case Op.IN | Op.EMPTY:
                return self.asked(apply)
            case Op.ITE:
                condition = self.condition(args[0])
                with self.under(condition):
                    then = self.condition(args[1])
                with self.under(syntax.negated(condition)):
                    otherwise = self.condition(args[2])
                return syntax.any(
                    [
                        syntax.all([condition, then]),
                        syntax.all([syntax.negated(condition), otherwise]),
                    ]
                )
        return syntax.same(self.number(apply), "1")

    def _chain(self, op: Op, parts: list[Expr]) -> str:
        syntax, conditions = self.syntax, list[str]()
        for part in parts:
            before = conditions if op is Op.AND else map(syntax.negated, conditions)
            with self.under(*before):
                condition = self.condition(part)
            conditions.append(condition)
            if condition == (FALSE if op is Op.AND else TRUE):
                break
        return syntax.all(conditions) if op is Op.AND else syntax.any(conditions)

    def number(self, expr: Expr) -> str:
        """Any expression as a number: itself or its code."""
        match expr:
            case Const() | Param() | SizeOf() | Local() | Self() | Bound():
                return self._leaf(expr)
            case Read() | Field() | Element():
                return self._part(expr)
            case Comprehension():
                return self._comprehension(expr)
            case Let(binder=binder, value=value, body=body):
                self._let(binder, value)
                return self.number(body)
            case TakeSnapshot(counter=counter, indices=indices):
                return self.syntax.sum(self.may_read(counter, indices), "2")
            case Quantifier(kind=Kind.COUNT):
                return self._counted(expr)
            case Apply(op=op) if not isinstance(expr.type, Bool) or op is Op.DEREF:
                return self._computed(expr)
            case LockTest(ask=Ask.HOLDER):
                return self._holder(expr)
            case Apply() | Quantifier() | LockTest() | Changed() | OpAllowed():
                return self.syntax.chosen(self.condition(expr), "1", "0")
            case _:
                assert_never(expr)

    def _leaf(self, expr: Const | Param | SizeOf | Local | Self | Bound) -> str:
        match expr:
            case Const(value=value, type=type_):
                return self.constant(value, type_)
            case Param(name=name, type=type_):
                return self.constant(self.instance.parameters[name], type_)
            case SizeOf(sort=sort):
                return str(self.instance.sizes[sort])
            case Local(slot=slot):
                return self.locals(slot)
            case Self():
                return self.element
            case Bound(number=number):
                return self._bound[number]
            case _:
                assert_never(expr)

    def _part(self, expr: Read | Field | Element) -> str:
        match expr:
            case Read(variable=variable, indices=indices):
                position = self.may_read(variable, indices)
                type_ = self.layout.variables[variable].type
                return self.from_code(self.cell(variable, position), type_)
            case Field(of=of, position=place):
                assert isinstance(of.type, Struct), "only structs have fields"
                return self.field(self.number(of), of.type, place)
            case Element(of=of, index=index):
                assert isinstance(of.type, ArrayOf), "only arrays have elements"
                array, shift = self.number(of), self.shift_of(of.type, index)
                width = self.encoding.width(of.type.of)
                part = self.syntax.low_bits(self.syntax.right(array, shift), width)
                return self.from_code(part, of.type.of)
            case _:
                assert_never(expr)

    def _computed(self, apply: Apply) -> str:
        syntax, args = self.syntax, apply.args
        match apply.op:
            case Op.ADD:
                return syntax.sum(*(self.number(a) for a in args))
            case Op.SUB:
                return syntax.minus(*(self.number(a) for a in args))
            case Op.NEG:
                return syntax.minus("0", self.number(args[0]))
            case Op.MUL:
                if not any(within_range(self.ranges.of(a), -1024, 1024) for a in args):
                    raise Unsupported("a product that may be large")
                return syntax.times(*(self.number(a) for a in args))
            case Op.DIV | Op.MOD:
                return self._divided(apply)
            case Op.ITE:
                condition = self.condition(args[0])
                with self.under(condition):
                    then = self.typed(args[1], apply.type)
                with self.under(syntax.negated(condition)):
                    otherwise = self.typed(args[2], apply.type)
                return syntax.chosen(condition, then, otherwise)
            case Op.ORDINAL:
                return self.number(args[0])
            case Op.ELEMENT | Op.SHIFT:
                number = self.once(syntax.sum(*(self.number(a) for a in args)))
                size = self.encoding.size(apply.type)
                if not within_range(self._range_of(apply), 0, size - 1):
                    inside = [syntax.at_most("0", number), syntax.less(number, str(size))]
                    self.doubt(Fault.BOUNDS, syntax.all(inside))
                return number
            case Op.DEREF:
                inner = args[0].type
                assert isinstance(inner, Optional), "only optionals have an inside"
                value = self.once(self.number(args[0]))
                self.doubt(Fault.NONE_ACCESS, syntax.differ(value, "0"))
                return self.from_code(syntax.minus(value, "1"), inner.of)
            case Op.STRUCT:
                assert isinstance(apply.type, Struct), "what STRUCT makes"
                return syntax.sum(
                    *(
                        syntax.left(self.code(a, t), str(self.encoding.field(apply.type, n)))
                        for n, (a, (_, t)) in enumerate(zip(args, apply.type.fields, strict=True))
                    )
                )
            case Op.ARRAY:
                assert isinstance(apply.type, ArrayOf), "what ARRAY makes"
                size, width = (
                    self.encoding.size(apply.type.index),
                    self.encoding.width(apply.type.of),
                )
                ones = sum(1 << k * width for k in range(size)) if width else 0
                return syntax.times(self.code(args[0], apply.type.of), str(ones))
            case _:
                return self.collected(apply)

    def _range_of(self, apply: Apply) -> tuple[int, int] | None:
        """Of the number that an element is made of."""
        ranges = [self.ranges.of(a) for a in apply.args]
        known = [r for r in ranges if r is not None]
        if len(known) < len(ranges):
            return None
        return sum(low for low, _ in known), sum(high for _, high in known)

    def _divided(self, apply: Apply) -> str:
        syntax = self.syntax
        by = self.ranges.of(apply.args[1])
        if by is None or by[0] < 0:
            raise Unsupported("a division by what may be less than 0")
        of = self.ranges.of(apply.args[0])
        a, b = (self.once(self.number(arg)) for arg in apply.args)
        self.doubt(Fault.BOUNDS, syntax.differ(b, "0"))
        if of is not None and of[0] >= 0:
            return (syntax.divided if apply.op is Op.DIV else syntax.remainder)(a, b)
        quotient = syntax.floor_divided(a, b)
        return quotient if apply.op is Op.DIV else syntax.minus(a, syntax.times(b, quotient))

    # Places in the shared part

    def cell(self, variable: str, position: str) -> str:
        """An element of a variable."""
        name = self.names[variable]
        return f"{name}[{position}]" if self.layout.variables[variable].binders else name

    def index(self, index: Expr, type_: Type) -> str:
        size, number = self.encoding.size(type_), self.number(index)
        if isinstance(index.type, Sort | Enum | Bool) or within_range(
            self.ranges.of(index), 0, size - 1
        ):
            return number
        number = self.once(number)
        inside = [self.syntax.at_most("0", number), self.syntax.less(number, str(size))]
        self.doubt(Fault.BOUNDS, self.syntax.all(inside))
        return number

    def position(self, cells: Cells, indices: tuple[Expr, ...]) -> str:
        """The row-major position of an element."""
        position = "0"
        for index, type_, size in zip(indices, cells.indices, cells.sizes, strict=True):
            position = self.syntax.sum(
                self.syntax.times(position, str(size)), self.index(index, type_)
            )
        return position

    def lock_cell(self, lock: LockRef) -> str:
        cells = self.layout.lock_blocks[lock.lock]
        return self.syntax.sum(self.position(cells, lock.indices), str(cells.start))

    def may_read(self, variable: str, indices: tuple[Expr, ...]) -> str:
        """The position; in a step the thread must hold a guarding lock."""
        position = self.position(self.layout.blocks[variable], indices)
        guard = self.layout.variables[variable].guard
        if self.me is None or guard is None or (variable, indices) == self._granted:
            return position
        position = self.once(position)
        self.doubt(
            Fault.RACE,
            self.syntax.any(
                self.syntax.all([where, self.holds(cell)])
                for where, cell in self._guards(variable, position)
            ),
        )
        return position

    def may_write(self, variable: str, position: str) -> None:
        """The thread must hold all guarding locks exclusively."""
        if self.layout.variables[variable].guard is None:
            return
        syntax = self.syntax
        self.doubt(
            Fault.RACE,
            syntax.all(
                syntax.any([syntax.negated(where), syntax.same(f"lock[{cell}]", self.one_more())])
                for where, cell in self._guards(variable, position)
            ),
        )

    def one_more(self) -> str:
        """What a lock holds that the stepping thread holds exclusively."""
        assert self.me is not None, "asked in steps"
        return self.syntax.sum(self.me, "1")

    def _guards(self, variable: str, position: str) -> list[tuple[str, str]]:
        """The locks that guard an element, each with the condition under which it does."""
        declared = self.layout.variables[variable]
        assert declared.guard is not None, "asked of what is guarded"
        cells = self.layout.blocks[variable]
        stride = cells.cells
        for binder, size in zip(declared.binders, cells.sizes, strict=True):
            stride //= size
            digit = self.syntax.divided(position, str(stride))
            if stride * size < cells.cells:
                digit = self.syntax.remainder(digit, str(size))
            self._bound[binder.number] = digit
        found: list[tuple[str, str]] = []
        me, self.me = self.me, None
        for lock in declared.guard.locks:
            if lock.binder is None:
                found.append((TRUE, self.lock_cell(lock.lock)))
                continue
            for value in self.values(lock.binder.type):
                self._bound[lock.binder.number] = value
                where = self.condition(lock.where or HOLDS)
                with self.under(where):
                    found.append((where, self.lock_cell(lock.lock)))
        self.me = me
        return found

    def holds(self, cell: str, thread: str | None = None) -> str:
        """Whether the thread (by default the stepping one) holds the lock."""
        syntax, thread = self.syntax, thread or self.me
        if thread is None:
            return FALSE
        lock = f"lock[{cell}]"
        alone = syntax.same(lock, syntax.sum(thread, "1"))
        if not self.shared_locks:
            return alone
        threads = str(len(self.instance.threads))
        shares = self.bit(syntax.minus(lock, threads), thread)
        return syntax.any([alone, syntax.all([syntax.less(threads, lock), shares])])

    def shares(self, cell: str) -> str:
        """Whether the stepping thread holds the lock, and not exclusively."""
        assert self.me is not None, "asked in steps"
        if not self.shared_locks:
            return FALSE
        threads, lock = str(len(self.instance.threads)), f"lock[{cell}]"
        bit = self.bit(self.syntax.minus(lock, threads), self.me)
        return self.syntax.all([self.syntax.less(threads, lock), bit])

    def shared_by_me(self) -> str:
        """What a lock holds that only the stepping thread holds, not exclusively."""
        assert self.me is not None, "asked in steps"
        threads = str(len(self.instance.threads))
        return self.syntax.sum(self.syntax.left("1", self.me), threads)

    @property
    def shared_locks(self) -> bool:
        """Whether some lock can be held by several."""
        return any(lock.kind == "rw" for lock in self.layout.locks.values())

    def held(self) -> str:
        """The locks that the stepping thread holds, as bits."""
        return self.syntax.sum(
            *(
                self.syntax.chosen(self.holds(str(cell)), str(1 << cell), "0")
                for cell in range(self.layout.lock_cells)
            )
        )

    def _lock_test(self, test: LockTest) -> str:
        cell = self.lock_cell(test.lock)
        if test.ask is Ask.HELD:
            return self.holds(self.once(cell))
        assert test.ask is Ask.FREE, "a holder is no condition"
        return self.syntax.same(f"lock[{cell}]", "0")

    def _holder(self, test: LockTest) -> str:
        sort = test.type.of if isinstance(test.type, Optional) else test.type
        lock, result = self.once(f"lock[{self.lock_cell(test.lock)}]"), "0"
        for number, (family, element) in enumerate(self.instance.threads):
            if family.sort == sort and element is not None:
                held = self.syntax.same(lock, str(number + 1))
                result = self.syntax.chosen(held, str(element + 1), result)
        return result

    # Structs and arrays

    def field(self, struct: str, type_: Struct, position: int) -> str:
        of = type_.fields[position][1]
        shifted = self.syntax.right(struct, str(self.encoding.field(type_, position)))
        if position:
            shifted = self.syntax.low_bits(shifted, self.encoding.width(of))
        return self.from_code(shifted, of)

    def shift_of(self, array: ArrayOf, index: Expr) -> str:
        """How far the code of an element is shifted."""
        last = str(self.encoding.size(array.index) - 1)
        distance = self.syntax.minus(last, self.index(index, array.index))
        return self.syntax.times(distance, str(self.encoding.width(array.of)))

    # Many values

    def bind(self, binder: Bound, value: str) -> None:
        self._bound[binder.number] = value

    def _let(self, binder: Bound, value: Expr) -> None:
        self._bound[binder.number] = self.once(self.typed(value, binder.type))
        self.ranges.bind(binder.number, value)

    def elements(self, domain: Domain, type_: Type) -> Iterator[tuple[str, str]]:
        """What a domain may hold: conditions and values."""
        if domain.within is None:
            for value in self.values(domain.type):
                yield TRUE, value
            return
        of = domain.within.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        items = self.once(self.number(domain.within))
        if isinstance(of, SetOf):
            for value in self.values(of.of):
                code = self.syntax.minus(value, self.constant_low(of.of))
                yield self.bit(items, code), self.coerce(value, of.of, type_)
            return
        most, _ = self.encoding.list_of(of)
        for k in range(most):
            inside = self.syntax.less(str(k), self.length(items, of))
            value = self.once(self.from_code(self.item(items, of, k), of.of))
            yield inside, self.coerce(value, of.of, type_)

    def among(self, collection: Expr, value: str) -> str:
        """Whether a value of the element type is in a list or set."""
        of = collection.type
        assert isinstance(of, ListOf | SetOf), "only lists and sets have elements"
        code = self.syntax.minus(value, self.constant_low(of.of))
        items = self.once(self.number(collection))
        return self.bit(items, code) if isinstance(of, SetOf) else self.found(items, of, code)

    def constant_low(self, type_: Type) -> str:
        """What is taken from a value of a type to get its code."""
        return str(self.encoding.bounds(type_)[0]) if isinstance(type_, Int) else "0"

    def _bodies(self, binder: Bound, domain: Domain, where: Expr | None) -> Iterator[str]:
        """Per element, with the variable bound to it, the condition under which it counts."""
        for inside, value in self.elements(domain, binder.type):
            self._bound[binder.number] = value
            with self.under(inside):
                selected = TRUE if where is None else self.condition(where)
            yield self.syntax.all([inside, selected])

    def _quantified(self, q: Quantifier) -> str:
        if self.block is not None and (alone := self._alone(q)) is not None:
            return alone
        syntax, every = self.syntax, q.kind is Kind.FORALL
        known: list[str] = []
        """Of the elements so far: what lets the search for a witness go on."""
        for counts in self._in_turn(q, known):
            with self.under(counts):
                body = self.condition(q.body)
            found = syntax.all([counts, syntax.negated(body) if every else body])
            known.append(syntax.negated(found))
        everything = syntax.all(known)
        return everything if every else syntax.negated(everything)

    def _alone(self, q: Quantifier) -> str | None:
        """The quantifier without temporaries, if it is short and nothing in it can go wrong."""
        block, doubts = self.block, self.doubts
        self.block, self.doubts = None, []
        text = self._quantified(q)
        short = len(text) <= MOST_TEXT and not self.doubts
        self.block, self.doubts = block, doubts
        return text if short else None

    def _in_turn(self, q: Quantifier, known: list[str]) -> Iterator[str]:
        """As ``_bodies``, each under the condition that the ones before let the search go on.

        Where these are used again, for a temporary or an assertion, what they are is kept in one.
        """
        for inside, value in self.elements(q.domain, q.binder.type):
            self._bound[q.binder.number] = value
            if self.block is not None and len(known) > 1:
                all_, known[:] = self.syntax.all(known), []
                known.append(self._kept(all_))
            with self.under(*known):
                with self.under(inside):
                    selected = TRUE if q.where is None else self.condition(q.where)
                yield self.syntax.all([inside, selected])

    def _kept(self, condition: str) -> str:
        """A condition as a temporary."""
        if condition in (TRUE, FALSE):
            return condition
        assert self.block is not None, "asked where there is one"
        name = self.temporaries.name()
        self.block.append(Set(name, self.syntax.chosen(condition, "1", "0")))
        return self.syntax.same(name, "1")

    def _counted(self, q: Quantifier) -> str:
        ones: list[str] = []
        for counts in self._bodies(q.binder, q.domain, q.where):
            with self.under(counts):
                body = self.condition(q.body)
            ones.append(self.syntax.chosen(self.syntax.all([counts, body]), "1", "0"))
        return self.syntax.sum(*ones)

    def _comprehension(self, c: Comprehension) -> str:
        assert isinstance(c.type, SetOf), "what a comprehension makes"
        codes: list[tuple[str, str]] = []
        for counts in self._bodies(c.binder, c.domain, c.where):
            with self.under(counts):
                value = self.coerce(self._bound[c.binder.number], c.binder.type, c.type.of)
                codes.append((counts, self.to_code(value, c.type.of)))
        return self.of_codes(codes, c.type.of)
