"""Typed statements of one procedure: names are resolved, locals are slots, calls stay calls."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.code import Assign, Assume, Bump, Check, Code, Lock, Mode, Pick
from pvcheck.model.expr import Domain, Expr, LockRef
from pvcheck.model.model import KernelSource, LocalVariable
from pvcheck.model.types import Type
from pvcheck.source import Span


@dataclass(frozen=True, slots=True)
class Do:
    """One simple statement."""

    instruction: Assign | Bump | Check | Assume
    visible: bool
    """Whether it reads or writes shared state: a step of its own."""
    span: Span


@dataclass(frozen=True, slots=True)
class DoLock:
    instruction: Lock
    span: Span


@dataclass(frozen=True, slots=True)
class DoPick:
    instruction: Pick
    visible: bool
    span: Span


@dataclass(frozen=True, slots=True)
class DoAwait:
    condition: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class DoAtomic:
    condition: Expr | None
    """What the step waits for."""
    code: Code
    span: Span


@dataclass(frozen=True, slots=True)
class If:
    condition: Expr
    visible: bool
    then: Body
    otherwise: Body
    span: Span
    """Of the condition."""


@dataclass(frozen=True, slots=True)
class Try:
    lock: LockRef
    mode: Mode
    upgrade: bool
    success: Body
    failure: Body
    span: Span


@dataclass(frozen=True, slots=True)
class While:
    condition: Expr
    visible: bool
    body: Body
    span: Span
    """Of the condition."""


@dataclass(frozen=True, slots=True)
class For:
    """``rest`` holds what is still to come: a set, or a list."""

    slot: int
    rest: int
    rest_type: Type
    domain: Domain
    descending: bool
    in_any_order: bool
    where: Expr | None
    where_visible: bool
    domain_visible: bool
    body: Body
    span: Span


@dataclass(frozen=True, slots=True)
class Choose:
    alternatives: tuple[Body, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Label:
    name: str


@dataclass(frozen=True, slots=True)
class Goto:
    label: str
    span: Span


@dataclass(frozen=True, slots=True)
class Jump:
    """``break`` or ``continue``."""

    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Return:
    value: Expr | None
    visible: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    procedure: str
    arguments: tuple[Expr | int, ...]
    """One per parameter; for ``inout`` the caller's slot."""
    result: int | None
    """The slot that gets the value."""
    visible: bool
    """Whether the arguments read shared state."""
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """A block."""

    body: Body


Stmt = (
    Do
    | DoLock
    | DoPick
    | DoAwait
    | DoAtomic
    | If
    | Try
    | While
    | For
    | Choose
    | Label
    | Goto
    | Jump
    | Return
    | Call
    | Group
)
Body = tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A ``proc``, ``op`` or ``thread``, checked."""

    name: str
    operation: bool
    parameters: tuple[tuple[str, Type, bool], ...]
    """Name, type, whether ``inout``; parameter k is slot k."""
    result: Type | None
    locals: tuple[LocalVariable, ...]
    body: Body
    source: KernelSource | None
    span: Span
