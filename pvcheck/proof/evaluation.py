"""What evaluating an expression needs: the state, facts that define unknown values, faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import z3

from pvcheck.model.expr import (
    Expr,
)
from pvcheck.model.model import Fault
from pvcheck.model.types import (
    Bool,
    Optional,
    SetOf,
    Type,
)
from pvcheck.proof.theory import Theory, inner
from pvcheck.proof.values import (
    Atom,
    Function,
    List,
    Maybe,
    Set,
    Terms,
    Value,
    all_of,
    any_of,
    equal_terms,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, TRUE, is_false


class World(Protocol):
    """What an expression sees of a state."""

    def read(self, variable: str, indices: Terms) -> Value:
        """The value of an element."""

    def may_read(self, variable: str, indices: Terms) -> Any:
        """Whether the stepping thread holds a lock that guards the element."""

    def local(self, slot: int, type_: Type) -> Value: ...

    def self_element(self, type_: Type) -> Value: ...

    def held(self, lock: str, indices: Terms) -> Any: ...

    def free(self, lock: str, indices: Terms) -> Any: ...

    def holder(self, lock: str, indices: Terms, type_: Type) -> Value: ...

    def parameter(self, name: str, type_: Type) -> Value: ...

    def allows(self, operation: str) -> bool: ...


@dataclass
class Notes:
    """What evaluating has brought up besides a value."""

    facts: list[Any] = field(default_factory=list)
    """They hold whatever the state is."""
    faults: list[tuple[Fault, Any]] = field(default_factory=list)
    """How it can go wrong, and when."""


class Evaluation:
    """Evaluates expressions in one state; how, subclasses say."""

    def __init__(
        self, theory: Theory, world: World, notes: Notes, *, guarded: bool, over: Terms = ()
    ) -> None:
        self.theory = theory
        self.world = world
        self.notes = notes
        self._over = over
        """Constants that stand for any values: what is unknown may be different for each."""
        self.guarded = guarded
        """Whether reads need a lock (in steps, not in properties)."""
        self.bound: dict[int, Value] = {}
        self._given: list[tuple[str, Any]] = []

    # Notes

    def fault(self, kind: Fault, when: Any, *, surely: bool = True) -> None:
        """Note a fault. Not ``surely``: then it may be, or not."""
        if not is_false(when):
            if not surely or any(how == "until" for how, _ in self._given):
                when = all_of([when, terms(self.unknown(Bool(), "fault"))[0]])
            for how, what in reversed(self._given):
                when = all_of([what, when]) if how == "if" else z3.Exists(list(what), when)
            self.notes.faults.append((kind, when))

    def fact(self, formula: Any) -> None:
        """A formula that defines what is unknown; under binders, for all their values."""
        if consts := self.over:
            formula = z3.ForAll(list(consts), formula)
        self.notes.facts.append(formula)

    @contextmanager
    def given(self, condition: Any) -> Iterator[None]:
        self._given.append(("if", condition))
        yield
        self._given.pop()

    @contextmanager
    def binding(
        self, number: int, value: Value, consts: Terms = (), *, stops: bool = False
    ) -> Iterator[None]:
        """``stops``: not all values need be looked at."""
        self.bound[number] = value
        if consts:
            self._given.append(("until" if stops else "for", consts))
        yield
        if consts:
            self._given.pop()

    @property
    def over(self) -> Terms:
        """What may take any value around what is evaluated: what is unknown depends on it."""
        return (*self._over, *(c for how, what in self._given if how != "if" for c in what))

    def unknown(self, type_: Type, name: str = "unknown") -> Value:
        return self.theory.anything(name, type_, self.over)

    # Values

    def truth(self, expr: Expr) -> Any:
        return terms(self.value(expr))[0]

    def indices(self, exprs: tuple[Expr, ...], types: tuple[Type, ...]) -> Terms:
        """Index expressions as terms; an optional one is taken for what is in it."""
        return tuple(
            t for e, of in zip(exprs, types, strict=True) for t in terms(self.as_type(e, of))
        )

    def as_type(self, expr: Expr, type_: Type) -> Value:
        value = self.value(expr)
        return fit(value, expr.type, type_)

    def value(self, expr: Expr) -> Value:
        """The value of an expression.

        Raises:
            OutsideFragment: it has none that is known.
        """
        raise NotImplementedError

    def _empty(self, type_: Type) -> Value:
        never = Function(lambda *_: FALSE)
        return Set(never) if isinstance(type_, SetOf) else List(never, never, FALSE)

    def _number(self, value: Atom, *, least: int) -> Atom:
        self.fact(value.term >= least)
        return value


def bare(type_: Type) -> Type:
    return inner(type_) if isinstance(type_, Optional) else type_


def fit(value: Value, type_: Type, wanted: Type) -> Value:
    """A value of ``type_`` where one of ``wanted`` is expected: optional or not."""
    if isinstance(value, Maybe) and not isinstance(wanted, Optional):
        return value.of
    if isinstance(wanted, Optional) and not isinstance(value, Maybe):
        return Maybe(TRUE, value)
    return value


def with_element(value: Value, x: Terms) -> Value:
    """The collection with one more element."""
    if isinstance(value, Set):
        has = value.has
        return Set(Function(lambda *t: any_of([has(*t), equal_terms(t, x)])))
    assert isinstance(value, List)
    once, twice = value.once, value.twice
    return List(
        Function(lambda *t: any_of([once(*t), equal_terms(t, x)])),
        Function(lambda *t: any_of([twice(*t), all_of([equal_terms(t, x), once(*x)])])),
        TRUE,
    )
