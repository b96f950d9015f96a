"""What never happened in any run: a property may hold only because of that. Or did, though it was
declared never to happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pvcheck.model.model import LockKind, Model, Never, Statement
from pvcheck.model.result import Coverage
from pvcheck.source import Span


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that never happened."""

    text: str
    span: Span
    missing: str | None = None
    """Of a statement: what never happened to it, ``executed``, ``true`` or ``false``."""


def vacuous(model: Model, coverages: Iterable[Coverage]) -> tuple[str, ...]:
    """The findings as text, each with its place."""
    return tuple(f"{model.where(f.span)}: {f.text}" for f in findings(model, coverages))


def findings(model: Model, coverages: Iterable[Coverage]) -> tuple[Finding, ...]:
    """What none of the runs met, in the order of the source.

    Of statements that follow each other only the first is reported, and none where an operation
    that never starts or a condition that is never true is the reason.
    """
    met = _union(list(coverages))
    silent = [o for o in model.operations if o.name not in met.started]
    found = [
        *(
            Finding(f"operation {o.name} never starts", o.span)
            for o in silent
            if not _wholly_declared(model, o.span)
        ),
        *(
            Finding(f"operation {o.name} never finishes", o.span)
            for o in model.operations
            if o.name in met.started - met.finished
        ),
        *_statements(model, met, [o.span for o in silent]),
        *(
            Finding(f"lock {c.name} is never contended", c.span)
            for c in model.locks
            if c.name not in met.contended and c.kind is not LockKind.GHOST
        ),
        *(
            Finding(f"invariant {i.name}: its {_when(i.window is None)}", i.span)
            for i in model.invariants
            if i.name not in met.open_windows
        ),
    ]
    order = {source.name: number for number, source in enumerate(model.sources)}
    found = [f for f in found if not any(_declared(n, f) for n in model.nevers)]
    found += _happened(model, met)
    return tuple(sorted(found, key=lambda f: (order[f.span.file], f.span.start, f.text)))


def _when(premise: bool) -> str:
    return "premise never holds" if premise else "window is never open"


def _union(coverages: Sequence[Coverage]) -> Coverage:
    return Coverage(
        executed=frozenset().union(*(c.executed for c in coverages)),
        branches=frozenset().union(*(c.branches for c in coverages)),
        contended=frozenset().union(*(c.contended for c in coverages)),
        open_windows=frozenset().union(*(c.open_windows for c in coverages)),
        started=frozenset().union(*(c.started for c in coverages)),
        finished=frozenset().union(*(c.finished for c in coverages)),
    )


def _statements(model: Model, met: Coverage, silent: list[Span]) -> list[Finding]:
    found: list[Finding] = []
    explained = False
    """Whether the statement before is missing too, or is the reason why this one is."""
    previous: Span | None = None
    for statement in sorted(model.statements, key=lambda s: (s.span.file, s.span.start)):
        if previous is not None and previous.file != statement.span.file:
            explained = False
        previous = statement.span
        missing = _missing(statement, met)
        text = model.source[statement.span.file].snippet(statement.span)
        if missing == "executed":
            known = explained or any(_inside(statement.span, s) for s in silent)
            if not known:
                found.append(Finding(f"`{text}` is never executed", statement.span, missing))
            explained = True
            continue
        if missing is not None:
            found.append(Finding(f"`{text}` is never {missing}", statement.span, missing))
        explained = missing == "true"
    return found


def _declared(never: Never, finding: Finding) -> bool:
    """Whether the specification says that what was found is as it should be."""
    match never.outcome:
        case None:
            return finding.missing == "executed" and _inside(finding.span, never.span)
        case outcome:
            return finding.missing == _NAMES[outcome] and finding.span == never.span


def _wholly_declared(model: Model, span: Span) -> bool:
    """Whether the specification says of all statements there that they are never executed."""
    nevers = [never.span for never in model.nevers if never.outcome is None]
    inside = [s.span for s in model.statements if _inside(s.span, span)]
    return bool(inside) and all(any(_inside(s, n) for n in nevers) for s in inside)


def _happened(model: Model, met: Coverage) -> list[Finding]:
    """What was declared never to happen and did."""
    found = []
    executed = {*met.executed, *(span for span, _ in met.branches)}
    for never in model.nevers:
        text = model.source[never.span.file].snippet(never.span)
        if never.outcome is None:
            if any(_inside(span, never.span) for span in executed):
                found.append(Finding(f"`{text}` is executed: {_SAID}", never.declared))
        elif (never.span, never.outcome) in met.branches:
            found.append(Finding(f"`{text}` is {_NAMES[never.outcome]}: {_SAID}", never.declared))
    return found


_NAMES = {True: "true", False: "false"}
_SAID = "it was declared that it never is"


def _missing(statement: Statement, met: Coverage) -> str | None:
    """What never happened to the statement: ``executed``, ``true`` or ``false``."""
    span = statement.span
    if not statement.branch:
        return None if span in met.executed else "executed"
    outcomes = [o for o in (True, False) if (span, o) in met.branches]
    if not outcomes:
        return "executed"
    if len(outcomes) == 2:
        return None
    return "false" if outcomes[0] else "true"


def _inside(span: Span, outer: Span) -> bool:
    return span.file == outer.file and outer.start <= span.start and span.end <= outer.end
