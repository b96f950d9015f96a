"""Typed expressions. They have no effect; where one is undefined, evaluation ends in a fault.

Which fault: ``bounds`` (an index or a conversion out of range, division by zero, a list over its
capacity, a product beyond 10^18), ``none-access`` (``DEREF`` of ``none``, a snapshot of another
counter), ``empty-list`` (``FIRST``, ``LAST``, ``MIN``, ``MAX`` of nothing; ``NEXT``, ``REMOVE`` of an
element that is not there), ``race`` (inside a step: a ``Read`` whose guard the thread does not hold).
``AND``, ``OR``, ``IMPLIES`` and ``ITE`` evaluate only what they need, left to right. In properties
nobody holds a lock and reads are not guarded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pvcheck.model.types import BOOL, INT, Bool, Type

Value = bool | int | None | tuple["Value", ...] | frozenset["Value"]
"""Represented as ``pvcheck.model.types`` says."""


class Op(enum.Enum):
    NOT = "!"
    AND = "&&"
    OR = "||"
    IMPLIES = "=>"
    IFF = "<=>"
    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    """Rounds towards minus infinity."""
    MOD = "%"
    NEG = "neg"
    ITE = "?:"
    SHIFT = "shift"
    """An ordered sort's element and an int: the element that many places on."""
    ORDINAL = "int"
    """An ordered sort's element as an int."""
    ELEMENT = "element"
    """An int as an element of the expression's type, an ordered sort."""
    DEREF = "deref"
    """The value inside an optional."""
    STRUCT = "struct"
    """One argument per field."""
    ARRAY = "array"
    """An array value all of whose elements are the argument."""
    IN = "in"
    """Element, then a list or set."""
    SET = "set"
    """The set of the arguments."""
    UNION = "|"
    INTERSECT = "&"
    MINUS = "\\"
    INSERT = "add"
    """Set, element: the set with it."""
    DISCARD = "discard"
    """Set, element: the set without it, whether it was in or not."""
    LIST = "list"
    """The list of the arguments."""
    APPEND = "append"
    """List, element."""
    PREPEND = "prepend"
    REMOVE = "remove"
    """List, element: the list without its first occurrence."""
    FIRST = "first"
    LAST = "last"
    NEXT = "next"
    """List, element: the one after its first occurrence, as an optional."""
    EMPTY = "empty"
    SIZE = "size"
    MIN = "min"
    MAX = "max"
    """The least and greatest element of a set over an ordered sort."""


@dataclass(frozen=True, slots=True)
class Const:
    value: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of the instance."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class SizeOf:
    """The number of elements of a sort."""

    sort: str
    type: Type = INT


@dataclass(frozen=True, slots=True)
class OpAllowed:
    """Whether the instance lets threads start the operation (its ``only`` clause)."""

    operation: str
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Local:
    """A local of the thread that takes the step; ``slot`` indexes ``ThreadFamily.locals``."""

    slot: int
    type: Type


@dataclass(frozen=True, slots=True)
class Self:
    """The element of its family's sort that the stepping thread is."""

    type: Type


@dataclass(frozen=True, slots=True)
class Bound:
    """A variable bound by an enclosing ``Quantifier``, ``Comprehension``, ``Let``, invariant, guard or
    array declaration. Numbers are unique within the model."""

    number: int
    type: Type


@dataclass(frozen=True, slots=True)
class Read:
    """An element of a shared variable; one index per dimension."""

    variable: str
    indices: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct, by position."""

    of: Expr
    position: int
    type: Type


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array value."""

    of: Expr
    index: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Apply:
    op: Op
    args: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Domain:
    """What a bound variable ranges over, in the order of its values: all values of ``type``, or,
    with ``within``, the elements of that list or set."""

    type: Type
    within: Expr | None = None


class Kind(enum.Enum):
    FORALL = "forall"
    EXISTS = "exists"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Quantifier:
    """``body`` for all / for some / for how many values of ``domain`` that satisfy ``where``."""

    kind: Kind
    binder: Bound
    domain: Domain
    where: Expr | None
    body: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Comprehension:
    """The set of the values of ``domain`` that satisfy ``where``."""

    binder: Bound
    domain: Domain
    where: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Let:
    binder: Bound
    value: Expr
    body: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class LockRef:
    """One lock: a class and an index per dimension."""

    lock: str
    indices: tuple[Expr, ...] = ()


class Ask(enum.Enum):
    HELD = "held"
    """By the stepping thread, in any mode: ``Bool``."""
    FREE = "free"
    """Held by nobody: ``Bool``."""
    HOLDER = "holder"
    """The thread that holds it exclusively: ``Optional`` of the family's sort."""


@dataclass(frozen=True, slots=True)
class LockTest:
    ask: Ask
    lock: LockRef
    type: Type


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """The present value of a generation counter, to be compared later.

    Counters are unbounded and never compared but with an earlier value of themselves, so the state
    holds no counter, only, for each live snapshot, whether its counter was bumped since. A
    snapshot is ``None`` (never taken), the number of the counter's element in row-major order, from 0
    (not bumped since), or -1 (bumped since). Exact: there is no wrap-around.
    """

    counter: str
    indices: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Changed:
    """Whether the counter was bumped since ``snapshot`` was taken of that same element."""

    counter: str
    indices: tuple[Expr, ...]
    snapshot: Expr
    type: Type = BOOL


Expr = (
    Const
    | Param
    | SizeOf
    | OpAllowed
    | Local
    | Self
    | Bound
    | Read
    | Field
    | Element
    | Apply
    | Quantifier
    | Comprehension
    | Let
    | LockTest
    | TakeSnapshot
    | Changed
)

TRUE = Const(True, BOOL)
FALSE = Const(False, BOOL)


def is_bool(type_: Type) -> bool:
    return isinstance(type_, Bool)
