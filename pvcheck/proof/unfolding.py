"""Locations with what is known at them, and the facts that have to come along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pvcheck.model.model import Location
from pvcheck.proof.flow import Flow
from pvcheck.proof.state import Setting, ThreadState, World
from pvcheck.proof.stepping import Claim, Step
from pvcheck.proof.values import all_of


@dataclass
class Candidate:
    """A fact at the head of a loop, perhaps."""

    head: int
    name: str
    """No other in the part has it. Where nothing has changed it is the same in another version of the specification."""
    literal: Any
    """True as long as it is assumed."""
    fact: str
    """What it says; no other of the same head says it."""
    about_data: bool = False
    """Whether only invariants need it."""


@dataclass
class Check:
    """That a candidate holds where a step comes to the head."""

    candidate: Candidate
    given: tuple[Any, ...]
    goal: Any


@dataclass(frozen=True)
class Arrival:
    """A way to the head of a loop."""

    head: int
    given: tuple[Any, ...]
    state: ThreadState


@dataclass
class Node:
    """A location, and the step from it."""

    location: Location
    here: Any
    before: tuple[int, ...]
    """The locations from which a step leads here, those before it in the order."""
    facts: list[Any] = field(default_factory=list)
    step: Step | None = None
    state: ThreadState | None = None
    checks: list[Check] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    worlds: list[World] = field(default_factory=list)
    """Others that are asked what they have in common with what comes here."""
    sums_up: bool = False
    """Whether candidates say what is known from before."""
    _together: tuple[int, Any] | None = None

    @property
    def known(self) -> list[Any]:
        """About whoever comes here, and the step from here."""
        of_worlds = (fact for world in self.worlds for fact in world.facts)
        of_step = () if self.step is None else self.step.facts
        return [*self.facts, *of_worlds, *of_step]

    @property
    def known_together(self) -> Any:
        """As one formula, which z3 is given many times, and much sooner than many."""
        known = self.known
        # What invariants look at is evaluated late, and adds to what is known.
        if self._together is None or self._together[0] != len(known):
            self._together = len(known), all_of(known)
        return self._together[1]


@dataclass
class Unfolding:
    """All locations of one thread family."""

    setting: Setting
    flow: Flow
    nodes: dict[int, Node]
    candidates: list[Candidate]
    start: Node
