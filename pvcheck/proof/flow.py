"""The order of a thread's locations, and its loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from pvcheck.model.code import Assign, Begin, Code, ForEach, Goto, Lock, LockAction, Pick, TryLock
from pvcheck.model.model import FINISHED, ThreadFamily
from pvcheck.model.walk import nodes


@dataclass(frozen=True, slots=True)
class Changes:
    """What a loop may change."""

    slots: frozenset[int]
    written: frozenset[str]
    """Shared variables."""
    taken: frozenset[str]
    """Classes of which a lock is taken."""
    released: frozenset[str]

    @property
    def locks(self) -> frozenset[str]:
        return self.taken | self.released


@dataclass(frozen=True, slots=True)
class Loop:
    """Locations that lead to each other.

    It may be entered at several: a test at its head that reads no shared data is part of the steps before
    it, and what comes after the test differs (B. Steensgaard: Sequentializing program dependence graphs for
    irreducible programs, Microsoft Research, 1993).
    """

    heads: tuple[int, ...]
    """Where it is entered. A step from inside to one of these is a step back."""
    changes: Changes
    inside: frozenset[int]
    """Its locations."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The locations that can be come to, in an order in which only the steps back of loops go backwards."""

    order: tuple[int, ...]
    loops: Mapping[int, Loop]
    """By each of its heads; a head is that of one loop."""
    back: frozenset[tuple[int, int]]
    """The steps back: from, to."""


def targets(code: Code) -> tuple[int, ...]:
    """Where a step can end, ``FINISHED`` apart."""
    found = {n.location for n in nodes(code) if isinstance(n, Goto)}
    return tuple(sorted(found - {FINISHED}))


def flow(family: ThreadFamily) -> Flow:
    after = {location.number: targets(location.code) for location in family.locations}
    roots = targets(family.start)
    first = tuple(reversed(list(_postorder(roots, after))))
    position = {location: n for n, location in enumerate(first)}
    changes = {location: _changes(family.locations[location].code) for location in first}
    ways: nx.DiGraph[int] = nx.DiGraph()
    ways.add_nodes_from(first)
    ways.add_edges_from((_START, root) for root in roots)
    ways.add_edges_from((location, target) for location in first for target in after[location])
    loops: dict[int, Loop] = {}
    back: set[tuple[int, int]] = set()
    waiting = [set(first)]
    while waiting:
        inside = waiting.pop()
        for body in list(nx.strongly_connected_components(ways.subgraph(inside))):
            some = next(iter(body))
            if len(body) == 1 and not ways.has_edge(some, some):
                continue
            entered = [n for n in body if any(b not in body for b in ways.predecessors(n))]
            heads = tuple(sorted(entered, key=position.__getitem__))
            loop = Loop(heads, _together([changes[n] for n in sorted(body)]), frozenset(body))
            loops |= dict.fromkeys(heads, loop)
            steps = [(b, head) for head in heads for b in ways.predecessors(head) if b in body]
            back.update(steps)
            ways.remove_edges_from(steps)
            waiting.append(body)
    ways.remove_nodes_from([_START])
    order = tuple(nx.lexicographical_topological_sort(ways, key=position.__getitem__))
    return Flow(order, {n: loops[n] for n in order if n in loops}, frozenset(back))


_START = -1


def _postorder(roots: Sequence[int], after: Mapping[int, Sequence[int]]) -> Iterator[int]:
    seen = set(roots)
    stack = [(root, iter(after[root])) for root in roots]
    while stack:
        location, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(after[target])))
                break
        else:
            stack.pop()
            yield location


def _changes(code: Code) -> Changes:
    """What one step may change."""
    slots: set[int] = set()
    written: set[str | None] = set()
    taken: set[str] = set()
    released: set[str] = set()
    for node in nodes(code):
        match node:
            case Assign(place=place) if place.slot is not None:
                slots.add(place.slot)
            case Assign(place=place):
                written.add(place.variable)
            case Pick(slot=slot) | ForEach(slot=slot) | Begin(held=slot):
                slots.add(slot)
            case Lock(action=action, lock=lock):
                (released if action in _GIVES else taken).add(lock.lock)
            case TryLock(lock=lock):
                taken.add(lock.lock)
    return Changes(
        frozenset(slots),
        frozenset(v for v in written if v),
        frozenset(taken),
        frozenset(released),
    )


def _together(changes: Sequence[Changes]) -> Changes:
    return Changes(
        frozenset().union(*(c.slots for c in changes)),
        frozenset().union(*(c.written for c in changes)),
        frozenset().union(*(c.taken for c in changes)),
        frozenset().union(*(c.released for c in changes)),
    )


_GIVES = (LockAction.RELEASE, LockAction.DOWNGRADE)
