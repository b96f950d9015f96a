"""What is known about a property after a run. Never a Boolean."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.trace import Trace


@dataclass(frozen=True, slots=True)
class Checked:
    """True in all reachable states of the instance: ``states`` were visited, all of them or as many as a
    reduction leaves."""

    states: int


@dataclass(frozen=True, slots=True)
class Violated:
    """The last step of ``trace``, or the state after it, violates the property."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """No violation within ``depth`` steps, and no proof either. Never a success."""

    depth: int
    reason: str


Verdict = Checked | Violated | Inconclusive
