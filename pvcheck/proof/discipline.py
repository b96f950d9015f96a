"""How shared data is protected, besides by ``guarded by``: read off the specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from pvcheck.model.code import Assign, Bump, Code
from pvcheck.model.expr import Self
from pvcheck.model.model import Model
from pvcheck.model.types import ListOf, SetOf, Struct
from pvcheck.model.walk import nodes
from pvcheck.proof.theory import Theory, inner


@dataclass(frozen=True)
class ElementGuard:
    """Elements of a collection that come and go only under a lock that they name themselves."""

    variable: str
    lock: str
    positions: tuple[int, ...]
    """Of the leaves of an element that are the lock's index."""
    literal: Any
    """Holds as long as it is assumed."""


@dataclass(frozen=True)
class Discipline:
    """How shared data is protected, besides ``guarded by``."""

    own_index: Mapping[str, int]
    """Lock-free variables of which each thread writes only its own element: which index it is."""
    versions: Mapping[str, tuple[str, ...]]
    """By generation counter: the variables of which every change comes with a bump."""
    elements: tuple[ElementGuard, ...]

    @staticmethod
    def of(theory: Theory) -> Discipline:
        model = theory.model
        codes = [location.code for family in model.threads for location in family.locations]
        return Discipline(
            _own_index(model, codes), _versions(model, codes), _element_guards(theory)
        )


def _own_index(model: Model, codes: Sequence[Code]) -> dict[str, int]:
    found = {
        v.name: n
        for v in model.variables
        if v.guard is None and not v.counter
        for n, b in enumerate(v.binders)
        if [f.sort for f in model.threads] == [b.type]
    }
    for node in nodes(tuple(codes)):
        if isinstance(node, Assign) and node.place.variable in found:
            index = node.place.indices[found[node.place.variable]]
            if not isinstance(index, Self):
                del found[node.place.variable]
    return found


def _versions(model: Model, codes: Sequence[Code]) -> dict[str, tuple[str, ...]]:
    counters = {v.name: v for v in model.variables if v.counter}
    found = {
        name: {
            v.name
            for v in model.variables
            if not v.counter and [b.type for b in v.binders] == [b.type for b in c.binders]
        }
        for name, c in counters.items()
    }

    def look(code: Code) -> None:
        bumped = {(i.counter, i.indices) for i in code if isinstance(i, Bump)}
        for instruction in code:
            if isinstance(instruction, Assign) and instruction.place.variable is not None:
                for name, versioned in found.items():
                    if (name, instruction.place.indices) not in bumped:
                        versioned.discard(instruction.place.variable)
            for block in _blocks(instruction):
                look(block)

    for code in codes:
        look(code)
    return {name: tuple(sorted(versioned)) for name, versioned in found.items()}


def _blocks(instruction: Any) -> tuple[Code, ...]:
    names = ("then", "otherwise", "success", "failure", "body")
    inside = tuple(getattr(instruction, n) for n in names if hasattr(instruction, n))
    return (*inside, *getattr(instruction, "alternatives", ()))


def _element_guards(theory: Theory) -> tuple[ElementGuard, ...]:
    found = []
    for variable in theory.model.variables:
        if variable.guard is None or not isinstance(variable.type, ListOf | SetOf):
            continue
        element = inner(variable.type)
        if not isinstance(element, Struct) or theory.is_opaque(variable.type):
            continue
        start = 0
        for name, type_ in element.fields:
            width = len(theory.leaves(type_))
            for lock in theory.model.locks:
                if lock.indices == (type_,):
                    literal = z3.Bool(theory.unique(f"guard.{variable.name}.{lock.name}.{name}"))
                    positions = tuple(range(start, start + width))
                    found.append(ElementGuard(variable.name, lock.name, positions, literal))
            start += width
    return tuple(found)
