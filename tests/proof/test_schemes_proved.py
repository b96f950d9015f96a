"""What is proved of the gallery, and that mutants are not (slow: minutes)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvcheck import facts, proving
from pvcheck.load import load, read
from pvcheck.model.model import ABOUT_LOCKS, DEADLOCK, LOCK_ORDER
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import Failed, prove_part
from pvcheck.report.proof import ProofReport, Standing

SPECS = Path(__file__).parent.parent.parent / "specs"
RESULTS = SPECS.parent / "pvcheck" / "docs" / "results.md"
SCHEMES = sorted(p.stem for p in SPECS.glob("*.facts"))
FIXED = {"DEMOTE_FAILS": False, "ALLOC_FAILS": False}
"""For mutants, which show without: it is quicker."""
MUTANTS = [
    (scheme, mutant.name, mutant.violated)
    for scheme in SCHEMES
    for mutant in read(SPECS / f"{scheme}.pv").mutants
    if mutant.violated in ABOUT_LOCKS
]


def first_open(scheme: str, mutant: str, properties: set[str]) -> Failed | None:
    """What is not proved of a mutant; no search in operations for which the facts of the scheme are enough."""
    spec = SPECS / f"{scheme}.pv"
    model = load(spec, mutant=mutant)
    known = facts.read(spec)
    for part in parts(model):
        hints = known.get(part.title, frozenset())
        for failed in prove_part(model, part, frozenset(), FIXED, known=hints).failed:
            if failed.property in properties:
                return failed
    return None


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
@pytest.mark.parametrize(("scheme", "mutant", "violated"), MUTANTS)
def test_mutants_are_not_proved(scheme: str, mutant: str, violated: str) -> None:
    # The theorem about deadlocks rests on the order.
    properties = {violated, LOCK_ORDER} if violated == DEADLOCK else {violated}

    failed = first_open(scheme, mutant, properties)

    assert failed is not None
    assert failed.operation is not None
