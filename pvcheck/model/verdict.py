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


@dataclass(frozen=True, slots=True)
class Violated:
    """The last step of ``trace``, or the state after it, violates the property."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """No violation within ``depth`` steps, and no proof either. Never a success."""

    depth: int | None
    """``None``: the reason says how far it got."""
    reason: str
    example: Trace | None = None
    """A run that would violate the property if it began in a state that can come about: which is not known, or
    known not to be so. The reason says which."""


Verdict = Checked | Violated | Inconclusive
