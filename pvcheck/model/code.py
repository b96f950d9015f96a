"""What one step does: structured code, run from top to bottom, all or nothing.

A block either falls through to what follows it, or ends in ``Goto``. Nondeterminism is explicit
(``Pick``, ``Choose``): a run of a block is determined by the numbers chosen, in order. A fault
ends the run of the whole system in the state before the step.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pvcheck.model.expr import Domain, Expr, LockRef
from pvcheck.model.types import Type
from pvcheck.source import Span

Code = tuple["Instruction", ...]


class Mode(enum.Enum):
    EXCLUSIVE = "write"
    SHARED = "read"


class LockAction(enum.Enum):
    ACQUIRE = "acquire"
    """Waits until the lock is free (shared: has no exclusive holder). Held already: lock-misuse."""
    RELEASE = "release"
    """Not held: lock-misuse."""
    UPGRADE = "upgrade"
    """Shared to exclusive; waits until the thread is the only holder. Not held shared: lock-misuse."""
    DOWNGRADE = "downgrade"
    """Exclusive to shared. Not held exclusively: lock-misuse."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock operation; the first instruction of its step, and the only one on a lock."""

    action: LockAction
    lock: LockRef
    mode: Mode
    span: Span


@dataclass(frozen=True, slots=True)
class TryLock:
    """Never waits: takes (or, with ``upgrade``, upgrades) the lock and runs ``success``, or runs ``failure``.
    A lock held already by the thread itself is a failure."""

    lock: LockRef
    mode: Mode
    upgrade: bool
    success: Code
    failure: Code
    span: Span


@dataclass(frozen=True, slots=True)
class Await:
    """The step waits until ``condition`` holds. First instruction of its step."""

    condition: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """One move from a value to a part of it: a struct's field or an array's element."""

    field: int | None
    index: Expr | None


@dataclass(frozen=True, slots=True)
class Place:
    """What an assignment changes: a local (``slot``) or an element of a shared variable, or a part of it."""

    slot: int | None
    variable: str | None
    indices: tuple[Expr, ...]
    path: tuple[Selector, ...]
    type: Type
    """Of the part."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Stores ``value``; ``bounds`` fault if a bounded integer or list does not take it; a shared
    variable needs its guard for writing."""

    place: Place
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Bump:
    """Increments a generation counter: marks every thread's snapshots of that element (see ``TakeSnapshot``)."""

    counter: str
    indices: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Check:
    """``assertion`` fault unless ``condition`` holds."""

    condition: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Assume:
    """Unless ``condition`` holds, this run of the step does not exist."""

    condition: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class If:
    condition: Expr
    then: Code
    otherwise: Code
    span: Span
    """Of the condition as written."""
    written: bool = True
    """Whether it is a branch of the source text (else made by lowering, and no matter of coverage)."""


@dataclass(frozen=True, slots=True)
class ForEach:
    """Runs ``body`` for each value of ``domain`` at the start, in its order or backwards. ``body`` falls through."""

    slot: int
    domain: Domain
    descending: bool
    body: Code
    span: Span


@dataclass(frozen=True, slots=True)
class Pick:
    """Chooses any value of ``domain`` that satisfies ``where`` (which reads it as the local). With none, this run of
    the step does not exist."""

    slot: int
    domain: Domain
    where: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Choose:
    """Runs any one of the blocks."""

    alternatives: tuple[Code, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Begin:
    """The thread starts an operation. ``held`` gets the set of locks it holds. ``arguments`` are for traces."""

    operation: str
    arguments: tuple[Expr, ...]
    held: int
    span: Span


@dataclass(frozen=True, slots=True)
class Finish:
    """The operation returns: ``lock-misuse`` fault if the thread holds another set of locks than ``held``."""

    operation: str
    held: int
    span: Span


@dataclass(frozen=True, slots=True)
class Reached:
    """Marks a source statement as executed, for vacuity; no effect."""

    span: Span


@dataclass(frozen=True, slots=True)
class Goto:
    """Ends the step at a location. Locals that are not live there are gone."""

    location: int


Instruction = (
    Lock
    | TryLock
    | Await
    | Assign
    | Bump
    | Check
    | Assume
    | If
    | ForEach
    | Pick
    | Choose
    | Begin
    | Finish
    | Reached
    | Goto
)
