"""The values of a type in an instance: all of them in order, how many, the first, and as text.

The order of values is: ``false`` before ``true``; numbers and positions rising; ``none`` first;
structs and arrays from left to right; lists shorter first; sets as binary numbers, the greatest
element weighing most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, assert_never

from pvcheck.model.constant import NotConstant, evaluate
from pvcheck.model.expr import Expr, Value
from pvcheck.model.instance import Instance
from pvcheck.model.types import (
    ArrayOf,
    Bool,
    Enum,
    Int,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)

MANY = 1_000_000
"""Types with more values than this are not enumerated."""


class TooLarge(Exception):
    """The instance is too large, or cannot be; the message says what."""


def constant(expr: Expr, instance: Instance) -> int:
    """The value of a constant expression (``Bool`` as 0 or 1).

    Raises:
        TooLarge: it has none.
    """
    try:
        return evaluate(expr, instance.sizes, instance.parameters)
    except NotConstant as error:
        raise TooLarge(f"a bound in instance {instance.name}: {error}") from error


def bounds(type_: Int, instance: Instance) -> tuple[int | None, int | None]:
    """The least and the greatest value, ``None`` where there is none."""
    low = None if type_.low is None else constant(type_.low, instance)
    high = None if type_.high is None else constant(type_.high, instance)
    return low, high


def capacity(type_: ListOf, instance: Instance) -> int | None:
    """How many elements a list may have; ``None``: any number."""
    if type_.capacity is not None:
        return constant(type_.capacity, instance)
    return count(type_.of, instance)


def size(type_: Sort | Enum, instance: Instance) -> int:
    """The number of elements of an index type."""
    return instance.sizes[type_.name] if isinstance(type_, Sort) else len(type_.labels)


def count(type_: Type, instance: Instance) -> int | None:
    """The number of values; ``None`` if there is no bound or it is astronomical (above 10**30)."""
    number = _count(type_, instance)
    return None if number is None or number > 10**30 else number


def _count(type_: Type, instance: Instance) -> int | None:
    match type_:
        case Bool():
            return 2
        case Int():
            low, high = bounds(type_, instance)
            return None if low is None or high is None else max(0, high - low + 1)
        case Sort() | Enum():
            return size(type_, instance)
        case Optional(of=of):
            inner = count(of, instance)
            return None if inner is None else inner + 1
        case Struct(fields=fields):
            return _product(count(t, instance) for _, t in fields)
        case ArrayOf(index=index, of=of):
            assert isinstance(index, Sort | Enum), "arrays are indexed by sorts and enums"
            inner = count(of, instance)
            length = size(index, instance)
            return _power(inner, length)
        case SetOf(of=of):
            return _power(2, count(of, instance))
        case ListOf(of=of):
            most = capacity(type_, instance)
            inner = count(of, instance)
            if most is None or inner is None or most > 200:
                return None
            return sum(int(inner**length) for length in range(most + 1))
        case Snapshot() | LockSet():
            return None
        case _:
            assert_never(type_)


def _product(counts: Iterator[int | None]) -> int | None:
    result = 1
    for number in counts:
        if number is None:
            return None
        result *= number
    return result


def _power(base: int | None, exponent: int | None) -> int | None:
    if base is None or exponent is None or (base > 1 and exponent > 200):
        return None
    return int(base**exponent)


def values(type_: Type, instance: Instance) -> tuple[Value, ...]:
    """All values, in order.

    Raises:
        TooLarge: there are more than ``MANY`` of them.
    """
    number = count(type_, instance)
    if number is None or number > MANY:
        many = "unboundedly many" if number is None else str(number)
        raise TooLarge(f"type {type_} has {many} values in instance {instance.name}")
    return tuple(_values(type_, instance))


def _values(type_: Type, instance: Instance) -> Iterator[Value]:
    match type_:
        case Bool():
            yield from (False, True)
        case Int():
            low, high = bounds(type_, instance)
            assert low is not None, "counted before"
            assert high is not None, "counted before"
            yield from range(low, high + 1)
        case Sort() | Enum():
            yield from range(size(type_, instance))
        case Optional(of=of):
            yield None
            yield from _values(of, instance)
        case Struct(fields=fields):
            yield from product(*(tuple(_values(t, instance)) for _, t in fields))
        case ArrayOf(index=index, of=of):
            assert isinstance(index, Sort | Enum), "arrays are indexed by sorts and enums"
            yield from product(tuple(_values(of, instance)), repeat=size(index, instance))
        case SetOf(of=of):
            elements = tuple(_values(of, instance))
            for bits in range(2 ** len(elements)):
                yield frozenset(e for i, e in enumerate(elements) if bits >> i & 1)
        case ListOf(of=of):
            elements = tuple(_values(of, instance))
            for length in range((capacity(type_, instance) or 0) + 1):
                yield from product(elements, repeat=length)
        case Snapshot() | LockSet():
            raise AssertionError("internal types are not enumerated")
        case _:
            assert_never(type_)


def default(type_: Type, instance: Instance) -> Value:
    """What a local holds that was never assigned: the first value."""
    match type_:
        case Bool():
            return False
        case Int():
            low, high = bounds(type_, instance)
            return low if low is not None else 0 if high is None else min(0, high)
        case Sort() | Enum():
            return 0
        case Optional() | Snapshot():
            return None
        case Struct(fields=fields):
            return tuple(default(t, instance) for _, t in fields)
        case ArrayOf(index=index, of=of):
            assert isinstance(index, Sort | Enum), "arrays are indexed by sorts and enums"
            return (default(of, instance),) * size(index, instance)
        case SetOf() | LockSet():
            return frozenset()
        case ListOf():
            return ()
        case _:
            assert_never(type_)


Key = Callable[[Any], Any]


def sort_key(type_: Type) -> Key | None:
    """A key that sorts values into their order; ``None`` where Python's own order is the same."""
    match type_:
        case Bool() | Int() | Sort() | Enum() | Snapshot():
            return None
        case Optional(of=of):
            inner = _key(of)
            return lambda v: () if v is None else (inner(v),)
        case Struct(fields=fields):
            if all(sort_key(t) is None for _, t in fields):
                return None
            keys = [_key(t) for _, t in fields]
            return lambda v: tuple(k(f) for k, f in zip(keys, v, strict=True))
        case ArrayOf(of=of):
            if sort_key(of) is None:
                return None
            element = _key(of)
            return lambda v: tuple(element(e) for e in v)
        case ListOf(of=of):
            item = _key(of)
            return lambda v: (len(v), tuple(item(e) for e in v))
        case SetOf(of=of):
            member = _key(of)
            return lambda v: sorted((member(e) for e in v), reverse=True)
        case LockSet():
            return sorted
        case _:
            assert_never(type_)


def _key(type_: Type) -> Key:
    return sort_key(type_) or (lambda v: v)


def show(value: Any, type_: Type) -> str:
    """A value as text for people."""
    match type_:
        case Bool():
            return "true" if value else "false"
        case Int() | Sort():
            return str(value)
        case Enum(labels=labels):
            return str(labels[value])
        case Optional(of=of):
            return "none" if value is None else show(value, of)
        case Struct(fields=fields):
            parts = (f"{n}: {show(v, t)}" for v, (n, t) in zip(value, fields, strict=True))
            return "{" + ", ".join(parts) + "}"
        case ListOf(of=of) | ArrayOf(of=of):
            return "[" + ", ".join(show(v, of) for v in value) + "]"
        case SetOf(of=of):
            return "{" + ", ".join(show(v, of) for v in sorted(value, key=sort_key(of))) + "}"
        case Snapshot():
            return "none" if value is None else "stale" if value < 0 else "fresh"
        case LockSet():
            return "{" + ", ".join(str(v) for v in sorted(value)) + "}"
        case _:
            assert_never(type_)
