"""What is written: an instance as a program of numbers that both languages can say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Block = list["Instruction"]


@dataclass(frozen=True, slots=True)
class Set:
    target: str
    value: str


@dataclass(frozen=True, slots=True)
class When:
    """The first block whose condition holds, or the last one."""

    cases: tuple[tuple[str, Block], ...]
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Assert:
    condition: str
    property: str
    place: str
    """In the specification; may be empty."""


@dataclass(frozen=True, slots=True)
class Call:
    routine: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """Ends the step at a location; ``None``: the thread has ended."""

    location: int | None


Instruction = Set | When | Assert | Call | Go


@dataclass(frozen=True, slots=True)
class Number:
    """A variable of numbers from 0, or an array of them."""

    name: str
    most: int
    """The greatest number."""
    initial: tuple[int, ...]
    array: bool = True
    signed: bool = False
    """Whether it may be negative."""

    @property
    def bits(self) -> int:
        return self.most.bit_length()


@dataclass(frozen=True, slots=True)
class Routine:
    """Instructions with a name; numbers are their parameters."""

    name: str
    parameters: tuple[str, ...]
    block: Block
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way a step can go, if the condition holds, for all values of the parameters."""

    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    condition: str
    block: Block


@dataclass(frozen=True, slots=True)
class Step:
    location: int
    comment: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """The threads of a family."""

    name: str
    first: int
    """The number of the first thread; the others follow."""
    count: int
    start: int
    """The location of all; less than 0: none moves."""
    registers: tuple[Number, ...]
    """Per register, its first number in each thread."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """An instance as a program."""

    title: str
    threads: int
    state: tuple[Number, ...]
    temporaries: tuple[str, ...]
    """Numbers that mean nothing between steps."""
    routines: tuple[Routine, ...]
    """In the order in which they may call each other."""
    processes: tuple[Process, ...]
    deadlock: bool
    """Whether it is an error that nobody can move while somebody has not ended."""
    violated_first: tuple[str, ...]
    """Invariants that the initial state violates."""
    left_out: tuple[str, ...]
    """Properties that were asked for and are not judged: those about progress."""


def targets(block: Block) -> Iterator[int | None]:
    """Where the block leads."""
    for instruction in block:
        match instruction:
            case Go(location=location):
                yield location
            case When(cases=cases, otherwise=otherwise):
                for _, inner in cases:
                    yield from targets(inner)
                yield from targets(otherwise)
