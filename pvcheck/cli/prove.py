"""Prove properties for every number of threads and every size."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from pvcheck import proving
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.diagnostics import UsageError
from pvcheck.lang.suggest import did_you_mean
from pvcheck.load import load
from pvcheck.model.model import Model
from pvcheck.model.types import Bool
from pvcheck.report.proof import Standing, proof_json, proof_text


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
        help=f"a property (default: {', '.join(proving.PROPERTIES)}); may repeat",
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
    options.add_root(parser)
    options.add_workers(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    models = [(spec, load(spec, root=args.root, mutant=args.mutant)) for spec in args.specs]
    for spec, model in models:
        _check_names(spec, model, args)
    documents = []
    statuses = []
    for _, model in models:
        fixed = _fixed(model, args.settings)
        started = time.monotonic()
        results = proving.proved(model, args.operations, fixed, args.workers)
        report = proving.report(
            model,
            results,
            mutant=args.mutant,
            properties=args.properties or proving.PROPERTIES,
            only_parts=bool(args.operations),
            fixed=fixed,
            seconds=time.monotonic() - started,
        )
        if args.format == "text":
            console.out.write(proof_text(report, quiet=console.quiet))
        documents.append(proof_json(report, quiet=console.quiet))
        proved = all(p.standing is Standing.PROVED for p in report.properties)
        statuses.append(ExitStatus.OK if proved else ExitStatus.INCONCLUSIVE)
    if args.format == "json":
        console.out.write_data(json.dumps(documents, indent=1) + "\n")
    return ExitStatus.worst(statuses)


def _check_names(spec: Path, model: Model, args: argparse.Namespace) -> None:
    operations = [o.name for o in model.operations]
    for kind, given, known in (
        ("property", args.properties, proving.PROPERTIES),
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


def _fixed(model: Model, settings: Sequence[tuple[str, str]]) -> dict[str, bool]:
    truths = [p.name for p in model.parameters if isinstance(p.type, Bool)]
    fixed = {}
    for name, value in settings:
        if name not in truths:
            hint = (
                did_you_mean(name, truths)
                or "only those of type bool can be set: numbers are all proved"
            )
            raise UsageError(f"{model.name} has no truth parameter {name!r}", hint)
        if value not in ("true", "false"):
            raise UsageError(f"{name} is true or false, not {value!r}")
        fixed[name] = value == "true"
    return fixed
