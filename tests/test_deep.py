"""Three threads, two address spaces, four pages in two runs: millions of states in every scheme (slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvcheck import pipeline
from pvcheck.engines.base import Limits, Silent
from pvcheck.model.verdict import Checked
from pvcheck.selection import Selection, prepare

SPECS = Path(__file__).parent.parent / "specs"
STATES = {
    "global": 2_094_949,
    "hybrid": 19_577_823,
    "hash256": 46_864_040,
    "numa2m": 46_864_040,
    "obm": 13_422_584,
    "superlock_gate": 84_881_492,
    "superlock_mode": 66_632_486,
}
"""Up to symmetry, between transactions."""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", STATES)
def test_a_scheme_is_checked(scheme: str) -> None:
    (job,) = prepare(SPECS / f"{scheme}.pv", Selection(instances=("deep",)))
    engine = pipeline.choose_engine("native", workers=2)
    limits = Limits(seconds=30 * 60, bytes=16 << 30)
    run = pipeline.run(job, limits, Silent(), engine=engine, reduce=True)

    assert set(run.result.verdicts.values()) == {Checked(STATES[scheme])}
