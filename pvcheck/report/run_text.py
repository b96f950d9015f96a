"""Runs of ``verify`` as text for people. Same run, same text: no times, no paths of our own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvcheck.model.expr import Const
from pvcheck.model.instance import Instance
from pvcheck.model.model import LOCK_ORDER
from pvcheck.model.result import LockEdge
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Checked, Example, Inconclusive, Violated
from pvcheck.report.columns import WIDTH, wrap
from pvcheck.report.outcome import Outcome, Run, Standing
from pvcheck.report.steps import step_table

_VERDICT_WIDTH = 9
_MOST_CYCLES = 5


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of the trace of a violation."""

    file: str | None
    """Where it was written; ``None``: nowhere."""
    again: str
    """The command that finds the violation again."""


def run_text(run: Run, saved: Mapping[str, Saved], width: int = WIDTH) -> str:
    """The header, a line per property, and for each violated one how it comes about."""
    names = max((len(o.name) for o in run.outcomes), default=0)
    lines = wrap(header(run), width, hanging=2)
    for outcome in run.outcomes:
        lines += _property(run, outcome, saved.get(outcome.name), names, width)
    return "".join(f"{line}\n" for line in lines)


def header(run: Run) -> str:
    """For example ``obm · small: 2 threads, 2 pages · explicit engine with symmetry, 312 states``."""
    instance = run.instance
    mutant = f" + {run.mutant}" if run.mutant is not None else ""
    statistics = run.result.statistics
    states = plural(statistics.states, run.counted)
    by = f" with {' and '.join(statistics.reductions)}" if statistics.reductions else ""
    end = ", interrupted" if run.result.interrupted else ""
    run_by = f"{run.engine} engine{by}, {states}{end}"
    parts = (instance.model.name + mutant, instance_text(instance), run_by)
    return " · ".join(part for part in parts if part)


def instance_text(instance: Instance) -> str:
    """For example ``small: 2 threads, 2 pages``."""
    # Without any declared instance there is nothing to choose, and nothing to name.
    name = instance.name if instance.model.instances else ""
    return ": ".join(part for part in (name, ", ".join(_sizes(instance))) if part)


def _sizes(instance: Instance) -> list[str]:
    """What the instance gives, in its order: sizes, and values of parameters."""
    model = instance.model
    declared = next((i.values for i in model.instances if i.name == instance.name), ())
    shown = dict.fromkeys(name for name, _ in declared)
    shown |= dict.fromkeys(s.type.name for s in model.sorts if s.size is None)
    # A parameter that has another value here than by default, perhaps from the command line.
    shown |= dict.fromkeys(
        p.name for p in model.parameters if p.default != Const(instance.parameters[p.name], p.type)
    )
    return [
        plural(instance.sizes[name], name.lower())
        if name in instance.sizes
        else f"{name} = {str(instance.parameters[name]).lower()}"
        for name in shown
    ]


def _property(run: Run, outcome: Outcome, saved: Saved | None, names: int, width: int) -> list[str]:
    head = f"  {outcome.name:<{names}} {outcome.word:<{_VERDICT_WIDTH}}"
    about_order = outcome.name == LOCK_ORDER
    cycles = _cycles(run.cycles or (), width) if about_order else []
    match outcome.verdict:
        case Checked():
            beside = _lock_order(run) if about_order else _assumed(run, outcome.name)
            beside = outcome.verdict.argument or beside
            return [*_beside(head, beside, width), *cycles]
        case Inconclusive(depth, reason, example):
            excused = outcome.standing is Standing.AS_DECLARED or depth is None
            far = "" if excused else f", searched to depth {depth}"
            shown = (
                [] if example is None else [f"    {row}" for row in _example(example, width - 4)]
            )
            return [*_beside(head, reason + far, width), *shown, *cycles]
        case Violated(trace):
            line = f"{head}  {length(trace)}"
            return _violation(line, trace, saved, cycles, width)


def _example(example: Example, width: int) -> list[str]:
    """A run that does not begin in the initial state, and what it begins with."""
    trace = example.trace
    begun = ", ".join(f"{name} = {value}" for name, value in trace.initial)
    lines = [f"begins with {begun}" if begun else "", *example.threads]
    said = [part for line in lines if line for part in wrap(line, width, hanging=2)]
    reasons = [part for why in trace.why for part in wrap(f"then {why}", width, hanging=2)]
    return [*said, *(step_table(trace, width) if trace.steps else []), *reasons]


def length(trace: Trace) -> str:
    """How many steps, and which of them are taken again and again."""
    steps = plural(len(trace.steps), "step")
    if trace.loop is None or trace.loop == len(trace.steps):
        return steps
    return f"{steps}, the last {len(trace.steps) - trace.loop} again and again"


def _assumed(run: Run, name: str) -> str:
    """What a verdict about progress assumes."""
    declared = next((p for p in run.instance.model.progress if p.name == name), None)
    if declared is None:
        return ""
    return "assuming " + (", ".join(f"fair {what}" for what in declared.fair) or "nothing")


def _beside(head: str, detail: str, width: int) -> list[str]:
    """One line, or more if ``detail`` does not fit beside ``head``."""
    line = f"{head}  {detail}".rstrip()
    return [line] if len(line) <= width else [head, *wrap(f"    {detail}", width, hanging=4)]


def _violation(
    line: str, trace: Trace, saved: Saved | None, cycles: list[str], width: int
) -> list[str]:
    lines = [line]
    if saved is not None and saved.file is not None:
        beside = f"{line}   {saved.file}"
        lines = [beside] if len(beside) <= width else [line, f"    {saved.file}"]
    reasons = [part for why in trace.why for part in wrap(why, width - 10, hanging=2)]
    lines += [f"    {'why' if i == 0 else '':<6}{reason}" for i, reason in enumerate(reasons)]
    lines += [f"    {row}" for row in step_table(trace, width - 4)]
    lines += cycles
    if saved is not None:
        lines.append(f"  again: {saved.again}")
        if saved.file is not None:
            lines.append(f"  show:  pvcheck trace show {shlex.quote(saved.file)}")
    return lines


def _lock_order(run: Run) -> str:
    if run.cycles is None:
        return ""
    classes = plural(len(run.instance.model.locks), "class")
    edges = plural(len(run.result.lock_edges), "edge")
    cycles = plural(len(run.cycles), "cycle") if run.cycles else "no cycle"
    return f"{classes}, {edges}, {cycles}"


def _cycles(cycles: Sequence[tuple[LockEdge, ...]], width: int) -> list[str]:
    """The shortest of the cycles; one is enough to think about, dozens are in nobody's way."""
    lines = [line for cycle in cycles[:_MOST_CYCLES] for line in _cycle(cycle, width - 4)]
    if len(cycles) > _MOST_CYCLES:
        lines.append(f"and {len(cycles) - _MOST_CYCLES} more; --format json has them all")
    return [f"    {line}" for line in lines]


def _cycle(cycle: tuple[LockEdge, ...], width: int) -> list[str]:
    """The classes of a cycle in the order locks were taken, and an example of each edge."""
    path = " < ".join([*(edge.before for edge in cycle), cycle[0].before])
    lines = wrap(f"cycle {path}", width, hanging=6)
    for edge in cycle:
        step = edge.example
        direction = f" ({edge.direction})" if edge.direction else ""
        held = ", ".join(step.held_before)
        text = (
            f"{edge.before} < {edge.after}{direction}: {step.thread} at {step.where}, "
            f"{step.statement.removesuffix(';')}, while it holds {held}"
        )
        lines += [f"  {line}" for line in wrap(text, width - 2, hanging=2)]
    return lines


def plural(number: int, noun: str) -> str:
    """``1 class``, ``2 classes``; digits in groups of three."""
    digits = f"{number:,}".replace(",", " ")
    if number == 1:
        return f"{digits} {noun}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{digits} {noun}es"
    if noun.endswith("y") and noun[-2:-1] not in {*"aeiou"}:
        return f"{digits} {noun[:-1]}ies"
    return f"{digits} {noun}s"
