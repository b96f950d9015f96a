"""Symbolic values: a value of the model as z3 terms, sorts open.

A set is the function that says what is in it. A list is two of them: what is in it at least once, and
what at least twice; the order of its elements is forgotten. A list of sets is treated as one collection
of the elements of its sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pvcheck.proof.z3_terms import (
    FALSE,
    TRUE,
    conditional,
    conjunction,
    disjunction,
    equality,
    implication,
    negated,
    truth,
)


class OutsideFragment(Exception):
    """The proof has no formula for this construct.

    Args:
        what: the construct, in the words of the language.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


Terms = tuple[Any, ...]
"""z3 terms, one per leaf of a first-order value."""


class Function:
    """From terms to a term or a value, computed once for each."""

    __slots__ = ("_apply", "_known")

    def __init__(self, apply: Callable[..., Any]) -> None:
        self._apply: Final = apply
        self._known: dict[tuple[int, ...], tuple[Terms, Any]] = {}

    def __call__(self, *terms: Any) -> Any:
        key = tuple(t.get_id() for t in terms)
        known = self._known.get(key)
        if known is None:
            # The terms are kept, or z3 would use their numbers again.
            known = self._known[key] = (terms, self._apply(*terms))
        return known[1]


@dataclass(frozen=True, slots=True)
class Atom:
    """A truth value, a number, an element of a sort or an enum."""

    term: Any


@dataclass(frozen=True, slots=True)
class Tuple:
    """A struct, or an element of a sort that is made of two others."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Maybe:
    """An optional; ``of`` means nothing unless ``some``."""

    some: Any
    of: Value


@dataclass(frozen=True, slots=True)
class Set:
    has: Function
    """The name of the set, applied to an element: by it quantifiers are instantiated."""
    meaning: Function | None = None
    """The same spelt out, if there is such."""


@dataclass(frozen=True, slots=True)
class List:
    once: Function
    twice: Function
    filled: Any
    """Whether there is an element in it (in a list of sets that can be the empty set)."""


@dataclass(frozen=True, slots=True)
class Locks:
    """Which locks a thread holds, by class: exclusively, and shared."""

    exclusive: Mapping[str, Function]
    shared: Mapping[str, Function]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of which nothing is known: an array, something with one in it, a snapshot."""


Value = Opaque | Atom | Tuple | Maybe | Set | List | Locks


def terms(value: Value) -> Terms:
    """The leaves of a first-order value."""
    match value:
        case Atom(term):
            return (term,)
        case Tuple(parts):
            return tuple(t for part in parts for t in terms(part))
        case Maybe(some, of):
            return (some, *terms(of))
    raise OutsideFragment(f"a {type(value).__name__.lower()} as an element")


def members(collection: Value) -> Function:
    """What is in a set or list."""
    match collection:
        case Set(has=has):
            return has
        case List(once=once):
            return once
    raise OutsideFragment(f"a {type(collection).__name__.lower()} as a collection")


def all_of(conditions: Iterable[Any]) -> Any:
    """The conjunction, simplified where that is for free."""
    needed = []
    for condition in conditions:
        known = truth(condition)
        if known < 0:
            return FALSE
        if not known:
            needed.append(condition)
    if not needed:
        return TRUE
    return needed[0] if len(needed) == 1 else conjunction(needed)


def any_of(conditions: Iterable[Any]) -> Any:
    """The disjunction."""
    needed = []
    for condition in conditions:
        known = truth(condition)
        if known > 0:
            return TRUE
        if not known:
            needed.append(condition)
    if not needed:
        return FALSE
    return needed[0] if len(needed) == 1 else disjunction(needed)


def negation(condition: Any) -> Any:
    known = truth(condition)
    if known:
        return FALSE if known > 0 else TRUE
    return negated(condition)


def implies(condition: Any, then: Any) -> Any:
    known = truth(condition)
    if known > 0 or truth(then) > 0:
        return then
    return TRUE if known < 0 else implication(condition, then)


def equal_terms(a: Terms, b: Terms) -> Any:
    return all_of(
        [TRUE if x.get_id() == y.get_id() else equality(x, y) for x, y in zip(a, b, strict=True)]
    )


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """``If`` on terms."""
    known = truth(condition)
    if known > 0 or then.get_id() == otherwise.get_id():
        return then
    return otherwise if known < 0 else conditional(condition, then, otherwise)


def choose_function(condition: Any, then: Function, otherwise: Function) -> Function:
    if then is otherwise or truth(condition) > 0:
        return then
    if truth(condition) < 0:
        return otherwise
    return Function(lambda *t: choose(condition, then(*t), otherwise(*t)))


def choose_value(condition: Any, then: Value, otherwise: Value) -> Value:
    """``If`` on values of one type."""
    if then is otherwise or truth(condition) > 0:
        return then
    if truth(condition) < 0:
        return otherwise
    match then, otherwise:
        case (Opaque(), _) | (_, Opaque()):
            return Opaque()
        case Atom(a), Atom(b):
            return Atom(choose(condition, a, b))
        case Tuple(a), Tuple(b):
            return Tuple(tuple(choose_value(condition, x, y) for x, y in zip(a, b, strict=True)))
        case Maybe(a, x), Maybe(b, y):
            return Maybe(choose(condition, a, b), choose_value(condition, x, y))
        case Set(a), Set(b):
            return Set(choose_function(condition, a, b))
        case List(), List():
            return List(
                choose_function(condition, then.once, otherwise.once),
                choose_function(condition, then.twice, otherwise.twice),
                choose(condition, then.filled, otherwise.filled),
            )
        case Locks(), Locks():
            return Locks(
                _choose_each(condition, then.exclusive, otherwise.exclusive),
                _choose_each(condition, then.shared, otherwise.shared),
            )
    raise TypeError("values of two types")


def choose_of_values(condition: Any, then: Function, otherwise: Function) -> Function:
    """As ``choose_function``, where the functions yield values."""
    if then is otherwise:
        return then
    return Function(lambda *t: choose_value(condition, then(*t), otherwise(*t)))


def _choose_each(
    condition: Any, then: Mapping[str, Function], otherwise: Mapping[str, Function]
) -> dict[str, Function]:
    return {name: choose_function(condition, then[name], otherwise[name]) for name in then}
