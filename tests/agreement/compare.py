"""The tool's answers and the oracle's, in one shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from oracle import Oracle
from oracle_values import Array, Element, Fault, Record

from pvcheck.lang import ast
from pvcheck.lang.lower import lower
from pvcheck.lang.parse import parse
from pvcheck.load import instances
from pvcheck.model.instance import Instance
from pvcheck.model.replay import violated
from pvcheck.model.semantics import Semantics, State
from pvcheck.source import Source

SharedState = tuple[Any, ...]


def front_end(head: str, rest: str) -> tuple[ast.Specification, Instance]:
    """The tree of both texts together and its one instance.

    Raises:
        SpecError: it is not valid.
    """
    sources = Source("head.pv", head), Source("rest.pv", rest)
    declarations = *_parsed(sources[0]).declarations, *parse(sources[1]).declarations
    tree = ast.Specification(declarations, span=_parsed(sources[0]).span)
    (instance,) = instances(lower(tree, sources))
    return tree, instance


@cache
def _parsed(source: Source) -> ast.Specification:
    """Parsing is most of the time that these tests take."""
    return parse(source)


@dataclass
class Answers:
    shortest: dict[str, int] = field(default_factory=dict)
    """For each violated property the number of steps of a shortest counterexample."""
    shared: dict[SharedState, int] = field(default_factory=dict)
    """For each reachable shared state, lock holders included, the number of steps to it."""
    states: int = 0


def oracle_says(tree: ast.Specification, instance: Instance, limit: int) -> Answers:
    """
    Raises:
        oracle.TooLarge: there are more than ``limit`` states.
    """
    oracle = Oracle(tree, instance.sizes, instance.parameters, instance.only)
    try:
        found = oracle.explore(limit)
    except Fault as fault:
        return Answers({fault.kind: 0})
    variables = [v for v in instance.model.variables if not v.counter]
    locks = instance.model.locks
    places = {
        name: oracle.elements_of(oracle.names[name].dimensions)
        for name in [d.name for d in (*locks, *variables)]
    }
    shared = {}
    for (values, holders), depth in found.shared.items():
        held, value = dict(holders), dict(values)
        state = (
            *(_cell(held.get((c.name, at))) for c in locks for at in places[c.name]),
            *(_plain(value[v.name, at]) for v in variables for at in places[v.name]),
        )
        shared[state] = depth
    return Answers(found.shortest, shared, found.states)


def _cell(held: Any) -> int:
    """As in a state of the tool: who holds it exclusively, or minus the readers as bits."""
    if held is None:
        return 0
    mode, threads = held
    return min(threads) + 1 if mode == "write" else -sum(1 << t for t in threads)


def _plain(value: Any) -> Any:
    match value:
        case Element(number=number):
            return number
        case Record(values=values):
            return tuple(map(_plain, values))
        case Array(values=pairs):
            return tuple(_plain(v) for _, v in pairs)
        case tuple():
            return tuple(map(_plain, value))
        case frozenset():
            return frozenset(map(_plain, value))
    return value


def tool_says(instance: Instance, limit: int) -> Answers:
    """What the reference semantics says, level by level."""
    semantics = Semantics(instance)
    if semantics.initial_fault is not None:
        return Answers({str(semantics.initial_fault.kind): 0})
    answers, seen = Answers(), {semantics.initial}
    level: list[State] = [semantics.initial]
    depth = 0
    while level:
        following: list[State] = []
        for state in level:
            answers.shared.setdefault(state[0][: semantics.layout.variable_end], depth)
            for name in instance.model.safety:
                if violated(semantics, name, state, None):
                    answers.shortest.setdefault(name, depth)
            for _, outcome, after in semantics.successors(state):
                if after is None:
                    assert outcome.fault is not None
                    answers.shortest.setdefault(str(outcome.fault.kind), depth + 1)
                elif after not in seen:
                    seen.add(after)
                    following.append(after)
        assert len(seen) <= 2 * limit, "the oracle found less than half as many"
        level, depth = following, depth + 1
    answers.states = len(seen)
    return answers
