"""All states of an instance, counted: the locks that threads hold, take and wait for.

The number of locks that an operation takes is a length of paths through the graph of all states, along
those in which the thread is inside the operation. The longest: a strongly connected part in which the
thread takes a lock, and from which it can return, has no bound; without such parts the graph has no cycle
that counts.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.blocking import blocking
from pvcheck.engines.components import components
from pvcheck.engines.explicit import Explored, explore_within, result_of
from pvcheck.engines.meter import Meter
from pvcheck.engines.search import SHARED_MASK, Packed, Search
from pvcheck.garbage import no_collection
from pvcheck.model.census import Census, LocksTaken
from pvcheck.model.instance import Instance
from pvcheck.model.model import LockKind
from pvcheck.model.operations import inside
from pvcheck.model.result import Result
from pvcheck.model.semantics import Semantics

_UNBOUNDED = float("inf")


def census(
    instance: Instance, properties: Collection[str], limits: Limits, progress: Progress
) -> tuple[Result, Census | str]:
    """What a search of all states establishes, and the census or why there is none.

    Cost: a search without reductions, and as much again for the graph.
    """
    meter = Meter(limits, progress)
    search, run = Search(instance.semantics, properties), Explored()
    with no_collection():
        explore_within(search, run, meter, limits.depth, ())
        counted: Census | str
        if run.reason is not None:
            counted = run.reason
        elif search.initial is None:
            counted = "there is no initial state"
        else:
            try:
                counted = _counted(search, meter)
            except _Exceeded as limit:
                counted = str(limit)
            except MemoryError:
                counted = "out of memory"
        return result_of(search, run, properties, meter.seconds), counted


class _Exceeded(Exception):
    """A limit was met; the message says which."""


def _counted(search: Search, meter: Meter) -> Census:
    semantics = search.semantics
    real = real_locks(semantics)
    numbers = {state & SHARED_MASK: state for state in search.parents}
    shared_parts = (search.unpack(state)[0] for state in numbers.values())
    most_held = max(
        len(semantics.held(shared, thread) & real)
        for shared in shared_parts
        for thread in range(search.threads)
    )
    graph = _Graph(search, real, meter)
    operations = [o.name for o in semantics.model.operations]
    taken = [t for name in operations if (t := _taken(graph, name, meter)) is not None]
    return Census(most_held, tuple(taken), blocking(search))


def real_locks(semantics: Semantics) -> frozenset[int]:
    """The cells of locks that a kernel has."""
    kinds = {c.name: c.kind for c in semantics.model.locks}
    lock_of = semantics.layout.lock_of
    return frozenset(
        cell for cell, (name, _) in enumerate(lock_of) if kinds[name] is not LockKind.GHOST
    )


@dataclass(frozen=True, slots=True)
class _Edge:
    """What a step does besides leading to another state."""

    difference: int
    taken: int
    """Locks that the thread holds after it and not before it."""
    begun: frozenset[str]
    finished: frozenset[str]
    """Operations."""


class _Graph:
    """All states, numbered in the order in which they were met, and the steps between them."""

    def __init__(self, search: Search, real: frozenset[int], meter: Meter) -> None:
        self.search = search
        self._real = real
        self._known: list[dict[Packed, tuple[_Edge, ...]]] = [{} for _ in range(search.threads)]
        self.states = list(search.parents)
        number = {state: n for n, state in enumerate(self.states)}
        self.begin = array("q", [0])
        """Per state, where its edges begin; one more than there are states."""
        self.target = array("i")
        self.thread = array("i")
        self.step: list[_Edge] = []
        for n, state in enumerate(self.states):
            _look(meter, n)
            for thread in range(search.threads):
                for edge in self._edges(state, thread):
                    self.target.append(number[state + edge.difference])
                    self.thread.append(thread)
                    self.step.append(edge)
            self.begin.append(len(self.target))

    def edges(self, state: int) -> range:
        return range(self.begin[state], self.begin[state + 1])

    def _edges(self, state: Packed, thread: int) -> tuple[_Edge, ...]:
        key = self.search.key(state, thread)
        known = self._known[thread].get(key)
        if known is None:
            known = self._known[thread][key] = tuple(self._found(state, thread))
        return known

    def _found(self, state: Packed, thread: int) -> Iterator[_Edge]:
        semantics = self.search.semantics
        shared, locals_ = self.search.unpack(state)
        held = semantics.held(shared, thread)
        outcomes = semantics.outcomes(shared, locals_[thread], thread)
        differences = self.search.steps(state, thread)
        for difference, outcome in zip(differences, outcomes, strict=True):
            if outcome.fault is not None:
                # The run of the system ends.
                continue
            items = semantics.items(outcome.covered)
            yield _Edge(
                difference,
                len((semantics.held(outcome.shared, thread) - held) & self._real),
                frozenset(item.name for item in items if item.what == "begin"),
                frozenset(item.name for item in items if item.what == "finish"),
            )


def _look(meter: Meter, states: int) -> None:
    """
    Raises:
        _Exceeded: there is no time or memory left.
    """
    if states % 4096:
        return
    meter.report(depth=0, states=states, transitions=0, frontier=0)
    # All states are kept already: their number is no matter.
    reason = meter.exceeded(0)
    if reason is not None:
        raise _Exceeded(reason)


def _taken(graph: _Graph, operation: str, meter: Meter) -> LocksTaken | None:
    """By all threads; ``None`` if nobody completes the operation."""
    runs = [_Runs(graph, operation, t, meter) for t in range(graph.search.threads)]
    fewest = [n for r in runs if (n := r.fewest()) is not None]
    if not fewest:
        return None
    most = max(length for r in runs if (length := r.most(alone=False)) is not None)
    alone = [length for r in runs if (length := r.most(alone=True)) is not None]
    return LocksTaken(operation, min(fewest), _bounded(most), _bounded(max(alone, default=most)))


def _bounded(length: float) -> int | None:
    return None if length == _UNBOUNDED else int(length)


class _Runs:
    """The runs of an operation by one thread."""

    def __init__(self, graph: _Graph, operation: str, thread: int, meter: Meter) -> None:
        self._graph = graph
        self._operation = operation
        self._thread = thread
        self._meter = meter
        family, _ = graph.search.semantics.instance.threads[thread]
        locations = inside(family, operation).locations
        self._nodes = {
            n
            for n, state in enumerate(graph.states)
            if graph.search.local(state, thread)[0] in locations
        }
        self._first: set[int] = {0} & self._nodes
        """States in which a run begins."""
        self._short: set[int] = set()
        """The locks taken by runs of a single step."""
        self._find_beginnings()

    def _find_beginnings(self) -> None:
        graph = self._graph
        for state in range(len(graph.states)):
            for edge in graph.edges(state):
                step = graph.step[edge]
                if graph.thread[edge] != self._thread or self._operation not in step.begun:
                    continue
                if graph.target[edge] in self._nodes:
                    self._first.add(graph.target[edge])
                elif self._operation in step.finished and state not in self._nodes:
                    self._short.add(step.taken)

    def fewest(self) -> int | None:
        """``None``: no run completes."""
        graph = self._graph
        found: set[int] = set(self._short)
        lengths = dict.fromkeys(self._first, 0)
        queue = deque((state, 0) for state in self._first)
        while queue:
            state, length = queue.popleft()
            if lengths[state] < length:
                continue
            for edge, taken, finishes in self._steps(state, alone=False):
                after, target = length + taken, graph.target[edge]
                if finishes:
                    found.add(after)
                elif after < lengths.get(target, after + 1):
                    lengths[target] = after
                    (queue.append if taken else queue.appendleft)((target, after))
        return min(found, default=None)

    def most(self, *, alone: bool) -> float | None:
        """``None``: no run completes. ``alone``: only runs in which no other thread takes a step."""
        graph = self._graph
        longest: dict[int, float] = {}
        """Per state, from there to the end; only where there is an end."""

        def targets(state: int) -> list[int]:
            steps = self._steps(state, alone=alone)
            return [graph.target[edge] for edge, _, finishes in steps if not finishes]

        for number, part in enumerate(components(self._first, targets)):
            _look(self._meter, number)
            within = set(part)
            lengths: set[float] = set()
            grows = False
            for state in part:
                for edge, taken, finishes in self._steps(state, alone=alone):
                    target = graph.target[edge]
                    if finishes:
                        lengths.add(taken)
                    elif target in within:
                        grows = grows or taken > 0
                    elif target in longest:
                        lengths.add(taken + longest[target])
            if lengths:
                length = _UNBOUNDED if grows else max(lengths)
                longest.update(dict.fromkeys(part, length))
        return max((*self._short, *(longest[s] for s in self._first if s in longest)), default=None)

    def _steps(self, state: int, *, alone: bool) -> Iterator[tuple[int, int, bool]]:
        """Edges inside the operation: each with the locks that the thread takes, and whether it returns."""
        graph = self._graph
        for edge in graph.edges(state):
            if graph.thread[edge] == self._thread:
                step = graph.step[edge]
                finishes = self._operation in step.finished
                if finishes or graph.target[edge] in self._nodes:
                    yield edge, step.taken, finishes
            elif not alone:
                yield edge, 0, False
