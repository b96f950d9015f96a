"""Schemes with processors: what holds in them, and that bugs of flushes and of dirty pages are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from systems import Watcher, without_copy

from pvcheck import pipeline
from pvcheck.cli.main import main
from pvcheck.engines.base import Limits
from pvcheck.load import load, mutants
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report.outcome import Run
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
SPECS = Path("specs")
SCHEMES = ("hash256_tlb", "numa2m_tlb", "obm_tlb")
SMALL = ("exit", "removal", "writing")
SHOWN_BY = {
    "tlb_within_tables": "FLUSH_LATE",
    "tlb_unmapped": "MU17",
    "tlb_unwritable": "EARLY",
    "dirty_kept": "R19",
    "unwriteable_dirty": "MU15",
    "same_page": "MU10",
    "walk_coverage": "MU08",
}
"""For each property of the layer, a mutant that declares to violate it."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def path(scheme: str) -> Path:
    return SPECS / f"{scheme}.pv"


def made(scheme: str, *, reduce: bool = True, **selected: object) -> Run:
    (job,) = prepare(path(scheme), Selection(**selected))  # type: ignore[arg-type]
    engine = pipeline.choose_engine(None, workers=2)
    return pipeline.run(job, Limits(), Watcher(), engine=engine, reduce=reduce)


def test_all_are_here() -> None:
    assert {p.stem for p in SPECS.glob("*_tlb.pv")} == {*SCHEMES}


@pytest.mark.parametrize("instance", SMALL)
def test_it_holds_with_a_lock_per_page(instance: str) -> None:
    run = made("obm_tlb", instances=(instance,))

    assert {type(v) for v in run.result.verdicts.values()} == {Checked}
    assert SHOWN_BY.keys() <= run.result.verdicts.keys()


@pytest.mark.parametrize("scheme", ["hash256_tlb", "numa2m_tlb"])
def test_it_holds_with_a_lock_per_run(scheme: str) -> None:
    run = made(scheme, instances=("writing",))

    assert {type(v) for v in run.result.verdicts.values()} == {Checked}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_default_instances_start_every_operation(scheme: str) -> None:
    model = load(path(scheme))
    named = {o for i in model.instances if i.default for o in i.only or ()}

    assert named == {o.name for o in model.operations} - without_copy(model)


@pytest.mark.parametrize(("broken", "name"), SHOWN_BY.items())
def test_a_bug_breaks_each_property(broken: str, name: str) -> None:
    (mutant,) = [m for m in mutants(path("obm_tlb")) if m.name == name]

    run = made("obm_tlb", mutant=name)

    assert mutant.violated == broken
    assert isinstance(run.result.verdicts[broken], Violated)


@pytest.mark.slow
@pytest.mark.parametrize("name", [m.name for m in mutants(ROOT / "specs" / "obm_tlb.pv")])
def test_a_bug_is_found(name: str) -> None:
    (mutant,) = [m for m in mutants(path("obm_tlb")) if m.name == name]

    run = made("obm_tlb", mutant=name)

    assert mutant.violated is not None
    assert isinstance(run.result.verdicts[mutant.violated], Violated)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_default_instances_hold(scheme: str) -> None:
    assert main(["verify", str(path(scheme)), "--quiet", "--no-trace"]) == 0
