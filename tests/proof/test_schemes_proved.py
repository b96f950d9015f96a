"""What is proved of the gallery, and that mutants are not (slow: minutes)."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pvcheck import facts
from pvcheck.load import load, read
from pvcheck.model.model import ABOUT_LOCKS, DEADLOCK, LOCK_ORDER
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import Failed, prove_part

SPECS = Path(__file__).parent.parent.parent / "specs"
RESULTS = SPECS.parent / "pvcheck" / "docs" / "results.md"
SCHEMES = sorted(p.stem for p in SPECS.glob("*.facts"))
WITH_INVARIANTS = [
    scheme
    for scheme in SCHEMES
    if any(title.endswith("but not") for title in facts.read(SPECS / f"{scheme}.pv"))
]
FIXED = {"DEMOTE_FAILS": False, "ALLOC_FAILS": False}
"""For mutants, which show without: it is quicker."""
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
"""Of obm: the operation in which a mutant cannot be proved, and the property."""
INVARIANTS = ("coverage", "no_phantom", "unique")
BREAKS_INVARIANTS = {
    "MU07": "pmap_remove",
    "MU08": "pmap_enter",
    "MU65": "pmap_enter_quick",
    "ENTER_PDE_OVER": "pmap_enter_pde",
}
"""The operation in which such a mutant cannot be proved."""
MUTANTS_OF_INVARIANTS = [
    (scheme, mutant.name, mutant.violated)
    for scheme in WITH_INVARIANTS
    for mutant in read(SPECS / f"{scheme}.pv").mutants
    if mutant.violated in INVARIANTS
]
OF_OTHERS = [
    (scheme, mutant.name, mutant.violated)
    for scheme in SCHEMES
    for mutant in read(SPECS / f"{scheme}.pv").mutants
    if scheme != "obm" and mutant.violated in ABOUT_LOCKS
]


def open_properties(
    scheme: str, operation: str, mutant: str, invariants: Sequence[str] = ()
) -> set[str]:
    spec = SPECS / f"{scheme}.pv"
    model = load(spec, mutant=mutant, lemmas=True)
    known = facts.read(spec)
    part = next(p for p in parts(model) if p.operation == operation)
    asked = [i for i in model.invariants if i.lemma or i.name in invariants]
    made = prove_part(
        model,
        part,
        frozenset(),
        FIXED,
        invariants=asked if invariants else (),
        guarded={v.name for v in model.variables} if invariants else (),
        known=known.get(part.title, ()) if invariants else (),
        lacking=known.get(part.title_of_lacking, ()),
    )
    return {f.property for f in made.failed}


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
def proof(scheme: str, *properties: str) -> Mapping[str, int]:
    """How many obligations each property has that is proved, from the facts beside the specification, which
    are those of its present state."""
    command = [sys.executable, "-m", "pvcheck", "prove", str(SPECS / f"{scheme}.pv")]
    command += [f"--property={name}" for name in properties]
    made = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, check=False
    )
    assert made.stderr == "", "pvcheck prove --infer"
    (document,) = json.loads(made.stdout)
    assert document["system"] == scheme
    return {
        p["property"]: p["obligations"] for p in document["properties"] if p["verdict"] == "proved"
    }


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_locks_are_used_as_they_should_be_for_all_sizes(scheme: str) -> None:
    assert proof(scheme).keys() == set(ABOUT_LOCKS)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", WITH_INVARIANTS)
def test_lists_are_as_they_should_be_for_all_sizes(scheme: str) -> None:
    assert proof(scheme, *INVARIANTS).keys() == set(INVARIANTS)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["locks", "lists"])
def test_the_tables_in_the_documents(which: str, request: pytest.FixtureRequest) -> None:
    text = RESULTS.read_text(encoding="utf-8")
    table = "\n".join(rows() if which == "locks" else rows_of_invariants())
    begin = text.index(table.split("\n", 1)[0])
    end = text.index("\n\n", begin)
    if request.config.getoption("--update-golden"):
        RESULTS.write_text(f"{text[:begin]}{table}{text[end:]}", encoding="utf-8")
    else:
        assert text[begin:end] == table


def rows() -> Iterator[str]:
    yield f"| scheme | {' | '.join(ABOUT_LOCKS)} | assertions, list faults, bounds, invariants |"
    yield f"|{' --- |' * (len(ABOUT_LOCKS) + 2)}"
    for scheme in SCHEMES:
        proved = (f"proved ({proof(scheme)[name]:,})".replace(",", " ") for name in ABOUT_LOCKS)
        default = sum(i.default for i in load(SPECS / f"{scheme}.pv").instances)
        checked = f"checked in {default} instances"
        yield f"| {scheme} | {' | '.join(proved)} | {checked} |"


def rows_of_invariants() -> Iterator[str]:
    yield f"| scheme | {' | '.join(INVARIANTS)} |"
    yield f"|{' --- |' * (len(INVARIANTS) + 1)}"
    for scheme in WITH_INVARIANTS:
        shown = proof(scheme, *INVARIANTS)
        proved = (f"proved ({shown[name]:,})".replace(",", " ") for name in INVARIANTS)
        yield f"| {scheme} | {' | '.join(proved)} |"


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "mutant", "violated"), MUTANTS_OF_INVARIANTS)
def test_mutants_of_invariants_are_not_proved(scheme: str, mutant: str, violated: str) -> None:
    found = open_properties(scheme, BREAKS_INVARIANTS[mutant], mutant, INVARIANTS)

    assert violated in found


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_not_proved(mutant: str) -> None:
    operation, property_ = MUTANTS[mutant]

    assert property_ in open_properties("obm", operation, mutant)


def test_no_mutant_of_locks_is_left_out() -> None:
    declared = read(SPECS / "obm.pv").mutants

    assert {m.name for m in declared if m.violated in ABOUT_LOCKS} == set(MUTANTS)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "mutant", "violated"), OF_OTHERS)
def test_mutants_of_other_schemes_are_not_proved(scheme: str, mutant: str, violated: str) -> None:
    # The theorem about deadlocks rests on the order.
    properties = {violated, LOCK_ORDER} if violated == DEADLOCK else {violated}

    failed = first_open(scheme, mutant, properties)

    assert failed is not None
    assert failed.operation is not None
