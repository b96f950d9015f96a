"""Which locals a piece of code uses and sets; live locals of a graph."""

from __future__ import annotations

from collections.abc import Iterable

from pvcheck.lang.graph import Kind, Node
from pvcheck.model import code as c
from pvcheck.model.expr import Domain, Expr, Local
from pvcheck.model.parts import walk

Slots = frozenset[int]


def used(expr: Expr | None) -> Slots:
    if expr is None:
        return frozenset()
    return frozenset(e.slot for e in walk(expr) if isinstance(e, Local))


def live_in(nodes: Iterable[Node]) -> dict[int, Slots]:
    """For each node's number, the slots whose value may still be read from there on."""
    order = sorted(nodes, key=lambda n: n.number)
    live: dict[int, Slots] = {n.number: frozenset() for n in order}
    changed = True
    while changed:
        changed = False
        for node in order:
            after = frozenset[int]().union(*(live[s.number] for s in node.successors))
            before = _through_node(node, after)
            if before != live[node.number]:
                live[node.number] = before
                changed = True
    return live


def _through_node(node: Node, after: Slots) -> Slots:
    match node.kind:
        case Kind.BRANCH:
            after |= used(node.condition)
        case Kind.TRY:
            assert node.attempt is not None, "a TRY has its lock"
            after |= _used_in_all(node.attempt.lock.indices)
    return live_before(node.code, after)


def live_before(code: c.Code, after: Slots) -> Slots:
    """The slots read by ``code``, or by what follows without being set before."""
    for instruction in reversed(code):
        after = _before(instruction, after)
    return after


def _before(instruction: c.Instruction, after: Slots) -> Slots:
    match instruction:
        case c.Assign(place, value):
            if place.slot is not None and not place.path:
                after -= {place.slot}
            elif place.slot is not None:
                after |= {place.slot}
            inside = [s.index for s in place.path if s.index is not None]
            return after | used(value) | _used_in_all((*place.indices, *inside))
        case c.Lock(lock=lock):
            return after | _used_in_all(lock.indices)
        case c.Bump(indices=indices):
            return after | _used_in_all(indices)
        case c.Await(condition) | c.Check(condition) | c.Assume(condition):
            return after | used(condition)
        case c.If(condition, then, otherwise):
            both = live_before(then, after) | live_before(otherwise, after)
            return both | used(condition)
        case c.ForEach(slot, domain, _, body):
            # Zero or more rounds: what a round reads before setting it is live before the loop.
            around = after | live_before(body, after)
            return (around | live_before(body, around)) - {slot} | _domain(domain)
        case c.Pick(slot, domain, where):
            return (after | used(where)) - {slot} | _domain(domain)
        case c.Choose(alternatives):
            return frozenset[int]().union(*(live_before(a, after) for a in alternatives))
        case c.Begin(_, arguments, held):
            return (after - {held}) | _used_in_all(arguments)
        case c.Finish(_, held):
            return after | {held}
        case c.Reached():
            return after
    raise AssertionError(f"{instruction} is made by cutting")


def _domain(domain: Domain) -> Slots:
    return used(domain.within)


def _used_in_all(exprs: Iterable[Expr]) -> Slots:
    return frozenset[int]().union(*(used(e) for e in exprs))
