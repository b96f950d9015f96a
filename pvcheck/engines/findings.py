"""What an engine found, as results say it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pvcheck.model.model import Fault
from pvcheck.model.program import Covered
from pvcheck.model.result import Coverage
from pvcheck.model.verdict import Checked, Inconclusive, Verdict
from pvcheck.source import Span


def unviolated(
    states: int, depth: int, reason: str | None, fault: Fault | None, fault_depth: int | None
) -> Verdict:
    """The verdict on a property that was not violated.

    ``depth`` levels were searched, ``reason``: why not all of them. ``fault``: a run ended in it, the shortest
    such one after ``fault_depth`` steps; what would have come behind is not known.
    """
    if fault is not None:
        depth = min(depth, depth if fault_depth is None else fault_depth)
        reason = reason or f"runs end at the {fault}"
    return Checked(states) if reason is None else Inconclusive(depth, reason)


def coverage_of(
    items: Iterable[Covered], contended: Collection[str], open_windows: Collection[str]
) -> Coverage:
    """Coverage from what steps did, and what the search saw of locks and invariants."""
    executed: set[Span] = set()
    branches: set[tuple[Span, bool]] = set()
    waited = set(contended)
    operations: dict[str, set[str]] = {"begin": set(), "finish": set()}
    for item in items:
        if item.what == "try failed":
            waited.add(item.name)
        elif item.span is None:
            operations[item.what].add(item.name)
        elif item.what == "branch":
            branches.add((item.span, item.outcome))
        else:
            executed.add(item.span)
    return Coverage(
        executed=frozenset(executed),
        branches=frozenset(branches),
        contended=frozenset(waited),
        open_windows=frozenset(open_windows),
        started=frozenset(operations["begin"]),
        finished=frozenset(operations["finish"]),
    )
