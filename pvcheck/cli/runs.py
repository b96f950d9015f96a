"""The runs of a command, side by side, each with its line of progress."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.progress import progress
from pvcheck.engines.base import Engine, Limits, Progress
from pvcheck.engines.meter import free_memory
from pvcheck.parallel import processes, side_by_side
from pvcheck.report.outcome import Run, Standing
from pvcheck.selection import Job


def made(
    jobs: Sequence[Job],
    args: argparse.Namespace,
    console: Console,
    engine: Engine,
    *,
    fail_fast: bool = False,
    reduce: bool,
) -> Iterator[Run]:
    """The runs, in the order of the jobs."""
    at_once = processes(len(jobs), args.workers)
    engine, limits = share(engine, args, at_once)

    def task(job: Job) -> Callable[[Progress], Run]:
        def made_of(shown: Progress) -> Run:
            if at_once > 1:
                # In a process that ends with this run.
                gc.disable()
            return pipeline.run(
                job, limits, shown, engine=engine, fail_fast=fail_fast, reduce=reduce
            )

        return made_of

    def shown(number: int) -> AbstractContextManager[Progress]:
        job = jobs[number]
        mutant = f" + {job.mutant}" if job.mutant is not None else ""
        return progress(console, f"{job.instance.model.name}{mutant} {job.instance.name}")

    tasks, instances = [task(job) for job in jobs], [job.instance for job in jobs]
    yield from side_by_side(tasks, at_once, shown, instances)


def share(engine: Engine, args: argparse.Namespace, at_once: int) -> tuple[Engine, Limits]:
    """The engine and the limits of each of so many runs at a time: several have their share of the
    processors, and of the memory, each."""
    limits = options.limits(args)
    if at_once == 1:
        return engine, limits
    free = limits.bytes or free_memory() // at_once
    return engine.with_workers(args.workers // at_once), replace(limits, bytes=free)


def status(run: Run) -> ExitStatus:
    """What the run means for the command."""
    if run.result.interrupted:
        return ExitStatus.INTERRUPTED
    standings = {outcome.standing for outcome in run.outcomes}
    if Standing.UNEXPECTED in standings:
        return ExitStatus.UNEXPECTED
    return ExitStatus.INCONCLUSIVE if Standing.UNDECIDED in standings else ExitStatus.OK
