"""``pvcheck mutate --auto``: mutants that are derived from the text of specifications."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pvcheck import pipeline
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus, worst_of_mutants
from pvcheck.cli.progress import progress
from pvcheck.cli.runs import share
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Engine, Progress, Silent
from pvcheck.instances import instances
from pvcheck.lang.derive import KINDS, Derived, derived, used
from pvcheck.lang.explanations import Explanation, explained, explanations
from pvcheck.lang.suggest import did_you_mean
from pvcheck.load import Specification, model_of, read
from pvcheck.model.fingerprint import fingerprint
from pvcheck.model.instance import Instance
from pvcheck.model.model import Model
from pvcheck.mutation import VACUITY, Lowered, Runner, representatives
from pvcheck.parallel import processes
from pvcheck.report.derived import (
    DerivedMutant,
    Fate,
    Fated,
    derived_json,
    derived_list,
    derived_text,
    total,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "derived mutants", "made from the text, which runs in each instance until they are killed"
    )
    group.add_argument(
        "--auto",
        action="store_true",
        help="run derived mutants instead of declared ones. Status 4: one survives, and the specification does "
        "not say why",
    )
    group.add_argument(
        "--kind", action="append", default=[], choices=tuple(KINDS), help="a kind; may repeat"
    )
    group.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a mutant, or all at procedure.label, or of a procedure; may repeat",
    )
    group.add_argument(
        "--instance",
        action="append",
        default=[],
        metavar="NAME",
        help="an instance (default: those marked default, else the first); may repeat",
    )
    group.add_argument("--list", action="store_true", help="say which there are, and run none")


def check(args: argparse.Namespace) -> None:
    """
    Raises:
        UsageError: options that do not belong together.
    """
    if args.auto:
        if args.mutant:
            raise UsageError("--mutant is for declared mutants", "with --auto, use --only")
        return
    for option in ("kind", "only", "instance", "list"):
        if getattr(args, option):
            raise UsageError(f"--{option} is for derived mutants", "use --auto")


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    engine = pipeline.choose_engine(args.engine, args.workers, console.note)
    # All are looked at before the first is run.
    prepared = [_prepare(spec, args) for spec in args.specs]
    statuses: list[ExitStatus] = []
    documents: list[dict[str, object]] = []
    for work in prepared:
        if args.list:
            mutants, status = work.listed, ExitStatus.OK
            text = derived_list(work.model.name, mutants)
        else:
            mutants, status = _made(work, args, console, engine)
            text = derived_text(work.model.name, [i.name for i in work.instances], mutants)
        statuses.append(status)
        documents.append(_document(work, mutants))
        if args.format == "text":
            console.out.write(text)
        if status is ExitStatus.INTERRUPTED:
            break
    if args.format == "json":
        console.out.write_data(json.dumps(documents, indent=1) + "\n")
    return worst_of_mutants(statuses)


@dataclass(frozen=True, slots=True)
class _Work:
    """A specification and what is to be run of it."""

    path: Path
    parsed: Specification
    model: Model
    instances: tuple[Instance, ...]
    mutants: tuple[Derived, ...]
    explained: dict[str, Explanation]

    @property
    def listed(self) -> list[DerivedMutant]:
        return [self.report(m, Fate(Fated.UNDECIDED, reason="not run")) for m in self.mutants]

    def report(self, mutant: Derived, fate: Fate, same_as: str | None = None) -> DerivedMutant:
        said = self.explained.get(mutant.name)
        # That less happens is not wrong.
        unharmed = fate.fated in (Fated.SURVIVED, Fated.NOT_REACHED) or fate.killer == VACUITY
        if said is not None and unharmed:
            fate = replace(fate, fated=Fated.EXPLAINED, killer="", reason=said.why)
        return DerivedMutant(
            mutant.name,
            mutant.kind,
            KINDS[mutant.kind],
            self.model.where(mutant.statement),
            mutant.text,
            fate,
            None if said is None else said.why,
            same_as if same_as != mutant.name else None,
        )


def _prepare(spec: Path, args: argparse.Namespace) -> _Work:
    parsed = read(spec, args.root)
    model = model_of(parsed)
    chosen = instances(model, names=tuple(dict.fromkeys(args.instance)))
    every = derived(parsed.tree, parsed.sources)
    given = explanations(parsed.sources, model.name)
    said = explained(every, given, parsed.sources)
    # What is imported and not used is for other systems.
    in_use = used(parsed.tree)
    own = tuple(m for m in every if m.procedure.name.text in in_use)
    for only in args.only:
        if not any(_is(m, only) for m in own):
            known = [s for m in own for s in (m.name, m.place, m.procedure.name.text)]
            hint = did_you_mean(only, known) or "--list says which there are"
            raise UsageError(f"no mutant {only!r} is derived from {spec}", hint)
    wanted = tuple(
        m
        for m in own
        if (not args.kind or m.kind in args.kind)
        and (not args.only or any(_is(m, only) for only in args.only))
    )
    if not wanted:
        raise UsageError(f"no such mutant is derived from {spec}", "--list says which there are")
    return _Work(spec, parsed, model, chosen, wanted, said)


def _is(mutant: Derived, name: str) -> bool:
    return name in (mutant.name, mutant.place, mutant.procedure.name.text)


def _made(
    work: _Work, args: argparse.Namespace, console: Console, engine: Engine
) -> tuple[list[DerivedMutant], ExitStatus]:
    """What became of each, and the status."""
    at_once = processes(max(len(work.mutants), len(work.instances)), args.workers)
    engine, limits = share(engine, args, at_once)
    runner = Runner(work.path, work.parsed, work.model, engine, limits, args.reduce, at_once)

    def shown(name: str) -> AbstractContextManager[Progress]:
        return progress(console, f"{work.model.name} {name}")

    def unseen(_: str) -> AbstractContextManager[Progress]:
        return nullcontext(Silent())

    baselines = runner.baselines(work.instances, shown)
    broken = [f"{p} in {b.name}" for b in baselines for p in b.violated]
    if broken:
        # Nothing can be said of what mutants add.
        console.err.write(
            f"{work.path} violates {', '.join(broken)} itself: pvcheck verify shows how\n"
        )
        return [], ExitStatus.UNEXPECTED
    if len(baselines) < len(work.instances):
        return [], ExitStatus.INTERRUPTED
    found = runner.lowered(work.mutants, unseen)
    lowered = {m.name: done for m, done in zip(work.mutants, found, strict=False)}
    if len(lowered) < len(work.mutants):
        return [], ExitStatus.INTERRUPTED
    same = representatives(work.mutants, lowered, fingerprint(work.model))
    to_run = [m for m in work.mutants if same.get(m.name) == m.name]
    fates: dict[str, Fate] = {}
    with suppress(KeyboardInterrupt):
        for mutant, fate in zip(to_run, runner.fates(to_run, baselines, shown), strict=False):
            fates[mutant.name] = fate
    reports = [
        work.report(m, known, same.get(m.name))
        for m in work.mutants
        if (known := _fate(lowered[m.name], fates, same.get(m.name))) is not None
    ]
    interrupted = len(reports) < len(work.mutants)
    return reports, ExitStatus.INTERRUPTED if interrupted else _status(reports, args)


def _fate(lowered: Lowered, fates: dict[str, Fate], same: str | None) -> Fate | None:
    """``None``: it was interrupted before there was one."""
    if lowered.error is not None:
        return Fate(Fated.REJECTED, reason=lowered.error)
    return Fate(Fated.NO_CHANGE) if same is None else fates.get(same)


def _status(reports: Sequence[DerivedMutant], args: argparse.Namespace) -> ExitStatus:
    fates = {report.fate.fated for report in reports}
    # Who chooses instances does not ask what others would reach.
    holes = {Fated.SURVIVED} if args.instance else {Fated.SURVIVED, Fated.NOT_REACHED}
    if fates & holes or any(report.refuted for report in reports):
        return ExitStatus.QUALITY
    return ExitStatus.INCONCLUSIVE if Fated.UNDECIDED in fates else ExitStatus.OK


def _document(work: _Work, mutants: Sequence[DerivedMutant]) -> dict[str, object]:
    return {
        "system": work.model.name,
        "instances": [i.name for i in work.instances],
        "mutants": derived_json(mutants),
        "total": total(mutants),
    }
