"""The types of values in a model. Sizes of sorts and bounds of ranges are left to the instance.

How a value is represented (in states, in ``Const``, in traces) follows from its type alone:

==================  ==================================================
``Bool``            ``True`` / ``False``
``Int``             ``int``
``Sort``, ``Enum``  ``int``: the element's position, from 0
``Optional``        ``None`` or a value of the inner type
``Struct``          ``tuple``: one value per field, in declaration order
``ListOf``          ``tuple``: the elements, head first
``SetOf``           ``frozenset``
``ArrayOf``         ``tuple``: one value per element of the index sort
``Snapshot``        ``int`` or ``None``, see ``model.expr.TakeSnapshot``
``LockSet``         ``frozenset`` of lock numbers (internal: what a thread holds)
==================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvcheck.model.expr import Expr


@dataclass(frozen=True, slots=True)
class Bool:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int:
    """Integers from ``low`` to ``high``, both constant expressions; unbounded without them.

    Expressions are computed in the unbounded type; a store into a bounded place checks.
    """

    low: Expr | None = None
    high: Expr | None = None

    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True, slots=True)
class Sort:
    """A finite index type. ``ordered``: ``<``, arithmetic by constants, ascending loops."""

    name: str
    ordered: bool

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    labels: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Struct:
    name: str
    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Optional:
    of: Type

    def __str__(self) -> str:
        return f"{self.of}?"


@dataclass(frozen=True, slots=True)
class SetOf:
    of: Type

    def __str__(self) -> str:
        return f"set<{self.of}>"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list without a bound of its own holds at most as many elements as ``of`` has values."""

    of: Type
    capacity: Expr | None = None

    def __str__(self) -> str:
        return f"list<{self.of}>"


@dataclass(frozen=True, slots=True)
class ArrayOf:
    index: Type
    """A ``Sort`` or ``Enum``."""
    of: Type

    def __str__(self) -> str:
        return f"[{self.index}] {self.of}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What ``snapshot(g[i])`` yields, for the generation counter ``counter``."""

    counter: str

    def __str__(self) -> str:
        return f"snapshot of {self.counter}"


@dataclass(frozen=True, slots=True)
class LockSet:
    def __str__(self) -> str:
        return "set of locks"


Type = Bool | Int | Sort | Enum | Struct | Optional | SetOf | ListOf | ArrayOf | Snapshot | LockSet

BOOL = Bool()
INT = Int()
