"""What the generated functions of one instance share."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

from pvcheck.model import runtime, values
from pvcheck.model.instance import Instance
from pvcheck.model.layout import Layout
from pvcheck.model.locks import Guards, Locks
from pvcheck.model.stores import store
from pvcheck.model.types import Type
from pvcheck.model.values import TooLarge
from pvcheck.source import Span


@dataclass(frozen=True, slots=True)
class Covered:
    """Something a step did, for coverage."""

    what: str
    """``statement``, ``branch``, ``try failed``, ``begin`` or ``finish``."""
    span: Span | None = None
    outcome: bool = False
    """Of a branch."""
    name: str = ""
    """Of the operation or lock class."""


class Maker(enum.Enum):
    """Makes a function of a type."""

    STORE = "store"
    """See ``stores.store``."""
    SORT_KEY = "sort key"
    """See ``values.sort_key``."""


_MAKERS: dict[Maker, Callable[[Type, Instance], Callable[..., Any] | None]] = {
    Maker.STORE: store,
    Maker.SORT_KEY: lambda type_, _: values.sort_key(type_),
}


class Program:
    """The constants, spans and coverage items that the source refers to by number."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.instance = layout.instance
        self.guards = Guards(layout)
        self.locks = Locks(layout)
        self.spans: list[Span] = []
        self.covered: list[Covered] = []
        self._table: dict[str, Any] = {}
        self._made: dict[str, tuple[Maker, Type]] = {}
        """The functions in it."""
        self._numbers: dict[Any, str] = {}
        self._span_numbers: dict[Span, int] = {}
        self._cover_bits: dict[Covered, int] = {}

    def span(self, span: Span) -> int:
        """The number of a span."""
        if span not in self._span_numbers:
            self._span_numbers[span] = len(self.spans)
            self.spans.append(span)
        return self._span_numbers[span]

    def cover(self, item: Covered) -> int:
        """The set, as bits, that holds only ``item``."""
        if item not in self._cover_bits:
            self._cover_bits[item] = 1 << len(self.covered)
            self.covered.append(item)
        return self._cover_bits[item]

    def constant(self, value: Any, key: Any = None) -> str:
        """The name of a constant in the source. ``key`` stands for a value that is not hashable."""
        key = (type(value), value) if key is None else key
        if key not in self._numbers:
            self._numbers[key] = f"d{len(self._table)}"
            self._table[self._numbers[key]] = value
        return self._numbers[key]

    def function(self, maker: Maker, type_: Type) -> str | None:
        """The name, in the source, of what the maker makes of the type; ``None`` if that is ``None``."""
        key = maker, type_
        if key not in self._numbers:
            value = _MAKERS[maker](type_, self.instance)
            if value is None:
                return None
            self._made[self.constant(value, key)] = key
        return self._numbers[key]

    def load(self, source: str) -> dict[str, Any]:
        """The functions that ``source`` defines, by name.

        Raises:
            TooLarge: it nests deeper than Python compiles.
        """
        return self.define(compiled(source))

    def define(self, code: CodeType) -> dict[str, Any]:
        """The functions that compiled source defines, by name."""
        namespace: dict[str, Any] = {**_environment(self), **self._table}
        exec(code, namespace)
        return namespace

    @property
    def written(self) -> Written:
        """What the source refers to by number."""
        values = {n: value for n, value in self._table.items() if n not in self._made}
        return Written(tuple(self.spans), tuple(self.covered), values, dict(self._made))

    def refer_to(self, written: Written) -> None:
        """Let the numbers be those of a source that was written before, for an equal program."""
        self.spans = list(written.spans)
        self.covered = list(written.covered)
        self._made = dict(written.functions)
        made = {n: _MAKERS[maker](t, self.instance) for n, (maker, t) in self._made.items()}
        self._table = {**written.values, **made}


@dataclass(frozen=True, slots=True)
class Written:
    """What generated source refers to by number."""

    spans: tuple[Span, ...]
    covered: tuple[Covered, ...]
    values: dict[str, Any]
    functions: dict[str, tuple[Maker, Type]]
    """Those that cannot be kept, with what they are made by and from."""


def compiled(source: str) -> CodeType:
    """Source as Python runs it.

    Raises:
        TooLarge: it nests deeper than Python compiles.
    """
    try:
        return compile(source, "<steps>", "exec")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise TooLarge("an expression or statement is nested too deeply") from error


def _environment(program: Program) -> dict[str, Any]:
    """The only names that generated source can see, besides its own."""
    allowed = (all, any, frozenset, len, range, reversed, sorted, sum, tuple, list, dict)
    helpers = (
        runtime.bump,
        runtime.changed,
        runtime.deref,
        runtime.product,
        runtime.div,
        runtime.element,
        runtime.first,
        runtime.following,
        runtime.greatest,
        runtime.held,
        runtime.holds,
        runtime.index,
        runtime.last,
        runtime.least,
        runtime.mod,
        runtime.put,
        runtime.remove,
    )
    return {
        "__builtins__": {f.__name__: f for f in allowed} | {"AssertionError": AssertionError},
        **{f.__name__: f for f in helpers},
        "assertion": runtime.assertion,
        "check_read": program.guards.check_read,
        "check_write": program.guards.check_write,
        **program.locks.functions(),
    }
