"""The specifications that ship hold, in instances of which the number of states is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvcheck import pipeline
from pvcheck.cli.main import main
from pvcheck.engines.base import Limits
from pvcheck.load import load
from pvcheck.model.verdict import Checked
from pvcheck.report.outcome import Run
from pvcheck.selection import Selection, prepare

SPECS = Path(__file__).parent.parent / "specs"
OBM = SPECS / "obm.pv"

QUICK: dict[str, int] = {}
SLOW: dict[str, int] = {}
SMALL: dict[str, int] = {}


class Silent:
    def update(self, **_: int) -> None:
        """Nobody looks."""


def made(selection: Selection) -> list[Run]:
    return [pipeline.run(job, Limits(), Silent()) for job in prepare(OBM, selection)]


def check(instance: str, states: int) -> None:
    (run,) = made(Selection(instances=(instance,)))

    assert set(run.result.verdicts.values()) == {Checked(states)}


@pytest.mark.parametrize(("instance", "states"), [*QUICK.items(), *SMALL.items()])
def test_instance_is_checked(instance: str, states: int) -> None:
    check(instance, states)


@pytest.mark.slow
@pytest.mark.parametrize(("instance", "states"), SLOW.items())
def test_large_instance_is_checked(instance: str, states: int) -> None:
    check(instance, states)


def test_every_default_instance_is_in_the_tables() -> None:
    declared = load(OBM).instances

    assert {i.name for i in declared if i.default} == {*QUICK, *SLOW}
    assert {i.name for i in declared if not i.default} == {*SMALL}


def test_default_instances_start_every_operation() -> None:
    model = load(OBM)
    unrestricted = any(i.only is None for i in model.instances if i.default)
    named = {o for i in model.instances if i.default for o in i.only or ()}

    assert unrestricted
    assert named == {o.name for o in model.operations}


@pytest.mark.slow
def test_nothing_is_vacuous_over_the_default_instances() -> None:
    assert pipeline.never_happened(made(Selection())) == ()


BY_HAND = {
    "bump forgotten": ("state.pv", "{ remove(pvh[r], e); bump(pvh_gen[r]); }", "{ remove(pvh[r], e); }"),
}


@pytest.mark.parametrize("bug", BY_HAND)
def test_bug_made_by_hand_is_found(
    bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main is not None
