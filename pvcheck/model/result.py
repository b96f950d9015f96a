"""What one run of an engine on one instance established."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.model import Fault
from pvcheck.model.trace import TraceStep
from pvcheck.model.verdict import Verdict
from pvcheck.source import Span


@dataclass(frozen=True, slots=True)
class Statistics:
    states: int
    transitions: int
    depth: int
    """Steps from the initial state that were searched completely."""
    seconds: float
    """Wall-clock time."""
    bytes_per_state: float | None = None
    """Memory of the search over the number of states; ``None``: not known."""
    reductions: tuple[str, ...] = ()
    """How the search was reduced."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the run met; the union over instances is judged for vacuity."""

    executed: frozenset[Span]
    """Statements (``Reached``) that ran in some step."""
    branches: frozenset[tuple[Span, bool]]
    """Conditions and the outcomes they had."""
    contended: frozenset[str]
    """Lock classes of which some lock was waited for, or a try failed."""
    open_windows: frozenset[str]
    """Invariants whose window (or, without one, whose premise) held for some binding in some state."""
    started: frozenset[str]
    """Operations that some thread began."""
    finished: frozenset[str]
    """Operations that some thread returned from."""


@dataclass(frozen=True, slots=True)
class LockEdge:
    """Some thread waits-capably acquired a lock of ``after`` while it held one of ``before``."""

    before: str
    after: str
    direction: str
    """Inside one class: ``ascending`` or ``descending``; between classes empty."""
    example: TraceStep
    """One such acquire (its ``changes`` and ``state`` are empty)."""


@dataclass(frozen=True, slots=True)
class Result:
    verdicts: dict[str, Verdict]
    """One per selected property, in the order of ``Model.properties``."""
    statistics: Statistics
    coverage: Coverage | None
    """``None``: this engine does not see what runs meet."""
    lock_edges: tuple[LockEdge, ...]
    interrupted: bool
    fault: Fault | None = None
    """Some run ended in it, asked for or not; what would have come behind is not known."""
