"""How much time and memory a search has used, and whom to tell."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pvcheck.engines.base import Limits, Progress

try:
    import resource
except ImportError:  # Windows has none; there the memory limit has no effect
    resource = None  # type: ignore[assignment]

INTERVAL = 0.25
"""Seconds between looks at the memory, and between reports of progress."""


class Meter:
    """Watches a search against its limits."""

    def __init__(self, limits: Limits, progress: Progress) -> None:
        self._limits = limits
        self._progress = progress
        self._begin = time.monotonic()
        self._reported = self._begin
        self.memory = 0
        """Bytes, at the last look."""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def room(self, states: int) -> int | None:
        """How many more states may be kept."""
        return None if self._limits.states is None else self._limits.states - states

    def exceeded(self, states: int) -> str | None:
        """The limit that is used up, in words."""
        limits = self._limits
        if limits.states is not None and states >= limits.states:
            return f"state limit {limits.states}"
        if limits.seconds is not None and self.seconds >= limits.seconds:
            return f"time limit {limits.seconds:g} s"
        if limits.bytes is not None and self.memory >= limits.bytes:
            return f"memory limit {limits.bytes // 2**20} MiB"
        return None

    def left(self) -> float | None:
        """Seconds until the limit on the time."""
        limit = self._limits.seconds
        return None if limit is None else max(0.0, limit - self.seconds)

    def tight(self) -> bool:
        """Whether most of the memory is used."""
        return self._limits.bytes is not None and self.memory > self._limits.bytes * 3 // 4

    def report(self, *, depth: int, states: int, transitions: int, frontier: int) -> bool:
        """Tell how far the search is, if it is time to; whether it was."""
        now = time.monotonic()
        if now - self._reported < INTERVAL:
            return False
        self._reported = now
        self.memory = resident()
        self._progress.update(
            depth=depth, states=states, transitions=transitions, frontier=frontier
        )
        return True


def resident() -> int:
    """Resident memory of this process in bytes; its peak where the system does not tell more."""
    if resource is None:
        return 0
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


def free_memory() -> int:
    """Bytes that may be used without being asked: most of what is free, lest the system kills somebody."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 9 // 10
    except (OSError, ValueError):
        return 1 << 40
