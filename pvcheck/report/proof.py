"""What was proved for all sizes, as text and for programs."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvcheck.report.columns import WIDTH, table, wrap


class Standing(enum.Enum):
    PROVED = "proved"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Open:
    """An obligation that is not proved."""

    where: str
    """``file:line``."""
    what: str
    operation: str | None


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    obligations: int
    """That were proved."""
    open: tuple[Open, ...]
    remark: str | None = None
    """Why it is open although no obligation is."""

    @property
    def standing(self) -> Standing:
        fine = not self.open and self.remark is None
        return Standing.PROVED if fine else Standing.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class ProofReport:
    """One specification."""

    system: str
    mutant: str | None
    parts: int
    seconds: float
    properties: tuple[Property, ...]
    axioms: tuple[tuple[str, str], ...]
    """What is assumed of every instance: name and reason."""
    fixed: tuple[tuple[str, bool], ...]
    """Parameters for whose value alone it is shown."""
    unreached: tuple[str, ...]
    """Statements that no thread comes to, whatever the sizes."""


_MOST = 6
"""Open obligations shown of one property."""


def proof_text(report: ProofReport, *, quiet: bool = False) -> str:
    """The verdicts with what is open, and what they rest on."""
    mutant = f" + {report.mutant}" if report.mutant else ""
    time = "" if quiet else f" · {report.seconds:.1f} s"
    lines = [f"{report.system}{mutant} · every number of threads and every size{time}"]
    rows = [
        ((p.name,), (p.standing.value,), tuple(_said(p)) or (f"{p.obligations} obligations",))
        for p in report.properties
    ]
    lines += [f"  {line}" for line in table(("", "", ""), rows, WIDTH - 2, least=(8, 8, 30))[1:]]
    lines += _resting_on(report)
    count = Counter(p.standing for p in report.properties)
    lines.append(", ".join(f"{count[s]} {s.value}" for s in Standing if count[s]))
    return "\n".join(lines) + "\n"


def _said(property_: Property) -> Iterator[str]:
    if property_.remark is not None:
        yield property_.remark
    grouped = Counter((o.where, o.what) for o in property_.open)
    for (where, what), number in list(grouped.items())[:_MOST]:
        often = f" ({number} times)" if number > 1 else ""
        yield f"{where} {what}{often}"
    if len(grouped) > _MOST:
        yield f"and {len(grouped) - _MOST} more places"


def _resting_on(report: ProofReport) -> Iterator[str]:
    if report.axioms:
        yield "  given"
        for name, reason in report.axioms:
            yield from (f"    {line}" for line in wrap(f"{name}: {reason}", WIDTH - 4, hanging=2))
    if report.fixed:
        values = ", ".join(f"{n} = {str(v).lower()}" for n, v in report.fixed)
        yield from (f"  {line}" for line in wrap(f"with {values}", WIDTH - 2, hanging=2))
    if report.unreached:
        places = ", ".join(report.unreached)
        yield from (f"  {line}" for line in wrap(f"nobody comes to {places}", WIDTH - 2, hanging=2))


def proof_json(report: ProofReport, *, quiet: bool = False) -> dict[str, object]:
    return {
        "system": report.system,
        "mutant": report.mutant,
        "seconds": None if quiet else round(report.seconds, 3),
        "properties": [
            {
                "property": p.name,
                "verdict": p.standing.value,
                "obligations": p.obligations,
                "remark": p.remark,
                "open": _open_json(p.open),
            }
            for p in report.properties
        ],
        "axioms": [{"name": name, "reason": reason} for name, reason in report.axioms],
        "fixed": dict(report.fixed),
        "unreached": list(report.unreached),
    }


def _open_json(obligations: Sequence[Open]) -> list[dict[str, object]]:
    return [{"where": o.where, "what": o.what, "operation": o.operation} for o in obligations]
