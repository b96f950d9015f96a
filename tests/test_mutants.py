"""Every mutant of the specifications that ship does what it declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvcheck import pipeline
from pvcheck.engines.base import Limits
from pvcheck.load import MutantDeclaration, mutants
from pvcheck.model.verdict import Checked, Violated
from pvcheck.selection import Selection, prepare

OBM = Path(__file__).parent.parent / "specs" / "obm.pv"
MUTANTS = {m.name: m for m in mutants(OBM)}
SLOW = {"MU02", "MU33", "RECOUNT"}
"""Those that take more than a few seconds."""


class Silent:
    def update(self, **_: int) -> None:
        """Nobody looks."""


def does_what_it_declares(mutant: MutantDeclaration) -> None:
    (job,) = prepare(OBM, Selection(mutant=mutant.name))
    verdicts = pipeline.run(job, Limits(), Silent()).result.verdicts

    if mutant.violated is None:
        assert {type(v) for v in verdicts.values()} == {Checked}
    else:
        assert isinstance(verdicts[mutant.violated], Violated)


@pytest.mark.parametrize("name", sorted(MUTANTS.keys() - SLOW))
def test_mutant(name: str) -> None:
    does_what_it_declares(MUTANTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MUTANTS.keys() & SLOW))
def test_slow_mutant(name: str) -> None:
    does_what_it_declares(MUTANTS[name])


def test_mutants_are_many_and_each_names_its_instance() -> None:
    assert sum(m.violated is not None for m in MUTANTS.values()) >= 12
    assert any(m.violated is None for m in MUTANTS.values()), "a control"
    assert all(m.instance is not None for m in MUTANTS.values())
    assert MUTANTS.keys() >= SLOW


def test_mutants_violate_properties_of_many_kinds() -> None:
    kinds = {m.violated for m in MUTANTS.values()}

    assert kinds >= {
        "deadlock",
        "lock-order",
        "race",
        "lock-misuse",
        "assertion",
        "empty-list",
        "none-access",
        "coverage",
        "writeable_flag",
    }
