"""From a file to judged verdicts: the only place that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Engine, Limits, Progress, Start
from pvcheck.instances import instances
from pvcheck.model.model import LOCK_ORDER, LockKind
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.replay import Mismatch, follow, hash_of, instance_values
from pvcheck.model.result import Coverage, LockEdge, Result
from pvcheck.model.semantics import Semantics
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Inconclusive, Verdict, Violated
from pvcheck.reduce.lock_facts import situations
from pvcheck.reduce.reduction import reduction as reduction_of
from pvcheck.report.comparison import Compared
from pvcheck.report.outcome import Run, outcomes, stop_early
from pvcheck.selection import Job, properties_of

if TYPE_CHECKING:
    from pvcheck.engines.native.checkpoint import Checkpoints
    from pvcheck.engines.simulate import Simulation


SOLVERS = ("bmc", "induction", "ic3")
"""Engines that ask a solver."""
MOST_DEPTH = 10
"""Of a bounded search, unless said otherwise."""
MOST_HYPOTHESIS = 3
"""Steps of the hypothesis of an induction, likewise."""
EXPORTS = ("promela", "murphi", "c")
"""Languages that ``export`` writes."""


class InternalError(Exception):
    """Two parts of this program disagree. A bug of ours."""


def run(
    job: Job,
    limits: Limits,
    progress: Progress,
    *,
    engine: Engine | None = None,
    fail_fast: bool = False,
    reduce: bool = True,
) -> Run:
    """One run, every counterexample of which was followed step by step.

    ``engine``: by default the interpreter. ``reduce``: visit fewer states, if that shows that
    nothing is violated; what is violated is then found again among all states.

    Raises:
        InternalError: a counterexample is none.
    """
    engine = engine or choose_engine("interpreter")
    if job.start is not None:
        engine = _starting(engine, job.start)
    stop = stop_early(job.expectation, job.properties)
    if fail_fast:
        stop |= frozenset(job.properties) - job.expectation.violated
    semantics = job.instance.semantics
    # A limit on the depth is in ordinary steps.
    reduction = reduction_of(semantics, transactions=limits.depth is None) if reduce else UNREDUCED
    search = _Search(engine, job, progress, stop)
    result = search.check(limits, reduction)
    if engine.visits_states:
        if reduction.names:
            result = search.exact(result, limits)
        result = _with_progress(job, result, limits, progress)
    result = replace(result, verdicts=_confirmed(job, semantics, result.verdicts))
    return Run(
        specification=str(job.specification),
        mutant=job.mutant,
        instance=job.instance,
        engine=engine.name,
        result=result,
        outcomes=outcomes(result, job.expectation),
        cycles=(_cycles(result) if LOCK_ORDER in job.properties and engine.visits_states else None),
        counted="state" if engine.visits_states else "step",
    )


def _with_progress(job: Job, result: Result, limits: Limits, progress: Progress) -> Result:
    """With the verdicts about progress, which need all states and the steps between them."""
    asked = [p.name for p in job.instance.model.progress if p.name in job.properties]
    if not asked:
        return result
    from pvcheck.engines import liveness  # noqa: PLC0415 - most specifications promise none

    found: Mapping[str, Verdict] = {p: Inconclusive(0, "interrupted") for p in asked}
    interrupted = result.interrupted
    if not interrupted:
        rest = limits.after(result.statistics.seconds)
        try:
            found = liveness.check(job.instance, job.properties, rest, progress)
        except KeyboardInterrupt:
            # What was found before stays found.
            interrupted = True
    return replace(result, verdicts={**result.verdicts, **found}, interrupted=interrupted)


def simulate(
    job: Job,
    progress: Progress,
    *,
    seed: int | None,
    walks: int,
    first: int,
    steps: int,
    seconds: float | None,
    workers: int,
) -> tuple[Run, Simulation, int]:
    """Random walks; every counterexample is made shorter, and followed step by step. And the seed.

    Raises:
        InternalError: a counterexample is none.
        UsageError: nothing is to be judged that a walk can show.
    """
    from pvcheck.engines import simulate as walking  # noqa: PLC0415 - most commands take no walks

    properties = tuple(p for p in job.properties if p in job.instance.model.safety)
    if not properties:
        raise UsageError("no random walk shows that an operation never finishes", "use verify")
    seed = walking.new_seed() if seed is None else seed
    plan = walking.Plan(seed, walks, steps, first)
    limits = Limits(seconds=seconds)
    made = walking.simulate(job.instance, properties, plan, limits, progress, workers=workers)
    semantics = job.instance.semantics
    result = replace(made.result, verdicts=_confirmed(job, semantics, made.result.verdicts))
    run_ = Run(
        specification=str(job.specification),
        mutant=job.mutant,
        instance=job.instance,
        engine="simulation",
        result=result,
        outcomes=outcomes(result, job.expectation),
        cycles=None,
        counted="step",
    )
    return run_, made, seed


def compared(job: Job, limits: Limits, progress: Progress) -> Compared:
    """The verdicts of the interpreter, progress excepted, and a census of all states.

    Raises:
        InternalError: a counterexample is none.
    """
    from pvcheck.engines.census import census  # noqa: PLC0415 - most commands take none

    properties = tuple(p for p in job.properties if p in job.instance.model.safety)
    result, counted = census(job.instance, properties, limits, progress)
    verdicts = _confirmed(job, job.instance.semantics, result.verdicts)
    result = replace(result, verdicts=verdicts)
    run_ = Run(
        specification=str(job.specification),
        mutant=job.mutant,
        instance=job.instance,
        engine="explicit",
        result=result,
        outcomes=outcomes(result, job.expectation),
        cycles=_cycles(result) if LOCK_ORDER in properties else None,
    )
    return Compared(run_, counted)


def export(job: Job, language: str) -> str:
    """The instance as a model in one of the ``EXPORTS``.

    Raises:
        Unsupported: that language cannot say it as it is.
        UsageError: nothing is asked for but progress.
    """
    if not set(job.properties) & set(job.instance.model.safety):
        raise UsageError("models for other checkers judge no progress", "use verify")
    # Most commands export nothing.
    from pvcheck.engines.native.program import program  # noqa: PLC0415
    from pvcheck.export import murphi, promela  # noqa: PLC0415

    write = {"promela": promela.promela, "murphi": murphi.murphi, "c": program}[language]
    return write(job.instance.semantics, job.properties)


@dataclass(frozen=True)
class _Search:
    """The searches that a run is made of."""

    engine: Engine
    job: Job
    progress: Progress
    stop: frozenset[str]
    """Properties whose violation ends them."""

    def check(self, limits: Limits, reduction: Reduction, *, again: bool = False) -> Result:
        """``again``: not the search that checkpoints are of."""
        engine = self.engine.without_checkpoints() if again else self.engine
        return engine.check(
            self.job.instance,
            self.job.properties,
            limits,
            self.progress,
            stop_when_violated=self.stop,
            reduction=reduction,
        )

    def exact(self, reduced: Result, limits: Limits) -> Result:
        """What a search of all states says that is not known from one that was reduced.

        So counterexamples are the same, and the shortest, whatever the search was reduced by. One that is
        not found again within the limits stays as it is.
        """
        lengths = {
            name: len(verdict.trace.steps)
            for name, verdict in reduced.verdicts.items()
            if isinstance(verdict, Violated)
        }
        if (not lengths and reduced.fault is None) or reduced.interrupted:
            return reduced
        rest = limits.after(reduced.statistics.seconds)
        stopped = not self.stop.isdisjoint(lengths)
        # A fault ends runs, and what would have come behind it depends on the order of steps.
        if stopped or reduced.fault is not None:
            found = self.check(rest, UNREDUCED, again=True)
            again = _violated(found)
            enough = not self.stop.isdisjoint(again) if stopped else again >= lengths.keys()
            return found if enough else reduced
        longest = max(lengths.values())
        depth = longest if rest.depth is None else min(rest.depth, longest)
        found = self.check(replace(rest, depth=depth), UNREDUCED, again=True)
        shorter = {name: found.verdicts[name] for name in _violated(found)}
        return replace(
            reduced,
            verdicts={n: shorter.get(n, v) for n, v in reduced.verdicts.items()},
            interrupted=found.interrupted,
        )


def _violated(result: Result) -> frozenset[str]:
    return frozenset(n for n, v in result.verdicts.items() if isinstance(v, Violated))


def choose_engine(
    name: str | None,
    workers: int = 1,
    note: Callable[[str], None] = lambda _: None,
    checkpoints: Checkpoints | None = None,
) -> Engine:
    """The engine of that name: ``interpreter``, ``native``, or by default the fastest there is.

    ``note`` is told, in a line, if that is not the native one. ``checkpoints``: only the native one writes such.

    Raises:
        UsageError: ``native`` was asked for, and there is no compiler.
    """
    # On use: ``check`` and ``explain`` start without any engine.
    from pvcheck.engines.explicit import ExplicitEngine  # noqa: PLC0415
    from pvcheck.engines.fastest import FastestEngine  # noqa: PLC0415
    from pvcheck.engines.native.compiler import NoCompiler, find  # noqa: PLC0415
    from pvcheck.engines.native.engine import NativeEngine  # noqa: PLC0415

    if checkpoints is not None:
        name = name or "native"
    if name == "interpreter":
        if checkpoints is not None:
            raise UsageError("the interpreter writes no checkpoints")
        return ExplicitEngine()
    try:
        compiler = find()
    except NoCompiler as error:
        if name == "native":
            raise UsageError(str(error)) from error
        note(f"note: the interpreter runs, slower: {error}")
        return ExplicitEngine()
    if name == "native":
        return NativeEngine(compiler, workers, checkpoints, note)
    return FastestEngine(compiler, workers, note)


def choose_solver(
    name: str, solver: str | None, depth: int | None, *, timed: bool = False
) -> Engine:
    """The engine of that name that asks a solver, by default the fastest one that is installed.

    ``timed``: one that keeps a limit on the time.

    Raises:
        UsageError: that solver is not installed.
    """
    # On use: most commands ask no solver.
    from pvcheck.engines.symbolic.bmc import BoundedEngine  # noqa: PLC0415
    from pvcheck.engines.symbolic.ic3 import Ic3  # noqa: PLC0415
    from pvcheck.engines.symbolic.induction import Induction  # noqa: PLC0415
    from pvcheck.engines.symbolic.proving import ProvingEngine  # noqa: PLC0415
    from pvcheck.engines.symbolic.solver import NoSolver, choose  # noqa: PLC0415

    try:
        maker = choose(solver, timed=timed)
    except NoSolver as error:
        raise UsageError(f"{solver or 'z3'} is not installed", str(error)) from error
    if name == "bmc":
        return BoundedEngine(depth or MOST_DEPTH, maker)
    attempts = {"induction": Induction, "ic3": Ic3}
    return ProvingEngine(name, attempts[name], depth or MOST_HYPOTHESIS, maker, situations)


def _starting(engine: Engine, start: Start) -> Engine:
    """
    Raises:
        UsageError: it can only begin in the initial state.
    """
    from pvcheck.engines.symbolic.bmc import BoundedEngine  # noqa: PLC0415

    if not isinstance(engine, BoundedEngine):
        raise UsageError("only a bounded search can begin elsewhere", "use --engine bmc")
    return replace(engine, start=start)


def _confirmed(
    job: Job, semantics: Semantics, verdicts: Mapping[str, Verdict]
) -> dict[str, Verdict]:
    """The verdicts, each counterexample of which was found to be one."""
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

    specifications: dict[str, list[Run]] = {}
    for made in runs:
        specifications.setdefault(made.specification, []).append(made)
    return tuple(
        warning
        for same in specifications.values()
        for warning in vacuous(same[0].instance.model, _coverages(same))
    )


def _coverages(runs: Sequence[Run]) -> list[Coverage]:
    return [made.result.coverage for made in runs if made.result.coverage is not None]


def some_lock_uncontended(runs: Sequence[Run]) -> bool:
    """Whether of some lock class no run of its specification saw anybody wait."""
    met: dict[str, set[str]] = {}
    for made in runs:
        contended = () if made.result.coverage is None else made.result.coverage.contended
        met.setdefault(made.specification, set()).update(contended)
    return any(
        lock.name not in met[made.specification] and lock.kind is not LockKind.GHOST
        for made in runs
        for lock in made.instance.model.locks
    )


@dataclass(frozen=True, slots=True)
class Replay:
    mismatch: Mismatch | None
    """Where the trace stops being a counterexample; ``None``: nowhere."""
    changed: bool
    """Whether the specification has other text than when the trace was made."""


def replay(trace: Trace, specification: Path, root: Path | None = None) -> Replay:
    """What the trace is to the specification as it is now.

    Raises:
        SpecError, OSError: the specification cannot be used.
        UsageError: it is not the one that the trace is of.
    """
    from pvcheck.load import load  # noqa: PLC0415 - loads the whole front end

    model = load(specification, root=root, mutant=trace.mutant)
    properties_of(model, [trace.property])
    computed = {sort.type.name for sort in model.sorts if sort.size is not None}
    settings = {n: str(v).lower() for n, v in trace.values if n not in computed}
    names = [trace.instance] if model.instances else []
    (instance,) = instances(model, names=names, settings=settings)
    semantics = instance.semantics
    changed = hash_of(model) != trace.hash
    if (instance_values(semantics), instance.only) != (trace.values, trace.only):
        return Replay(Mismatch(0, f"instance {instance.name} has other values now"), changed)
    found = follow(semantics, trace)
    return Replay(found if isinstance(found, Mismatch) else None, changed)
