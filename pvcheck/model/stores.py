"""What a place takes: bounded integers and lists are checked when stored, not when computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pvcheck.model import values
from pvcheck.model.instance import Instance
from pvcheck.model.runtime import bounds
from pvcheck.model.types import ArrayOf, Int, ListOf, Optional, SetOf, Struct, Type

Store = Callable[[Any, int], Any]
"""The value itself; ``bounds`` fault, blamed on the span, if the type does not take it."""


def store(type_: Type, instance: Instance) -> Store | None:
    """``None`` if the type takes every value that a well-typed expression can have."""
    match type_:
        case Int():
            return _integer(*values.bounds(type_, instance))
        case Optional(of=of):
            return _optional(store(of, instance))
        case Struct(fields=fields):
            return _struct([store(t, instance) for _, t in fields])
        case ListOf(of=of):
            return _list(values.capacity(type_, instance), store(of, instance))
        case SetOf(of=of) | ArrayOf(of=of):
            return _all(store(of, instance))
        case _:
            return None


def _integer(low: int | None, high: int | None) -> Store | None:
    if low is None and high is None:
        return None

    def check(value: int, p: int) -> int:
        if (low is not None and value < low) or (high is not None and value > high):
            bounds(p, f"value {value} is not in {low} to {high}")
        return value

    return check


def _optional(inner: Store | None) -> Store | None:
    if inner is None:
        return None

    def check(value: Any, p: int) -> Any:
        if value is not None:
            inner(value, p)
        return value

    return check


def _struct(fields: list[Store | None]) -> Store | None:
    checked = [(i, f) for i, f in enumerate(fields) if f is not None]
    if not checked:
        return None

    def check(value: Any, p: int) -> Any:
        for position, field in checked:
            field(value[position], p)
        return value

    return check


def _list(most: int | None, inner: Store | None) -> Store | None:
    if most is None:
        return _all(inner)

    def check(value: Any, p: int) -> Any:
        if len(value) > most:
            bounds(p, f"a list of {len(value)} elements; it holds at most {most}")
        if inner is not None:
            for element in value:
                inner(element, p)
        return value

    return check


def _all(inner: Store | None) -> Store | None:
    if inner is None:
        return None

    def check(value: Any, p: int) -> Any:
        for element in value:
            inner(element, p)
        return value

    return check
