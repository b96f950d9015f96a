"""Specifications written in tests, run by the explicit engine; a second way to the answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import networkx as nx

from pvcheck.engines.base import Limits
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.lang.lower import lower
from pvcheck.lang.parse import parse
from pvcheck.load import instances
from pvcheck.model.instance import Instance
from pvcheck.model.model import Model
from pvcheck.model.reduction import Reduction
from pvcheck.model.replay import violated
from pvcheck.model.result import Result
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.symmetry import Group
from pvcheck.model.trace import Trace
from pvcheck.model.verdict import Violated
from pvcheck.reduce.movers import movers
from pvcheck.source import Source


@dataclass
class Watcher:
    """Progress that remembers what it was told."""

    updates: list[dict[str, int]] = field(default_factory=list)

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        self.updates.append(
            {"depth": depth, "states": states, "transitions": transitions, "frontier": frontier}
        )


def without_copy(of: Model) -> set[str]:
    """``pmap_copy``, where address spaces have no order and it is no_copy.pv."""
    ordered = any(s.type.name == "Pmap" and s.type.ordered for s in of.sorts)
    return set() if ordered else {"pmap_copy"}


def model(text: str) -> Model:
    source = Source("test.pv", text)
    return lower(parse(source), (source,))


def instance(text: str, **settings: int | bool) -> Instance:
    """Of a specification without instances, or its first one."""
    values = {name: str(value).lower() for name, value in settings.items()}
    (only,) = instances(model(text), settings=values)
    return only


def check(
    what: Instance,
    properties: Collection[str] | None = None,
    limits: Limits | None = None,
    stop: Collection[str] = (),
    group: Group | None = None,
    *,
    transactions: bool = False,
) -> Result:
    return ExplicitEngine().check(
        what,
        what.model.properties if properties is None else properties,
        limits or Limits(),
        Watcher(),
        stop_when_violated=stop,
        reduction=Reduction(group, movers(Semantics(what)) if transactions else None),
    )


def run(text: str, **settings: int | bool) -> Result:
    return check(instance(text, **settings))


def violations(result: Result) -> dict[str, int]:
    """The violated properties with the lengths of their traces."""
    return {
        name: len(v.trace.steps) for name, v in result.verdicts.items() if isinstance(v, Violated)
    }


def trace(result: Result, property_: str) -> Trace:
    verdict = result.verdicts[property_]
    assert isinstance(verdict, Violated), verdict
    return verdict.trace


@dataclass
class Truth:
    """The whole state graph, and what it says, found in a way no engine uses."""

    states: int
    transitions: int
    depth: int
    shortest: dict[str, int]
    """The length of a shortest counterexample of each violated property."""


def truth(what: Instance, most: int | None = None) -> Truth | None:
    """``None`` if there are more than ``most`` states."""
    semantics = Semantics(what)
    if semantics.initial_fault is not None:
        return Truth(0, 0, 0, {semantics.initial_fault.kind: 0})
    graph: nx.DiGraph[State] = nx.DiGraph()
    graph.add_node(semantics.initial)
    todo, transitions = [semantics.initial], 0
    faults: list[tuple[State, str]] = []
    while todo:
        if most is not None and len(graph) > most:
            return None
        state = todo.pop()
        for _, outcome, after in semantics.successors(state):
            transitions += 1
            if after is None:
                assert outcome.fault is not None
                faults.append((state, outcome.fault.kind))
            else:
                if after not in graph:
                    todo.append(after)
                graph.add_edge(state, after)
    distance = nx.single_source_shortest_path_length(graph, semantics.initial)
    lengths: list[tuple[str, int]] = [(kind, distance[state] + 1) for state, kind in faults]
    for state, far in distance.items():
        lengths.extend(
            (p, far) for p in what.model.properties if violated(semantics, p, state, None)
        )
    shortest: dict[str, int] = {}
    for name, length in lengths:
        shortest[name] = min(length, shortest.get(name, length))
    return Truth(len(graph), transitions, max(distance.values()), shortest)
