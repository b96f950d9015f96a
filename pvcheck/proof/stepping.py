"""A step being taken: where it has come to, what has to be shown, values and faults on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from pvcheck.model.code import Code
from pvcheck.model.expr import Ask, Changed, Expr, LockRef, LockTest, Read, TakeSnapshot
from pvcheck.model.model import Fault, LockOrder
from pvcheck.model.types import Int, Optional, Type
from pvcheck.model.walk import nodes
from pvcheck.proof.evaluation import Notes, fit
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.state import Setting, World
from pvcheck.proof.values import (
    Maybe,
    OutsideFragment,
    Terms,
    Value,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, is_true
from pvcheck.source import Span

ALL_FAULTS = (Fault.RACE, Fault.BOUNDS, Fault.NONE_ACCESS, Fault.EMPTY_LIST)


@dataclass(frozen=True)
class Claim:
    """What must hold in every state in which ``given`` holds."""

    property: str
    given: tuple[Any, ...]
    goal: Any
    span: Span
    what: str


@dataclass(frozen=True)
class End:
    """One way through a step."""

    target: int
    given: tuple[Any, ...]
    """The conditions of this way."""
    world: World
    """After it."""


@dataclass
class Step:
    """All that a step can do."""

    world: World
    """That it meets."""
    ends: list[End] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    awaits_condition: bool = False
    """Whether it may begin with waiting for anything but a lock, which has a place in the order."""
    acquires: set[str] = field(default_factory=set)
    """Classes of which a lock is taken."""

    @property
    def facts(self) -> list[Any]:
        return [*self.world.facts, *self.notes.facts]


@dataclass
class Way:
    """Where one way through the step has come to."""

    world: World
    given: tuple[Any, ...] = ()
    over: Terms = ()
    """Constants that stand for any values: the way is gone for all of them at once."""

    def copy(self) -> Way:
        return Way(self.world.copy(), self.given, self.over)


def guard_of_elements(variable: str) -> str:
    """What has to be shown where elements come and go, as a property; see ``ElementGuard``."""
    return f"element-guard of {variable}"


Then = Callable[[Way], None]


def awaited_lock(condition: Expr, ghosts: Collection[str]) -> LockRef | None:
    """The lock for which ``await`` waits as ``acquire`` would. Nobody waits for a ghost."""
    match condition:
        case LockTest(ask=Ask.FREE, lock=lock) if lock.lock not in ghosts:
            return lock
    return None


class Stepping:
    """One step being taken."""

    def __init__(self, setting: Setting, order: LockOrder, step: Step) -> None:
        self._setting = setting
        self._theory = setting.theory
        self._order = order
        self._step = step

    def run(self, code: Code, way: Way, then: Then) -> None:
        """Go on with the code, and then with what comes after it."""
        raise NotImplementedError

    def _evaluator(self, way: Way) -> Evaluator:
        notes = Notes(facts=self._step.notes.facts)
        return Evaluator(self._theory, way.world, notes, guarded=True, over=way.over)

    def _settle(self, evaluator: Evaluator, way: Way, span: Span) -> None:
        """Claim that what was evaluated has no fault, and go on from there without."""
        for kind, when in evaluator.notes.faults:
            self._claim(str(kind), way, negation(when), span, f"no {kind}")
        good = [negation(when) for _, when in evaluator.notes.faults]
        way.given = (*way.given, *(g for g in good if not is_true(g)))
        evaluator.notes.faults.clear()

    def _claim(self, property_: str, way: Way, goal: Any, span: Span, what: str) -> None:
        self._step.claims.append(Claim(property_, way.given, goal, span, what))

    def _value(self, way: Way, expr: Expr, span: Span, wanted: Type | None = None) -> Value:
        evaluator = self._evaluator(way)
        try:
            value = evaluator.value(expr)
        except OutsideFragment as outside:
            self._outside(way, expr, span, outside.what)
            return self._theory.anything("outside", wanted or expr.type, way.over)
        self._settle(evaluator, way, span)
        return value if wanted is None else self._stored(way, value, expr.type, wanted, span)

    def _stored(self, way: Way, value: Value, type_: Type, wanted: Type, span: Span) -> Value:
        if isinstance(value, Maybe) and not isinstance(wanted, Optional):
            self._claim(Fault.NONE_ACCESS, way, value.some, span, "no none-access")
            way.given = (*way.given, value.some)
        value = fit(value, type_, wanted)
        if isinstance(wanted, Int):
            inside = self._evaluator(way).in_range(value, wanted)
            self._claim(Fault.BOUNDS, way, inside, span, "the number is in range")
            way.given = (*way.given, inside)
        return value

    def _outside(self, way: Way, part: Any, span: Span, what: str) -> None:
        """Nothing is known of what happens here: no fault can be excluded."""
        reads = any(isinstance(n, Read | TakeSnapshot | Changed) for n in nodes(part))
        for kind in ALL_FAULTS if reads else ALL_FAULTS[1:]:
            self._claim(kind, way, FALSE, span, f"{what} is outside the fragment")

    def _truth(self, way: Way, expr: Expr, span: Span) -> Any:
        return terms(self._value(way, expr, span))[0]
