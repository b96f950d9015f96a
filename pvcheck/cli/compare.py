"""Compare specifications: lock order, locks held and taken, and who waits for whom without need."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.progress import progress
from pvcheck.cli.runs import status
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Progress
from pvcheck.engines.meter import free_memory
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.instance import Instance
from pvcheck.parallel import processes, side_by_side
from pvcheck.report.comparison import (
    Compared,
    comparison_json,
    comparison_markdown,
    comparison_text,
    undecided,
)
from pvcheck.selection import Job, Selection, prepare


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "compare",
        help=__doc__,
        description=f"{__doc__} All states of one instance of each are visited, by the interpreter and "
        "without reductions. Progress is not judged.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("specs", nargs="+", type=options.specification, metavar="SPEC")
    parser.add_argument(
        "--instance",
        dest="instances",
        action="append",
        default=[],
        metavar="NAME",
        help="the instance (default: the first marked default); of several, the first that a "
        "specification has",
    )
    parser.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        type=options.setting,
        metavar="NAME=VALUE",
        help="the size of a sort or the value of a parameter, in each of them; may repeat",
    )
    options.add_root(parser)
    options.add_workers(parser)
    options.add_limits(parser)
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    # All are looked at before the first is run.
    jobs = [_prepared(spec, args) for spec in args.specs]
    compared: list[Compared] = []
    with suppress(KeyboardInterrupt):
        for one in side_by_side(*_tasks(jobs, args, console)):
            compared.append(one)
            if one.run.result.interrupted:
                break
    if args.format == "json":
        console.out.write_data(json.dumps(comparison_json(compared), indent=1) + "\n")
    else:
        shown = {"text": comparison_text, "markdown": comparison_markdown}[args.format]
        console.out.write(shown(compared))
    statuses = [status(one.run) for one in compared]
    statuses += [ExitStatus.INCONCLUSIVE for one in compared if undecided(one)]
    if len(compared) < len(jobs):
        statuses.append(ExitStatus.INTERRUPTED)
    return ExitStatus.worst(statuses)


def _prepared(spec: Path, args: argparse.Namespace) -> Job:
    selection = Selection(root=args.root, all_instances=True, settings=dict(args.settings))
    if not args.instances:
        return prepare(spec, replace(selection, all_instances=False))[0]
    found = {job.instance.name: job for job in prepare(spec, selection)}
    for name in args.instances:
        if name in found:
            return found[name]
    known = ", ".join(found)
    hint = did_you_mean(args.instances[0], found) or f"it has {known}"
    raise UsageError(f"{spec} has no instance {' or '.join(args.instances)}", hint)


def _tasks(
    jobs: Sequence[Job], args: argparse.Namespace, console: Console
) -> tuple[
    list[Callable[[Progress], Compared]],
    int,
    Callable[[int], AbstractContextManager[Progress]],
    list[Instance],
]:
    """Several at a time have their share of the memory, each."""
    at_once = processes(len(jobs), args.workers)
    limits = options.limits(args)
    limits = replace(limits, bytes=limits.bytes or free_memory() // at_once)

    def task(job: Job) -> Callable[[Progress], Compared]:
        return lambda shown: pipeline.compared(job, limits, shown)

    def shown(number: int) -> AbstractContextManager[Progress]:
        instance = jobs[number].instance
        return progress(console, f"{instance.model.name} {instance.name}")

    return [task(job) for job in jobs], at_once, shown, [job.instance for job in jobs]
