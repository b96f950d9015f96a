"""Every mutant of the specifications that ship does what it declares."""

from __future__ import annotations

import pytest
from shipped import OBM, ROOT, does_what_it_declares

from pvcheck.load import load, mutants

MUTANTS = {m.name: m for m in mutants(ROOT / OBM)}


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant(name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    update = request.config.getoption("--update-golden")
    does_what_it_declares(OBM, MUTANTS[name], update=update)


def test_mutants_are_many_and_each_names_its_instance() -> None:
    assert sum(m.violated is not None for m in MUTANTS.values()) >= 12
    assert any(m.violated is None for m in MUTANTS.values()), "a control"
    assert all(m.instance is not None for m in MUTANTS.values())


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


def test_lemmas_are_for_proofs_of_mutants_only() -> None:
    spec = ROOT / OBM
    lemmas = {i.name for i in load(spec).invariants if i.lemma}

    assert lemmas == {"in_transit", "one_size", "first_of_region"}
    assert not any(i.lemma for i in load(spec, mutant="MU07").invariants)
    kept = {i.name for i in load(spec, mutant="MU07", lemmas=True).invariants if i.lemma}
    assert kept == lemmas
