"""From a file to judged verdicts: the only place that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Engine, Limits, Progress
from pvcheck.lang.suggest import did_you_mean
from pvcheck.load import MutantDeclaration, instances, model_of, read
from pvcheck.model.instance import Instance
from pvcheck.model.model import LOCK_ORDER, Model
from pvcheck.model.replay import Mismatch, follow, instance_values
from pvcheck.model.result import LockEdge, Result
from pvcheck.model.semantics import Semantics
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Verdict, Violated
from pvcheck.report.outcome import Expectation, Run, outcomes, stop_early


class InternalError(Exception):
    """Two parts of this program disagree. A bug of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to run of a specification. Empty: what the specification itself says."""

    root: Path | None = None
    mutant: str | None = None
    instances: Sequence[str] = ()
    all_instances: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    properties: Sequence[str] = ()

    @property
    def everything(self) -> bool:
        """Whether the specification decides alone: only then what never happens is its fault."""
        return not (self.mutant or self.instances or self.settings or self.properties)


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made."""

    specification: Path
    mutant: str | None
    instance: Instance
    properties: tuple[str, ...]
    """In the order of ``Model.properties``."""
    expectation: Expectation


def prepare(specification: Path, selection: Selection) -> tuple[Job, ...]:
    """The runs that ``selection`` asks for.

    Raises:
        SpecError: the specification is rejected.
        UsageError: it has no such mutant, instance, parameter or property.
        OSError: it cannot be read.
    """
    parsed = read(specification, selection.root)
    model = model_of(parsed, selection.mutant)
    mutant = next((m for m in parsed.mutants if m.name == selection.mutant), None)
    names = selection.instances
    if mutant is not None and mutant.instance is not None and not names:
        names = (mutant.instance,)
    chosen = instances(
        model,
        names=() if selection.all_instances else names,
        all_instances=selection.all_instances,
        settings=selection.settings,
    )
    properties = _properties(model, selection.properties)
    expectation = _expectation(model, mutant)
    return tuple(Job(specification, selection.mutant, i, properties, expectation) for i in chosen)


def _properties(model: Model, names: Collection[str]) -> tuple[str, ...]:
    for name in names:
        if name not in model.properties:
            known = f"it has {', '.join(model.properties)}"
            hint = did_you_mean(name, model.properties) or known
            raise UsageError(f"{model.name} has no property {name!r}", hint)
    return tuple(p for p in model.properties if not names or p in names)


def _expectation(model: Model, mutant: MutantDeclaration | None) -> Expectation:
    if mutant is None:
        return Expectation(frozenset(model.expected))
    violated = frozenset() if mutant.violated is None else frozenset({mutant.violated})
    return Expectation(violated, others_too=True)


def run(job: Job, limits: Limits, progress: Progress, *, fail_fast: bool = False) -> Run:
    """One run, every counterexample of which was followed step by step.

    Raises:
        InternalError: a counterexample is none.
    """
    engine = _engine()
    stop = stop_early(job.expectation, job.properties)
    if fail_fast:
        stop |= frozenset(job.properties) - job.expectation.violated
    result = engine.check(job.instance, job.properties, limits, progress, stop_when_violated=stop)
    result = replace(result, verdicts=_confirmed(job, result.verdicts))
    return Run(
        specification=str(job.specification),
        mutant=job.mutant,
        instance=job.instance,
        engine=engine.name,
        result=result,
        outcomes=outcomes(result, job.expectation),
        cycles=_cycles(result) if LOCK_ORDER in job.properties else None,
    )


def _engine() -> Engine:
    # On use: ``check`` and ``explain`` start without any engine.
    from pvcheck.engines.explicit import ExplicitEngine  # noqa: PLC0415

    return ExplicitEngine()


def _confirmed(job: Job, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts, each counterexample of which was found to be one."""
    semantics = Semantics(job.instance)
    confirmed: dict[str, Verdict] = {}
    for name, verdict in verdicts.items():
        confirmed[name] = verdict
        if isinstance(verdict, Violated):
            trace = replace(verdict.trace, mutant=job.mutant)
            found = follow(semantics, trace)
            if trace.property != name or isinstance(found, Mismatch):
                reason = found.reason if isinstance(found, Mismatch) else trace.property
                raise InternalError(f"the counterexample to {name} does not replay: {reason}")
            confirmed[name] = Violated(trace)
    return confirmed


def _cycles(result: Result) -> tuple[tuple[LockEdge, ...], ...]:
    from pvcheck.analysis.lock_order import cycles  # noqa: PLC0415

    return cycles(result.lock_edges)


def never_happened(runs: Sequence[Run]) -> tuple[str, ...]:
    """What happened in none of the runs of its specification, each with its place."""
    from pvcheck.analysis.vacuity import vacuous  # noqa: PLC0415

    coverage: dict[str, list[Run]] = {}
    for made in runs:
        coverage.setdefault(made.specification, []).append(made)
    return tuple(
        warning
        for same in coverage.values()
        for warning in vacuous(same[0].instance.model, [made.result.coverage for made in same])
    )


def replay(trace: Trace, specification: Path, root: Path | None = None) -> Mismatch | None:
    """Where the trace stops being a run of the specification as it is now; ``None``: nowhere.

    Raises:
        SpecError, OSError: the specification cannot be used.
        UsageError: it is not the one that the trace is of.
    """
    model = model_of(read(specification, root), trace.mutant)
    _properties(model, [trace.property])
    computed = {sort.type.name for sort in model.sorts if sort.size is not None}
    settings = {n: str(v).lower() for n, v in trace.values if n not in computed}
    names = [trace.instance] if model.instances else []
    (instance,) = instances(model, names=names, settings=settings)
    semantics = Semantics(instance)
    if (instance_values(semantics), instance.only) != (trace.values, trace.only):
        return Mismatch(0, f"instance {instance.name} has other values now")
    found = follow(semantics, trace)
    return found if isinstance(found, Mismatch) else None
