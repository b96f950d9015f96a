"""The narrow waist: a typed transition system with its sizes left open.

``Model`` + ``Instance`` is what finite engines run. The state is: one value per element of each shared
variable, the holders of each lock, and per thread a location, the locals that are live there, and its
snapshots (see ``TakeSnapshot``). A step takes one thread from its location through the ``code`` there.
``pvcheck.model.semantics`` is the authority on what that means.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property

from pvcheck.model.code import Code
from pvcheck.model.expr import Bound, Expr, LockRef
from pvcheck.model.types import Enum, Sort, Struct, Type
from pvcheck.source import Source, Span

FINISHED = -1
"""The location of a thread that has ended."""


class Fault(enum.StrEnum):
    """The ways a step can go wrong; each is a property that is checked without being asked."""

    RACE = "race"
    LOCK_MISUSE = "lock-misuse"
    ASSERTION = "assertion"
    BOUNDS = "bounds"
    EMPTY_LIST = "empty-list"
    NONE_ACCESS = "none-access"


DEADLOCK = "deadlock"
LOCK_ORDER = "lock-order"
BUILT_IN = (DEADLOCK, LOCK_ORDER, *(str(f) for f in Fault))
"""The properties checked without being asked, in the order they are reported."""
ABOUT_LOCKS = (DEADLOCK, LOCK_ORDER, str(Fault.RACE), str(Fault.LOCK_MISUSE))
"""That locks are taken, used and given back as they should be: what can be proved for all sizes."""


@dataclass(frozen=True, slots=True)
class SortDeclaration:
    type: Sort
    size: Expr | None
    """Constant; ``None``: every instance gives it."""
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: Type
    """``Bool`` or ``Int``."""
    default: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class GuardLock:
    """One lock of a guard, or, with ``binder``, one for each value of the binder that satisfies ``where``."""

    lock: LockRef
    binder: Bound | None = None
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """To read, a thread holds one of the locks (in any mode); to write, all, exclusively."""

    locks: tuple[GuardLock, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A shared variable or, as ``counter``, a generation counter (which has no value in the state)."""

    name: str
    binders: tuple[Bound, ...]
    """One per dimension (of a sort or enum); bound in ``initial`` and ``guard``."""
    type: Type
    initial: Expr
    guard: Guard | None
    """``None``: atomic, lock-free."""
    counter: bool
    span: Span


class LockKind(enum.StrEnum):
    MUTEX = "mutex"
    SPIN = "spin"
    RW = "rw"
    BIT = "bit"
    GHOST = "ghost"
    """In no kernel: an exclusion that other means have to see to. Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class LockClass:
    name: str
    indices: tuple[Type, ...]
    """Sorts or enums, one per dimension."""
    kind: LockKind
    span: Span


@dataclass(frozen=True, slots=True)
class LockOrder:
    """The declared order. A thread may wait for a lock only if it comes after all the thread holds."""

    before: frozenset[tuple[str, str]]
    """Pairs (earlier class, later class); transitively closed, irreflexive."""
    ascending: frozenset[str]
    """Classes of which several may be held, taken by rising index (tuples compare left to right)."""
    descending: frozenset[str]


@dataclass(frozen=True, slots=True)
class KernelSource:
    file: str
    function: str


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    parameters: tuple[tuple[str, Type], ...]
    source: KernelSource | None
    span: Span


@dataclass(frozen=True, slots=True)
class LocalVariable:
    """A local of a thread family; locals of inlined procedures are renamed ``proc.name`` only for display."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Location:
    """Where a thread can be between two steps."""

    number: int
    live: tuple[int, ...]
    """Slots whose value matters from here on, ascending; snapshots included."""
    code: Code
    """The step from here."""
    span: Span
    """Of the statement the step begins with."""
    text: str
    """That statement on one line, for traces."""
    procedure: str
    """The op, proc or thread whose text it is."""
    source: KernelSource | None
    """Of the innermost procedure on the way here that names one."""


@dataclass(frozen=True, slots=True)
class ThreadFamily:
    """One thread per element of ``sort``, or a single one."""

    name: str
    sort: Sort | None
    locals: tuple[LocalVariable, ...]
    start: Code
    """Local work before the first location; deterministic."""
    locations: tuple[Location, ...]
    """Indexed by ``Location.number``."""
    span: Span


@dataclass(frozen=True, slots=True)
class Invariant:
    """For all values of ``binders``: ``window`` (if any) implies ``condition``, in every reachable state."""

    name: str
    binders: tuple[tuple[str, Bound], ...]
    window: Expr | None
    condition: Expr
    lemma: bool
    span: Span


FAIR = ("threads", "locks", "awaits")
"""What can be assumed to be fair. Threads: one that can take a step all the time takes one at last. Locks: a
thread that waits for a lock which is there for it again and again gets it at last. Awaits: one that waits for
a condition which holds again and again goes on at last."""
ASSUMED = ("threads", "locks")
"""What is, if nothing is said of it."""


def progress_name(operation: str) -> str:
    """The property that the operation finishes."""
    return f"progress-{operation}"


@dataclass(frozen=True, slots=True)
class Progress:
    """A thread that has started the operation finishes it, in every run that is fair."""

    operation: str
    fair: tuple[str, ...]
    """Of ``FAIR``."""
    instances: tuple[str, ...] | None
    """Where it is promised; ``None``: everywhere."""
    span: Span

    @property
    def name(self) -> str:
        return progress_name(self.operation)


@dataclass(frozen=True, slots=True)
class Expected:
    """A property that must be violated (``expect violated``)."""

    property: str
    instances: tuple[str, ...] | None
    """Where; ``None``: everywhere."""


@dataclass(frozen=True, slots=True)
class InstanceDeclaration:
    name: str
    default: bool
    values: tuple[tuple[str, int | bool], ...]
    """Sizes of sorts and values of parameters."""
    only: tuple[str, ...] | None
    """The operations that threads may start; ``None``: all."""
    span: Span


@dataclass(frozen=True, slots=True)
class MutantDeclaration:
    name: str
    why: str
    violated: str | None
    """The property it must violate; ``None``: none at all."""
    instance: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A source statement that appears in some thread's code, for vacuity."""

    span: Span
    branch: bool
    """Whether it is a condition, of which both outcomes count."""


@dataclass(frozen=True)
class Never:
    """What a specification declares never to happen in it, for vacuity."""

    span: Span
    """Of the condition, or of a statement with all that is in it."""
    outcome: bool | None
    """Of the condition; ``None``: the statement is not executed."""
    why: str
    declared: Span


@dataclass(frozen=True)
class Model:
    """One specification (or one mutant of it), names resolved, procedures inlined, cut into steps."""

    name: str
    sources: tuple[Source, ...]
    """Main file first; spans refer to them by name."""
    sorts: tuple[SortDeclaration, ...]
    enums: tuple[Enum, ...]
    structs: tuple[Struct, ...]
    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]
    locks: tuple[LockClass, ...]
    order: LockOrder
    operations: tuple[Operation, ...]
    threads: tuple[ThreadFamily, ...]
    invariants: tuple[Invariant, ...]
    progress: tuple[Progress, ...]
    instances: tuple[InstanceDeclaration, ...]
    expected: tuple[Expected, ...]
    statements: tuple[Statement, ...]
    nevers: tuple[Never, ...] = ()
    digest: str | None = field(default=None, compare=False)
    """Of all of the above; ``None`` if what follows from it is not to be kept between runs."""

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """The names of all properties, built-in ones first."""
        return (*self.safety, *(p.name for p in self.progress))

    @cached_property
    def safety(self) -> tuple[str, ...]:
        """The properties that a finite run can violate."""
        return (*BUILT_IN, *(i.name for i in self.invariants))

    @cached_property
    def ghosts(self) -> frozenset[str]:
        """The classes of locks for which nobody waits: whoever takes one that is not free is at fault."""
        return frozenset(c.name for c in self.locks if c.kind is LockKind.GHOST)

    @cached_property
    def source(self) -> dict[str, Source]:
        return {s.name: s for s in self.sources}

    def where(self, span: Span) -> str:
        """``file:line``."""
        return f"{span.file}:{self.source[span.file].position(span.start)[0]}"
