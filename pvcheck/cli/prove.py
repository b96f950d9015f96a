"""Prove properties for every number of threads and every size."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pvcheck import certificates, facts
from pvcheck.certificate_folder import check_target
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.proofs import proof, status
from pvcheck.diagnostics import UsageError
from pvcheck.lang.suggest import did_you_mean
from pvcheck.load import load
from pvcheck.model.model import ABOUT_LOCKS, Model
from pvcheck.proof.prove import PartResult
from pvcheck.report.proof import proof_json, proof_text


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "prove",
        help=__doc__,
        description=f"{__doc__} No instance is looked at: what is proved holds in all of them. "
        "Status 3: something was not proved, which does not say that it is wrong.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("specs", nargs="+", type=options.specification, metavar="SPEC")
    parser.add_argument("--mutant", metavar="NAME", help="prove this mutant of the specification")
    parser.add_argument(
        "--property",
        dest="properties",
        action="append",
        default=[],
        metavar="NAME",
        help="a property or an invariant "
        f"(default: {', '.join(ABOUT_LOCKS)}); may repeat. Invariants named together may rest on each other",
    )
    parser.add_argument(
        "--operation",
        dest="operations",
        action="append",
        default=[],
        metavar="NAME",
        help="only what threads do in this operation; may repeat. Nothing is proved then, but "
        "obligations are shown",
    )
    parser.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        type=options.setting,
        metavar="NAME=VALUE",
        help="the value of a truth parameter (default: all values, where an instance sets it)",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="DIR",
        help="write the proof there, for certify; only if all is proved, of one specification",
    )
    parser.add_argument(
        "--infer",
        action="store_true",
        help="look for the facts that the proof rests on, and keep them beside the specification, where "
        "prove and verify find them (SPEC with .facts for .pv). Those that are there and still enough stay",
    )
    parser.add_argument(
        "--memory-limit",
        type=options.size,
        metavar="SIZE",
        help="of each operation's proof, as 500M or 4G; one that meets it is inconclusive",
    )
    parser.add_argument(
        "--time-limit",
        type=options.duration,
        metavar="TIME",
        help="of each specification's proof, as 30s, 10m or 2h; operations that meet it are inconclusive",
    )
    options.add_root(parser)
    options.add_workers(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    models = [
        (spec, load(spec, root=args.root, mutant=args.mutant, lemmas=True)) for spec in args.specs
    ]
    for spec, model in models:
        _check_names(spec, model, args)
    partly = args.mutant or args.operations or args.properties
    if args.infer and (args.mutant or args.operations):
        raise UsageError("--infer is for whole specifications")
    if args.certificate is not None:
        if len(models) > 1 or partly:
            raise UsageError("--certificate is for all of one specification")
        check_target(args.certificate)
    documents = []
    statuses = []
    for spec, model in models:
        known = _known(spec, infer=args.infer)
        report = proof(
            model,
            properties=args.properties or ABOUT_LOCKS,
            operations=args.operations,
            fixed=dict(map(_truth, args.settings)),
            mutant=args.mutant,
            workers=args.workers,
            memory=args.memory_limit,
            seconds=args.time_limit,
            known=known,
            then=partial(_keep, args, console, spec, model, known=known),
        )
        if args.format == "text":
            console.out.write(proof_text(report, quiet=console.quiet))
        documents.append(proof_json(report, quiet=console.quiet))
        statuses.append(status(report))
    if args.format == "json":
        console.out.write_data(json.dumps(documents, indent=1) + "\n")
    return ExitStatus.worst(statuses)


def _known(spec: Path, *, infer: bool) -> facts.Facts:
    """
    Raises:
        UsageError: what is there is something else, and not to be replaced.
    """
    try:
        return facts.read(spec)
    except UsageError:
        if infer:
            return {}
        raise


def _keep(
    args: argparse.Namespace,
    console: Console,
    spec: Path,
    model: Model,
    results: Sequence[PartResult],
    *,
    known: facts.Facts,
) -> None:
    if args.infer:
        file = facts.write(spec, results, known)
        console.err.write(f"{file}: {sum(len(r.facts) for r in results)} facts written\n")
    elif not args.mutant and facts.file_of(spec).exists():
        for result in results:
            if result.searched:
                console.err.write(
                    f"{result.part.title}: the facts in {facts.file_of(spec)} are not enough, others were "
                    "looked for; --infer writes them anew\n"
                )
    if args.certificate is not None:
        _certify(args, console, model, results)


def _certify(
    args: argparse.Namespace, console: Console, model: Model, results: Sequence[PartResult]
) -> None:
    fixed = dict(map(_truth, args.settings))
    if any(r.failed for r in results):
        console.err.write("no certificate is written: not all is proved\n")
        return
    count = certificates.write(args.certificate, model, results, fixed)
    console.err.write(
        f"{options.specification(str(args.certificate))}: {count} obligations written\n"
    )


def _check_names(spec: Path, model: Model, args: argparse.Namespace) -> None:
    operations = [o.name for o in model.operations]
    for kind, given, known in (
        ("property", args.properties, (*ABOUT_LOCKS, *(i.name for i in model.invariants))),
        ("operation", args.operations, operations),
    ):
        for name in given:
            if name not in known:
                if kind == "property" and name in model.properties:
                    raise UsageError(
                        f"{name} cannot be proved for all sizes yet",
                        f"pvcheck verify {spec} checks it in instances",
                    )
                hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
                raise UsageError(f"{spec} has no {kind} {name!r}", hint)


def _truth(setting: tuple[str, str]) -> tuple[str, bool]:
    name, value = setting
    if value not in ("true", "false"):
        raise UsageError(f"{name} is true or false, not {value!r}")
    return name, value == "true"
