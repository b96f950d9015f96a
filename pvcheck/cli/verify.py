"""Check every property of specifications in instances, all interleavings of them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.counterexamples import Counterexamples
from pvcheck.cli.demands import Demand, check, read_demands
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.failure import report
from pvcheck.cli.progress import rate
from pvcheck.cli.runs import made, status
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Engine
from pvcheck.model.verdict import Inconclusive, Violated
from pvcheck.report.outcome import Outcome, Run, summary
from pvcheck.report.proof import ProofReport, Standing, proof_text
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
    parser.add_argument("specs", nargs="*", type=options.specification, metavar="SPEC")
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
    options.add_engine(parser, solvers=pipeline.SOLVERS)
    options.add_solver(parser)
    options.add_limits(parser)
    options.add_checkpoints(parser)
    group = parser.add_argument_group("results")
    group.add_argument(
        "--strict", action="store_true", help="status 4 if something never happened (vacuity)"
    )
    group.add_argument(
        "--fail-fast", action="store_true", help="stop at the first unexpected violation"
    )
    demands = group.add_mutually_exclusive_group()
    demands.add_argument(
        "--require",
        choices=("checked", "proved"),
        default="checked",
        help="proved: for every number of threads and every size, besides being checked "
        "(default: checked)",
    )
    demands.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a pvcheck.toml that names specifications, and what must be proved of each",
    )
    group.add_argument(
        "--certificate",
        type=Path,
        metavar="DIR",
        help="write what IC3 has found there, for certify; only if all is checked, of one run",
    )
    options.add_traces(group)
    group.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    demands = _demands(args)
    selection = Selection(
        root=args.root,
        mutant=args.mutant,
        instances=tuple(dict.fromkeys(args.instance)),
        all_instances=args.all_instances,
        settings=dict(args.settings),
        properties=tuple(args.properties),
        start=args.start,
    )
    specs = args.specs or [demand.specification for demand in demands]
    session = _Session(args, console, selection)
    # All are looked at before the first is run: an error in the last shows at once.
    jobs = [job for spec in specs for job in session.prepare(spec)]
    if len(jobs) > 1 and (args.checkpoint or args.resume):
        raise UsageError(
            f"a checkpoint is of one run, and these are {len(jobs)}", "choose one with --instance"
        )
    if args.certificate is not None:
        if args.engine != "ic3" or len(jobs) > 1 or args.mutant:
            raise UsageError(
                "--certificate is for one run that asks ic3, of no mutant",
                "choose one with --engine ic3 --instance NAME",
            )
        from pvcheck.certificate_folder import check_target  # noqa: PLC0415 - loads the solver

        check_target(args.certificate)
    if not session.statuses:
        if not jobs:
            raise UsageError("no file says what system it is", "give one that says 'system NAME;'")
        for demand in demands:
            for job in jobs:
                if job.specification == demand.specification:
                    check(demand, job.instance.model)
        session.verify(jobs, demands)
    return ExitStatus.worst(session.statuses)


def _demands(args: argparse.Namespace) -> tuple[Demand, ...]:
    if args.config is not None:
        if args.specs:
            raise UsageError(f"{args.config} names the specifications", "leave out the others")
        return read_demands(args.config)
    if not args.specs:
        raise UsageError("no specification is named", "give some, or --config pvcheck.toml")
    if args.require == "checked":
        return ()
    return tuple(Demand(spec, tuple(args.properties) or None) for spec in args.specs)


def _engine(args: argparse.Namespace, console: Console) -> Engine:
    if args.engine in pipeline.SOLVERS:
        if args.checkpoint or args.resume:
            raise UsageError(f"{args.engine} writes no checkpoints")
        timed = args.time_limit is not None
        return pipeline.choose_solver(args.engine, args.solver, args.depth, timed=timed)
    if args.depth or args.solver:
        option = "--depth" if args.depth else "--solver"
        known = " or ".join(pipeline.SOLVERS)
        raise UsageError(f"{option} is for engines that ask a solver", f"use --engine {known}")
    return pipeline.choose_engine(
        args.engine, args.workers, console.note, options.checkpoints(args)
    )


class _Session:
    """The runs of one command, and what has come out so far."""

    def __init__(self, args: argparse.Namespace, console: Console, selection: Selection) -> None:
        self._args = args
        self._console = console
        self._selection = selection
        self._counterexamples = Counterexamples(args.trace_dir if args.trace else None, selection)
        self._engine = _engine(args, console)
        self._runs: list[tuple[Run, dict[str, Saved]]] = []
        self._jobs: list[Job] = []
        self._proofs: list[ProofReport] = []
        self.statuses: list[ExitStatus] = []

    def prepare(self, spec: Path) -> tuple[Job, ...]:
        # Caught here, so that the errors of the other files are shown too.
        try:
            # Of all files that a pattern names, some are there to be imported by others.
            jobs = prepare(spec, self._selection, skip_parts=len(self._args.specs) > 1)
        except Exception as error:
            self.statuses.append(report(error, self._console))
            return ()
        if not jobs:
            self._console.note(f"note: {spec} is a part of other specifications, and not run")
        return jobs

    def verify(self, jobs: list[Job], demands: Sequence[Demand]) -> None:
        """Makes the runs and the proofs and reports them, also when interrupted."""
        self._jobs = jobs
        start = time.monotonic()
        try:
            for run in self._made(reduce=self._args.reduce):
                self._report(run)
                if self._enough():
                    break
            else:
                for demand in demands:
                    self._prove(demand)
                if self._args.certificate is not None:
                    self._certify()
        except KeyboardInterrupt:
            self.statuses.append(ExitStatus.INTERRUPTED)
        self._finish(self._vacuity(complete=len(self._runs) == len(jobs)))
        seconds = time.monotonic() - start
        visited = [r.result.statistics.states for r, _ in self._runs if r.counted == "state"]
        speed = f", {rate(sum(visited), seconds)}" if visited or not self._runs else ""
        self._console.note(f"{seconds:.1f} s{speed}")

    def _made(self, *, reduce: bool) -> Iterator[Run]:
        engine = self._engine if reduce == self._args.reduce else self._engine.without_checkpoints()
        return made(
            self._jobs,
            self._args,
            self._console,
            engine,
            fail_fast=self._args.fail_fast,
            reduce=reduce,
        )

    def _report(self, run: Run) -> None:
        saved = {
            outcome.name: self._save(run, outcome)
            for outcome in run.outcomes
            if isinstance(outcome.verdict, Violated)
        }
        self._runs.append((run, saved))
        self.statuses.append(status(run))
        if self._args.format == "text":
            self._console.out.write(run_text(run, saved))

    def _prove(self, demand: Demand) -> None:
        """What is demanded of a specification that was run."""
        runs = [run for run, _ in self._runs if run.specification == str(demand.specification)]
        if not runs:
            return
        properties = demand.proved
        if properties is None:
            violated = {o.name for run in runs for o in run.outcomes if o.expected}
            seen = dict.fromkeys(o.name for run in runs for o in run.outcomes)
            properties = tuple(name for name in seen if name not in violated)
        if not properties:
            return
        # Loads z3 and the front end, which a run need not.
        from pvcheck import facts  # noqa: PLC0415
        from pvcheck.cli import proofs  # noqa: PLC0415
        from pvcheck.load import load  # noqa: PLC0415

        model = load(
            demand.specification, root=self._args.root, mutant=self._args.mutant, lemmas=True
        )
        made = proofs.proof(
            model,
            properties=properties,
            fixed=demand.fixed,
            mutant=self._args.mutant,
            workers=self._args.workers,
            known=facts.read(demand.specification),
            memory=self._args.memory_limit,
        )
        self._proofs.append(made)
        self.statuses.append(proofs.status(made))
        if self._args.format == "text":
            self._console.out.write(proof_text(made, quiet=self._console.quiet))

    def _save(self, run: Run, outcome: Outcome) -> Saved:
        try:
            file = self._counterexamples.save(run, outcome)
        except OSError as error:
            # The report shows the counterexample all the same; here, that it could not be kept.
            self.statuses.append(report(error, self._console))
            file = None
        return Saved(file, self._counterexamples.again(run, outcome))

    def _certify(self) -> None:
        from pvcheck import instance_certificates  # noqa: PLC0415 - as above

        ((run, _),) = self._runs
        claim = instance_certificates.claim(run, self._selection.settings)
        if claim is None:
            self._console.err.write("no certificate is written: not all is checked\n")
            return
        folder = self._args.certificate
        count = instance_certificates.write(folder, run.instance, claim)
        self._console.err.write(f"{folder}: {count} obligations written\n")

    def _enough(self) -> bool:
        run, _ = self._runs[-1]
        return run.result.interrupted or (
            self._args.fail_fast and ExitStatus.UNEXPECTED in self.statuses
        )

    def _vacuity(self, *, complete: bool) -> tuple[str, ...] | None:
        """What never happened in any run; ``None`` where the runs made do not tell."""
        runs = [run for run, _ in self._runs]
        inconclusive = any(isinstance(o.verdict, Inconclusive) for r in runs for o in r.outcomes)
        unseen = any(run.result.coverage is None for run in runs)
        if not complete or inconclusive or unseen or not self._selection.everything:
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
            worst = ExitStatus.worst(self.statuses)
            document = run_json(
                self._runs, self._proofs, warnings, worst, measured=not self._console.quiet
            )
            self._console.out.write_data(document)
            return
        self._console.out.write("".join(f"warning: {warning}\n" for warning in warnings or ()))
        total = summary(outcome for run in runs for outcome in run.outcomes)
        if warnings:
            total = f"{total}, {plural(len(warnings), 'warning')}"
        if self._proofs:
            required = [p for made in self._proofs for p in made.properties]
            shown = sum(p.standing is Standing.PROVED for p in required)
            total = f"{total}; {shown} of {len(required)} proved"
        self._console.out.write(f"{total}\n")
