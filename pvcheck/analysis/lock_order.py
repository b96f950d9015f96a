"""The lock order that was really observed: a graph of lock classes, and its cycles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from pvcheck.model.result import LockEdge

MOST_CYCLES = 100
"""A dense graph has astronomically many; nobody reads more than these."""


def cycles(edges: Iterable[LockEdge]) -> tuple[tuple[LockEdge, ...], ...]:
    """Every elementary cycle, shortest first, each as its edges from its least class on.

    A class whose locks are taken together in both directions is a cycle by itself.
    """
    listed = list(edges)
    between = {(e.before, e.after): e for e in listed if e.before != e.after}
    found = [
        tuple(between[step] for step in zip(turn, (*turn[1:], turn[0]), strict=True))
        for turn in map(_from_least, islice(_elementary(between), MOST_CYCLES))
    ]
    inside = {(e.before, e.direction): e for e in listed if e.before == e.after}
    for class_ in sorted({class_ for class_, _ in inside}):
        both = tuple(e for (name, _), e in sorted(inside.items()) if name == class_)
        if len(both) > 1:
            found.append(both)
    return tuple(sorted(found, key=lambda c: (len(c), [e.before for e in c])))


def _elementary(edges: Collection[tuple[str, str]]) -> Iterator[list[str]]:
    if _ordered(edges):
        return
    import networkx as nx  # noqa: PLC0415 - takes longer to load than a small instance to check

    graph: nx.DiGraph[str] = nx.DiGraph(list(edges))
    yield from nx.simple_cycles(graph)


def _ordered(edges: Collection[tuple[str, str]]) -> bool:
    """Whether there is no cycle."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for before, after in edges:
        sorter.add(after, before)
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True


def _from_least(turn: list[str]) -> list[str]:
    least = turn.index(min(turn))
    return turn[least:] + turn[:least]


def classes(edges: Iterable[LockEdge]) -> tuple[str, ...]:
    """The lock classes that were held together with another lock."""
    return tuple(sorted({name for e in edges for name in (e.before, e.after)}))
