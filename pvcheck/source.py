"""Text in memory, and positions in it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range ``[start, end)`` of code points in the source file ``file``."""

    file: str
    """The ``Source.name`` it lies in."""
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers both; both lie in one file."""
        return Span(self.file, min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True)
class Source:
    """One specification file held in memory."""

    name: str
    """The path as shown to the user; relative, never absolute."""
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]

    def position(self, offset: int) -> tuple[int, int]:
        """The 1-based (line, column) of ``offset``."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """The text of 1-based ``line``, without its newline."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] - 1 if line < len(self._line_starts) else len(self.text)
        return self.text[start:end]

    def snippet(self, span: Span) -> str:
        """The text of ``span`` on one line, runs of white space folded."""
        return " ".join(self.text[span.start : span.end].split())
