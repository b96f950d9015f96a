"""Where a thread is inside an operation."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvcheck.model.code import (
    Begin,
    Choose,
    Code,
    Finish,
    ForEach,
    Goto,
    If,
    TryLock,
)
from pvcheck.model.model import FINISHED, ThreadFamily


@dataclass(slots=True)
class Inside:
    """The locations of a family at which a thread is inside an operation."""

    locations: set[int] = field(default_factory=set)
    finishing: set[int] = field(default_factory=set)
    """Those of them from which a step may finish it."""


def inside(family: ThreadFamily, operation: str) -> Inside:
    """Found by following the code from the start. A location is inside or not: operations are put in place
    of each of their calls."""
    found = Inside()
    todo: list[tuple[int | None, bool]] = [(None, False)]
    seen: set[tuple[int | None, bool]] = set()
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        number, now = place
        code = family.start if number is None else family.locations[number].code
        walk = _Walk(operation)
        walk.code(code, {now})
        if number is not None and now:
            found.locations.add(number)
            if walk.finishes:
                found.finishing.add(number)
        todo += [(n, now) for n, now in walk.ends if n != FINISHED]
    return found


class _Walk:
    """The ends of one step, each with whether the thread is inside the operation there."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self.ends: set[tuple[int, bool]] = set()
        self.finishes = False

    def code(self, code: Code, now: set[bool]) -> set[bool]:
        """What it may be behind the code, if it may be before it."""
        for instruction in code:
            match instruction:
                case Goto(location=location):
                    self.ends |= {(location, n) for n in now}
                    return set()
                case Begin(operation=name) if name == self._operation:
                    now = {True}
                case Finish(operation=name) if name == self._operation:
                    self.finishes = True
                    now = {False}
                case If(then=first, otherwise=second) | TryLock(success=first, failure=second):
                    now = self.code(first, now) | self.code(second, now)
                case Choose(alternatives=alternatives):
                    now = {n for block in alternatives for n in self.code(block, now)}
                case ForEach(body=body):
                    now = now | self.code(body, now)
                case _:
                    pass
        return now
