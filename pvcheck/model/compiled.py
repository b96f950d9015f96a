"""An instance as Python functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
from pvcheck.model.program import Program
from pvcheck.model.values import TooLarge
from pvcheck.model.walk import nodes

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class CompiledLocation:
    """The step from a location."""

    step: Function
    """See ``compile_code``."""
    wanted: Function | None
    """For the cell of the lock that the step begins with taking, if it does and may wait."""
    action: LockAction
    mode: Mode
    awaits: bool
    """Whether the step begins with ``await``."""
    chooses: bool
    """Whether it may have several outcomes."""
    cells: frozenset[int]
    """See ``footprint``; all locks where ``wanted``."""
    targets: tuple[int, ...]
    """The locations that the instance can get to from here, those of threads that have ended excepted."""


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
    source: str
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
    model = program.instance.model
    compile_guards(program)
    texts = [compile_initial(program), compile_invariants(program)]
    reached: list[dict[int, tuple[int, ...]]] = []
    for number, family in enumerate(model.threads):
        locations, functions = _family(program, number, family)
        reached.append(locations)
        texts.extend(functions)
    source = "\n\n".join(texts)
    functions_by_name = program.load(source)
    return Compiled(
        source=source,
        initial=functions_by_name["initial"],
        families={
            family.name: CompiledFamily(
                start=functions_by_name[f"start_{number}"],
                locations={
                    n: _location(
                        program, functions_by_name, f"{number}_{n}", family.locations[n], targets
                    )
                    for n, targets in reached[number].items()
                },
            )
            for number, family in enumerate(model.threads)
        },
        invariants={
            invariant.name: CompiledInvariant(
                functions_by_name[f"holds_{number}"],
                functions_by_name[f"opens_{number}"],
                footprint(program.layout, (invariant.window, invariant.condition)),
            )
            for number, invariant in enumerate(model.invariants)
        },
    )


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


def _location(
    program: Program,
    functions: dict[str, Any],
    name: str,
    location: Location,
    targets: tuple[int, ...],
) -> CompiledLocation:
    first = first_of(location.code)
    wanted = functions.get(f"wanted_{name}")
    cells = footprint(program.layout, location.code)
    return CompiledLocation(
        step=functions[f"step_{name}"],
        wanted=wanted,
        action=first.action if isinstance(first, Lock) else LockAction.RELEASE,
        mode=first.mode if isinstance(first, Lock) else Mode.EXCLUSIVE,
        awaits=isinstance(first, Await),
        chooses=any(isinstance(n, Pick | Choose) for n in nodes(location.code)),
        cells=cells if wanted is None else cells | set(range(program.layout.lock_cells)),
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
