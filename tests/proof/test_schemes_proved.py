"""What is proved of the gallery, and that mutants are not (slow: minutes)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvcheck import facts, proving
from pvcheck.load import load, read
from pvcheck.model.model import ABOUT_LOCKS
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import prove_part
from pvcheck.report.proof import ProofReport, Standing

SPECS = Path(__file__).parent.parent.parent / "specs"
RESULTS = SPECS.parent / "pvcheck" / "docs" / "results.md"
SCHEMES = sorted(p.stem for p in SPECS.glob("*.facts"))
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


@functools.cache
def proof(scheme: str) -> ProofReport:
    """From the facts beside the specification, which are those of its present state."""
    spec = SPECS / f"{scheme}.pv"
    model = load(spec)
    results = proving.proved(model, (), {}, os.cpu_count() or 1, known=facts.read(spec))
    assert not any(r.searched for r in results), "pvcheck prove --infer"
    return proving.report(
        model, results, mutant=None, properties=ABOUT_LOCKS, only_parts=False, fixed={}, seconds=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_locks_are_used_as_they_should_be_for_all_sizes(scheme: str) -> None:
    assert all(p.standing is Standing.PROVED for p in proof(scheme).properties)


@pytest.mark.slow
def test_the_table_in_the_documents(request: pytest.FixtureRequest) -> None:
    text = RESULTS.read_text(encoding="utf-8")
    begin = text.index("| scheme | deadlock |")
    end = text.index("\n\n", begin)
    table = "\n".join(rows())
    if request.config.getoption("--update-golden"):
        RESULTS.write_text(f"{text[:begin]}{table}{text[end:]}", encoding="utf-8")
    else:
        assert text[begin:end] == table


def rows() -> Iterator[str]:
    yield f"| scheme | {' | '.join(ABOUT_LOCKS)} | assertions, list faults, bounds, invariants |"
    yield f"|{' --- |' * (len(ABOUT_LOCKS) + 2)}"
    for scheme in SCHEMES:
        proved = (f"proved ({p.obligations:,})".replace(",", " ") for p in proof(scheme).properties)
        default = sum(i.default for i in load(SPECS / f"{scheme}.pv").instances)
        checked = f"checked in {default} instances"
        yield f"| {scheme} | {' | '.join(proved)} | {checked} |"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_not_proved(mutant: str) -> None:
    operation, property_ = MUTANTS[mutant]

    assert property_ in open_properties(operation, mutant)


def test_no_mutant_of_locks_is_left_out() -> None:
    declared = read(SPECS / "obm.pv").mutants

    assert {m.name for m in declared if m.violated in ABOUT_LOCKS} == set(MUTANTS)
