"""Take random walks through an instance: for those too large to check."""

from __future__ import annotations

import argparse

from pvcheck import pipeline
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.counterexamples import Counterexamples
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.progress import progress, rate
from pvcheck.cli.runs import status
from pvcheck.model.verdict import Violated
from pvcheck.report.outcome import summary
from pvcheck.report.run_text import Saved, plural, run_text
from pvcheck.selection import prepare


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "simulate", help=__doc__, description=__doc__, parents=[common], allow_abbrev=False
    )
    parser.add_argument("spec", type=options.specification, metavar="SPEC")
    options.add_instance(parser)
    options.add_root(parser)
    walks = parser.add_argument_group("walks")
    walks.add_argument(
        "--walks", type=options.positive, default=1000, metavar="N", help="(default: 1000)"
    )
    walks.add_argument(
        "--steps",
        type=options.positive,
        default=1000,
        metavar="N",
        help="of each walk, at most (default: 1000)",
    )
    walks.add_argument(
        "--seed", type=options.seed, metavar="N", help="(default: a new one, which is printed)"
    )
    walks.add_argument(
        "--first", type=options.seed, default=0, metavar="N", help="start with this walk"
    )
    walks.add_argument("--time-limit", type=options.duration, metavar="T", help="for example 10m")
    options.add_workers(walks)
    results = parser.add_argument_group("results")
    results.add_argument(
        "--missed", action="store_true", help="what never happened in any of the walks"
    )
    options.add_traces(results)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    selection = options.one_instance(args)
    job = prepare(args.spec, selection)[0]
    with progress(console, f"{job.instance.model.name} {job.instance.name}") as shown:
        made, simulation, seed = pipeline.simulate(
            job,
            shown,
            seed=args.seed,
            walks=args.walks,
            first=args.first,
            steps=args.steps,
            seconds=args.time_limit,
            workers=args.workers,
        )
    files = Counterexamples(args.trace_dir if args.trace else None, selection)
    saved = {
        outcome.name: Saved(
            files.save(made, outcome),
            files.walk(made, outcome, seed, simulation.first[outcome.name], args.steps),
        )
        for outcome in made.outcomes
        if isinstance(outcome.verdict, Violated)
    }
    console.out.write(run_text(made, saved))
    missed = pipeline.never_happened([made])
    if args.missed:
        console.out.write("".join(f"  missed: {text}\n" for text in missed))
    walks, steps = plural(simulation.walks, "walk"), plural(simulation.steps, "step")
    console.out.write(f"{walks}, {steps}, seed {seed}, {_missed(len(missed))}\n")
    console.out.write(f"{summary(made.outcomes)}\n")
    seconds = made.result.statistics.seconds
    console.note(f"{seconds:.1f} s, {rate(simulation.steps, seconds)}")
    return status(made)


def _missed(number: int) -> str:
    if number == 0:
        return "everything happened that can"
    return f"{plural(number, 'thing')} never happened"
