"""Write a specification as a model of another checker: same states, same steps, same properties."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.diagnostics import UsageError
from pvcheck.selection import prepare


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "export", help=__doc__, description=__doc__, parents=[common], allow_abbrev=False
    )
    parser.add_argument("spec", type=options.specification, metavar="SPEC")
    parser.add_argument(
        "--to", choices=tuple(pipeline.EXPORTS), required=True, help="the language of the model"
    )
    options.add_instance(parser)
    options.add_root(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to (default: standard output)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    job = prepare(args.spec, options.one_instance(args))[0]
    text = pipeline.export(job, args.to)
    if args.output is None:
        console.out.write_data(text)
        return ExitStatus.OK
    try:
        with args.output.open("x", encoding="ascii") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{args.output} is there", "remove it, or choose another name") from None
    return ExitStatus.OK
