"""The tool and the oracle on specifications that were written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from compare import oracle_says, tool_says
from documents import Example, examples

from pvcheck.load import instances, model_of, read

HERE = Path(__file__).parent
SPECS = HERE.parent.parent / "specs"
WRITTEN = sorted((HERE / "specs").glob("*.pv"))
STATES = {
    "control": 162,
    "counters": 696,
    "deadlocks": 80,
    "faults": 31,
    "ghost": 1986,
    "locks": 1998,
    "rounds": 1316,
    "values": 1828,
}
RUN = [
    e
    for e in examples("language.md")
    if (e.expected or "verify: ").startswith("verify: ") and "memory tso" not in e.text
]
"""The oracle knows no store buffers: their tests are in tests/model/test_store_buffers.py."""


def agreed(path: Path, *names: str, **settings: str) -> list[int]:
    """The numbers of states of the instances: there is one opinion on everything."""
    specification = read(path)
    states = []
    for instance in instances(model_of(specification), names=names, settings=settings):
        oracle = oracle_says(specification.tree, instance, limit=30_000)
        tool = tool_says(instance, limit=30_000)
        assert tool.shortest == oracle.shortest
        assert tool.shared == oracle.shared
        assert tool.states == oracle.states
        states.append(tool.states)
    return states


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.stem)
def test_every_construct(path: Path) -> None:
    assert agreed(path) == [STATES[path.stem]]


def test_there_are_examples() -> None:
    assert len(RUN) > 10


@pytest.mark.parametrize("example", RUN, ids=str)
def test_the_example_means_what_the_text_around_it_says(example: Example, tmp_path: Path) -> None:
    assert agreed(example.written_to(tmp_path))


def test_the_schemes_of_the_gallery() -> None:
    assert agreed(SPECS / "obm.pv", "one_page", Thread="1")


@pytest.mark.slow
@pytest.mark.parametrize("instance", ["one_page", "one_run", "replace_in_run"])
def test_instances_of_the_gallery(instance: str) -> None:
    assert agreed(SPECS / "obm.pv", instance)
