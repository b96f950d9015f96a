"""The loops of a thread: an order of its locations, and where each loop is entered."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from pvcheck.model.code import Choose, Code, Goto
from pvcheck.model.model import Location, ThreadFamily
from pvcheck.proof.flow import Flow, flow
from pvcheck.source import Span

NOWHERE = Span("graph.pv", 0, 0)
MOST = 8
graphs = st.integers(1, MOST).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, size - 1), max_size=3), min_size=size + 1, max_size=size + 1
    )
)
"""Where the start leads to, and each location."""


def family(graph: list[list[int]]) -> ThreadFamily:
    start, *locations = map(code, graph)
    return ThreadFamily(
        name="graph",
        sort=None,
        locals=(),
        start=start,
        locations=tuple(
            Location(n, (), steps, NOWHERE, "step", "graph", None)
            for n, steps in enumerate(locations)
        ),
        span=NOWHERE,
    )


def code(targets: list[int]) -> Code:
    return (Choose(tuple((Goto(target),) for target in targets), NOWHERE),)


def steps(graph: list[list[int]], found: Flow) -> set[tuple[int, int]]:
    return {(n, target) for n in found.order for target in graph[n + 1]}


@given(graphs)
def test_all_but_steps_back_go_forwards(graph: list[list[int]]) -> None:
    found = flow(family(graph))

    position = {location: n for n, location in enumerate(found.order)}
    for one, other in steps(graph, found) - found.back:
        assert position[one] < position[other]
    for _, head in found.back:
        assert head in found.loops[head].heads


@given(graphs)
def test_the_order_is_of_all_that_can_be_come_to(graph: list[list[int]]) -> None:
    found = flow(family(graph))

    ways: nx.DiGraph[int] = nx.DiGraph([(-1, n) for n in graph[0]])
    ways.add_edges_from((n, target) for n, targets in enumerate(graph[1:]) for target in targets)
    ways.add_node(-1)
    assert set(found.order) == nx.descendants(ways, -1)
    assert len(found.order) == len(set(found.order))


@given(graphs)
def test_whoever_comes_to_a_loop_from_elsewhere_comes_to_a_head(graph: list[list[int]]) -> None:
    """What is inside is what a step back can have come from, without another step back to the same loop."""
    found = flow(family(graph))

    forward: nx.DiGraph[int] = nx.DiGraph(steps(graph, found) - found.back)
    forward.add_nodes_from(found.order)
    for loop in set(found.loops.values()):
        sources = {one for one, other in found.back if other in loop.heads}
        inside = sources.union(loop.heads, *(nx.ancestors(forward, one) for one in sources))
        inside &= set(loop.heads).union(*(nx.descendants(forward, head) for head in loop.heads))
        for one, other in steps(graph, found):
            if other in inside and one not in inside and (one, other) not in found.back:
                assert other in loop.heads
        for root in graph[0]:
            assert root not in inside or root in loop.heads
