"""What a run means: each verdict held against what the specification declares."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pvcheck.model.instance import Instance
from pvcheck.model.result import LockEdge, Result
from pvcheck.model.verdict import Checked, Inconclusive, Verdict, Violated


class Standing(enum.Enum):
    AS_DECLARED = enum.auto()
    UNEXPECTED = enum.auto()
    UNDECIDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a specification, or a mutant, declares about itself."""

    violated: frozenset[str] = frozenset()
    """Properties that must be violated. All others must be checked, unless one of these was
    found violated: then nobody needs the rest."""
    others_too: bool = False
    """Whether others may be violated as well. A mutant names one property it breaks, of perhaps
    several."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One property after one run."""

    name: str
    verdict: Verdict
    expected: bool
    """Whether it was declared violated."""
    standing: Standing

    @property
    def word(self) -> str:
        """The verdict in a word, and what is remarkable about it."""
        match self.verdict:
            case Checked():
                return "checked (expected a violation)" if self.expected else "checked"
            case Violated() if self.expected:
                return "VIOLATED (expected)"
            case Violated() if self.standing is Standing.AS_DECLARED:
                return "VIOLATED (as well)"
            case Violated():
                return "VIOLATED"
            case Inconclusive():
                return "inconclusive"


@dataclass(frozen=True, slots=True)
class Run:
    """All that one run of an engine on one instance showed, as reports need it."""

    specification: str
    """The file, as the user named it."""
    mutant: str | None
    instance: Instance
    engine: str
    result: Result
    outcomes: tuple[Outcome, ...]
    """In the order of ``Model.properties``."""
    cycles: tuple[tuple[LockEdge, ...], ...] | None
    """Cycles in the observed lock order; ``None`` where lock order was not asked for."""
    counted: str = "state"
    """What the number of states is of: walks count steps."""


def outcomes(result: Result, expectation: Expectation) -> tuple[Outcome, ...]:
    """The verdicts of ``result`` and how they stand to what is expected."""
    found = any(isinstance(result.verdicts.get(p), Violated) for p in expectation.violated)
    return tuple(
        Outcome(p, v, p in expectation.violated, _standing(p, v, expectation, found))
        for p, v in result.verdicts.items()
    )


def _standing(property_: str, verdict: Verdict, expectation: Expectation, found: bool) -> Standing:
    expected = property_ in expectation.violated
    match verdict:
        case Checked():
            return Standing.UNEXPECTED if expected else Standing.AS_DECLARED
        case Violated():
            fine = expected or (found and expectation.others_too)
            return Standing.AS_DECLARED if fine else Standing.UNEXPECTED
        case Inconclusive():
            fine = found and not expected
            return Standing.AS_DECLARED if fine else Standing.UNDECIDED


def summary(all_outcomes: Iterable[Outcome]) -> str:
    """How many of each verdict, for example ``5 checked, 1 VIOLATED``."""
    count = Counter(outcome.word for outcome in all_outcomes)
    return ", ".join(
        f"{count[word]} {word.replace('VIOLATED', 'violated')}" for word in _WORDS if count[word]
    )


_WORDS = (
    "checked",
    "VIOLATED (expected)",
    "VIOLATED (as well)",
    "VIOLATED",
    "checked (expected a violation)",
    "inconclusive",
)


def stop_early(expectation: Expectation, selected: Collection[str]) -> frozenset[str]:
    """Properties whose violation ends a run. With several to find, all have to be waited for."""
    wanted = expectation.violated & set(selected)
    return wanted if len(wanted) == 1 else frozenset()
