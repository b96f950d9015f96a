"""Trace files: the same trace comes back, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvcheck.model.model import KernelSource
from pvcheck.model.trace import Change, Trace, TraceStep, Waiter
from pvcheck.report import trace_file
from pvcheck.report.trace_file import TraceFileError, dumps, loads, read, write

SCHEMA = json.loads((resources.files("pvcheck") / "report" / "trace.schema.json").read_text())

texts = st.text(max_size=8)
names = st.sampled_from(["x", "y[0]", "\x1b[31m", "\u202e"])
waiters = st.builds(Waiter, texts, texts, st.lists(texts, max_size=2).map(tuple))
held = st.lists(texts, max_size=2).map(tuple)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any trace whose changes fit its states."""
    state = draw(st.dictionaries(names, texts))
    initial = tuple(state.items())
    steps = []
    for _ in range(draw(st.integers(0, 3))):
        changed = draw(st.lists(st.sampled_from(sorted(state)), unique=True)) if state else []
        changes = tuple(Change(name, state[name], draw(texts)) for name in changed)
        state |= {c.name: c.after for c in changes}
        steps.append(
            TraceStep(
                thread=draw(texts),
                operation=draw(st.none() | texts),
                statement=draw(texts),
                procedure=draw(texts),
                where=draw(texts),
                source=draw(st.none() | st.builds(KernelSource, texts, texts)),
                chosen=tuple(draw(st.lists(st.tuples(texts, texts), max_size=2))),
                held_before=draw(held),
                held_after=draw(held),
                waits=tuple(draw(st.lists(waiters, max_size=2))),
                changes=changes,
                state=tuple(state.items()),
            )
        )
    return Trace(
        specification=draw(texts),
        hash=draw(texts),
        instance=draw(texts),
        values=tuple(draw(st.dictionaries(texts, st.integers() | st.booleans())).items()),
        only=draw(st.none() | held),
        mutant=draw(st.none() | texts),
        property=draw(texts),
        why=draw(held),
        initial=initial,
        steps=tuple(steps),
        cycle=tuple(draw(st.lists(waiters, max_size=2))),
    )


@given(traces())
def test_a_written_trace_comes_back_and_is_written_the_same(trace: Trace) -> None:
    text = dumps(trace)

    assert loads(text) == trace
    assert dumps(loads(text)) == text


@given(traces())
def test_what_is_written_follows_the_schema(trace: Trace) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(dumps(trace)), SCHEMA)


STEP: dict[str, Any] = {
    "thread": "cpu",
    "operation": None,
    "statement": "x = 1",
    "procedure": "cpu",
    "where": "s.pv:1",
    "source": None,
    "chosen": [],
    "held_before": [],
    "held_after": [],
    "waits": [],
    "changes": [{"name": "x", "before": "0", "after": "1"}],
}
DOCUMENT: dict[str, Any] = {
    "format": trace_file.FORMAT,
    "specification": "s.pv",
    "hash": "00",
    "mutant": None,
    "instance": "i",
    "values": {"N": 2},
    "only": None,
    "property": "p",
    "why": [],
    "initial": {"x": "0"},
    "steps": [STEP],
    "cycle": [],
}


def with_step(**members: Any) -> dict[str, Any]:
    return DOCUMENT | {"steps": [STEP | members]}


def test_the_document_that_the_errors_below_start_from_is_a_trace() -> None:
    trace = loads(json.dumps(DOCUMENT))

    assert [step.state for step in trace.steps] == [(("x", "1"),)]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the file: expected an object, found a list"),
        ({}, "the file: key 'format' is missing"),
        ({"format": "pvcheck-trace-2"}, "not a trace: its format is 'pvcheck-trace-2'"),
        ({"format": 3}, "not a trace: its format is 3"),
        (DOCUMENT | {"more": 1}, "the file: unknown key 'more'"),
        ({k: v for k, v in DOCUMENT.items() if k != "why"}, "the file: key 'why' is missing"),
        (DOCUMENT | {"hash": None}, "hash: expected text, found null"),
        (DOCUMENT | {"values": {"N": 2.5}}, "values['N']: expected a whole number or"),
        (DOCUMENT | {"only": ["a", 1]}, "only[1]: expected text, found a number"),
        (DOCUMENT | {"steps": {}}, "steps: expected a list, found an object"),
        (DOCUMENT | {"steps": [True]}, "steps[0]: expected an object, found a truth value"),
        (with_step(where=1), "steps[0].where: expected text, found a number"),
        (with_step(state={}), "steps[0]: unknown key 'state'"),
        (with_step(source={"file": "f"}), "steps[0].source: key 'function' is missing"),
        (with_step(chosen=[["p", "1"]]), "steps[0].chosen[0]: expected an object, found a list"),
        (
            with_step(changes=[{"name": "x", "before": "7", "after": "1"}]),
            "step 1 changes x from 7, but it is 0",
        ),
        (
            with_step(changes=[{"name": "z", "before": "7", "after": "1"}]),
            "step 1 changes z from 7, but it is not part of the state",
        ),
    ],
)
def test_anything_else_is_refused_with_its_place(document: Any, message: str) -> None:
    with pytest.raises(TraceFileError) as refused:
        loads(json.dumps(document))

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON at line 1, column 1: Expecting value (is the file cut off?)"),
        ('{"format": ', "not JSON at line 1, column 12: Expecting value (is the file cut off?)"),
        ("{format}", "not JSON at line 1, column 2"),
        ('{"format": NaN}', "not JSON: NaN"),
        ('{"a": 1, "a": 2}', "key 'a' occurs twice in one object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": ' + "9" * 5000 + "}", "not JSON: Exceeds the limit"),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(TraceFileError) as refused:
        loads(text)

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_file_cut_off_anywhere_is_refused(cut: int) -> None:
    text = dumps(loads(json.dumps(DOCUMENT)))

    with pytest.raises(TraceFileError):
        loads(text[: len(text) * cut // 40])


def test_steps_and_elements_that_multiply_are_refused() -> None:
    initial = {f"x{i}": "" for i in range(5_000)}
    steps = [STEP | {"changes": []}] * 1_000

    with pytest.raises(TraceFileError, match="too large: 1000 steps of 5000 elements"):
        loads(json.dumps(DOCUMENT | {"initial": initial, "steps": steps}))


def test_a_state_that_the_changes_do_not_explain_is_never_written() -> None:
    trace = loads(json.dumps(DOCUMENT))
    wrong = replace(trace, steps=(replace(trace.steps[0], state=(("x", "9"),)),))

    with pytest.raises(AssertionError, match="changes something without saying so"):
        dumps(wrong)


def test_a_file_replaces_an_older_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trace.json"
    trace = loads(json.dumps(DOCUMENT))
    write(path, trace)

    write(path, replace(trace, property="q"))

    assert read(path).property == "q"
    assert [p.name for p in path.parent.iterdir()] == ["trace.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace.json"
    trace = loads(json.dumps(DOCUMENT))
    write(path, trace)

    def fail(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write(path, replace(trace, property="q"))

    assert read(path) == trace
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]


def test_large_files_are_refused_before_they_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "MAX_BYTES", 1 << 20)
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (1 << 20) + b"{}")

    with pytest.raises(TraceFileError, match="larger than 1 MB"):
        read(path)


def test_files_of_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"a": "\xe9"}')

    with pytest.raises(TraceFileError, match=r"not UTF-8 text \(byte 7\)"):
        read(path)
