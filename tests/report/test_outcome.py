"""What verdicts mean where violations are declared."""

from __future__ import annotations

import pytest

from pvcheck.model.result import Coverage, Result, Statistics
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Checked, Inconclusive, Verdict, Violated
from pvcheck.report.outcome import Expectation, Standing, outcomes, stop_early, summary

TRACE = Trace("s.pv", "00", "i", (), None, None, "p", (), (), (), ())
VERDICTS: dict[str, Verdict] = {
    "c": Checked(1),
    "v": Violated(TRACE),
    "i": Inconclusive(0, "time"),
}
FINE, WRONG, OPEN = Standing.AS_DECLARED, Standing.UNEXPECTED, Standing.UNDECIDED


def result(verdicts: str) -> Result:
    """A run in which property number n has the verdict that letter n stands for."""
    nothing: frozenset[str] = frozenset()
    return Result(
        verdicts={f"p{n}": VERDICTS[letter] for n, letter in enumerate(verdicts)},
        statistics=Statistics(states=1, transitions=0, depth=0, seconds=0.0),
        coverage=Coverage(frozenset(), frozenset(), nothing, nothing, nothing, nothing),
        lock_edges=(),
        interrupted=False,
    )


NOTHING = Expectation()
FIRST = Expectation(frozenset({"p0"}))
FIRST_OF_MUTANT = Expectation(frozenset({"p0"}), others_too=True)
CONTROL = Expectation(others_too=True)
BOTH = Expectation(frozenset({"p0", "p1"}))


@pytest.mark.parametrize(
    ("verdicts", "expectation", "standings"),
    [
        ("cvi", NOTHING, [FINE, WRONG, OPEN]),
        ("vci", FIRST, [FINE, FINE, FINE]),
        ("vv", FIRST, [FINE, WRONG]),
        ("vv", FIRST_OF_MUTANT, [FINE, FINE]),
        ("cv", FIRST_OF_MUTANT, [WRONG, WRONG]),
        ("iv", FIRST_OF_MUTANT, [OPEN, WRONG]),
        ("ci", FIRST, [WRONG, OPEN]),
        ("ic", FIRST, [OPEN, FINE]),
        ("vi", CONTROL, [WRONG, OPEN]),
        ("cc", CONTROL, [FINE, FINE]),
        ("vi", BOTH, [FINE, OPEN]),
        ("vvi", BOTH, [FINE, FINE, FINE]),
    ],
)
def test_standings(verdicts: str, expectation: Expectation, standings: list[Standing]) -> None:
    assert [o.standing for o in outcomes(result(verdicts), expectation)] == standings


def test_an_expected_property_that_was_not_selected_excuses_nothing() -> None:
    elsewhere = Expectation(frozenset({"q"}))

    assert [o.standing for o in outcomes(result("i"), elsewhere)] == [OPEN]


def test_the_summary_counts_what_is_listed() -> None:
    listed = [*outcomes(result("vvci"), FIRST_OF_MUTANT), *outcomes(result("cv"), FIRST)]

    assert summary(listed) == (
        "1 checked, 1 violated (expected), 1 violated (as well), 1 violated, "
        "1 checked (expected a violation), 1 inconclusive"
    )


def test_a_run_ends_early_only_if_nothing_else_is_looked_for() -> None:
    assert stop_early(FIRST, ["p0", "p1"]) == {"p0"}
    assert stop_early(FIRST, ["p1"]) == frozenset()
    assert stop_early(BOTH, ["p0", "p1"]) == frozenset()
    assert stop_early(BOTH, ["p1", "p2"]) == {"p1"}
    assert stop_early(NOTHING, ["p0"]) == frozenset()
