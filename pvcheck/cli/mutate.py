"""Run the mutants of specifications: which property finds which bug."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import mutate_auto, options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus, worst_of_mutants
from pvcheck.cli.runs import made
from pvcheck.diagnostics import UsageError
from pvcheck.lang.suggest import did_you_mean
from pvcheck.load import read
from pvcheck.model.model import MutantDeclaration
from pvcheck.report.mutants import Judged, mutants_json, mutants_text
from pvcheck.report.outcome import Run, Standing
from pvcheck.selection import Job, Selection, jobs

_STATUS = {
    Standing.AS_DECLARED: ExitStatus.OK,
    Standing.UNEXPECTED: ExitStatus.QUALITY,
    Standing.UNDECIDED: ExitStatus.INCONCLUSIVE,
}


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "mutate",
        help=__doc__,
        description=f"{__doc__} Each runs in the instance that it names, until it is killed. "
        "Status 4: some mutant has not its declared verdict.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("specs", nargs="+", type=options.specification, metavar="SPEC")
    parser.add_argument(
        "--mutant",
        action="append",
        default=[],
        metavar="NAME",
        help="a mutant (default: all); may repeat",
    )
    mutate_auto.add_options(parser)
    options.add_root(parser)
    options.add_engine(parser)
    options.add_limits(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    mutate_auto.check(args)
    if args.auto:
        return mutate_auto.run(args, console)
    engine = pipeline.choose_engine(args.engine, args.workers, console.note)
    # All are looked at before the first is run.
    prepared = [_prepare(spec, args) for spec in args.specs]
    statuses: list[ExitStatus] = []
    documents: list[dict[str, object]] = []
    for chosen, to_run in prepared:
        runs: list[Run] = []
        with suppress(KeyboardInterrupt):
            runs += made(to_run, args, console, engine, reduce=args.reduce)
        interrupted = len(runs) < len(to_run) or any(r.result.interrupted for r in runs)
        judged = [_judged(mutant, runs) for mutant in chosen]
        statuses += [_STATUS[mutant.standing] for mutant in judged]
        model = to_run[0].instance.model
        # What these mutants do not need, others may.
        properties = () if args.mutant or interrupted else model.properties
        documents.append({"system": model.name, "mutants": mutants_json(judged)})
        if args.format == "text":
            console.out.write(mutants_text(model.name, judged, properties))
        if interrupted:
            statuses.append(ExitStatus.INTERRUPTED)
            break
    if args.format == "json":
        console.out.write_data(json.dumps(documents, indent=1) + "\n")
    return worst_of_mutants(statuses)


def _prepare(spec: Path, args: argparse.Namespace) -> tuple[Sequence[MutantDeclaration], list[Job]]:
    parsed = read(spec, args.root)
    declared = {mutant.name: mutant for mutant in parsed.mutants}
    if not declared:
        raise UsageError(f"{spec} declares no mutants", "see pvcheck explain mutant")
    for name in args.mutant:
        if name not in declared:
            hint = did_you_mean(name, declared) or f"it has {', '.join(declared)}"
            raise UsageError(f"{spec} has no mutant {name!r}", hint)
    chosen = [m for name, m in declared.items() if not args.mutant or name in args.mutant]
    selections = (Selection(root=args.root, mutant=mutant.name) for mutant in chosen)
    return chosen, [job for selection in selections for job in jobs(spec, parsed, selection)]


def _judged(mutant: MutantDeclaration, runs: Sequence[Run]) -> Judged:
    own = tuple(r for r in runs if r.mutant == mutant.name)
    return Judged(mutant.name, mutant.why, mutant.violated, own)
