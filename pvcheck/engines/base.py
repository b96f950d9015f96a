"""What an engine is: a decision procedure for the properties of an instance, within limits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

from pvcheck.model.expr import Expr
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one run; an engine that meets one answers ``Inconclusive``. ``None``: no bound."""

    depth: int | None = None
    """Steps from the initial state."""
    states: int | None = None
    """Distinct states kept."""
    seconds: float | None = None
    """Wall-clock time."""
    bytes: int | None = None
    """Resident memory of the process."""

    def after(self, seconds: float) -> Limits:
        """What is left of them after that time."""
        if self.seconds is None:
            return self
        return replace(self, seconds=max(0.0, self.seconds - seconds))


@dataclass(frozen=True, slots=True)
class Start:
    """Where runs may begin instead of in the initial state: where all locks are free, no thread has begun, all
    invariants hold, and the condition does."""

    condition: Expr
    text: str
    """As the user wrote it."""

    @property
    def words(self) -> str:
        """For reports."""
        return "a well-formed start" + ("" if self.text == "true" else f" where {self.text}")


class Progress(Protocol):
    """Told how far a search is, a few times a second at most."""

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None: ...


class Silent:
    """Progress at which nobody looks."""

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        pass


class Engine(Protocol):
    """Keeps nothing between calls and prints nothing.

    Its ``Violated`` survives ``replay``, its ``Checked`` visited every state, or as many as the ``reduction``
    leaves. ``stop_when_violated``: give up
    (the rest inconclusive) as soon as one of these properties is violated, at the end of the depth at which it happens.
    A ``KeyboardInterrupt`` ends the search; the result then has ``interrupted`` and what was found so far.
    """

    @property
    def name(self) -> str: ...

    @property
    def visits_states(self) -> bool:
        """Else its results count steps for states, and say nothing of coverage and lock order."""

    def without_checkpoints(self) -> Engine:
        """The same, but what it searches is not saved."""

    def with_workers(self, workers: int) -> Engine:
        """The same with so many, if it can have several."""

    def check(
        self,
        instance: Instance,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        stop_when_violated: Collection[str] = (),
        reduction: Reduction = UNREDUCED,
    ) -> Result: ...
