"""What threads may still do to the data that locks protect, as far as their locals say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from pvcheck.model.code import Assign, Bump, ForEach, Pick, Place
from pvcheck.model.expr import (
    Bound,
    Changed,
    Comprehension,
    Let,
    Local,
    Quantifier,
    Read,
    TakeSnapshot,
)
from pvcheck.model.model import Model, ThreadFamily
from pvcheck.model.types import ArrayOf, ListOf, Optional, SetOf, Sort, Struct, Type
from pvcheck.model.walk import nodes

Work = frozenset[tuple[str, int]]
"""Elements: sort and value."""
_Name = tuple[str, int]
"""A slot or a bound variable."""


def protected(model: Model) -> dict[str, frozenset[str]]:
    """Per class of locks that threads wait for, the variables of one dimension under them, which is a sort.

    A lock that guards nothing by its declaration may be how a ghost lock is kept: it has the variables under
    ghosts. Classes without such are left out.
    """
    guarded: dict[str, set[str]] = {c.name: set() for c in model.locks}
    idle = set(guarded)
    for variable in model.variables:
        if variable.guard is None:
            continue
        under = {guard.lock.lock for guard in variable.guard.locks}
        idle -= under
        match [binder.type for binder in variable.binders]:
            case [Sort()]:
                for lock in under:
                    guarded[lock].add(variable.name)
            case _:
                pass
    under_ghosts = {name for ghost in model.ghosts for name in guarded[ghost]}
    found = {lock: under_ghosts if lock in idle else names for lock, names in guarded.items()}
    return {
        lock: frozenset(names)
        for lock, names in found.items()
        if names and lock not in model.ghosts
    }


def working_slots(family: ThreadFamily, variables: Collection[str]) -> frozenset[int]:
    """The locals by which the family gets at elements of the variables: those that an index is computed from,
    be it after they were passed on to other locals. Others may name a lock, but no data under it."""
    wanted: set[_Name] = set()
    sources: defaultdict[_Name, set[_Name]] = defaultdict(set)
    """Per local and bound variable, what it is computed from."""
    for node in nodes((family.start, *(location.code for location in family.locations))):
        match node:
            case Read(variable=name, indices=indices) | Place(variable=name, indices=indices):
                wanted |= _names(indices) if name in variables else set()
            case (
                Bump(counter=name, indices=indices)
                | TakeSnapshot(counter=name, indices=indices)
                | Changed(counter=name, indices=indices)
            ):
                wanted |= _names(indices) if name in variables else set()
            case Assign(place=Place(slot=int(slot)), value=value):
                sources["slot", slot] |= _names(value)
            case ForEach(slot=slot, domain=domain):
                sources["slot", slot] |= _names(domain)
            case Pick(slot=slot, domain=domain, where=where):
                sources["slot", slot] |= _names((domain, where))
            case Let(binder=binder, value=value):
                sources["bound", binder.number] |= _names(value)
            case Quantifier(binder=binder, domain=domain, where=where):
                sources["bound", binder.number] |= _names((domain, where))
            case Comprehension(binder=binder, domain=domain, where=where):
                sources["bound", binder.number] |= _names((domain, where))
            case _:
                pass
    todo = list(wanted)
    while todo:
        for source in sources[todo.pop()] - wanted:
            wanted.add(source)
            todo.append(source)
    return frozenset(number for kind, number in wanted if kind == "slot")


def _names(root: Any) -> set[_Name]:
    """The locals and bound variables in it."""
    return set(_each_name(root))


def _each_name(root: Any) -> Iterator[_Name]:
    for node in nodes(root):
        match node:
            case Local(slot=slot):
                yield "slot", slot
            case Bound(number=number):
                yield "bound", number
            case _:
                pass


def elements(type_: Type, value: Any, sorts: Collection[str]) -> Iterator[tuple[str, int]]:
    """The elements of the sorts in a value."""
    match type_:
        case Sort(name=name) if name in sorts:
            yield name, value
        case Optional(of=of) if value is not None:
            yield from elements(of, value, sorts)
        case Struct(fields=fields):
            for (_, inner), part in zip(fields, value, strict=True):
                yield from elements(inner, part, sorts)
        case SetOf(of=of) | ListOf(of=of) | ArrayOf(of=of):
            for part in value:
                yield from elements(of, part, sorts)
        case _:
            pass


def apart(work: Work, others: Collection[Work]) -> bool:
    """Whether all work on elements of the same sorts, and nobody on what the first one does."""
    sorts = {sort for sort, _ in work}
    return bool(sorts) and all(
        {sort for sort, _ in other} == sorts and work.isdisjoint(other) for other in others
    )
