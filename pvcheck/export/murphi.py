"""An exported instance in Murphi, for Rumur and CMurphi: a rule for each way of each step."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import product

from pvcheck.export.convert import convert
from pvcheck.export.program import (
    Assert,
    Block,
    Call,
    Export,
    Go,
    Instruction,
    Number,
    Process,
    Set,
    Step,
    Way,
    When,
)
from pvcheck.export.syntax import MURPHI, Dialect, plain
from pvcheck.model.semantics import Semantics

HEADER = """\
-- {title}, written by pvcheck.
--
-- rumur --symmetry-reduction off --deadlock-detection {deadlock} --output model.c FILE
-- cc -O3 -march=native -o model model.c -lpthread && ./model
--
-- The states are those that pvcheck counts without reductions. pc: -1 ended, -2 never moves. Codes: a number
-- less its least value, the position of an element, 0 for none and else 1 more than the value, the fields of
-- a struct in bits (the first highest), a set as bits, a list as its length above the codes of its elements
-- (the head highest). lock: 0 free, 1 more than the thread that holds it, or, if shared, the sharers as bits
-- above {threads}.
"""


def _thread(first: int) -> str:
    return f"(e + {first})" if first else "e"


DIALECT = Dialect(MURPHI, me=_thread, element=lambda _: "e", own=False)


def murphi(semantics: Semantics, properties: Collection[str]) -> str:
    """The instance of these semantics, judged for these properties.

    Raises:
        Unsupported: see ``convert``.
    """
    export = convert(semantics, properties, DIALECT)
    return "\n".join(_lines(export)) + "\n"


def _lines(export: Export) -> Iterator[str]:
    yield HEADER.format(
        title=plain(export.title),
        deadlock="stuck" if export.deadlock else "off",
        threads=export.threads,
    )
    for name in export.left_out:
        yield f"-- not judged here: {plain(name)}"
    last = max([0, *(s.location for p in export.processes for s in p.steps)])
    yield "type"
    yield "  number: -2147483648..2147483647;"
    yield "var"
    yield f"  pc: array [0..{export.threads - 1}] of -2..{last};"
    for number in (*export.state, *(r for p in export.processes for r in p.registers)):
        kind = "number" if number.signed else f"0..{number.most}"
        if number.array:
            kind = f"array [0..{len(number.initial) - 1}] of {kind}"
        yield f"  {number.name}: {kind};"
    yield ""
    for routine in export.routines:
        yield f"-- {plain(routine.comment)}"
        parameters = "; ".join(f"{p}: number" for p in routine.parameters)
        yield f"procedure {routine.name}({parameters});"
        yield from _body(export, list(_block(routine.block, 1, "")))
        yield ""
    yield from _start(export)
    for process in export.processes:
        for step in process.steps:
            yield from _step(export, process, step)
    if export.deadlock:
        ended = " & ".join(f"pc[{t}] = -1" for t in range(export.threads))
        yield f'rule "all threads have ended" {ended} ==>\nbegin\nend;'


def _start(export: Export) -> Iterator[str]:
    yield 'startstate "start"'
    yield "begin"
    for process in export.processes:
        for k in range(process.count):
            yield f"  pc[{process.first + k}] := {process.start};"
    for number in (*export.state, *(r for p in export.processes for r in p.registers)):
        yield from _initial(number)
    for name in export.violated_first:
        yield f'  error "{plain(name)}: in the first state";'
    yield "end;"
    yield ""


def _initial(number: Number) -> Iterator[str]:
    if not number.array:
        yield f"  {number.name} := {number.initial[0]};"
        return
    for k, value in enumerate(number.initial):
        yield f"  {number.name}[{k}] := {value};"


def _step(export: Export, process: Process, step: Step) -> Iterator[str]:
    pc = "pc[e]" if process.first == 0 else f"pc[e + {process.first}]"
    for way in step.ways:
        yield from _way(export, process, step, way, pc)


def _way(export: Export, process: Process, step: Step, way: Way, pc: str) -> Iterator[str]:
    bounds = [f"e: 0..{process.count - 1}"]
    others: list[tuple[str, tuple[int, ...]]] = []
    for name, values in way.parameters:
        if values == tuple(range(values[0], values[0] + len(values))):
            bounds.append(f"{name}: {values[0]}..{values[-1]}")
        else:
            others.append((name, values))
    for chosen in product(*(values for _, values in others)):
        text = "\n".join(_rule(export, step, way, pc))
        for (name, _), value in zip(others, chosen, strict=True):
            text = re.sub(rf"\b{name}\b", str(value), text)
        yield f"ruleset {'; '.join(bounds)} do"
        yield text
        yield "endruleset;"
        yield ""


def _rule(export: Export, step: Step, way: Way, pc: str) -> Iterator[str]:
    yield f'rule "{step.location}: {plain(step.comment)}"'
    yield f"  {pc} = {step.location} & {way.condition}"
    yield "==>"
    yield from _body(export, list(_block(way.block, 1, pc)))


def _body(export: Export, lines: list[str]) -> Iterator[str]:
    """With declarations of the temporaries used."""
    text = "\n".join(lines)
    used = set(re.findall(r"\w+", text))
    for name in export.temporaries:
        if name in used:
            yield f"  var {name}: number;"
    yield "begin"
    yield from lines
    yield "end;"


def _block(block: Block, depth: int, pc: str) -> Iterator[str]:
    for instruction in block:
        yield from _instruction(instruction, depth, pc)


def _instruction(instruction: Instruction, depth: int, pc: str) -> Iterator[str]:
    indent = "  " * depth
    match instruction:
        case Set(target=target, value=value):
            yield f"{indent}{target} := {value};"
        case Assert(condition=condition, property=name, place=place):
            yield f'{indent}assert {condition} "{plain(f"{name} {place}".strip())}";'
        case Call(routine=routine, arguments=arguments):
            yield f"{indent}{routine}({', '.join(arguments)});"
        case Go(location=location):
            yield f"{indent}{pc} := {-1 if location is None else location};"
        case When(cases=cases, otherwise=otherwise):
            word = "if"
            for condition, inner in cases:
                yield f"{indent}{word} {condition} then"
                yield from _block(inner, depth + 1, pc)
                word = "elsif"
            if otherwise:
                yield f"{indent}else"
                yield from _block(otherwise, depth + 1, pc)
            yield f"{indent}end;"
