"""Reductions change no answer, on every specification that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import Example, examples
from reduction import assert_same, essence, group_of
from test_specs import OBM, QUICK, SMALL

from pvcheck.engines.base import Limits, Silent
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.load import instances, load, model_of, mutants, read
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result
from pvcheck.report.outcome import stop_early
from pvcheck.selection import Job, Selection, prepare

TESTS = Path(__file__).parent
WRITTEN = sorted((TESTS / "agreement" / "specs").glob("*.pv"))
COMMAND_LINE = [
    p for p in sorted((TESTS / "specs").glob("*.pv")) if p.stem not in ("broken", "large")
]
RUN = [e for e in examples("language.md") if (e.expected or "verify: ").startswith("verify: ")]
ORBITS = {
    "tiny": 6_058,
    "mapping": 32_008,
    "writing": 17_578,
    "wired": 1_193,
    "memory_comes_and_goes": 1_126,
    "superpage": 38_106,
    "superpage_write": 9_208,
    "no_memory": 57_074,
    "no_memory_page_side": 37_187,
    "no_memory_write": 87_794,
    "reclaim": 20_579,
    "lifetime": 6_207,
    "one_page": 3_369,
    "one_run_no_memory": 545,
    "two_pmaps": 2_057,
    "run_of_one": 9_825,
    "replace_in_run": 10_826,
    "rotating_run": 1_088,
    "protecting": 26_852,
    "unwiring": 34_693,
    "advising": 30_029,
    "clearing": 10_509,
    "referencing": 8_036,
    "rotating": 13_388,
    "referencing_2m": 20_544,
    "emulating": 31_719,
    "emulating_4k": 28_047,
    "entering_2m": 146_123,
    "entering_2m_no_memory": 68_872,
    "clear_run_of_one": 8_572,
}
"""States of instances up to symmetry. Of `emulating_no_memory` there are too many for the interpreter."""
NONE = {
    "sequential",
    "unaligned",
    "one_run",
    "reserve",
    "attributes",
    "two_regions",
    "one_run_at_once",
}
"""One thread and one address space."""
FEW = [n for n, states in {**QUICK, **SMALL}.items() if states < 25_000 and n not in NONE]
MANY = sorted({*ORBITS} - {*FEW})
MUTANTS = {m.name: m for m in mutants(OBM)}


def compare(instance: str) -> None:
    (job,) = prepare(OBM, Selection(instances=(instance,)))

    assert compare_job(job).statistics.states == ORBITS[instance]


def compare_job(job: Job) -> Result:
    """The result up to symmetry."""
    stop = stop_early(job.expectation, job.properties)

    def search(reduction: Reduction) -> Result:
        return ExplicitEngine().check(
            job.instance,
            job.properties,
            Limits(),
            Silent(),
            stop_when_violated=stop,
            reduction=reduction,
        )

    without, reduced = search(UNREDUCED), search(Reduction(group_of(job.instance)))
    assert essence(reduced) == essence(without)
    return reduced


@pytest.mark.parametrize("instance", FEW)
def test_instance(instance: str) -> None:
    compare(instance)


@pytest.mark.slow
@pytest.mark.parametrize("instance", MANY)
def test_large_instance(instance: str) -> None:
    compare(instance)


@pytest.mark.parametrize("instance", sorted(NONE))
def test_nothing_is_symmetric_where_there_is_one_of_each(instance: str) -> None:
    (what,) = instances(load(OBM), names=[instance])

    assert group_of(what) is None


def compare_mutant(name: str) -> None:
    (job,) = prepare(OBM, Selection(mutant=name))
    compare_job(job)


@pytest.mark.parametrize("name", sorted(MUTANTS)[::4])
def test_mutant(name: str) -> None:
    compare_mutant(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in sorted(MUTANTS) if n not in sorted(MUTANTS)[::4]])
def test_other_mutant(name: str) -> None:
    compare_mutant(name)


@pytest.mark.parametrize("path", [*WRITTEN, *COMMAND_LINE], ids=lambda p: p.stem)
def test_written_by_hand(path: Path) -> None:
    specification = read(path)
    for mutant in (None, *(m.name for m in specification.mutants)):
        for what in instances(model_of(specification, mutant), all_instances=True):
            group = group_of(what)
            if group is not None:
                assert_same(what, group)


@pytest.mark.parametrize("example", RUN, ids=str)
def test_examples_of_the_language(example: Example, tmp_path: Path) -> None:
    for what in instances(load(example.written_to(tmp_path)), all_instances=True):
        group = group_of(what)
        if group is not None:
            assert_same(what, group)
