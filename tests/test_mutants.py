"""Every mutant of the specifications that ship does what it declares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck import pipeline
from pvcheck.engines.base import Limits
from pvcheck.load import mutants
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report import trace_file
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
OBM = Path("specs", "obm.pv")
"""From the root, as the shipped counterexamples name it."""
MUTANTS = {m.name: m for m in mutants(ROOT / OBM)}


class Silent:
    def update(self, **_: int) -> None:
        """Nobody looks."""


Check = Callable[[str], None]


@pytest.fixture
def does_what_it_declares(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Check:
    """The declared verdict; and the shipped counterexample is what the search finds today, so a shortest one."""

    def check(name: str) -> None:
        monkeypatch.chdir(ROOT)
        mutant = MUTANTS[name]
        (job,) = prepare(OBM, Selection(mutant=name))
        verdicts = pipeline.run(job, Limits(), Silent()).result.verdicts
        if mutant.violated is None:
            assert {type(v) for v in verdicts.values()} == {Checked}
            return
        verdict = verdicts[mutant.violated]
        assert isinstance(verdict, Violated)
        path = Path("counterexamples", f"obm.{name}.{mutant.violated}.json")
        if request.config.getoption("--update-golden"):
            trace_file.write(path, verdict.trace)
        assert path.read_text(encoding="utf-8") == trace_file.dumps(verdict.trace)

    return check


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant(name: str, does_what_it_declares: Check) -> None:
    does_what_it_declares(name)


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
