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
    # The effect of a node is distributive: what it reads, and what it lets through.
    found = {n.number: _through_node(n, frozenset()) for n in order}
    everything = frozenset[int]().union(*found.values())
    reads = {number: _mask(slots) for number, slots in found.items()}
    passes = {n.number: _mask(_through_node(n, everything)) for n in order}
    live = dict.fromkeys(reads, 0)
    changed = True
    while changed:
        changed = False
        for node in order:
            after = 0
            for successor in node.successors:
                after |= live[successor.number]
            before = reads[node.number] | (after & passes[node.number])
            if before != live[node.number]:
                live[node.number] = before
                changed = True
    return {number: _slots(mask) for number, mask in live.items()}


def _mask(slots: Slots) -> int:
    return sum(1 << slot for slot in slots)


def _slots(mask: int) -> Slots:
    return frozenset(i for i in range(mask.bit_length()) if mask >> i & 1)


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
