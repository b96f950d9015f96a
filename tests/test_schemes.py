"""Every locking scheme: what holds in it, and that its mutants are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from systems import Watcher, without_copy

from pvcheck import pipeline
from pvcheck.cli.main import main
from pvcheck.engines.base import Limits
from pvcheck.load import load, mutants
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report import trace_file
from pvcheck.report.outcome import Run
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
SPECS = Path("specs")
SOUND = ("global", "hybrid", "hash256", "numa2m", "obm", "superlock_gate", "superlock_mode")
SCHEMES = (*SOUND, "superlock_racy")
RECLAIMS = ("obm_chunks", "obm_waiting")
"""A scheme with other ways to reclaim."""

STATES = {
    ("global", "tiny"): 8_741,
    ("global", "one_run"): 2_564,
    ("hybrid", "tiny"): 17_118,
    ("hybrid", "one_run"): 3_256,
    ("hash256", "tiny"): 13_084,
    ("hash256", "one_run"): 2_926,
    ("hash256", "aliasing"): 207_809,
    ("numa2m", "tiny"): 13_084,
    ("numa2m", "one_run"): 2_926,
    ("superlock_gate", "tiny"): 15_316,
    ("superlock_gate", "one_run"): 3_305,
    ("superlock_mode", "tiny"): 17_590,
    ("superlock_mode", "one_run"): 3_502,
}
"""Without reductions."""
OWN = {
    "global": ("ORDER", "EARLY", "MU62"),
    "hybrid": ("SHARED", "MU01", "MU62"),
    "hash256": ("MU26", "MU58"),
    "numa2m": ("MU26", "MU58"),
    "superlock_gate": ("MU59", "MU60", "X3", "X4"),
    "superlock_mode": ("X5", "X5S"),
}
"""Mutants of the scheme's own, but for those that take long."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def path(scheme: str) -> Path:
    return SPECS / f"{scheme}.pv"


def made(scheme: str, *, reduce: bool, **selected: object) -> Run:
    (job,) = prepare(path(scheme), Selection(**selected))  # type: ignore[arg-type]
    engine = pipeline.choose_engine(None, workers=2)
    return pipeline.run(job, Limits(), Watcher(), engine=engine, reduce=reduce)


def test_all_are_here() -> None:
    found = {p.stem for p in SPECS.glob("*.pv")}

    assert {name for name in found if not name.endswith("_tlb")} == {*SCHEMES, *RECLAIMS}


@pytest.mark.parametrize(("scheme", "instance"), STATES)
def test_a_scheme_is_checked(scheme: str, instance: str) -> None:
    run = made(scheme, reduce=False, instances=(instance,))

    assert set(run.result.verdicts.values()) == {Checked(STATES[scheme, instance])}


def test_looking_at_the_gate_too_early_is_not_enough(request: pytest.FixtureRequest) -> None:
    run = made("superlock_racy", reduce=True)

    verdict = run.result.verdicts["assertion"]
    assert isinstance(verdict, Violated)
    assert verdict.trace.steps[-1].statement == "acquire pv[p];"
    shipped = Path("counterexamples", "superlock_racy.assertion.json")
    if request.config.getoption("--update-golden"):
        trace_file.write(shipped, verdict.trace)
    assert shipped.read_text(encoding="utf-8") == trace_file.dumps(verdict.trace)


@pytest.mark.parametrize(("scheme", "name"), [(s, m) for s, names in OWN.items() for m in names])
def test_a_bug_of_the_scheme_is_found(scheme: str, name: str) -> None:
    (mutant,) = [m for m in mutants(path(scheme)) if m.name == name]

    run = made(scheme, reduce=True, mutant=name)

    assert mutant.violated is not None
    assert isinstance(run.result.verdicts[mutant.violated], Violated)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [(s, m.name) for s in RECLAIMS for m in mutants(ROOT / SPECS / f"{s}.pv")],
)
def test_a_bug_of_reclaim_is_found(scheme: str, name: str) -> None:
    (mutant,) = [m for m in mutants(path(scheme)) if m.name == name]

    run = made(scheme, reduce=True, mutant=name)

    assert mutant.violated is not None
    assert isinstance(run.result.verdicts[mutant.violated], Violated)


@pytest.mark.parametrize("scheme", RECLAIMS)
@pytest.mark.parametrize("instance", ["wired", "memory_comes_and_goes", "reclaim", "lifetime"])
def test_reclaim_holds(scheme: str, instance: str) -> None:
    run = made(scheme, reduce=True, instances=(instance,))

    assert {type(v) for v in run.result.verdicts.values()} == {Checked}


def test_to_wait_for_a_pmap_is_not_enough_to_finish() -> None:
    run = made("obm_waiting", reduce=True, instances=("outrun",))

    assert isinstance(run.result.verdicts["progress-pmap_enter"], Violated)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", RECLAIMS)
def test_memory_runs_out(scheme: str) -> None:
    assert main(["verify", str(path(scheme)), "--quiet", "--no-trace"]) == 0


@pytest.mark.parametrize("scheme", SOUND)
def test_the_default_instances_start_every_operation(scheme: str) -> None:
    model = load(path(scheme))
    named = {o for i in model.instances if i.default for o in i.only or ()}

    assert named == {o.name for o in model.operations} - without_copy(model)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_has_its_declared_verdicts_and_nothing_in_it_is_vacuous(scheme: str) -> None:
    assert main(["verify", str(path(scheme)), "--quiet", "--no-trace", "--strict"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [*SOUND, *RECLAIMS])
def test_its_mutants_have_theirs(
    scheme: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutate", str(path(scheme)), "--quiet"]) == 0

    golden(f"mutants-{scheme}.txt", capsys.readouterr().out)
