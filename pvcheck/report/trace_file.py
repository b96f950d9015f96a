"""Traces as files: JSON, one format version, the same bytes for the same trace.

``trace.schema.json`` describes the format. A step records what it changed; the state after it is
rebuilt from the initial state, and refused where a change does not fit. Reading trusts nothing: a
file may come from anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from pvcheck.files import write_text
from pvcheck.model.model import KernelSource
from pvcheck.model.trace import Change, Trace, TraceStep, Waiter
from pvcheck.report.json_value import JsonError, Object, parse, sequence, text, whole_or_bool

FORMAT = "pvcheck-trace-1"
MAX_BYTES = 64 << 20
"""Larger files are refused unread."""
MAX_ELEMENTS = 4_000_000
"""Elements of all states of a trace together: what is a few bytes in the file fills memory here."""

_State = tuple[tuple[str, str], ...]


class TraceFileError(Exception):
    """A file is not a trace that this program can read; the message says why and where."""


def dumps(trace: Trace) -> str:
    """The trace as the text of a file. Equal traces give equal text."""
    _rebuilt(trace.initial, trace.steps, _engine_bug)
    document: dict[str, Any] = {
        "format": FORMAT,
        "specification": trace.specification,
        "hash": trace.hash,
        "mutant": trace.mutant,
        "instance": trace.instance,
        "values": dict(trace.values),
        "only": None if trace.only is None else list(trace.only),
        "property": trace.property,
        "why": list(trace.why),
        "initial": dict(trace.initial),
        "steps": [_step(step) for step in trace.steps],
        "cycle": [_waiter(waiter) for waiter in trace.cycle],
    }
    if trace.loop is not None:
        document["loop"] = trace.loop
    return json.dumps(document, indent=1) + "\n"


def loads(data: str) -> Trace:
    """The trace that ``dumps`` made ``data`` from.

    Raises:
        TraceFileError: if it is anything else.
    """
    try:
        return _trace(Object(parse(data), "the file"))
    except JsonError as error:
        raise TraceFileError(str(error)) from None


def read(path: Path) -> Trace:
    """The trace in a file.

    Raises:
        TraceFileError: it is not a trace.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TraceFileError(f"larger than {MAX_BYTES >> 20} MB")
    try:
        return loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TraceFileError(f"not UTF-8 text (byte {error.start})") from None


def write(path: Path, trace: Trace) -> None:
    """Writes the trace; the file appears complete or not at all, and replaces an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, dumps(trace))


def _step(step: TraceStep) -> dict[str, Any]:
    source = step.source
    return {
        "thread": step.thread,
        "operation": step.operation,
        "statement": step.statement,
        "procedure": step.procedure,
        "where": step.where,
        "source": None if source is None else {"file": source.file, "function": source.function},
        "chosen": [{"name": name, "value": value} for name, value in step.chosen],
        "held_before": list(step.held_before),
        "held_after": list(step.held_after),
        "waits": [_waiter(waiter) for waiter in step.waits],
        "changes": [{"name": c.name, "before": c.before, "after": c.after} for c in step.changes],
    }


def _waiter(waiter: Waiter) -> dict[str, Any]:
    return {"thread": waiter.thread, "lock": waiter.lock, "holders": list(waiter.holders)}


def _trace(document: Object) -> Trace:
    # First of all, so that a file of another kind is called that, and not blamed for a missing key.
    found = document.get("format")
    if found != FORMAT:
        raise TraceFileError(f"not a trace: its format is {found!r}, not {FORMAT!r}")
    document.only_keys(
        *("format", "specification", "hash", "mutant", "instance", "values", "only"),
        *("property", "why", "initial", "steps", "cycle", "loop"),
    )
    initial = tuple(document.mapping("initial", text).items())
    steps = tuple(_read_step(step) for step in document.objects("steps"))
    if len(initial) * len(steps) > MAX_ELEMENTS:
        raise TraceFileError(f"too large: {len(steps)} steps of {len(initial)} elements each")
    return Trace(
        specification=document.text("specification"),
        hash=document.text("hash"),
        instance=document.text("instance"),
        values=tuple(document.mapping("values", whole_or_bool).items()),
        only=document.optional("only", lambda v, at: sequence(v, at, text)),
        mutant=document.optional("mutant", text),
        property=document.text("property"),
        why=document.texts("why"),
        initial=initial,
        steps=_rebuilt(initial, steps, _refuse),
        cycle=tuple(_read_waiter(waiter) for waiter in document.objects("cycle")),
        loop=_read_loop(document, len(steps)),
    )


def _read_loop(document: Object, steps: int) -> int | None:
    if not document.has("loop"):
        return None
    loop = document.get("loop")
    if not isinstance(loop, int) or isinstance(loop, bool) or not 0 <= loop <= steps:
        raise TraceFileError(f"loop is not a number of steps from 0 to {steps}")
    return loop


def _read_step(step: Object) -> TraceStep:
    step.only_keys(
        *("thread", "operation", "statement", "procedure", "where", "source", "chosen"),
        *("held_before", "held_after", "waits", "changes"),
    )
    return TraceStep(
        thread=step.text("thread"),
        operation=step.optional("operation", text),
        statement=step.text("statement"),
        procedure=step.text("procedure"),
        where=step.text("where"),
        source=step.optional("source", _read_source),
        chosen=tuple((c.text("name"), c.text("value")) for c in step.objects("chosen")),
        held_before=step.texts("held_before"),
        held_after=step.texts("held_after"),
        waits=tuple(_read_waiter(waiter) for waiter in step.objects("waits")),
        changes=tuple(_read_change(change) for change in step.objects("changes")),
        state=(),
    )


def _read_source(value: object, at: str) -> KernelSource:
    source = Object(value, at)
    source.only_keys("file", "function")
    return KernelSource(source.text("file"), source.text("function"))


def _read_waiter(waiter: Object) -> Waiter:
    waiter.only_keys("thread", "lock", "holders")
    return Waiter(waiter.text("thread"), waiter.text("lock"), waiter.texts("holders"))


def _read_change(change: Object) -> Change:
    change.only_keys("name", "before", "after")
    return Change(change.text("name"), change.text("before"), change.text("after"))


def _rebuilt(
    initial: _State, steps: Iterable[TraceStep], refuse: Callable[[str], NoReturn]
) -> tuple[TraceStep, ...]:
    """The steps, each with the state after it; ``refuse`` hears of changes that do not fit."""
    state = dict(initial)
    rebuilt: list[TraceStep] = []
    for number, step in enumerate(steps, start=1):
        for change in step.changes:
            if state.get(change.name) != change.before:
                was = state.get(change.name, "not part of the state")
                refuse(f"step {number} changes {change.name} from {change.before}, but it is {was}")
            state[change.name] = change.after
        after = tuple(state.items())
        if step.state and step.state != after:
            refuse(f"step {number} changes something without saying so")
        rebuilt.append(replace(step, state=after))
    return tuple(rebuilt)


def _refuse(message: str) -> NoReturn:
    raise TraceFileError(message)


def _engine_bug(message: str) -> NoReturn:
    raise AssertionError(f"an inconsistent trace: {message}")
