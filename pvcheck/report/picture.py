"""A trace as a picture in text: time runs down, one column per thread, held locks as bars.

The idea is lockdep's picture of a deadlock on two CPUs, with every step of the run in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pvcheck.model.model import KernelSource
from pvcheck.model.trace import Trace, TraceStep, Waiter
from pvcheck.report.columns import WIDTH, beside, wrap
from pvcheck.report.run_text import length
from pvcheck.report.steps import action, chosen, newly_waiting, waits_for

_ROOMY = 22
"""Columns narrower than this have no room for a column of file names beside them."""
_NARROWEST = 12
_MOST_BARS = 6


def picture(trace: Trace, *, full: bool = False, width: int = WIDTH) -> str:
    """The trace from the initial state to the violation. ``full``: the whole state at each step."""
    lines = _head(trace, width)
    if full or not trace.steps:
        lines += _state("initial state", trace.initial, frozenset(), width)
    lanes = _Lanes(trace, width)
    lines += lanes.header() if trace.steps else []
    waits: tuple[Waiter, ...] = ()
    for number, step in enumerate(trace.steps, start=1):
        if trace.loop == number - 1:
            lines += ["", *wrap("from here on, again and again:", width)]
        lines += lanes.step(number, step, newly_waiting(waits, step.waits))
        if full:
            changed = frozenset(change.name for change in step.changes)
            lines += _state(f"state after step {number}", step.state, changed, width)
        waits = step.waits
    lines += ["", *_end(trace, width)]
    return "".join(f"{line}\n" for line in lines)


def _head(trace: Trace, width: int) -> list[str]:
    mutant = f" + {trace.mutant}" if trace.mutant is not None else ""
    when = f"after {length(trace)}" if trace.steps else "in the initial state"
    violates = f"violates {trace.property} {when}"
    values = ", ".join(f"{name} = {str(value).lower()}" for name, value in trace.values)
    only = "" if trace.only is None else f"only {', '.join(trace.only)}"
    given = "; ".join(part for part in (values, only) if part)
    files = ", ".join(_files(trace))
    return [
        *wrap(f"{trace.specification}{mutant} · {trace.instance} · {violates}", width, hanging=2),
        *(wrap(f"  {given}", width, hanging=2) if given else []),
        *(wrap(f"  {files}", width, hanging=2) if files else []),
        "",
    ]


def _files(trace: Trace) -> list[str]:
    """The kernel's files that the steps stand for, in order."""
    return list(dict.fromkeys(step.source.file for step in trace.steps if step.source))


def _end(trace: Trace, width: int) -> list[str]:
    lines = wrap(f"{trace.property} is violated:", width)
    for why in trace.why:
        lines += [f"  {line}" for line in wrap(why, width - 2, hanging=2)]
    # The reasons of a deadlock are the cycle, unless somebody else made the trace.
    cycle = [f"{w.thread} {waits_for(w)}" for w in trace.cycle]
    if not set(cycle) <= set(trace.why):
        lines += ["they wait for each other:"]
        lines += [f"  {line}" for text in cycle for line in wrap(text, width - 2, hanging=2)]
    return lines


def _state(
    title: str, state: Sequence[tuple[str, str]], changed: frozenset[str], width: int
) -> list[str]:
    lines = [f"  {title}"]
    for name, value in state:
        mark = "*" if name in changed else " "
        lines += wrap(f"  {mark} {name} = {value}", width, hanging=8)
    return lines


@dataclass
class _Lane:
    """One thread's column while the picture is drawn."""

    thread: str
    held: list[str] = field(default_factory=list)
    """Locks in the order they were taken: the bars, outermost first."""
    operation: str | None = None
    source: KernelSource | None = None

    def bars(self, ending: str | None = None) -> str:
        if len(self.held) > _MOST_BARS:
            return f"│x{len(self.held)}"
        return "".join("└" if lock == ending else "│" for lock in self.held)

    def text(self, text: str, width: int) -> list[str]:
        """``text`` beside the bars."""
        bars = self.bars()
        margin = f"{bars} " if bars else ""
        return [margin + line for line in wrap(text, width - len(margin), hanging=2)]

    def locks(self, after: Sequence[str], width: int) -> list[str]:
        """The lines at which bars end and start, so that ``after`` is held below them."""
        lines: list[str] = []
        for lock in [lock for lock in self.held if lock not in after]:
            lines.append(_cut(f"{self.bars(lock)} {lock}", width))
            self.held.remove(lock)
        for lock in [lock for lock in after if lock not in self.held]:
            lines.append(_cut(f"{self.bars()}┌ {lock}", width))
            self.held.append(lock)
        return lines


class _Lanes:
    """The columns of all threads that the trace mentions."""

    def __init__(self, trace: Trace, width: int) -> None:
        threads = {step.thread for step in trace.steps} | {w.thread for w in trace.cycle}
        self._lanes = {t: _Lane(t) for t in sorted(threads, key=_natural_order)}
        number = len(str(len(trace.steps)))
        self._several = len(_files(trace)) > 1
        self._directory = trace.specification[: trace.specification.rfind("/") + 1]
        where = max((len(self._where(step)) for step in trace.steps), default=0)
        self._number = max(4, number)
        count = max(1, len(self._lanes))
        roomy = (width - self._number - 2 - where - 2) // count - 2
        self._beside = roomy >= _ROOMY
        self._left = self._number + (2 + where if self._beside else 0)
        self._width = max(_NARROWEST, (width - self._left) // count - 2)

    def header(self) -> list[str]:
        left = f"{'step':>{self._number}}{'  where' if self._beside else ''}"
        names = [wrap(thread, self._width) for thread in self._lanes]
        rule = ["-" * min(len(thread), self._width) for thread in self._lanes]
        return [
            *self._row([left], names),
            *self._row([""], [[r] for r in rule]),
        ]

    def step(self, number: int, step: TraceStep, waiters: Sequence[Waiter]) -> list[str]:
        """The lines of one step: in its thread's column what it does, in the others who waits."""
        left = f"{number:>{self._number}}"
        if self._beside:
            left += f"  {self._where(step)}"
        own = self._lanes[step.thread]
        # Nothing in a trace from the start; a hand-made one may begin anywhere.
        before = own.locks(step.held_before, self._width)
        blocks = {own.thread: [*before, *self._action(own, step)]}
        for waiter in waiters:
            lane = self._lanes.get(waiter.thread)
            if lane is not None:
                block = blocks.setdefault(waiter.thread, [])
                block += lane.text(waits_for(waiter), self._width)
        height = max(len(block) for block in blocks.values())
        columns = []
        for lane in self._lanes.values():
            block = blocks.get(lane.thread, [])
            columns.append([*block, *[lane.bars()] * (height - len(block))])
        return self._row([left], columns)

    def _action(self, lane: _Lane, step: TraceStep) -> Iterator[str]:
        before, lane.operation = lane.operation, step.operation
        texts = list(action(step, before))
        if step.source is not None:
            if step.source != lane.source:
                texts.insert(-1, self._function(step.source))
            lane.source = step.source
        for text in texts:
            yield from lane.text(text, self._width)
        if not self._beside:
            yield from lane.text(f"at {self._where(step)}", self._width)
        for text in chosen(step, before):
            yield from lane.text(text, self._width)
        yield from lane.locks(step.held_after, self._width)
        for change in step.changes:
            text = f"{change.name}: {change.before} -> {change.after}"
            yield from lane.text(text, self._width)

    def _function(self, source: KernelSource) -> str:
        """The file is told apart only where there are several; the head has them in full."""
        file = source.file.rpartition("/")[2]
        return f"{source.function}()" + (f" in {file}" if self._several else "")

    def _where(self, step: TraceStep) -> str:
        """As seen from the specification's directory, which the head names."""
        return step.where.removeprefix(self._directory)

    def _row(self, left: list[str], columns: list[list[str]]) -> list[str]:
        return beside([left, *columns], [self._left, *[self._width] * len(columns)])


def _cut(line: str, width: int) -> str:
    return wrap(line, width)[0] if len(line) > width else line


def _natural_order(thread: str) -> list[tuple[int, str]]:
    """``cpu[2]`` before ``cpu[10]``."""
    return [
        (int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", thread)
    ]
