"""What generated step functions call: choices, faults, and operations that may fault.

``p`` is always the number of the span to blame, ``w`` the shared part, ``t`` the thread's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pvcheck.model.model import Fault

Shared = Sequence[Any]

GREATEST = 10**18
"""Of a product; everything else grows slowly."""


class Faulted(Exception):
    """The step ends in a fault. Never leaves ``Semantics``."""

    def __init__(self, kind: Fault, span: int, detail: str) -> None:
        super().__init__(kind, span, detail)
        self.kind = kind
        self.span = span
        self.detail = detail


class NoSuchChoice(Exception):
    """A given choice is not one that the step has."""


Note = tuple[Any, ...]
"""``("pick", slot, value)``, ``("begin", operation, arguments)`` or ``("finish", operation)``."""


class Choices:
    """The numbers that one run of a step chooses; unknown ones are 0."""

    __slots__ = ("arities", "given", "notes", "position", "vector")

    def __init__(self, given: tuple[int, ...] | None = None) -> None:
        self.vector = list(given or ())
        self.arities: list[int] = []
        self.given = given is not None
        self.position = 0
        self.notes: list[Note] = []

    def take(self, arity: int) -> int:
        position = self.position
        self.position = position + 1
        if position == len(self.vector):
            if self.given:
                raise NoSuchChoice("the step makes more choices")
            self.vector.append(0)
        if position == len(self.arities):
            self.arities.append(arity)
        choice = self.vector[position]
        if not 0 <= choice < arity:
            raise NoSuchChoice(f"there are only {arity} choices, not {choice + 1}")
        return choice

    def advance(self) -> bool:
        """Turn to the next run; ``False`` if this was the last."""
        vector, arities = self.vector, self.arities
        while vector and vector[-1] + 1 == arities[-1]:
            vector.pop()
            arities.pop()
        if not vector:
            return False
        vector[-1] += 1
        self.position = 0
        self.notes = []
        return True

    def note(self, *note: Any) -> None:
        self.notes.append(note)


def every_choice() -> Iterator[Choices]:
    """For each run of a step the numbers it chooses, by what the runs before took."""
    choices = Choices()
    yield choices
    while choices.advance():
        yield choices


def fault_of(kind: Fault) -> Callable[[int, str], Any]:
    def fault(p: int, detail: str) -> Any:
        raise Faulted(kind, p, detail)

    return fault


bounds = fault_of(Fault.BOUNDS)
assertion = fault_of(Fault.ASSERTION)
empty_list = fault_of(Fault.EMPTY_LIST)
none_access = fault_of(Fault.NONE_ACCESS)


def holds(cell: int, t: int) -> bool:
    """Whether thread ``t`` is among the holders that a lock cell names."""
    return cell == t + 1 if cell >= 0 else bool(-cell >> t & 1)


def held(cells: Shared, t: int) -> frozenset[int]:
    """The locks among these cells, from 0, that thread ``t`` holds."""
    u, bit = t + 1, 1 << t
    return frozenset([k for k, c in enumerate(cells) if c and (c == u or (c < 0 and -c & bit))])


def element(value: int, size: int, p: int) -> int:
    if 0 <= value < size:
        return value
    return bounds(p, f"element {value} of a sort with elements 0 to {size - 1}")  # type: ignore[no-any-return]


def index(value: int, size: int, p: int) -> int:
    if 0 <= value < size:
        return value
    return bounds(p, f"index {value} is not in 0 to {size - 1}")  # type: ignore[no-any-return]


def product(a: int, b: int, p: int) -> int:
    # Repeated squaring would soon take longer than any limit on the search is looked at.
    result = a * b
    return result if -GREATEST <= result <= GREATEST else bounds(p, "a product beyond 10^18")


def div(a: int, b: int, p: int) -> int:
    return a // b if b else bounds(p, "division by zero")


def mod(a: int, b: int, p: int) -> int:
    return a % b if b else bounds(p, "division by zero")


def deref(value: Any, p: int) -> Any:
    return none_access(p, "the value is none") if value is None else value


def first(items: tuple[Any, ...], p: int) -> Any:
    return items[0] if items else empty_list(p, "first of an empty list")


def last(items: tuple[Any, ...], p: int) -> Any:
    return items[-1] if items else empty_list(p, "last of an empty list")


def following(items: tuple[Any, ...], item: Any, p: int) -> Any:
    """The element after the first occurrence of ``item``, ``None`` if it is the last."""
    if item not in items:
        return empty_list(p, "next of an element that is not in the list")
    position = items.index(item) + 1
    return items[position] if position < len(items) else None


def remove(items: tuple[Any, ...], item: Any, p: int) -> tuple[Any, ...]:
    if item not in items:
        return empty_list(p, "an element that is not in the list is removed")  # type: ignore[no-any-return]
    position = items.index(item)
    return items[:position] + items[position + 1 :]


def least(items: frozenset[int], p: int) -> int:
    return min(items) if items else empty_list(p, "min of an empty set")


def greatest(items: frozenset[int], p: int) -> int:
    return max(items) if items else empty_list(p, "max of an empty set")


def put(whole: tuple[Any, ...], position: int, part: Any) -> tuple[Any, ...]:
    """``whole`` with another element at ``position``."""
    return (*whole[:position], part, *whole[position + 1 :])


def changed(snapshot: int | None, position: int, p: int) -> bool:
    if snapshot == position:
        return False
    if snapshot is None:
        return none_access(p, "the snapshot was never taken")  # type: ignore[no-any-return]
    if snapshot < 0:
        return True
    return none_access(p, "the snapshot is of another element")  # type: ignore[no-any-return]


def bump(w: list[Any], cells: tuple[int, ...], position: int) -> None:
    for cell in cells:
        if w[cell] == position:
            w[cell] = -1
