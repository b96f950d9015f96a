"""Progress: is there a fair run without end in which a thread never finishes an operation?

All states are searched, without reductions. A run without end stays, from some point on, in a strongly
connected part of the graph of those states in which the thread is inside the operation, without the steps
by which it finishes. Such a part holds a fair run if each thread takes a step in it or need not: with fair
threads, since it cannot somewhere in it; with fair locks, since it waits for a lock that is never there for
it (with fair awaits likewise). States where it is there are taken out, and what remains is looked at again.

Source: Lichtenstein, Pnueli, "Checking That Finite State Concurrent Programs Satisfy Their Linear
Specification" (POPL 1985); Emerson, Lei, "Modalities for Model Checking" (POPL 1985).
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.components import components
from pvcheck.engines.explicit import Explored, explore
from pvcheck.engines.meter import Meter
from pvcheck.engines.search import Search
from pvcheck.garbage import no_collection
from pvcheck.model.fairness import is_owed
from pvcheck.model.instance import Instance
from pvcheck.model.model import Progress as Declared
from pvcheck.model.operations import Inside, inside
from pvcheck.model.replay import trace_of
from pvcheck.model.trace import Move
from pvcheck.model.verdict import Checked, Inconclusive, Verdict, Violated


def check(
    instance: Instance, properties: Collection[str], limits: Limits, progress: Progress
) -> dict[str, Verdict]:
    """The verdicts of those properties that are about progress."""
    asked = [p for p in instance.model.progress if p.name in properties]
    if not asked:
        return {}
    search, explored = Search(instance.semantics, ()), Explored()
    try:
        with no_collection():
            explore(search, explored, Meter(limits, progress), limits.depth, ())
            reason, depth = explored.reason, explored.depth
            if reason is None and search.fault is not None:
                # All was searched, the last level too.
                reason, depth = f"runs end in a fault ({search.fault.kind})", depth + 1
            if reason is not None:
                return {p.name: Inconclusive(depth, reason) for p in asked}
            graph = _Graph(search)
            return {p.name: _judged(graph, p) for p in asked}
    except MemoryError:
        return {p.name: Inconclusive(0, "out of memory for the graph of all states") for p in asked}


@dataclass(frozen=True, slots=True)
class _Step:
    """An edge of the graph."""

    source: int
    thread: int
    target: int
    choices: tuple[int, ...]


class _Graph:
    """All states, numbered in the order in which they were met, and the steps between them."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.semantics = search.semantics
        self.threads = range(search.threads)
        self.states = list(search.parents)
        number = {state: n for n, state in enumerate(self.states)}
        self.begin = array("q", [0])
        """Per state, where its edges begin; one more than there are states."""
        self.target = array("i")
        self.thread = array("b" if search.threads < 128 else "i")
        self._able: list[int] = []
        """Per state the threads that can take a step, as bits."""
        for state in self.states:
            able = 0
            for thread in self.threads:
                for difference in search.steps(state, thread):
                    self.target.append(number[state + difference])
                    self.thread.append(thread)
                    able |= 1 << thread
            self.begin.append(len(self.target))
            self._able.append(able)
        self._finishing: dict[tuple[int, int, str], tuple[bool, ...]] = {}

    def edges(self, state: int) -> range:
        return range(self.begin[state], self.begin[state + 1])

    def stands(self, state: int) -> bool:
        """Whether nobody can take a step."""
        return not self._able[state]

    def can_move(self, state: int, thread: int) -> bool:
        return bool(self._able[state] >> thread & 1)

    def location(self, state: int, thread: int) -> int:
        local: int = self.search.local(self.states[state], thread)[0]
        return local

    def is_owed(self, declared: Declared, state: int, thread: int) -> bool:
        unpacked = self.search.unpack(self.states[state])
        return is_owed(self.semantics, declared, unpacked, thread)

    def finishes(self, state: int, thread: int, operation: str) -> tuple[bool, ...]:
        """Of each step that the thread can take, whether it finishes the operation in it."""
        key = self.search.key(self.states[state], thread)
        known = self._finishing.get((key, thread, operation))
        if known is None:
            shared, locals_ = self.search.unpack(self.states[state])
            local = locals_[thread]
            results = [
                self.semantics.run(shared, local, thread, outcome.choices)
                for outcome in self.semantics.outcomes(shared, local, thread)
            ]
            known = self._finishing[key, thread, operation] = tuple(
                r is not None and ("finish", operation) in [n[:2] for n in r[1]] for r in results
            )
        return known

    def step(self, source: int, edge: int) -> _Step:
        thread = self.thread[edge]
        position = sum(self.thread[e] == thread for e in range(self.begin[source], edge))
        shared, locals_ = self.search.unpack(self.states[source])
        outcome = self.semantics.outcomes(shared, locals_[thread], thread)[position]
        return _Step(source, thread, self.target[edge], outcome.choices)


def _judged(graph: _Graph, declared: Declared) -> Verdict:
    for thread in graph.threads:
        family, _ = graph.semantics.instance.threads[thread]
        where = inside(family, declared.operation)
        region = _Region(graph, declared, thread, where)
        found = region.starving()
        if found is not None:
            stem, loop = found
            moves = [*graph.search.path(graph.states[stem]), *loop]
            trace = trace_of(graph.semantics, declared.name, moves, loop=len(moves) - len(loop))
            return Violated(trace)
    return Checked(len(graph.states))


class _Region:
    """The states in which a thread is inside an operation, and the steps by which it stays there."""

    def __init__(self, graph: _Graph, declared: Declared, thread: int, where: Inside) -> None:
        self._graph = graph
        self._declared = declared
        self._thread = thread
        self._where = where
        self._nodes = [
            state
            for state in range(len(graph.states))
            if graph.location(state, thread) in where.locations
        ]

    def starving(self) -> tuple[int, list[Move]] | None:
        """A state where the stem ends, and the moves of a loop from there; none: nobody can move."""
        for state in self._nodes:
            if self._graph.stands(state):
                return state, []
        found = self._fair_part(self._nodes)
        return None if found is None else self._lasso(found)

    def _steps(self, state: int, within: Collection[int]) -> Iterator[int]:
        """The edges that stay within, and inside the operation."""
        graph = self._graph
        own = 0
        for edge in graph.edges(state):
            if graph.thread[edge] == self._thread:
                position, own = own, own + 1
                if (
                    graph.location(state, self._thread) in self._where.finishing
                    and graph.finishes(state, self._thread, self._declared.operation)[position]
                ):
                    continue
            if graph.target[edge] in within:
                yield edge

    def _fair_part(self, nodes: Collection[int]) -> set[int] | None:
        """A strongly connected part in which a fair run can stay for ever."""
        todo = [set(nodes)]
        while todo:
            within = todo.pop()
            for part in components(sorted(within), partial(self._targets, within)):
                inside_part = set(part)
                movers = {self._graph.thread[e] for s in part for e in self._steps(s, inside_part)}
                if not movers:
                    continue
                others = [t for t in self._graph.threads if t not in movers]
                unfair = {s for t in others for s in self._unfair(part, t)}
                if not unfair:
                    return inside_part
                todo.append(inside_part - unfair)
        return None

    def _targets(self, within: Collection[int], state: int) -> list[int]:
        return [self._graph.target[e] for e in self._steps(state, within)]

    def _unfair(self, states: Sequence[int], thread: int) -> list[int]:
        """Of states that are met again and again, in which the thread takes no step, those where that is unfair."""
        graph, declared = self._graph, self._declared
        able = [s for s in states if graph.can_move(s, thread)]
        always = "threads" in declared.fair and len(able) == len(states)
        return able if always or (able and graph.is_owed(declared, states[0], thread)) else []

    # The counterexample

    def _lasso(self, part: set[int]) -> tuple[int, list[Move]]:
        """A short loop through a fair part that is fair itself."""
        start = min(part)
        wanted: list[int] = []
        """Threads for which the loop has to take a way round."""
        while True:
            loop = self._loop(start, part, wanted)
            missing = self._missing(loop)
            if missing is None:
                return start, [Move(step.thread, step.choices) for step in loop]
            assert missing not in wanted, "the way round is for that thread"
            wanted.append(missing)

    def _missing(self, loop: Sequence[_Step]) -> int | None:
        """A thread that the loop is not fair to."""
        states = [step.source for step in loop]
        others = sorted({*self._graph.threads} - {step.thread for step in loop})
        return next((t for t in others if self._unfair(states, t)), None)

    def _loop(self, start: int, part: set[int], wanted: Sequence[int]) -> list[_Step]:
        graph = self._graph
        edges: list[tuple[int, int]] = []
        at = start
        for thread in wanted:
            # A step of the thread's, or, if it takes none here, a state where it can take none.
            takes = {e for s in part for e in self._steps(s, part) if graph.thread[e] == thread}
            unable = {s for s in part if not graph.can_move(s, thread)}
            edges += self._way(at, part, takes, set() if takes else unable)
            at = graph.target[edges[-1][1]]
        if at != start or not edges:
            edges += self._way(at, part, set(), {start})
        return [graph.step(source, edge) for source, edge in edges]

    def _way(
        self, start: int, part: set[int], edges: Collection[int], states: Collection[int]
    ) -> list[tuple[int, int]]:
        """The shortest way whose last step is one of these edges or leads to one of these states: sources and
        edges."""
        came: dict[int, tuple[int, int]] = {}
        seen = {start}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            for edge in self._steps(state, part):
                target = self._graph.target[edge]
                if edge in edges or target in states:
                    way = [(state, edge)]
                    while way[-1][0] != start:
                        way.append(came[way[-1][0]])
                    return way[::-1]
                if target not in seen:
                    seen.add(target)
                    came[target] = state, edge
                    queue.append(target)
        raise AssertionError("a strongly connected part has a way")
