"""What is wrong with a specification, as data; and as text."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvcheck.source import Source, Span


class Code(enum.StrEnum):
    """Never change meaning. ``docs/diagnostics.md`` has a section for each."""

    SYNTAX = "PV001"
    NOT_TEXT = "PV002"
    FILE_TOO_LARGE = "PV003"
    TOO_DEEP = "PV004"
    MISSING_IMPORT = "PV005"
    IMPORT_CYCLE = "PV006"
    OUTSIDE_ROOT = "PV007"
    NO_SYSTEM = "PV008"
    NUMBER_TOO_LARGE = "PV009"
    UNKNOWN_NAME = "PV101"
    DUPLICATE_NAME = "PV102"
    WRONG_KIND = "PV103"
    UNKNOWN_LABEL = "PV104"
    UNKNOWN_FIELD = "PV105"
    TYPE_MISMATCH = "PV201"
    WRONG_COUNT = "PV202"
    NOT_ORDERED = "PV203"
    NOT_CONSTANT = "PV204"
    NOT_ASSIGNABLE = "PV205"
    NOT_HERE = "PV206"
    RECURSION = "PV207"
    NO_VALUE = "PV208"
    WRONG_MODE = "PV302"
    ORDER_CYCLE = "PV303"
    TWO_ATOMIC_ACCESSES = "PV304"
    NOT_IN_ATOMIC = "PV305"
    NO_SIZE = "PV401"
    BAD_SIZE = "PV402"
    BAD_VALUE = "PV403"
    TOO_LARGE = "PV404"
    NO_THREADS = "PV405"
    BAD_EDIT = "PV406"
    NO_FAIRNESS = "PV501"


@dataclass(frozen=True, slots=True)
class Label:
    """A span with a remark about it."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what it is, where it is, and what to do about it."""

    code: Code
    message: str
    primary: Label
    related: tuple[Label, ...] = ()
    hint: str | None = None


class SpecError(Exception):
    """A specification was rejected. Carries one or more diagnostics, in source order."""

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> None:
        self.diagnostics = tuple(
            sorted(
                dict.fromkeys(diagnostics),
                key=lambda d: (d.primary.span.file, d.primary.span.start, d.code),
            )
        )
        assert self.diagnostics, "a SpecError says what is wrong"
        self.sources = dict(sources)
        """By name, as in ``Span.file``."""
        super().__init__("; ".join(d.message for d in self.diagnostics))


class UsageError(Exception):
    """What the user asked for does not exist or makes no sense."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def render(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> str:
    """The diagnostic as text that ends in a newline.

    The first line is ``file:line:column: error[CODE]: message``, for editors.
    """
    source = sources[diagnostic.primary.span.file]
    line, column = source.position(diagnostic.primary.span.start)
    head = f"{source.name}:{line}:{column}: error[{diagnostic.code}]"
    lines = [f"{head}: {diagnostic.message}", *_snippet(source, diagnostic.primary, "^")]
    for label in diagnostic.related:
        lines += _snippet(sources[label.span.file], label, "-")
    if diagnostic.hint is not None:
        lines.append(f"  hint: {diagnostic.hint}")
    return "\n".join(_printable(text) for text in lines) + "\n"


def _snippet(source: Source, label: Label, mark: str) -> list[str]:
    line, column = source.position(label.span.start)
    text = source.line_text(line)
    # A very long line is shown around the place only.
    skipped = max(0, column - 1 - _CONTEXT) if len(text) > 2 * _CONTEXT else 0
    shown = text[skipped : skipped + 2 * _CONTEXT]
    at = column - 1 - skipped
    # A span may run over the end of the line; only its first line is underlined.
    width = max(1, min(label.span.end - label.span.start, len(shown) - at))
    # Tabs stay tabs, so that the caret lands under its character on any terminal.
    indent = "".join("\t" if c == "\t" else " " * _columns(c) for c in shown[:at])
    return [
        f"{line:5} | {shown}",
        f"{'':5} | {indent}{mark * width} {label.text}".rstrip(),
    ]


_CONTEXT = 100


def _columns(c: str) -> int:
    """How many columns of a terminal the character takes."""
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def _printable(text: str) -> str:
    """Without control characters, which could drive the terminal."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
