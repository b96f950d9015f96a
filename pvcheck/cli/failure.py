"""What went wrong, as text and as an exit status: the only place that turns one into the other."""

from __future__ import annotations

import os
import traceback

from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.diagnostics import SpecError, UsageError, render
from pvcheck.engines.native.compiler import NoCompiler
from pvcheck.model.encoding import Unsupported
from pvcheck.model.values import TooLarge
from pvcheck.report.trace_file import TraceFileError

_SHOWN = 100
"""Errors of a specification; nobody reads further."""


def report(error: Exception, console: Console) -> ExitStatus:
    """Says on standard error what happened; the status it leads to."""
    match error:
        case SpecError():
            for diagnostic in error.diagnostics[:_SHOWN]:
                console.err.write(render(diagnostic, error.sources))
            more = len(error.diagnostics) - _SHOWN
            if more > 0:
                console.err.write(f"and {more} more errors\n")
        case UsageError(message=message, hint=hint):
            console.err.write(f"error: {message}\n")
            if hint is not None:
                console.err.write(f"  hint: {hint}\n")
        case Unsupported():
            console.err.write(f"error: this cannot be represented in numbers: {error}\n")
            console.err.write("  hint: verify --engine interpreter can do it\n")
        case TraceFileError() | TooLarge() | NoCompiler():
            console.err.write(f"error: {error}\n")
        case OSError():
            console.err.write(f"error: {_reason(error)}\n")
        case MemoryError():
            console.err.write("error: out of memory\n  hint: set --memory-limit or --max-states\n")
            return ExitStatus.INCONCLUSIVE
        case _:
            return _internal(error, console)
    return ExitStatus.USAGE


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    if not isinstance(error.filename, str):
        return reason
    return f"{options.specification(error.filename)}: {reason}"


def _internal(error: Exception, console: Console) -> ExitStatus:
    kind = type(error).__name__
    what = " ".join(str(error).split())[:500] or "no message"
    console.err.write(
        f"internal error: {kind}: {what}\n"
        "  This is a bug in pvcheck, not in the specification. Please report it with the command\n"
        "  and the files; PVCHECK_DEBUG=1 in the environment adds where it happened.\n"
    )
    if os.environ.get("PVCHECK_DEBUG") == "1":
        console.err.write("".join(traceback.format_exception(error)))
    return ExitStatus.INTERNAL
