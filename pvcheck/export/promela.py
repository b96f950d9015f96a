"""An exported instance in Promela, for SPIN.

Every step is a ``d_step``, every location a control state. What means nothing between steps is hidden, so
SPIN stores exactly the states that we count. SPIN's invalid end states are our global deadlocks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
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
    targets,
)
from pvcheck.export.syntax import PROMELA, TRUE, Dialect, plain
from pvcheck.model.model import FINISHED
from pvcheck.model.semantics import Semantics

LONGEST = 30_000
"""Characters of an inline; SPIN has room for some more."""
HEADER = """\
/* {title}, written by pvcheck.
 *
 * spin -o2 -a FILE && cc -O1 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m1000000{flag}
 *
 * The stored states are those that pvcheck counts without reductions (without -o2 SPIN forgets variables that
 * are only written, and finds fewer). Codes: a number less its least value,
 * the position of an element, 0 for none and else 1 more than the value, the fields of a struct in bits (the
 * first highest), a set as bits, a list as its length above the codes of its elements (the head highest).
 * lock[]: 0 free, 1 more than the thread that holds it, or, if shared, the sharers as bits above {threads}.
 */
"""


def _element(first: int) -> str:
    return f"(_pid - {first})" if first else "_pid"


DIALECT = Dialect(PROMELA, me=lambda _: "_pid", element=_element, own=True)


def promela(semantics: Semantics, properties: Collection[str]) -> str:
    """The instance of these semantics, judged for these properties.

    Raises:
        Unsupported: see ``convert``.
    """
    export = convert(semantics, properties, DIALECT)
    return "\n".join(_lines(export)) + "\n"


def _lines(export: Export) -> Iterator[str]:
    flag = "" if export.deadlock else " -E"
    yield HEADER.format(title=plain(export.title), flag=flag, threads=export.threads)
    for name in export.left_out:
        yield f"/* not judged here: {plain(name)} */"
    for number in export.state:
        yield _declared(number)
    yield ""
    bodies = "\n".join(_bodies(export))
    for name in export.temporaries:
        if re.search(rf"\b{name}\b", bodies):
            yield f"hidden int {name};"
    yield "hidden int next;"
    yield ""
    yield bodies


def _single(number: Number) -> str:
    """Declared without what it holds at first."""
    if number.signed or number.bits == 0:
        return f"{'int' if number.signed else 'bit'} {number.name}"
    return f"unsigned {number.name} : {number.bits}"


def _declared(number: Number) -> str:
    initial = str(number.initial[0])
    if not number.array:
        return f"{_single(number)} = {initial};"
    type_ = "byte" if number.bits <= 8 else "short" if number.bits <= 15 else "int"
    if len(set(number.initial)) > 1:
        initial = "{" + ", ".join(map(str, number.initial)) + "}"
    return f"{type_} {number.name}[{len(number.initial)}] = {initial};"


def _bodies(export: Export) -> Iterator[str]:
    for routine in export.routines:
        yield f"/* {plain(routine.comment)} */"
        yield f"inline {routine.name}({', '.join(routine.parameters)}) {{"
        yield from _block(routine.block, 1)
        yield "}"
        yield ""
    for process in export.processes:
        yield from _process(process, export)


def _process(process: Process, export: Export) -> Iterator[str]:
    inlines: list[str] = []
    wrong = [f"assert(false) /* {plain(n)}: in the first state */" for n in export.violated_first]
    steps = sorted(process.steps, key=lambda s: s.location != process.start)
    texts = [
        line
        for step in steps
        for line in _step(process, step, inlines, wrong if step.location == process.start else [])
    ]
    yield from inlines
    yield f"active [{process.count}] proctype {process.name}() {{"
    for register in process.registers:
        yield f"\t{_register(register, process)}"
    if process.start < 0:
        yield from (f"\t{line};" for line in wrong)
        yield "\tgoto end_;" if process.start == FINISHED else "\tfalse;"
    yield from texts
    yield "end_:\tfalse"
    yield "}"
    yield ""


def _register(register: Number, process: Process) -> str:
    initial = str(register.initial[-1])
    for n in reversed(range(len(register.initial) - 1)):
        if str(register.initial[n]) != initial:
            initial = f"(_pid == {process.first + n} -> {register.initial[n]} : {initial})"
    return f"{_single(register)} = {initial};"


def _step(process: Process, step: Step, inlines: list[str], wrong: Sequence[str]) -> Iterator[str]:
    yield f"L{step.location}:\t/* {plain(step.comment)} */"
    if not step.ways and not wrong:
        yield "\tfalse;"
        return
    yield "\tif"
    for number, way in enumerate(step.ways):
        yield from _way(f"{process.name}_{step.location}_{number}", step, way, inlines)
    yield from (f"\t:: {line}" for line in wrong)
    yield "\tfi;"


def _way(name: str, step: Step, way: Way, inlines: list[str]) -> Iterator[str]:
    ends = _targets(way.block) or [step.location]
    block = list(_block(way.block, 2, several=len(ends) > 1))
    parameters = [p for p, _ in way.parameters]
    if parameters and len("\n".join(block)) < LONGEST:
        inlines.append(f"inline {name}({', '.join(parameters)}) {{")
        inlines.extend(line[1:] for line in block)
        inlines.append("}\n")
        block = []
    for values in product(*(v for _, v in way.parameters)):
        constants = dict(zip(parameters, map(str, values), strict=True))
        condition = _replaced(way.condition, constants)
        guard = "" if condition == TRUE else f"{condition} ->"
        call = block or [f"\t\t{name}({', '.join(constants.values())})"]
        lines = [_replaced(line, constants) for line in call]
        if len(ends) == 1:
            yield f"\t:: d_step {{ {guard}"
            yield from lines or ["\t\tskip"]
            yield f"\t   }}; goto {_label(ends[0])}"
            continue
        yield f"\t:: atomic {{ d_step {{ {guard}"
        yield from lines
        yield f"\t   }}; {_gotos(ends)} }}"


def _gotos(ends: list[int | None]) -> str:
    """Where ``next`` says. SPIN does not restore what is hidden when it comes back to try another way, but it
    then tries no ``else``."""
    *others, last = ends
    text = f"goto {_label(last)}"
    for n, end in reversed(list(enumerate(others))):
        text = f"if :: next == {n} -> goto {_label(end)} :: else -> {text} fi"
    return text


def _replaced(text: str, constants: dict[str, str]) -> str:
    for name, value in constants.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text


def _label(location: int | None) -> str:
    return "end_" if location is None else f"L{location}"


def _targets(block: Block) -> list[int | None]:
    return list(dict.fromkeys(targets(block)))


def _block(block: Block, depth: int, *, several: bool = False) -> Iterator[str]:
    """With ``several`` targets, ``next`` is set to the number of that one where the step goes."""
    lines = list(_instructions(block, depth, _targets(block) if several else []))
    yield from lines or ["\t" * depth + "skip;"]


def _instructions(block: Block, depth: int, ends: list[int | None]) -> Iterator[str]:
    for instruction in block:
        yield from _instruction(instruction, depth, ends)


def _instruction(instruction: Instruction, depth: int, ends: list[int | None]) -> Iterator[str]:
    indent = "\t" * depth
    match instruction:
        case Set(target=target, value=value):
            yield f"{indent}{target} = {value};"
        case Assert(condition=condition, property=name, place=place):
            yield f"{indent}assert({condition}); /* {plain(f'{name} {place}'.strip())} */"
        case Call(routine=routine, arguments=arguments):
            yield f"{indent}{routine}({', '.join(arguments)});"
        case Go(location=location):
            if ends:
                yield f"{indent}next = {ends.index(location)};"
        case When(cases=cases, otherwise=otherwise):
            yield f"{indent}if"
            for condition, inner in cases:
                yield f"{indent}:: {condition} ->"
                yield from list(_instructions(inner, depth + 1, ends)) or [f"{indent}\tskip"]
            yield f"{indent}:: else ->"
            yield from list(_instructions(otherwise, depth + 1, ends)) or [f"{indent}\tskip"]
            yield f"{indent}fi;"
