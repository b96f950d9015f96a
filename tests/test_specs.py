"""The specifications that ship hold, in instances of which the number of states is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pvcheck import pipeline
from pvcheck.cli.main import main
from pvcheck.engines.base import Limits, Silent
from pvcheck.load import load
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report.outcome import Run
from pvcheck.selection import Selection, prepare

SPECS = Path(__file__).parent.parent / "specs"
OBM = SPECS / "obm.pv"

QUICK = {
    "tiny": 12_044,
    "writing": 69_871,
    "sequential": 14_686,
    "unaligned": 554,
    "wired": 2_385,
    "memory_comes_and_goes": 2_251,
    "reclaim": 81_815,
    "lifetime": 70_091,
    "attributes": 20_643,
    "referencing": 32_028,
}
SMALL = {
    "one_page": 6_681,
    "one_run": 2_885,
    "one_run_no_memory": 1_089,
    "two_pmaps": 8_163,
    "run_of_one": 39_011,
    "replace_in_run": 21_651,
    "clear_run_of_one": 34_035,
    "rotating_run": 2_167,
    "one_run_at_once": 2_059,
}
SLOW = {
    "mapping": 127_339,
    "superpage": 151_801,
    "superpage_write": 18_293,
    "no_memory": 227_817,
    "no_memory_page_side": 148_163,
    "no_memory_write": 350_023,
    "protecting": 53_527,
    "two_regions": 57_914,
    "unwiring": 69_163,
    "advising": 59_845,
    "clearing": 20_880,
    "rotating": 53_322,
    "referencing_2m": 82_062,
    "emulating": 126_750,
    "emulating_4k": 111_976,
    "emulating_no_memory": 3_723_881,
    "entering_2m": 291_679,
    "entering_2m_no_memory": 275_097,
}
SLOW_AND_NOT_DEFAULT = {"reserve": 100_860}
NATIVE = {"bench": 5_170_275}
"""More than the interpreter should be asked for."""


STARVING = {
    "restarted": "progress-pmap_remove_write",
    "all_wired": "progress-pmap_enter",
    "outrun": "progress-pmap_enter",
}
"""What is violated there, as declared."""


def made(selection: Selection) -> list[Run]:
    return [pipeline.run(job, Limits(), Silent(), reduce=False) for job in prepare(OBM, selection)]


def check(instance: str, states: int) -> None:
    (run,) = made(Selection(instances=(instance,)))

    assert set(run.result.verdicts.values()) == {Checked(states)}


@pytest.mark.parametrize(("instance", "states"), [*QUICK.items(), *SMALL.items()])
def test_instance_is_checked(instance: str, states: int) -> None:
    check(instance, states)


@pytest.mark.parametrize(("instance", "property_"), STARVING.items())
def test_instance_starves_somebody(instance: str, property_: str) -> None:
    (job,) = prepare(OBM, Selection(instances=(instance,)))
    verdicts = pipeline.run(job, Limits(), Silent()).result.verdicts

    assert {name for name, v in verdicts.items() if not isinstance(v, Checked)} == {property_}
    assert isinstance(verdicts[property_], Violated)


@pytest.mark.slow
@pytest.mark.parametrize(("instance", "states"), [*SLOW.items(), *SLOW_AND_NOT_DEFAULT.items()])
def test_large_instance_is_checked(instance: str, states: int) -> None:
    check(instance, states)


@pytest.mark.slow
@pytest.mark.parametrize(("instance", "states"), NATIVE.items())
def test_instance_for_the_native_engine_is_checked(instance: str, states: int) -> None:
    (job,) = prepare(OBM, Selection(instances=(instance,)))
    engine = pipeline.choose_engine("native", workers=2)

    made = pipeline.run(job, Limits(), Silent(), engine=engine, reduce=False)

    assert set(made.result.verdicts.values()) == {Checked(states)}
    assert made.result.statistics.bytes_per_state is not None
    assert made.result.statistics.bytes_per_state <= 20


def test_every_default_instance_is_in_the_tables() -> None:
    declared = load(OBM).instances

    assert {i.name for i in declared if i.default} == {*QUICK, *SLOW}
    assert {i.name for i in declared if not i.default} == {
        "deep",  # test_deep.py
        *SMALL,
        *SLOW_AND_NOT_DEFAULT,
        *NATIVE,
        *STARVING,
    }


@pytest.mark.slow
def test_nothing_is_vacuous_over_the_default_instances() -> None:
    assert pipeline.never_happened(made(Selection())) == ()


BY_HAND = {
    "lock not taken": (
        "pmap/map_side.pv",
        "take_lock:\n  change_pv_list_lock(p, held);",
        "",
        ("one_page", "race", "pv_list[0] is written without holding pv[0]"),
    ),
    "generation of the 2M list not changed": (
        "pmap/state.pv",
        "{ remove(pvh[r], e); bump(pvh_gen[r]); }",
        "{ remove(pvh[r], e); }",
        ("run_of_one", "none-access", "the value is none"),
    ),
    "successor of a list element used after a demotion": (
        "pmap/page_side.pv",
        "rescan:\n      goto retry;",
        "",
        ("run_of_one", "empty-list", "not in the list"),
    ),
    "wrong order": (
        "pmap/revalidate.pv",
        "if !try pmap[m] {\n    let pvh_seen = snapshot(pvh_gen[run(p)]);",
        "acquire pmap[m];\n  if false {\n    let pvh_seen = snapshot(pvh_gen[run(p)]);",
        ("one_page", "deadlock", "waits for"),
    ),
    "entry not freed": (
        "pmap/map_side.pv",
        "  pv_unlink(old.page, PvEntry(m, v));\n  free_pv_entry(m, v);",
        "  pv_unlink(old.page, PvEntry(m, v));",
        ("one_page", "accounted", "accounted"),
    ),
}
"""What somebody may get wrong: file, text, new text; instance, property, a part of the explanation."""


@pytest.mark.parametrize("bug", BY_HAND)
def test_bug_made_by_hand_is_found_and_explained(
    bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, old, new, (instance, violated, explanation) = BY_HAND[bug]
    copy = tmp_path / "specs"
    shutil.copytree(SPECS, copy)
    for mutants in (copy / "mutants").iterdir():
        mutants.write_text("")
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)

    status = main(["verify", "specs/obm.pv", "--instance", instance])

    out = capsys.readouterr().out
    assert status == 1
    assert f"{violated} VIOLATED" in " ".join(out.split())
    assert explanation in out
    assert list((tmp_path / "counterexamples").iterdir())
