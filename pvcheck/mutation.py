"""Derived mutants of a specification, each in the instances until some property finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from pvcheck import pipeline
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Engine, Limits, Progress
from pvcheck.instances import instances
from pvcheck.lang import lower
from pvcheck.lang.derive import Derived, mutated, used
from pvcheck.load import Specification, without_lemmas
from pvcheck.model.code import Assume, If, Pick, Reached, TryLock
from pvcheck.model.fingerprint import fingerprint
from pvcheck.model.instance import Instance
from pvcheck.model.model import Model
from pvcheck.model.verdict import Checked, Inconclusive, Violated
from pvcheck.model.walk import nodes
from pvcheck.parallel import side_by_side
from pvcheck.report.derived import Fate, Fated
from pvcheck.report.outcome import Expectation, Run
from pvcheck.selection import whole
from pvcheck.source import Span

_TIMES = 20
"""How many more states than the specification itself a mutant may have, unless limits are given."""
_AT_LEAST = 100_000
VACUITY = "vacuity"
"""What kills a mutant with which less happens: no property, but ``verify --strict`` says so."""

_Met = tuple[Span, bool | None]
"""A statement that is executed, or a condition and an outcome that it has."""

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Where to tell how far a run of that name is."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How runs are made."""

    specification: Path
    parsed: Specification
    model: Model
    engine: Engine
    """Of each run."""
    limits: Limits
    reduce: bool
    at_once: int

    def baselines(self, chosen: Sequence[Instance], shown: Shown) -> tuple[Baseline, ...]:
        """The specification without mutants, in each of the instances; fewer: it was interrupted."""

        def task(instance: Instance) -> Callable[[Progress], Baseline]:
            called = used(self.parsed.tree, instance.only)
            return lambda progress: _baseline(self._run(instance, self.limits, progress), called)

        names = [instance.name for instance in chosen]
        tasks = [task(instance) for instance in chosen]
        return tuple(side_by_side(tasks, self.at_once, lambda n: shown(names[n])))

    def lowered(self, mutants: Sequence[Derived], shown: Shown) -> tuple[Lowered, ...]:
        """What each of them does, or why it is not possible; fewer: it was interrupted."""

        def task(mutant: Derived) -> Callable[[Progress], Lowered]:
            return lambda _: self._lowered(mutant)

        tasks = [task(mutant) for mutant in mutants]
        return tuple(side_by_side(tasks, self.at_once, lambda n: shown(mutants[n].name)))

    def fates(
        self, mutants: Sequence[Derived], baselines: Sequence[Baseline], shown: Shown
    ) -> Iterator[Fate]:
        """What becomes of each, the instances with few states first; fewer: it was interrupted."""
        smallest = sorted(baselines, key=lambda b: b.states)

        def task(mutant: Derived) -> Callable[[Progress], Fate]:
            return lambda progress: self._fate(mutant, smallest, progress)

        tasks = [task(mutant) for mutant in mutants]
        return side_by_side(tasks, self.at_once, lambda n: shown(mutants[n].name))

    def _run(self, instance: Instance, limits: Limits, progress: Progress) -> Run:
        """
        Raises:
            KeyboardInterrupt: the user wants no more.
        """
        job = whole(self.specification, instance)
        # What is declared violated proves nothing about mutants, and must not end the search for others.
        judged = tuple(p for p in job.properties if p not in job.expectation.violated)
        job = replace(job, properties=judged, expectation=Expectation())
        run = pipeline.run(
            job, limits, progress, engine=self.engine, fail_fast=True, reduce=self.reduce
        )
        if run.result.interrupted:
            # Half of it says nothing, not even that a limit was met.
            raise KeyboardInterrupt
        return run

    def _mutated(self, mutant: Derived) -> Model:
        return lower.lower(without_lemmas(mutated(self.parsed.tree, mutant)), self.parsed.sources)

    def _lowered(self, mutant: Derived) -> Lowered:
        try:
            return Lowered(fingerprint(self._mutated(mutant)), None)
        except SpecError as error:
            first = error.diagnostics[0]
            line = error.sources[first.primary.span.file].position(first.primary.span.start)[0]
            return Lowered(None, f"{first.primary.span.file}:{line}: {first.message}")

    def _fate(self, mutant: Derived, smallest: Sequence[Baseline], progress: Progress) -> Fate:
        reached = [b for b in smallest if b.reaches(mutant)]
        if not reached:
            return Fate(Fated.NOT_REACHED)
        model = self._mutated(mutant)
        open_: list[str] = []
        met = frozenset[_Met]().union(*(b.met or () for b in smallest if b not in reached))
        for baseline in reached:
            names = (baseline.name,) if model.instances else ()
            (instance,) = instances(model, names=names)
            run = self._run(instance, self._limits(baseline), progress)
            found = _judged(run)
            met |= _met(run) or frozenset()
            if found.fated is Fated.KILLED:
                return found
            if found.fated is Fated.UNDECIDED:
                open_.append(f"{found.reason} in {baseline.name}")
        if open_:
            return Fate(Fated.UNDECIDED, reason="; ".join(open_))
        if all(b.met is not None for b in smallest):
            before = frozenset[_Met]().union(*(b.met or () for b in smallest))
            lost = self._lost(mutant, model, before - met)
            if lost is not None:
                return Fate(Fated.KILLED, killer=VACUITY, reason=lost)
        return Fate(Fated.SURVIVED, instance=", ".join(b.name for b in reached))

    def _lost(self, mutant: Derived, model: Model, missing: frozenset[_Met]) -> str | None:
        """The first thing that happens without the mutant, could with it, and never does."""
        known = {s.span for s in model.statements} - {*mutant.markers}
        left = sorted((m for m in missing if m[0] in known), key=lambda m: (m[0].file, m[0].start))
        if not left:
            return None
        span, outcome = left[0]
        word = {None: "executed", True: "true", False: "false"}[outcome]
        return f"`{model.source[span.file].snippet(span)}` is never {word}"

    def _limits(self, baseline: Baseline) -> Limits:
        if self.limits != Limits(bytes=self.limits.bytes):
            return self.limits
        return replace(self.limits, states=max(_AT_LEAST, _TIMES * baseline.states))


@dataclass(frozen=True, slots=True)
class Lowered:
    """A mutant as threads execute it."""

    fingerprint: str | None
    error: str | None
    """Why there is no such thing."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the specification itself does in an instance."""

    name: str
    states: int
    violated: tuple[str, ...]
    """Properties that are not declared to be."""
    called: frozenset[str]
    """The procedures that threads may come to."""
    met: frozenset[_Met] | None
    """What happens; ``None``: not all is known."""
    never: frozenset[Span] | None
    """Statements and conditions that are known not to be executed, whatever changes elsewhere; ``None``: nothing
    is known."""

    def reaches(self, mutant: Derived) -> bool:
        """Whether what the mutant changes may be executed. If not, it does what the specification does."""
        if mutant.procedure.name.text not in self.called:
            return False
        return self.never is None or not self.never.issuperset(mutant.markers)


def _baseline(run: Run, called: frozenset[str]) -> Baseline:
    result, model = run.result, run.instance.model
    verdicts = result.verdicts
    met = _met(run)
    never = None
    if met is not None:
        executed = {span for span, _ in met}
        never = frozenset(s.span for s in model.statements) - executed - _before_dead_ends(model)
    return Baseline(
        run.instance.name,
        result.statistics.states,
        tuple(p for p, v in verdicts.items() if isinstance(v, Violated)),
        called,
        met,
        never,
    )


def _met(run: Run) -> frozenset[_Met] | None:
    """``None``: not everything that can happen is known."""
    result = run.result
    complete = all(isinstance(v, Checked) for v in result.verdicts.values())
    if not complete or result.fault is not None or result.coverage is None:
        return None
    return result.coverage.branches.union((span, None) for span in result.coverage.executed)


def _before_dead_ends(model: Model) -> frozenset[Span]:
    """Statements of steps that may turn out not to exist: that they were not executed means nothing then."""
    codes = [
        code
        for t in model.threads
        for code in (t.start, *(location.code for location in t.locations))
    ]
    spans: set[Span] = set()
    for code in codes:
        inside = list(nodes(code))
        if any(isinstance(n, Assume | Pick) for n in inside):
            spans |= {n.span for n in inside if isinstance(n, Reached | If | TryLock)}
    return frozenset(spans)


def _judged(run: Run) -> Fate:
    """What the run shows of a mutant: the shortest counterexample counts."""
    verdicts = run.result.verdicts
    killers = sorted(
        (len(verdict.trace.steps), name)
        for name, verdict in verdicts.items()
        if isinstance(verdict, Violated)
    )
    if killers:
        steps, name = killers[0]
        return Fate(Fated.KILLED, instance=run.instance.name, killer=name, steps=steps)
    reasons = [v.reason for v in verdicts.values() if isinstance(v, Inconclusive)]
    if reasons:
        return Fate(Fated.UNDECIDED, reason=reasons[0])
    return Fate(Fated.SURVIVED, instance=run.instance.name)


def representatives(
    mutants: Sequence[Derived], lowered: Mapping[str, Lowered], original: str
) -> dict[str, str]:
    """By the name of each mutant that can be run and changes something, which one is run for it: the first that
    does the same."""
    first: dict[str, str] = {}
    chosen: dict[str, str] = {}
    for mutant in mutants:
        done = lowered[mutant.name].fingerprint
        if done is not None and done != original:
            chosen[mutant.name] = first.setdefault(done, mutant.name)
    return chosen
