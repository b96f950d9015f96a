"""What became of the mutants that were derived from a specification."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvcheck.report.columns import WIDTH, table, wrap
from pvcheck.report.run_text import plural


class Fated(enum.Enum):
    KILLED = "killed"
    SURVIVED = "survived"
    NOT_REACHED = "not reached"
    """In no instance is what it changes ever executed."""
    EXPLAINED = "explained"
    """It survives, and the specification says why."""
    UNDECIDED = "undecided"
    REJECTED = "rejected"
    """It is no specification."""
    NO_CHANGE = "changes nothing"


@dataclass(frozen=True, slots=True)
class Fate:
    fated: Fated
    instance: str = ""
    """Where it was killed; or those where it was not."""
    killer: str = ""
    """The property that is violated."""
    steps: int = 0
    """Of the shortest counterexample to it."""
    reason: str = ""
    """Why it is open, or rejected, or equivalent; what never happens with it."""


@dataclass(frozen=True, slots=True)
class DerivedMutant:
    """One mutant, as reports need it."""

    name: str
    kind: str
    does: str
    where: str
    """``file:line``."""
    text: str
    fate: Fate
    explained: str | None = None
    """Why it is equivalent, as the specification says."""
    same_as: str | None = None
    """Another one that does the same, and was run for it."""

    @property
    def refuted(self) -> bool:
        """Whether it is said to be equivalent, and violates something."""
        return (
            self.explained is not None and self.fate.fated is Fated.KILLED and self.fate.steps > 0
        )


def derived_text(system: str, where: Sequence[str], mutants: Sequence[DerivedMutant]) -> str:
    """The table, those that are left, and what it comes to. ``where``: the instances."""
    rows = [((m.name,), _fate_cell(m)) for m in mutants]
    lines = table(("mutant", "killed by (steps)"), rows, WIDTH - 2, least=(24, 20))
    head = f"{system} in {', '.join(where)}" if where else system
    return "\n".join([head, *(f"  {line}" for line in lines), *_left(mutants), total(mutants), ""])


def derived_list(system: str, mutants: Sequence[DerivedMutant]) -> str:
    """What would be run."""
    rows = [((m.name,), (m.where,)) for m in mutants]
    lines = table(("mutant", "where"), rows, WIDTH - 2, least=(24, 20))
    count = f"{plural(len(mutants), 'mutant')}"
    return "\n".join([system, *(f"  {line}" for line in lines), count, ""])


def _fate_cell(mutant: DerivedMutant) -> tuple[str, ...]:
    fate = mutant.fate
    match fate.fated:
        case Fated.KILLED:
            text = _killed_by(fate)
            if mutant.refuted:
                text = f"NOT EQUIVALENT: {text}"
        case Fated.SURVIVED:
            text = "SURVIVED"
        case Fated.EXPLAINED:
            text = "nothing: equivalent"
        case Fated.UNDECIDED | Fated.REJECTED:
            text = f"{fate.fated.value}: {fate.reason}"
        case Fated.NOT_REACHED | Fated.NO_CHANGE:
            text = fate.fated.value
    return (text,)


def _killed_by(fate: Fate) -> str:
    return (
        f"{fate.killer} {fate.steps} in {fate.instance}"
        if fate.steps
        else f"{fate.killer}: {fate.reason}"
    )


_REMEDY = {
    Fated.SURVIVED: "No property finds these. Add an invariant or an assert that does, or an instance; or say why "
    "nothing is wrong, on the line of the statement or above it: // equivalent KIND because ...",
    Fated.NOT_REACHED: "No instance executes these. Add one that does, or choose others.",
    Fated.UNDECIDED: "These have more states than the limits allow. Raise them, or choose smaller instances.",
}


def _left(mutants: Sequence[DerivedMutant]) -> Iterator[str]:
    refuted = [m for m in mutants if m.refuted]
    for mutant in refuted:
        fate = mutant.fate
        by = f"killed by {_killed_by(fate)}"
        yield from wrap(
            f"{mutant.where}: is not equivalent: {mutant.name} is {by}", WIDTH, hanging=2
        )
    for fated, remedy in _REMEDY.items():
        left = [m for m in mutants if m.fate.fated is fated]
        if not left:
            continue
        yield f"{fated.value}:"
        for mutant in left:
            yield from wrap(f"  {mutant.where}: {mutant.name}", WIDTH, hanging=4)
            # The text of some is part of the name.
            text = "" if mutant.text in mutant.name else f"{mutant.text}: "
            yield from wrap(f"    {text}{mutant.does}", WIDTH, hanging=6)
        yield from wrap(f"  {remedy}", WIDTH, hanging=2)


def total(mutants: Sequence[DerivedMutant]) -> str:
    """How many there are of each fate."""
    count = Counter(m.fate.fated for m in mutants)
    always = (Fated.KILLED, Fated.SURVIVED, Fated.EXPLAINED)
    said = [f"{count[f]} {f.value}" for f in Fated if count[f] or f in always]
    return f"{plural(len(mutants), 'mutant')} derived: {', '.join(said)}"


def derived_json(mutants: Sequence[DerivedMutant]) -> list[dict[str, object]]:
    """As ``derived_text``, for programs."""
    return [
        {
            "mutant": m.name,
            "kind": m.kind,
            "where": m.where,
            "text": m.text,
            "fate": m.fate.fated.value,
            "instance": m.fate.instance or None,
            "killer": m.fate.killer or None,
            "steps": m.fate.steps or None,
            "reason": m.fate.reason or None,
            "explained": m.explained,
            "same as": m.same_as,
        }
        for m in mutants
    ]
