"""Shared variables and values as functions: unknown ones, and what two of them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import z3

from pvcheck.model.model import Variable
from pvcheck.model.types import ListOf, SetOf, Type
from pvcheck.proof.theory import Theory, inner
from pvcheck.proof.values import (
    Function,
    List,
    Maybe,
    Opaque,
    Set,
    Terms,
    Value,
    all_of,
    equal_terms,
    implies,
    members,
    terms,
)
from pvcheck.proof.z3_terms import TRUE, for_all


def unknown_variable(theory: Theory, variable: Variable, name: str) -> Function:
    """From indices to values, about which nothing is known but their type."""
    index = tuple(leaf for b in variable.binders for leaf in theory.leaves(b.type))
    if theory.is_opaque(variable.type):
        return Function(lambda *_: Opaque())
    match variable.type:
        case SetOf(of=of):
            has = theory.unknown(name, (), (*index, *theory.leaves(of)), z3.BoolSort())
            return Function(lambda *i: Set(Function(lambda *e: has(*i, *e))))
        case ListOf(of=of):
            element = theory.leaves(inner(of) if isinstance(of, SetOf) else of)
            once = theory.unknown(f"{name}.once", (), (*index, *element), z3.BoolSort())
            twice = theory.unknown(f"{name}.twice", (), (*index, *element), z3.BoolSort())
            filled = theory.unknown(f"{name}.filled", (), index, z3.BoolSort())
            return Function(
                lambda *i: List(
                    Function(lambda *e: once(*i, *e)),
                    Function(lambda *e: twice(*i, *e)),
                    filled(*i),
                )
            )
    leaves = [theory.unknown(name, (), index, leaf) for leaf in theory.leaves(variable.type)]
    return Function(lambda *i: theory.shape(variable.type, [leaf(*i) for leaf in leaves]))


def well_formed(theory: Theory, variable: Variable, function: Function) -> list[Any]:
    """What holds of all its values."""
    index = theory.variable_index(variable.name)
    found = theory.is_well_formed(function(*index), variable.type)
    return [z3.ForAll(list(index), formula) if index else formula for formula in found]


def flat(theory: Theory, variable: Variable, function: Function) -> Function:
    """The same function, written down once: what it is at some index is put together no more."""
    if theory.is_opaque(variable.type):
        return function
    index = theory.variable_index(variable.name)
    value = function(*index)

    def at(term: Any, extra: Terms, *given: Any) -> Any:
        return z3.substitute(term, *zip((*index, *extra), given, strict=True))

    match value:
        case Set(has):
            e = theory.constants("e", inner(variable.type))
            inside = z3.simplify(has(*e))
            return Function(lambda *i: Set(Function(lambda *x: at(inside, e, *i, *x))))
        case List(once, twice, filled):
            of = inner(variable.type)
            e = theory.constants("e", inner(of) if isinstance(of, SetOf) else of)
            parts = [z3.simplify(part) for part in (once(*e), twice(*e), filled)]
            return Function(
                lambda *i: List(
                    Function(lambda *x: at(parts[0], e, *i, *x)),
                    Function(lambda *x: at(parts[1], e, *i, *x)),
                    at(parts[2], (), *i),
                )
            )
    leaves = [z3.simplify(leaf) for leaf in terms(value)]
    return Function(lambda *i: theory.shape(variable.type, [at(leaf, (), *i) for leaf in leaves]))


def define(
    theory: Theory,
    variable: Variable,
    symbol: Function,
    function: Function,
    *,
    given: Any = TRUE,
    found_by: Function | None = None,
) -> list[Any]:
    """That a symbol is the function, if ``given``. By it what is known of the variable is found, where spelt
    out it would be lost in cases; by ``found_by``, the symbol."""
    index = theory.variable_index(variable.name)
    name, value, also = symbol(*index), function(*index), (found_by or symbol)(*index)
    match name, value, also:
        case Set(), Set(), Set():
            e = theory.constants("e", inner(variable.type))
            same = [(name.has(*e), value.has(*e), also.has(*e), e)]
        case List(), List(), List():
            of = inner(variable.type)
            e = theory.constants("e", inner(of) if isinstance(of, SetOf) else of)
            same = [
                (name.once(*e), value.once(*e), also.once(*e), e),
                (name.twice(*e), value.twice(*e), also.twice(*e), e),
                (name.filled, value.filled, also.filled, ()),
            ]
        case _:
            leaves = zip(terms(name), terms(value), terms(also), strict=True)
            same = [(*of_leaf, ()) for of_leaf in leaves]
    marks = list(_marks(theory, variable, index))
    return [
        implies(given, for_all((*index, *e), all_of([one == other, *marks]), one, third))
        for one, other, third, e in same
    ]


def _marks(theory: Theory, variable: Variable, index: Terms) -> Iterator[Any]:
    start = 0
    for binder in variable.binders:
        width = len(theory.leaves(binder.type))
        yield from theory.seen(binder.type, index[start : start + width])
        start += width


def as_often(a: Value, b: Value, element: Terms) -> Any:
    """That the element is in one as often as in the other, as far as that is known."""
    match a, b:
        case Set(x), Set(y):
            return x(*element) == y(*element)
        case List(), List():
            once = a.once(*element) == b.once(*element)
            return all_of([once, a.twice(*element) == b.twice(*element)])
    raise AssertionError("both are sets, or lists")


def mentions(collection: Value, element: Terms) -> list[Any]:
    """The terms that say how often an element is in it."""
    match collection:
        case List(once, twice):
            return [once(*element), twice(*element)]
    return [members(collection)(*element)]


def same_value(theory: Theory, a: Value, b: Value, type_: Type) -> Any:
    """That two values are the same, as far as they are known."""
    match a, b:
        case Set(x), Set(y):
            e = theory.constants("e", inner(type_))
            return z3.ForAll(list(e), x(*e) == y(*e))
        case List(), List():
            e = theory.constants(
                "e", inner(inner(type_)) if isinstance(inner(type_), SetOf) else inner(type_)
            )
            return z3.And(
                z3.ForAll(list(e), a.once(*e) == b.once(*e)),
                z3.ForAll(list(e), a.twice(*e) == b.twice(*e)),
                a.filled == b.filled,
            )
        case Maybe(some_a, x), Maybe(some_b, y):
            return all_of(
                [some_a == some_b, implies(some_a, same_value(theory, x, y, inner(type_)))]
            )
        case (Opaque(), _) | (_, Opaque()):
            return TRUE
    return equal_terms(terms(a), terms(b))
