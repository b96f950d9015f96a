"""Parse specifications and check names and types, in milliseconds; nothing is run."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.failure import report
from pvcheck.load import check, model_of, read
from pvcheck.report.run_text import plural


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "check", help=__doc__, description=__doc__, parents=[common], allow_abbrev=False
    )
    parser.add_argument("specs", nargs="+", type=options.specification, metavar="SPEC")
    parser.add_argument(
        "--mutants", action="store_true", help="check every mutant too, each as a whole"
    )
    options.add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    return ExitStatus.worst(_check(spec, args, console) for spec in args.specs)


def _check(spec: Path, args: argparse.Namespace, console: Console) -> ExitStatus:
    # Caught here, so that the errors of the other files are shown too.
    try:
        specification = read(spec, args.root)
        check(specification)
        for mutant in specification.mutants if args.mutants else ():
            model_of(specification, mutant.name)
    except Exception as error:
        return report(error, console)
    counts = [
        plural(number, what)
        for what, number in specification.counts.items()
        if number or what != "mutant"
    ]
    console.out.write(f"{spec}: ok, {', '.join(counts)}\n")
    return ExitStatus.OK
