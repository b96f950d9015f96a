"""Where text leaves the program: what is safe to show, colour, encodings, closed pipes."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from typing import TextIO

from pvcheck.report.columns import printable


class Stream:
    """Standard output or standard error.

    A reader that closes the pipe (``| head``) does not end the run: counterexamples are still
    written, and the status still says what was found.
    """

    def __init__(self, stream: TextIO | None, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour

    def write(self, text: str) -> None:
        """Shows ``text``, parts of which may come from files that nobody has looked at."""
        # In this order: what looks like a colour in the text is not one of ours.
        shown = printable(text)
        self._put(_painted(shown) if self._colour else shown)

    def write_data(self, text: str) -> None:
        """Writes text that is for programs, as it is."""
        self._put(text)

    def is_terminal(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def _put(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(_encodable(text, self._stream.encoding or "ascii"))
            self._stream.flush()
        except OSError as error:
            _discard(self._stream)
            self._stream = None
            # A full disk is not a reader that has seen enough.
            if not isinstance(error, BrokenPipeError):
                raise


@dataclass(frozen=True, slots=True)
class Console:
    out: Stream
    """Results."""
    err: Stream
    """Diagnostics and progress."""
    quiet: bool

    @classmethod
    def for_process(cls, colour: str, quiet: bool) -> Console:
        """The console of this process; ``colour`` is ``auto``, ``always`` or ``never``."""

        def wanted(stream: TextIO | None) -> bool:
            if colour != "auto":
                return colour == "always"
            terminal = stream is not None and stream.isatty()
            return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

        return cls(
            out=Stream(sys.stdout, colour=wanted(sys.stdout)),
            err=Stream(sys.stderr, colour=wanted(sys.stderr)),
            quiet=quiet,
        )

    def note(self, text: str) -> None:
        """One line that is neither a result nor an error; nothing with ``--quiet``."""
        if not self.quiet:
            self.err.write(f"{text}\n")


def _painted(text: str) -> str:
    return _PAINTED.sub(lambda m: f"{m[1]}\x1b[{_COLOURS[m[2]]}m{m[2]}\x1b[0m", text)


_COLOURS = {
    "checked": "32",
    "VIOLATED": "1;31",
    "inconclusive": "33",
    "error": "1;31",
    "warning": "33",
}
_PAINTED = re.compile(
    # After a property's name, after file:line:column, or at the start of a message.
    r"^(  [\w-]+ +|[^\s:]+:\d+:\d+: |)(checked|VIOLATED|inconclusive|error|warning)\b",
    re.MULTILINE,
)


def _encodable(text: str, encoding: str) -> str:
    """``text`` in characters that ``encoding`` has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_ASCII)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


_ASCII = str.maketrans({"·": "-", "│": "|", "┌": ".", "└": "'"})


def _discard(stream: TextIO) -> None:
    """Sends what the interpreter flushes at its end nowhere, instead of into a closed pipe."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
