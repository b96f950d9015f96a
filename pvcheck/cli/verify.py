"""Check every property of specifications in instances, all interleavings of them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.counterexamples import Counterexamples
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.failure import report
from pvcheck.cli.progress import progress, rate
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Progress
from pvcheck.engines.meter import free_memory
from pvcheck.model.verdict import Inconclusive, Violated
from pvcheck.parallel import processes, side_by_side
from pvcheck.report.outcome import Outcome, Run, Standing, summary
from pvcheck.report.run_json import run_json
from pvcheck.report.run_text import Saved, plural, run_text
from pvcheck.selection import Job, Selection, prepare


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "verify", help=__doc__, description=__doc__, parents=[common], allow_abbrev=False
    )
    parser.add_argument("specs", nargs="+", type=options.specification, metavar="SPEC")
    group = parser.add_argument_group("what to run")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--instance",
        action="append",
        default=[],
        metavar="NAME",
        help="an instance (default: those marked default, else the first); may repeat",
    )
    which.add_argument("--all-instances", action="store_true", help="every declared instance")
    options.add_selection(group)
    options.add_root(parser)
    options.add_engine(parser)
    options.add_limits(parser)
    options.add_checkpoints(parser)
    group = parser.add_argument_group("results")
    group.add_argument(
        "--strict", action="store_true", help="status 4 if something never happened (vacuity)"
    )
    group.add_argument(
        "--fail-fast", action="store_true", help="stop at the first unexpected violation"
    )
    options.add_traces(group)
    group.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    selection = Selection(
        root=args.root,
        mutant=args.mutant,
        instances=tuple(dict.fromkeys(args.instance)),
        all_instances=args.all_instances,
        settings=dict(args.settings),
        properties=tuple(args.properties),
    )
    session = _Session(args, console, selection)
    # All are looked at before the first is run: an error in the last shows at once.
    jobs = [job for spec in args.specs for job in session.prepare(spec)]
    if len(jobs) > 1 and (args.checkpoint or args.resume):
        raise UsageError(
            f"a checkpoint is of one run, and these are {len(jobs)}", "choose one with --instance"
        )
    if not session.statuses:
        session.verify(jobs)
    return ExitStatus.worst(session.statuses)


class _Session:
    """The runs of one command, and what has come out so far."""

    def __init__(self, args: argparse.Namespace, console: Console, selection: Selection) -> None:
        self._args = args
        self._console = console
        self._selection = selection
        self._counterexamples = Counterexamples(args.trace_dir if args.trace else None, selection)
        self._engine = pipeline.choose_engine(
            args.engine, args.workers, console.note, options.checkpoints(args)
        )
        self._runs: list[tuple[Run, dict[str, Saved]]] = []
        self._jobs: list[Job] = []
        self.statuses: list[ExitStatus] = []

    def prepare(self, spec: Path) -> tuple[Job, ...]:
        # Caught here, so that the errors of the other files are shown too.
        try:
            return prepare(spec, self._selection)
        except Exception as error:
            self.statuses.append(report(error, self._console))
            return ()

    def verify(self, jobs: list[Job]) -> None:
        """Makes the runs and reports them, also when interrupted."""
        self._jobs = jobs
        start = time.monotonic()
        try:
            for made in self._made(reduce=self._args.reduce):
                self._report(made)
                if self._enough():
                    break
        except KeyboardInterrupt:
            self.statuses.append(ExitStatus.INTERRUPTED)
        self._finish(self._vacuity(complete=len(self._runs) == len(jobs)))
        seconds = time.monotonic() - start
        states = sum(run.result.statistics.states for run, _ in self._runs)
        self._console.note(f"{seconds:.1f} s, {rate(states, seconds)}")

    def _made(self, *, reduce: bool) -> Iterator[Run]:
        args, jobs = self._args, self._jobs
        at_once = processes(len(jobs), args.workers)
        limits = options.limits(args)
        engine = self._engine if reduce == args.reduce else self._engine.without_checkpoints()
        if at_once > 1:
            # Each has its share of the processors, and of the memory.
            engine = pipeline.choose_engine(
                args.engine, args.workers // at_once, self._console.note
            )
            limits = replace(limits, bytes=limits.bytes or free_memory() // at_once)

        def task(job: Job) -> Callable[[Progress], Run]:
            return lambda shown: pipeline.run(
                job, limits, shown, engine=engine, fail_fast=args.fail_fast, reduce=reduce
            )

        def shown(number: int) -> AbstractContextManager[Progress]:
            job = jobs[number]
            mutant = f" + {job.mutant}" if job.mutant is not None else ""
            return progress(self._console, f"{job.instance.model.name}{mutant} {job.instance.name}")

        yield from side_by_side([task(job) for job in jobs], at_once, shown)

    def _report(self, made: Run) -> None:
        saved = {
            outcome.name: self._save(made, outcome)
            for outcome in made.outcomes
            if isinstance(outcome.verdict, Violated)
        }
        self._runs.append((made, saved))
        self.statuses.append(_status(made))
        if self._args.format == "text":
            self._console.out.write(run_text(made, saved))

    def _save(self, run: Run, outcome: Outcome) -> Saved:
        try:
            file = self._counterexamples.save(run, outcome)
        except OSError as error:
            # The report shows the counterexample all the same; here, that it could not be kept.
            self.statuses.append(report(error, self._console))
            file = None
        return Saved(file, self._counterexamples.again(run, outcome))

    def _enough(self) -> bool:
        made, _ = self._runs[-1]
        return made.result.interrupted or (
            self._args.fail_fast and ExitStatus.UNEXPECTED in self.statuses
        )

    def _vacuity(self, *, complete: bool) -> tuple[str, ...] | None:
        """What never happened in any run; ``None`` where the runs made do not tell."""
        runs = [run for run, _ in self._runs]
        inconclusive = any(isinstance(o.verdict, Inconclusive) for r in runs for o in r.outcomes)
        if not complete or inconclusive or not self._selection.everything:
            if self._args.strict:
                self._console.note(
                    "note: vacuity was not judged: not everything was run to its end"
                )
            return None
        if self._args.reduce and pipeline.some_lock_uncontended(runs):
            # Inside a transaction others may wait unseen: only a search of all states can tell.
            runs = list(self._made(reduce=False))
        warnings = pipeline.never_happened(runs)
        if warnings and self._args.strict:
            self.statuses.append(ExitStatus.QUALITY)
        return warnings

    def _finish(self, warnings: tuple[str, ...] | None) -> None:
        runs = [run for run, _ in self._runs]
        if self._args.format == "json":
            status = ExitStatus.worst(self.statuses)
            document = run_json(self._runs, warnings, status, measured=not self._console.quiet)
            self._console.out.write_data(document)
            return
        self._console.out.write("".join(f"warning: {warning}\n" for warning in warnings or ()))
        total = summary(outcome for run in runs for outcome in run.outcomes)
        if warnings:
            total = f"{total}, {plural(len(warnings), 'warning')}"
        self._console.out.write(f"{total}\n")


def _status(run: Run) -> ExitStatus:
    if run.result.interrupted:
        return ExitStatus.INTERRUPTED
    standings = {outcome.standing for outcome in run.outcomes}
    if Standing.UNEXPECTED in standings:
        return ExitStatus.UNEXPECTED
    return ExitStatus.INCONCLUSIVE if Standing.UNDECIDED in standings else ExitStatus.OK
