"""An instance as Python functions."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pvcheck.cache import kept
from pvcheck.model.code import (
    Await,
    Choose,
    Code,
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Reached,
)
from pvcheck.model.compile_code import CodeCompiler
from pvcheck.model.compile_model import (
    compile_guards,
    compile_initial,
    compile_invariants,
)
from pvcheck.model.footprint import footprint
from pvcheck.model.model import Location, ThreadFamily
from pvcheck.model.program import Program, Written, compiled
from pvcheck.model.values import TooLarge
from pvcheck.model.walk import nodes

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of the step from a location."""

    action: LockAction
    mode: Mode
    awaits: bool
    """Whether the step begins with ``await``."""
    chooses: bool
    """Whether it may have several outcomes."""
    cells: frozenset[int]
    """See ``footprint``; all locks where it may wait for one."""
    targets: tuple[int, ...]
    """The locations that the instance can get to from here, those of threads that have ended excepted."""


@dataclass(frozen=True, slots=True)
class CompiledLocation:
    run: Function
    """One run of the step; see ``compile_code``."""
    wanted: Function | None
    """For the cell of the lock that the step begins with taking, if it does and may wait."""
    step: Step


@dataclass(frozen=True, slots=True)
class CompiledFamily:
    start: Function
    locations: dict[int, CompiledLocation]
    """Those that the instance can reach."""


@dataclass(frozen=True, slots=True)
class CompiledInvariant:
    """Functions of the shared part."""

    holds: Function
    opens: Function
    """Whether its window, or its premise, holds for some binding."""
    cells: frozenset[int]
    """The cells that both depend on."""


@dataclass(frozen=True, slots=True)
class Compiled:
    initial: Function
    families: dict[str, CompiledFamily]
    invariants: dict[str, CompiledInvariant]


def compile_instance(program: Program) -> Compiled:
    """All functions of the program's instance.

    Raises:
        TooLarge: a type that is enumerated has too many values, or code nests too deeply.
    """
    try:
        return _compile(program)
    except RecursionError as error:
        raise TooLarge("an expression or statement is nested too deeply") from error


def _compile(program: Program) -> Compiled:
    compile_guards(program)
    code = kept("steps", program.instance.digest, lambda: _code(program))
    program.refer_to(code.written)
    functions = program.define(marshal.loads(code.functions))
    model = program.instance.model
    return Compiled(
        initial=functions["initial"],
        families={
            family.name: CompiledFamily(
                start=functions[f"start_{number}"],
                locations={
                    n: CompiledLocation(
                        functions[f"step_{number}_{n}"], functions.get(f"wanted_{number}_{n}"), step
                    )
                    for n, step in code.steps[number].items()
                },
            )
            for number, family in enumerate(model.threads)
        },
        invariants={
            invariant.name: CompiledInvariant(
                functions[f"holds_{number}"], functions[f"opens_{number}"], cells
            )
            for number, (invariant, cells) in enumerate(
                zip(model.invariants, code.invariants, strict=True)
            )
        },
    )


@dataclass(frozen=True, slots=True)
class _Code:
    """What is kept of an instance: all but the functions themselves."""

    functions: bytes
    """As ``marshal`` writes their code."""
    written: Written
    steps: tuple[dict[int, Step], ...]
    """Per family and location that the instance can reach."""
    invariants: tuple[frozenset[int], ...]
    """The cells that each depends on."""


def source_of(program: Program) -> str:
    """The functions as Python."""
    compile_guards(program)
    return _written(program)[0]


def _code(program: Program) -> _Code:
    model = program.instance.model
    source, reached = _written(program)
    return _Code(
        functions=marshal.dumps(compiled(source)),
        written=program.written,
        steps=tuple(
            {n: _step(program, family.locations[n], targets) for n, targets in locations.items()}
            for family, locations in zip(model.threads, reached, strict=True)
        ),
        invariants=tuple(
            footprint(program.layout, (invariant.window, invariant.condition))
            for invariant in model.invariants
        ),
    )


def _written(program: Program) -> tuple[str, list[dict[int, tuple[int, ...]]]]:
    """The functions as Python; per family, the locations that the instance can reach, with those next to them."""
    texts = [compile_initial(program), compile_invariants(program)]
    reached: list[dict[int, tuple[int, ...]]] = []
    for number, family in enumerate(program.instance.model.threads):
        locations, functions = _family(program, number, family)
        reached.append(locations)
        texts.extend(functions)
    return "\n\n".join(texts), reached


def _family(
    program: Program, number: int, family: ThreadFamily
) -> tuple[dict[int, tuple[int, ...]], list[str]]:
    """The locations that the instance can reach, each with those next to it; the family's functions."""
    compiler = CodeCompiler(program, family)
    texts = [compiler.step(f"start_{number}", (), family.start)]
    waiting = list(compiler.targets)
    reached: dict[int, tuple[int, ...]] = {}
    for n in waiting:
        if n in reached:
            continue
        location = family.locations[n]
        compiler = CodeCompiler(program, family)
        texts.append(compiler.step(f"step_{number}_{n}", location.live, location.code))
        reached[n] = tuple(compiler.targets)
        waiting.extend(compiler.targets)
        lock = waited_for(location.code)
        if lock is not None:
            compiler = CodeCompiler(program, family)
            texts.append(compiler.wanted(f"wanted_{number}_{n}", location.live, lock))
    return reached, texts


def _step(program: Program, location: Location, targets: tuple[int, ...]) -> Step:
    first = first_of(location.code)
    cells = footprint(program.layout, location.code)
    locks = range(program.layout.lock_cells if waited_for(location.code) else 0)
    return Step(
        action=first.action if isinstance(first, Lock) else LockAction.RELEASE,
        mode=first.mode if isinstance(first, Lock) else Mode.EXCLUSIVE,
        awaits=isinstance(first, Await),
        chooses=any(isinstance(n, Pick | Choose) for n in nodes(location.code)),
        cells=cells.union(locks),
        targets=targets,
    )


def waited_for(code: Code) -> Lock | None:
    """What a step begins with, if that is a lock operation that may wait."""
    first = first_of(code)
    return first if isinstance(first, Lock) and may_wait(first) else None


def may_wait(lock: Lock) -> bool:
    return lock.action in (LockAction.ACQUIRE, LockAction.UPGRADE)


def first_of(code: Code) -> Instruction | None:
    return next((i for i in code if not isinstance(i, Reached)), None)
