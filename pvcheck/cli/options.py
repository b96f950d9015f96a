"""Values on the command line, and the options that several commands share."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pvcheck.engines.base import Limits

if TYPE_CHECKING:
    from pvcheck.engines.native.checkpoint import Checkpoints
    from pvcheck.selection import Selection

MOST_WORKERS = 256
"""As in the search core, runtime/search.h."""
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def common() -> argparse.ArgumentParser:
    """The options of every command."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour the output (default: on a terminal, unless NO_COLOR is set)",
    )
    group.add_argument(
        "--quiet", action="store_true", help="results and errors only: no progress, no times"
    )
    return parser


def add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="imports stay inside it (default: the nearest with a file .pvroot, else that of SPEC)",
    )


def add_selection(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="the size of a sort or the value of a parameter; may repeat",
    )
    parser.add_argument(
        "--property",
        dest="properties",
        action="append",
        default=[],
        metavar="NAME",
        help="a property (default: all); may repeat",
    )
    parser.add_argument("--mutant", metavar="NAME", help="run this mutant of the specification")


def add_instance(parser: argparse._ActionsContainer) -> None:
    """For commands on one instance; see ``one_instance``."""
    parser.add_argument(
        "--instance", metavar="NAME", help="the instance (default: the first marked default)"
    )
    add_selection(parser)


def one_instance(args: argparse.Namespace) -> Selection:
    from pvcheck.selection import Selection  # noqa: PLC0415 - not all commands read specifications

    return Selection(
        root=args.root,
        mutant=args.mutant,
        instances=() if args.instance is None else (args.instance,),
        settings=dict(args.settings),
        properties=tuple(args.properties),
    )


def add_traces(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--trace-dir",
        type=Path,
        default=Path("counterexamples"),
        metavar="DIR",
        help="where counterexamples are written (default: counterexamples)",
    )
    parser.add_argument(
        "--no-trace", dest="trace", action="store_false", help="write no counterexamples"
    )


def add_engine(parser: argparse.ArgumentParser, *, solvers: Sequence[str] = ()) -> None:
    """``solvers``: engines that ask a solver."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=("interpreter", "native", *solvers),
        help="native: C made from the model, needs a C compiler; interpreter: Python, slower "
        "(default: whichever is done first)"
        + (f"; {', '.join(solvers)}: a solver" if solvers else ""),
    )
    add_workers(group)
    group.add_argument(
        "--no-reduce",
        dest="reduce",
        action="store_false",
        help="visit all states, also those that differ only by the names of alike elements",
    )


def add_solver(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("solver", "for the engines that ask one")
    group.add_argument(
        "--depth",
        type=positive,
        metavar="N",
        help="the longest runs, or hypotheses of an induction, in transactions, or in steps with "
        "--no-reduce (default: 10; induction: 3)",
    )
    group.add_argument(
        "--from",
        dest="start",
        nargs="?",
        const="true",
        metavar="CONDITION",
        help="bmc: begin in any state where all locks are free, no thread has begun, all invariants hold, "
        "and this does",
    )
    group.add_argument(
        "--solver",
        choices=("z3", "cadical"),
        help="cadical is faster, comes with python-sat and looks at no --time-limit while it works "
        "(default: cadical if installed and there is no such limit, else z3)",
    )


def add_checkpoints(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("long runs", "of one instance, by the native engine")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="save the search now and then, and when it is interrupted or meets a limit",
    )
    which.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on from a checkpoint, and save there again"
    )
    group.add_argument(
        "--checkpoint-interval",
        type=duration,
        default=600.0,
        metavar="TIME",
        help="between two times that it is saved (default: 10m)",
    )


def checkpoints(args: argparse.Namespace) -> Checkpoints | None:
    file = args.checkpoint or args.resume
    if file is None:
        return None
    from pvcheck.engines.native.checkpoint import Checkpoints  # noqa: PLC0415

    return Checkpoints(file, args.resume is not None, args.checkpoint_interval)


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "limits", "a run (one instance) that meets one is inconclusive"
    )
    group.add_argument("--time-limit", type=duration, metavar="TIME", help="as 30s, 10m or 2h")
    group.add_argument(
        "--memory-limit", type=size, metavar="SIZE", help="of each run, as 500M or 4G"
    )
    group.add_argument("--max-states", type=positive, metavar="N", help="distinct states")
    group.add_argument("--max-depth", type=positive, metavar="N", help="steps from the start")


def limits(args: argparse.Namespace) -> Limits:
    return Limits(
        depth=args.max_depth,
        states=args.max_states,
        seconds=args.time_limit,
        bytes=args.memory_limit,
    )


def specification(text: str) -> Path:
    """The path from the current directory: results and traces name it, on any machine the same."""
    path = Path(text)
    return Path(os.path.relpath(path)) if path.is_absolute() else path


def positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def add_workers(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--workers",
        type=workers,
        default=min(_processors(), MOST_WORKERS),
        metavar="N",
        help="how many work at once (default: the processors of this machine)",
    )


def seed(text: str) -> int:
    """A number from 0 to 2^64."""
    if not text.isascii() or not text.isdecimal() or len(text) > 20 or int(text) > 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 2^64")
    return int(text)


def workers(text: str) -> int:
    number = positive(text)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"there are at most {MOST_WORKERS} workers")
    return number


def duration(text: str) -> float:
    """Seconds, of a text as ``10m``, ``1.5h`` or ``30``."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd]?)", text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time as 30s, 10m or 2h")
    return seconds


def size(text: str) -> int:
    """Bytes, of a text as ``500M`` or ``4G``."""
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([KMGT]?)(?:i?B)?", text)
    count = int(float(match[1]) * _BYTES[match[2]]) if match else 0
    if count <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size as 500M or 4G")
    return count


def setting(text: str) -> tuple[str, str]:
    """Name and value, of a text as ``RUN=2``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
