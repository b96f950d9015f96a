"""What is known about a property after a run. Never a Boolean."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.trace import Trace


@dataclass(frozen=True, slots=True)
class Checked:
    """True in all reachable states of the instance: ``states`` were visited, all of them or as many as a
    reduction leaves."""

    states: int | None
    """``None``: it was not found out by visiting states, but as ``argument`` says."""
    argument: str = ""
    certificate: tuple[str, ...] = ()
    """Clauses over bits of states, which hold in all that can be reached, and exclude a violation."""


@dataclass(frozen=True, slots=True)
class Violated:
    """The last step of ``trace``, or the state after it, violates the property."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Example:
    """A run that would violate the property if it began in a state that can be reached."""

    trace: Trace
    threads: tuple[str, ...]
    """Lines that say where threads are at its beginning."""


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """No violation within ``depth`` steps, and no proof either. Never a success."""

    depth: int | None
    """``None``: the reason says how far it got."""
    reason: str
    example: Example | None = None
    """The reason says what is known of the state that it begins in."""


Verdict = Checked | Violated | Inconclusive
