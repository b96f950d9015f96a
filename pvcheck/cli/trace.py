"""Show or replay a saved counterexample."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.diagnostics import UsageError
from pvcheck.model.trace import Trace
from pvcheck.report.columns import WIDTH
from pvcheck.report.picture import picture
from pvcheck.report.run_text import plural
from pvcheck.report.trace_file import TraceFileError, read


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser("trace", help=__doc__, description=__doc__, allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_show(actions, common)
    _add_replay(actions, common)


def _add_show(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    text = "Draw the trace: one column per thread, held locks as bars."
    parser = actions.add_parser(
        "show", help=text, description=text, parents=[common], allow_abbrev=False
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--full", action="store_true", help="the whole state after each step")
    parser.add_argument(
        "--width", type=_width, default=WIDTH, metavar="N", help=f"columns (default: {WIDTH})"
    )
    parser.set_defaults(run=show)


def _add_replay(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    text = "Run the trace against the specification as it is now."
    parser = actions.add_parser(
        "replay", help=text, description=text, parents=[common], allow_abbrev=False
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--spec",
        type=options.specification,
        metavar="PATH",
        help="the specification (default: the file that the trace names)",
    )
    options.add_root(parser)
    parser.set_defaults(run=replay)


def show(args: argparse.Namespace, console: Console) -> ExitStatus:
    console.out.write(picture(_read(args.file), full=args.full, width=args.width))
    return ExitStatus.OK


def replay(args: argparse.Namespace, console: Console) -> ExitStatus:
    trace = _read(args.file)
    spec = args.spec or Path(trace.specification)
    if not spec.exists():
        hint = "name it with --spec PATH, or go to the directory that verify was run in"
        gone = f"the trace is of {spec}, which is not here"
        raise UsageError(f"there is no {spec}") if args.spec else UsageError(gone, hint)
    result = pipeline.replay(trace, spec, args.root)
    mismatch = result.mismatch
    if mismatch is None:
        steps = plural(len(trace.steps), "step")
        console.out.write(f"replays: {steps}, violates {trace.property}\n")
        if result.changed:
            console.out.write("the specification has changed since the trace was written\n")
        return ExitStatus.OK
    console.out.write(f"does not replay: {_place(mismatch.step, trace)}: {mismatch.reason}\n")
    return ExitStatus.UNEXPECTED


def _read(path: Path) -> Trace:
    try:
        return read(path)
    except TraceFileError as error:
        raise TraceFileError(f"{path}: {error}") from None


def _place(step: int, trace: Trace) -> str:
    if step == 0:
        return "before the first step"
    return f"step {step}" if step <= len(trace.steps) else "after the last step"


def _width(text: str) -> int:
    width = options.positive(text)
    if not 40 <= width <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 40 and 1000")
    return width
