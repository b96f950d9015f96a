"""A run of an instance that violates a property, as a user sees it and as files keep it."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.model import KernelSource


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a run as engines report it: which thread, and the choices it made, in order."""

    thread: int
    """The number of the thread in the instance, see ``Instance.threads``."""
    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A shared variable's element whose value a step changed, both values as text."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Waiter:
    """A thread that waits for a lock, and who holds it."""

    thread: str
    lock: str
    holders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TraceStep:
    thread: str
    """For example ``cpu[1]``, or ``cpu`` where the family has only one."""
    operation: str | None
    """The operation the step belongs to, with its arguments; ``None`` outside any."""
    statement: str
    procedure: str
    where: str
    """``file:line`` in the specification."""
    source: KernelSource | None
    chosen: tuple[tuple[str, str], ...]
    """What the step picked: (name, value)."""
    held_before: tuple[str, ...]
    held_after: tuple[str, ...]
    """The locks the thread holds, in the order of the declarations; `` (read)`` appended where shared."""
    waits: tuple[Waiter, ...]
    """Everybody who waits for a lock after the step."""
    changes: tuple[Change, ...]
    state: tuple[tuple[str, str], ...]
    """The whole shared state after the step: (element, value)."""


@dataclass(frozen=True, slots=True)
class Trace:
    specification: str
    """The main file's name."""
    hash: str
    """Of the model's sources, hexadecimal."""
    instance: str
    values: tuple[tuple[str, int | bool], ...]
    """Sizes and parameters, all of them."""
    only: tuple[str, ...] | None
    mutant: str | None
    property: str
    why: tuple[str, ...]
    """Lines that say why the property is false at the end."""
    initial: tuple[tuple[str, str], ...]
    """The whole shared state at the start."""
    steps: tuple[TraceStep, ...]
    cycle: tuple[Waiter, ...]
    """For a deadlock: the threads that wait for each other."""
    loop: int | None = None
    """Of a run without end: how many steps come before those that are taken again and again. If these are
    all, nobody can move at the end. ``None``: the run ends with the last step."""
