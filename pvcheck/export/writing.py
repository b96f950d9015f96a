"""Where text is written, what may go wrong there, and values as numbers.

A number is written as itself, all else as its code (see ``codes``). With a block to write to, what is long
and used twice becomes a temporary there, and what may go wrong an ``Assert``; without one the text stands
alone, and what may go wrong is in ``doubts``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pvcheck.export.codes import Codes
from pvcheck.export.program import Assert, Block, Set, When
from pvcheck.export.syntax import TRUE, Syntax, is_atom
from pvcheck.model import values
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import Expr
from pvcheck.model.layout import Layout
from pvcheck.model.model import Fault
from pvcheck.model.ranges import Ranges, within_range
from pvcheck.model.types import Int, ListOf, Optional, SetOf, Type

MOST_WRITTEN_OUT = 4096
"""Values of a domain."""


class Temporaries:
    """Names of numbers that mean nothing between steps; as many as are needed at once."""

    def __init__(self) -> None:
        self.most = 0
        self.used = 0

    def name(self) -> str:
        self.used += 1
        self.most = max(self.most, self.used)
        return f"t{self.used}"


class Writing:
    """One place of the program that is written."""

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

    @abstractmethod
    def number(self, expr: Expr) -> str:
        """Any expression as a number: itself or its code."""

    @abstractmethod
    def condition(self, expr: Expr) -> str:
        """A ``Bool`` as a condition."""

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

    @abstractmethod
    def list_as(self, value: str, given: ListOf, wanted: ListOf) -> str:
        """A list as one of another capacity or element type."""

    def constant_low(self, type_: Type) -> str:
        """What is taken from a value of a type to get its code."""
        return str(self.encoding.bounds(type_)[0]) if isinstance(type_, Int) else "0"

    def values(self, type_: Type) -> list[str]:
        """All values of a type, rising."""
        count = values.count(type_, self.instance)
        if count is None or count > MOST_WRITTEN_OUT:
            raise Unsupported(f"type {type_} has too many values to write out")
        return [self.constant(v, type_) for v in values.values(type_, self.instance)]
