"""Exact breadth-first search: visits every state, finds shortest counterexamples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from operator import itemgetter

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.findings import coverage_of, unviolated
from pvcheck.engines.meter import Meter
from pvcheck.engines.search import Packed, Search
from pvcheck.garbage import no_collection
from pvcheck.model import replay
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Coverage, LockEdge, Result, Statistics
from pvcheck.model.verdict import Verdict, Violated

CHUNK = 1024
"""States that are expanded between two looks at the limits."""


@dataclass(slots=True)
class Explored:
    """How far a run got, and why it got no further."""

    depth: int = 0
    """Steps from the initial state that were searched completely."""
    fault_depth: int | None = None
    """Steps of the shortest run that ends in a fault."""
    reason: str | None = None
    """``None``: every state was visited."""
    interrupted: bool = False


class ExplicitEngine:
    """Memory: one dictionary entry per reachable state, and the parts that states are made of."""

    @property
    def name(self) -> str:
        return "explicit"

    @property
    def visits_states(self) -> bool:
        return True

    def without_checkpoints(self) -> ExplicitEngine:
        return self

    def with_workers(self, workers: int) -> ExplicitEngine:
        return self

    def check(
        self,
        instance: Instance,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        stop_when_violated: Collection[str] = (),
        reduction: Reduction = UNREDUCED,
    ) -> Result:
        meter = Meter(limits, progress)
        search = Search(instance.semantics, properties, reduction)
        run = Explored()
        with no_collection():
            explore_within(search, run, meter, limits.depth, stop_when_violated)
        return result_of(search, run, properties, meter.seconds)


def explore_within(
    search: Search, run: Explored, meter: Meter, limit: int | None, stop: Collection[str]
) -> None:
    """As ``explore``; also what interrupts it is in ``run``."""
    try:
        explore(search, run, meter, limit, stop)
    except KeyboardInterrupt:
        run.interrupted, run.reason = True, "interrupted"
    except MemoryError:
        search.forget()
        run.reason = "out of memory"


def result_of(search: Search, run: Explored, properties: Collection[str], seconds: float) -> Result:
    """What the search has established."""
    return Result(
        verdicts=_verdicts(search, run, properties),
        statistics=Statistics(
            states=len(search.parents),
            transitions=search.transitions,
            depth=run.depth,
            seconds=seconds,
            reductions=search.reductions,
        ),
        coverage=_coverage(search),
        lock_edges=_lock_edges(search),
        interrupted=run.interrupted,
        fault=None if search.fault is None else search.fault.kind,
    )


def explore(
    search: Search, run: Explored, meter: Meter, limit: int | None, stop: Collection[str]
) -> None:
    """Level by level; what is found is in ``search``, how far it got in ``run``."""
    frontier = [] if search.initial is None else [search.initial]
    run.fault_depth = 0 if search.fault is not None else None
    depth = 0
    while frontier:
        if depth == limit:
            search.judge(frontier)
            run.depth, run.reason = depth, f"depth limit {limit}"
            return
        found: list[Packed] = []
        position = 0
        while position < len(frontier):
            reason = meter.exceeded(len(search.parents)) if depth or position else None
            if reason is not None:
                run.reason = reason
                return
            room = meter.room(len(search.parents))
            size = CHUNK if room is None else max(1, min(CHUNK, room // 8))
            search.expand(frontier[position : position + size], found)
            position = min(position + size, len(frontier))
            if search.fault is not None and run.fault_depth is None:
                run.fault_depth = depth + 1
            if (
                meter.report(
                    depth=depth,
                    states=len(search.parents),
                    transitions=search.transitions,
                    frontier=len(frontier) - position + len(found),
                )
                and meter.tight()
            ):
                search.forget()
        run.depth = depth
        hit = [p for p in search.hits if p in stop]
        if hit:
            run.reason = f"stopped after the violation of {', '.join(hit)}"
            return
        frontier = found
        depth += 1


def _verdicts(search: Search, run: Explored, properties: Collection[str]) -> dict[str, Verdict]:
    semantics = search.semantics
    result: dict[str, Verdict] = {}
    for name in semantics.model.safety:
        if name not in properties:
            continue
        hit = search.hits.get(name)
        if hit is not None:
            result[name] = Violated(replay.trace_of(semantics, name, search.moves_to(hit)))
        else:
            result[name] = _unviolated(search, run)
    return result


def _unviolated(search: Search, run: Explored) -> Verdict:
    fault = None if search.fault is None else search.fault.kind
    assert fault is None or run.fault_depth is not None or run.interrupted, "set with the fault"
    return unviolated(len(search.parents), run.depth, run.reason, fault, run.fault_depth)


def _coverage(search: Search) -> Coverage:
    return coverage_of(
        search.semantics.items(search.covered),
        search.contended,
        {judge.name for judge in search.judges if judge.open},
    )


def _lock_edges(search: Search) -> tuple[LockEdge, ...]:
    return tuple(
        LockEdge(
            before,
            after,
            direction,
            search.about_to(acquiring),
        )
        for (before, after, direction), acquiring in sorted(search.edges.items(), key=itemgetter(0))
    )
