"""What is proved of the gallery, and that mutants are not (slow: minutes)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvcheck.cli.main import main
from pvcheck.load import load, read
from pvcheck.model.model import ABOUT_LOCKS
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import prove_part

SPECS = Path(__file__).parent.parent.parent / "specs"
SCHEMES = sorted(SPECS.glob("**/*.facts"))
FIXED = {"DEMOTE_FAILS": False, "ALLOC_FAILS": False}
MUTANTS = {
    "MU03": ("pmap_remove_all", "lock-order"),
    "MU27": ("pmap_remove", "race"),
    "MU29": ("pmap_enter", "lock-order"),
    "MU30": ("pmap_remove", "race"),
    "MU49": ("pmap_remove_all", "race"),
    "MU52": ("pmap_enter", "lock-order"),
    "MU58": ("pmap_remove_all", "lock-misuse"),
    "KEEP_OWN": ("pmap_remove", "lock-order"),
    "O1": ("pmap_ts_referenced", "race"),
    "ENTER_PDE_ONE": ("pmap_enter_pde", "race"),
    "ADVISE_KEEPS": ("pmap_advise", "lock-misuse"),
}
"""The operation in which a mutant cannot be proved, and the property."""


def open_properties(operation: str, mutant: str | None = None) -> set[str]:
    model = load(SPECS / "obm.pv", mutant=mutant)
    part = next(p for p in parts(model) if p.operation == operation)
    return {f.property for f in prove_part(model, part, frozenset(), FIXED).failed}


@pytest.mark.slow
@pytest.mark.parametrize("facts", SCHEMES, ids=lambda p: p.stem)
def test_locks_are_used_as_they_should_be_for_all_sizes(
    facts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the facts beside the specification, which are those of its present state."""
    assert main(["prove", str(facts.with_suffix(".pv")), "--quiet"]) == 0
    assert not capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_not_proved(mutant: str) -> None:
    operation, property_ = MUTANTS[mutant]

    assert property_ in open_properties(operation, mutant)


def test_no_mutant_of_locks_is_left_out() -> None:
    declared = read(SPECS / "obm.pv").mutants

    assert {m.name for m in declared if m.violated in ABOUT_LOCKS} == set(MUTANTS)
