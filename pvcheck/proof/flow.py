"""The order of a thread's locations, and its loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
class Flow:
    """The locations that can be come to, in an order in which only the steps back of loops go backwards."""

    order: tuple[int, ...]
    heads: Mapping[int, Changes]
    """Where the steps back lead to, and what happens on the way round."""


def targets(code: Code) -> tuple[int, ...]:
    """Where a step can end, ``FINISHED`` apart."""
    found = {n.location for n in nodes(code) if isinstance(n, Goto)}
    return tuple(sorted(found - {FINISHED}))


def flow(family: ThreadFamily) -> Flow:
    after = {location.number: targets(location.code) for location in family.locations}
    order = tuple(reversed(list(_postorder(targets(family.start), after))))
    position = {location: n for n, location in enumerate(order)}
    before: dict[int, list[int]] = {location: [] for location in order}
    for location in order:
        for target in after[location]:
            before[target].append(location)
    changes = {location: _changes(family.locations[location].code) for location in order}
    heads = {}
    for head in order:
        back = [source for source in before[head] if position[source] >= position[head]]
        if back:
            body = _body(head, back, before, position)
            heads[head] = _together([changes[location] for location in body])
    return Flow(order, heads)


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


def _body(
    head: int, back: Sequence[int], before: Mapping[int, Sequence[int]], position: Mapping[int, int]
) -> set[int]:
    """All on some way from the head round to it that does not pass an earlier location."""
    body, waiting = {head}, [b for b in back if b != head]
    while waiting:
        location = waiting.pop()
        if location in body:
            continue
        body.add(location)
        waiting += [s for s in before[location] if position[s] >= position[head]]
    return body


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
