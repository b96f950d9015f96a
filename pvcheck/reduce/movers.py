"""Which steps move: the parts of transactions (see ``pvcheck.model.transactions``).

A step is what the strongest of its parts is. The argument is in docs/soundness.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pvcheck.model.code import (
    Assume,
    Await,
    Bump,
    Choose,
    Lock,
    LockAction,
    Pick,
    Place,
    TryLock,
)
from pvcheck.model.compiled import first_of, may_wait
from pvcheck.model.expr import Ask, Changed, LockTest, Read, TakeSnapshot
from pvcheck.model.model import Location
from pvcheck.model.semantics import Semantics
from pvcheck.model.transactions import Kind, Mover, Movers
from pvcheck.model.walk import depends_on_state, nodes
from pvcheck.reduce.visibility import Visible, visible

STOP = Mover(Kind.STOP, True)


def movers(semantics: Semantics) -> Movers:
    """Of the locations that the instance can get to; others stop."""
    analysis = _Analysis(semantics)
    found: dict[str, tuple[Mover, ...]] = {}
    for family in semantics.model.threads:
        reached = set(semantics.locations(family))
        found[family.name] = tuple(
            analysis.mover(location) if location.number in reached else STOP
            for location in family.locations
        )
    return found


class _Analysis:
    def __init__(self, semantics: Semantics) -> None:
        self._variables = semantics.layout.variables
        self._visible: Visible = visible(semantics.model)
        inside = [
            node
            for family in semantics.model.threads
            for number in semantics.locations(family)
            for node in nodes(family.locations[number].code)
        ]
        self._observed = self._visible.locks | frozenset(_observed(inside))
        # Who holds the guard depends on other variables then: nothing moves.
        self._fixed = not any(
            depends_on_state(v.guard) for v in self._variables.values() if v.guard is not None
        )

    def mover(self, location: Location) -> Mover:
        """Of the step from the location."""
        inside = list(nodes(location.code))
        first = first_of(location.code)
        atomic = any(map(self._not_moving, inside))
        if isinstance(first, Lock) and may_wait(first):
            moves = first.action is LockAction.ACQUIRE and self._moves(first) and not atomic
            return Mover(Kind.STOP, not moves, takes=first.lock.lock if moves else None)
        if isinstance(first, Await) and self._fixed:
            return Mover(Kind.AWAIT, True)
        if not self._fixed or any(map(_branches, inside)):
            return Mover(Kind.STOP, atomic or not self._fixed)
        if atomic:
            return Mover(Kind.NON, True)
        if isinstance(first, Lock):
            if first.action is LockAction.RELEASE and self._moves(first):
                kept = first.lock.lock in self._visible.kept
                return Mover(Kind.LEFT, True, releases=first.lock.lock if kept else None)
            return Mover(Kind.NON, True)
        return Mover(Kind.BOTH, False)

    def _moves(self, lock: Lock) -> bool:
        return lock.lock.lock not in self._observed

    def _not_moving(self, node: Any) -> bool:
        """Whether it makes a difference when this part of a step is done, apart from its lock operation."""
        match node:
            case TryLock():
                return True
            case LockTest(ask=ask):
                return ask is not Ask.HELD
            case Read(variable=str(name)):
                return self._variables[name].guard is None
            case TakeSnapshot(counter=name) | Changed(counter=name) | Bump(counter=name):
                return self._variables[name].guard is None
            case Place(variable=str(name)):
                return self._variables[name].guard is None or name in self._visible.variables
        return False


def _observed(inside: list[Any]) -> Iterator[str]:
    for node in inside:
        match node:
            case TryLock(lock=lock):
                yield lock.lock
            case LockTest(lock=lock, ask=ask) if ask is not Ask.HELD:
                yield lock.lock
            case Lock(lock=lock, action=LockAction.UPGRADE | LockAction.DOWNGRADE):
                yield lock.lock


def _branches(node: Any) -> bool:
    """Whether the step may have no outcome, or several: a loop of choices inside a transaction would have
    exponentially many."""
    return isinstance(node, Await | Assume | Pick | Choose)
