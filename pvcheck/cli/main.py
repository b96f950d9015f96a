"""``pvcheck``: a subcommand per module."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.failure import report
from pvcheck.cli.signals import Interruption
from pvcheck.garbage import collect_seldom
from pvcheck.report.columns import printable

_COMMANDS = (
    *("verify", "prove", "certify", "check", "mutate", "compare"),
    *("simulate", "trace", "export", "explain"),
)
"""Modules of this package."""

_STATUSES = """\
exit status:
  0  every selected property has its declared verdict
  1  at least one has not
  2  usage, parse, type or configuration error
  3  inconclusive: a limit was met
  4  the properties are fine, a quality gate is not (vacuity under --strict)
  70 internal error, or a certificate that does not recheck
  130 interrupted    143 terminated
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    collect_seldom()
    try:
        words = sys.argv[1:] if argv is None else list(argv)
        args = _parser(words).parse_args(words)
    except SystemExit as end:
        # From argparse, which has said why; 0 after --help.
        return end.code if isinstance(end.code, int) else int(ExitStatus.USAGE)
    console = Console.for_process(args.color, args.quiet)
    with Interruption() as interruption:
        try:
            status = args.run(args, console)
        except KeyboardInterrupt:
            status = ExitStatus.INTERRUPTED
            console.err.write("interrupted\n")
        except Exception as error:
            status = report(error, console)
    return int(interruption.status or status)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pvcheck",
        description="Checks locking protocols of kernels, written as .pv specifications.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = options.common()
    # Only the command that is asked for is loaded: ``check`` is to answer while one types.
    asked = [name for name in _COMMANDS if words[:1] == [name]]
    for name in asked or _COMMANDS:
        import_module(f"pvcheck.cli.{name}").add_command(commands, common)
    return parser
