"""With symmetries and without: what must be the same."""

from __future__ import annotations

import re
from dataclasses import replace

from systems import check

from pvcheck.model.instance import Instance
from pvcheck.model.result import LockEdge, Result
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.symmetry import Group
from pvcheck.model.verdict import Inconclusive, Violated
from pvcheck.reduce.symmetry import symmetry


def group_of(instance: Instance) -> Group | None:
    return symmetry(Semantics(instance)).group


def essence(result: Result) -> tuple[object, ...]:
    """Verdicts, how far they hold and lengths of counterexamples; coverage; lock edges."""
    verdicts = {
        name: (type(v), len(v.trace.steps) if isinstance(v, Violated) else None)
        + ((v.depth,) if isinstance(v, Inconclusive) else ())
        for name, v in result.verdicts.items()
    }
    edges = [(e.before, e.after, e.direction) for e in result.lock_edges]
    return verdicts, result.coverage, edges, result.statistics.depth


def words(result: Result) -> tuple[object, ...]:
    """Verdicts in words; lock edges; coverage, but for locks that somebody waited for."""
    edges = [(e.before, e.after, e.direction) for e in result.lock_edges]
    coverage = replace(result.coverage, contended=frozenset())
    return {n: type(v) for n, v in result.verdicts.items()}, edges, coverage


def assert_same(instance: Instance, group: Group) -> tuple[Result, Result]:
    """The results without and with the symmetries, which are the same but for the states."""
    without, reduced = check(instance), check(instance, group=group)
    assert essence(reduced) == essence(without)
    assert reduced.statistics.states <= without.statistics.states
    assert all(shown(edge) for edge in reduced.lock_edges)
    return without, reduced


def shown(edge: LockEdge) -> bool:
    """Whether the example is of this edge."""
    wanted = edge.example.held_after[-1]
    for held in edge.example.held_before:
        classes = tuple(re.split(r"\W", lock, maxsplit=1)[0] for lock in (held, wanted))
        direction = "ascending" if indices(held) < indices(wanted) else "descending"
        if classes == (edge.before, edge.after) and edge.direction in ("", direction):
            return True
    return False


def indices(lock: str) -> list[int]:
    return [int(index) for index in re.findall(r"\d+", lock.split("[", 1)[-1])]


def reachable(semantics: Semantics, most: int) -> list[State] | None:
    """All reachable states; ``None`` if there are more than ``most``."""
    if semantics.initial_fault is not None:
        return []
    found = {semantics.initial: None}
    todo = [semantics.initial]
    while todo:
        for _, _, after in semantics.successors(todo.pop()):
            if after is not None and after not in found:
                found[after] = None
                todo.append(after)
        if len(found) > most:
            return None
    return list(found)
