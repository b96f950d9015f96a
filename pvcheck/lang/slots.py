"""Which locals a piece of code reads and sets; live locals of a graph.

Sets of slots are bit masks: slot k is bit k.
"""

from __future__ import annotations

from collections.abc import Iterable

from pvcheck.lang.graph import Kind, Node
from pvcheck.model import code as c
from pvcheck.model.expr import Domain, Expr, Local
from pvcheck.model.parts import walk

Slots = int
ALL: Slots = -1


def live_in(nodes: Iterable[Node]) -> dict[int, Slots]:
    """For each node's number, the slots whose value may still be read from there on."""
    order = sorted(nodes, key=lambda n: n.number)
    # The effect of a node is distributive: what it reads, and what it lets through.
    reads = {n.number: _through_node(n, 0) for n in order}
    passes = {n.number: _through_node(n, ALL) for n in order}
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
    return live


def numbers(mask: Slots) -> tuple[int, ...]:
    """The slots, ascending."""
    return tuple(slot for slot in range(mask.bit_length()) if mask >> slot & 1)


def _through_node(node: Node, after: Slots) -> Slots:
    match node.kind:
        case Kind.BRANCH:
            after |= _used(node.condition)
        case Kind.TRY:
            assert node.attempt is not None, "a TRY has its lock"
            after |= _used_in_all(node.attempt.lock.indices)
    return _before_code(node.code, after)


def _before_code(code: c.Code, after: Slots) -> Slots:
    """The slots read by ``code``, or by what follows without being set before."""
    for instruction in reversed(code):
        after = _before(instruction, after)
    return after


def _before(instruction: c.Instruction, after: Slots) -> Slots:
    match instruction:
        case c.Assign(place, value):
            return _before_assign(place, after) | _used(value)
        case c.Lock(lock=lock):
            return after | _used_in_all(lock.indices)
        case c.Bump(indices=indices):
            return after | _used_in_all(indices)
        case c.Await(condition) | c.Check(condition) | c.Assume(condition):
            return after | _used(condition)
        case c.If(condition, then, otherwise):
            both = _before_code(then, after) | _before_code(otherwise, after)
            return both | _used(condition)
        case c.ForEach(slot, domain, _, body):
            # Zero or more rounds: what a round reads before setting it is live before the loop.
            around = after | _before_code(body, after)
            return _without(around | _before_code(body, around), slot) | _domain(domain)
        case c.Pick(slot, domain, where):
            return _without(after | _used(where), slot) | _domain(domain)
        case c.Choose(alternatives):
            return _union(_before_code(a, after) for a in alternatives)
        case c.Begin(_, arguments, held):
            return _without(after, held) | _used_in_all(arguments)
        case c.Finish(_, held):
            return after | 1 << held
        case c.Reached():
            return after
    raise AssertionError(f"{instruction} is made by cutting")


def _before_assign(place: c.Place, after: Slots) -> Slots:
    if place.slot is not None:
        # A change of a part keeps the rest.
        after = after | 1 << place.slot if place.path else _without(after, place.slot)
    inside = (s.index for s in place.path if s.index is not None)
    return after | _used_in_all((*place.indices, *inside))


def _without(slots: Slots, slot: int) -> Slots:
    return slots & ~(1 << slot)


def _used(expr: Expr | None) -> Slots:
    if expr is None:
        return 0
    return _union(1 << e.slot for e in walk(expr) if isinstance(e, Local))


def _domain(domain: Domain) -> Slots:
    return _used(domain.within)


def _used_in_all(exprs: Iterable[Expr]) -> Slots:
    return _union(map(_used, exprs))


def _union(many: Iterable[Slots]) -> Slots:
    result = 0
    for slots in many:
        result |= slots
    return result
