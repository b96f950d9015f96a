"""The parts of a proof: what one thread family does in one operation.

Threads go round: they choose an operation, carry it out, and choose again. A proof may look at one operation
at a time if at one location of the round, the *cut*, the same is assumed in all parts: whatever a
thread does is a row of ways from the cut back to it, each with at most one operation in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pvcheck.model.code import Assume, Choose, Code, ForEach, If, Instruction, TryLock
from pvcheck.model.expr import OpAllowed
from pvcheck.model.model import Model, ThreadFamily
from pvcheck.model.walk import nodes
from pvcheck.proof.flow import flow, targets

_START = -1


@dataclass(frozen=True, slots=True)
class Part:
    """A thread family in one of the operations between which it chooses; ``None``: in all that it does."""

    family: str
    operation: str | None
    also: tuple[str, ...] = ()
    """Operations that are begun later on the same way."""
    left_out: frozenset[str] = frozenset()
    """Operations that are chosen in other parts."""
    cut: int | None = None
    """The location that is passed between two choices; ``None``: there is at most one."""

    @property
    def title(self) -> str:
        """No other part has it."""
        return self.family if self.operation is None else f"{self.family}: {self.operation}"

    @property
    def title_of_lacking(self) -> str:
        """Of what is not known of invariants."""
        return f"{self.title}, but not"


def parts(model: Model) -> tuple[Part, ...]:
    return tuple(part for family in model.threads for part in _parts(family))


def _parts(family: ThreadFamily) -> tuple[Part, ...]:
    codes = {_START: family.start, **{at.number: at.code for at in family.locations}}
    begins = {number: _operations(code) for number, code in codes.items()}
    chosen_at = max(begins, key=lambda number: len(begins[number]))
    choices = frozenset(begins.pop(chosen_at))
    elsewhere = {name for names in begins.values() for name in names}
    whole = (Part(family.name, None),)
    if len(choices) < 2 or choices & elsewhere or _most_in_a_run(codes[chosen_at]) > 1:
        return whole
    cut = None
    if chosen_at in _reachable(targets(codes[chosen_at]), codes, ()):
        cut = _cut(family, codes, chosen_at)
        if cut is None:
            return whole
    found = []
    for name in dict.fromkeys(_operations(codes[chosen_at])):
        left_out = choices - {name}
        ways = targets(_without(codes[chosen_at], left_out))
        later = _reachable(ways, codes, {chosen_at} if cut is None else {chosen_at, cut})
        also = tuple(name for location in sorted(later) for name in _operations(codes[location]))
        found.append(Part(family.name, name, also, left_out, cut))
    return tuple(found)


def _without(code: Code, left_out: Collection[str]) -> Code:
    """The code less the alternatives that begin one of the operations."""
    if any(_begins(i, left_out) for i in code):
        return ()
    return tuple(
        replace(i, alternatives=tuple(_without(a, left_out) for a in i.alternatives))
        if isinstance(i, Choose)
        else i
        for i in code
    )


def _begins(instruction: Instruction, names: Collection[str]) -> bool:
    match instruction:
        case Assume(condition=OpAllowed(operation=name)):
            return name in names
    return False


def _operations(code: Code) -> list[str]:
    """Those that the code may begin."""
    return [n.operation for n in nodes(code) if isinstance(n, OpAllowed)]


def _most_in_a_run(code: Code) -> int:
    """How many operations one run of the code may begin."""
    return sum(map(_most, code))


def _most(instruction: Instruction) -> int:
    match instruction:
        case Assume(condition=OpAllowed()):
            return 1
        case Choose(alternatives=blocks):
            return max(map(_most_in_a_run, blocks), default=0)
        case If(then=one, otherwise=two) | TryLock(success=one, failure=two):
            return max(_most_in_a_run(one), _most_in_a_run(two))
        case ForEach(body=body):
            return 2 * _most_in_a_run(body)
    return len(_operations((instruction,)))


def _cut(family: ThreadFamily, codes: Mapping[int, Code], chosen_at: int) -> int | None:
    """The head of a loop without which an operation is begun at most once, and what is done after the
    choice is done in that loop only."""
    found = flow(family)
    position = {location: n for n, location in enumerate(found.order)}
    for head, loop in found.loops.items():
        if len(loop.heads) > 1:
            continue
        if head == chosen_at:
            before: Collection[int] = ()
        else:
            before = _reachable(targets(family.start), codes, (head,))
        after = _reachable(targets(codes[chosen_at]), codes, (head,))
        if chosen_at not in {*before, *after} and all(
            position[location] > position[head] for location in after
        ):
            return head
    return None


def _reachable(
    roots: Sequence[int], codes: Mapping[int, Code], without: Collection[int]
) -> set[int]:
    """Locations on the ways from some that do not pass others."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        at = waiting.pop()
        if at not in seen and at not in without:
            seen.add(at)
            waiting += targets(codes[at])
    return seen
