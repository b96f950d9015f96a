"""The counterexamples that ship: one per mutant, each still a run that breaks what it says.

That each is still shortest, and what would be written today, is in test_mutants.py and test_history.py, which search
anyway.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from shipped import HISTORY, OBM, ROOT, counterexamples

from pvcheck import pipeline
from pvcheck.report import trace_file

FILES = sorted((ROOT / "counterexamples").glob("*.json"))


def test_there_is_one_for_each_mutant_that_violates_something() -> None:
    expected = {path.name for path in counterexamples((OBM, *HISTORY))}

    assert len(expected) >= 12
    assert {path.name for path in FILES} == expected | {"superlock_racy.assertion.json"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_it_follows_the_schema(path: Path) -> None:
    schema = json.loads(files("pvcheck.report").joinpath("trace.schema.json").read_text())

    jsonschema.validate(json.loads(path.read_text()), schema)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_it_replays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    trace = trace_file.read(path)

    replay = pipeline.replay(trace, Path(trace.specification))

    assert replay.mismatch is None
    assert not replay.changed, (
        "run: pytest tests/test_mutants.py tests/test_history.py --update-golden"
    )
