"""What all states of an instance have to say about its locks, besides the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.trace import Trace


@dataclass(frozen=True, slots=True)
class LocksTaken:
    """How many locks completed runs of an operation take, from its beginning to its return."""

    operation: str
    fewest: int
    most: int | None
    """``None``: there is no bound; what others do can make it start again and again."""
    most_alone: int | None
    """Among the runs in which nobody else takes a step meanwhile, wherever the others stand; as ``most`` if
    none of these completes."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """In how many states threads wait for locks of a class."""

    lock: str
    waiting: int
    """States in which some thread waits for one of its locks."""
    undeserved: int
    """Those of them in which some waiter and all who are in its way work on different elements."""
    example: Trace | None
    """A shortest run to one of these."""


@dataclass(frozen=True, slots=True)
class Census:
    """Of all reachable states. Locks are those that a kernel has: no ghosts."""

    most_held: int
    """Locks that one thread holds at once."""
    taken: tuple[LocksTaken, ...]
    """Of the operations that some run completes, in the order of their declarations."""
    blocking: tuple[Blocking, ...]
    """Per lock class whose locks guard variables of elements, in the order of the declarations."""
