"""Where threads rest between transactions, and in which order a transaction goes through locations.

A transaction goes on as ``pvcheck.model.transactions`` says, but passes a location once at most: it ends before
it comes back to one. So all transactions of a thread are one pass through its locations, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvcheck.model.model import ThreadFamily
from pvcheck.model.semantics import Semantics
from pvcheck.model.transactions import Kind, Mover, Movers


@dataclass(frozen=True)
class Route:
    """The way of one family's threads."""

    order: tuple[int, ...]
    """All locations that can be reached; a transaction passes them in this order."""
    resting: frozenset[int]
    """Those where a thread can be between two transactions."""
    movers: tuple[Mover, ...] | None
    """Per location; ``None``: every step is a transaction."""
    place: Mapping[int, int]
    """Of each location in the order."""

    def may_go_on(self, source: int, target: int) -> bool:
        """Whether some transaction goes on from one location with the step from the other."""
        if self.movers is None or target < 0:
            return False
        stops = self.movers[target].kind is Kind.STOP
        return not stops and self.place[target] > self.place[source]


def routes(semantics: Semantics, movers: Movers | None) -> dict[str, Route]:
    """Per thread family."""
    starts: dict[str, set[int]] = {family.name: set() for family in semantics.model.threads}
    for (family, _), local in zip(semantics.instance.threads, semantics.initial[1], strict=False):
        if local[0] >= 0:
            starts[family.name].add(local[0])
    return {
        family.name: _route(semantics, family, starts[family.name], movers)
        for family in semantics.model.threads
    }


def _route(
    semantics: Semantics, family: ThreadFamily, starts: set[int], movers: Movers | None
) -> Route:
    locations = sorted(semantics.locations(family))
    if movers is None:
        order = tuple(locations)
        return Route(order, frozenset(locations), None, {n: k for k, n in enumerate(order)})
    targets = {n: semantics.targets(family, n) for n in locations}
    moving = movers[family.name]
    order = _order(locations, targets, moving)
    place = {n: k for k, n in enumerate(order)}
    route = Route(order, frozenset(), moving, place)
    return Route(order, _resting(route, starts, targets, moving), moving, place)


def _order(
    locations: Sequence[int], targets: Mapping[int, Sequence[int]], moving: Sequence[Mover]
) -> tuple[int, ...]:
    """Such that as few transactions as a search in depth can manage come back."""
    done: list[int] = []
    seen: set[int] = set()
    for root in locations:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(targets[root]))]
        while stack:
            location, rest = stack[-1]
            for target in rest:
                if target not in seen and moving[target].kind is not Kind.STOP:
                    seen.add(target)
                    stack.append((target, iter(targets[target])))
                    break
            else:
                done.append(location)
                stack.pop()
    return tuple(reversed(done))


def _resting(
    route: Route,
    starts: set[int],
    targets: Mapping[int, Sequence[int]],
    moving: Sequence[Mover],
) -> frozenset[int]:
    resting = set(starts)
    todo: list[tuple[int, bool, str | None]] = [(n, False, None) for n in starts]
    seen = set(todo)

    def meet(location: int, committed: bool, taken: str | None) -> None:
        if (location, committed, taken) not in seen:
            seen.add((location, committed, taken))
            todo.append((location, committed, taken))

    while todo:
        location, committed, taken = todo.pop()
        mover = moving[location]
        committed = committed or mover.commits
        taken = taken or mover.takes
        for target in targets[location]:
            goes_on = route.may_go_on(location, target)
            stays = not goes_on or not always_goes_on(moving[target], committed, taken)
            if goes_on and not never_goes_on(moving[target], committed, taken):
                meet(target, committed, taken)
            if stays:
                resting.add(target)
                meet(target, False, None)
    return frozenset(resting)


def never_goes_on(mover: Mover, committed: bool, taken: str | None) -> bool:
    match mover.kind:
        case Kind.STOP:
            return True
        case Kind.AWAIT:
            return committed or taken is not None
        case Kind.NON:
            return committed
        case _:
            return mover.releases is not None and mover.releases == taken


def always_goes_on(mover: Mover, committed: bool, taken: str | None) -> bool:
    return mover.kind is not Kind.AWAIT and not never_goes_on(mover, committed, taken)
