"""How far a run is, on standard error: a live line on a terminal, else a line a minute at most."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pvcheck.cli.console import Console
from pvcheck.engines.base import Progress, Silent
from pvcheck.engines.meter import resident
from pvcheck.report.columns import printable
from pvcheck.report.run_text import plural

if TYPE_CHECKING:
    from rich.live import Live

_SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def progress(console: Console, phase: str) -> Iterator[Progress]:
    """Where an engine can tell how far it is, as long as the context lasts."""
    if console.quiet:
        yield Silent()
    elif console.err.is_terminal():
        # Only here: nothing else needs it, and importing it takes longer than a small run.
        from rich.console import Console as RichConsole  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        terminal = RichConsole(stderr=True, highlight=False, markup=False)
        with Live(console=terminal, transient=True, refresh_per_second=4) as live:
            yield _Alive(phase, live)
    else:
        yield _Lines(phase, console)


class _Alive:
    def __init__(self, phase: str, live: Live) -> None:
        self._phase = phase
        self._live = live
        self._start = time.monotonic()

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        seconds = time.monotonic() - self._start
        self._live.update(line(self._phase, depth, states, frontier, seconds))


class _Lines:
    def __init__(self, phase: str, console: Console) -> None:
        self._phase = phase
        self._console = console
        self._start = self._last = time.monotonic()

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            shown = line(self._phase, depth, states, frontier, now - self._start)
            self._console.err.write(f"{shown}\n")


def line(phase: str, depth: int, states: int, frontier: int, seconds: float) -> str:
    """For example ``obm small: depth 12, 5 120 states, 9 000 states/s, frontier 64, 40 MB``."""
    return (
        f"{printable(phase)}: depth {depth}, {plural(states, 'state')}, {rate(states, seconds)}, "
        f"frontier {frontier}, {resident() >> 20} MB"
    )


def rate(states: int, seconds: float) -> str:
    return f"{plural(round(states / max(seconds, 0.001)), 'state')}/s"
