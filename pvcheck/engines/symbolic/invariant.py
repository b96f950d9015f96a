"""Invariants of clauses over the bits of states: as text, and the questions that show one to be an invariant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pvcheck.engines.symbolic.circuit import TRUE, Circuit, Literal, Vector
from pvcheck.engines.symbolic.frames import Template
from pvcheck.engines.symbolic.solver import Maker
from pvcheck.engines.symbolic.system import System

Cube = tuple[tuple[int, int], ...]
"""Some bits of a state, by number, and what they are: all states with those. Its negation is a clause."""


def written(system: System, clauses: Sequence[Cube]) -> tuple[str, ...]:
    """The clauses as text, each a disjunction."""
    names = system.bit_names
    return tuple(
        " | ".join(("!" if value else "") + names[n] for n, value in cube) for cube in clauses
    )


def read(system: System, texts: Iterable[str]) -> tuple[Cube, ...]:
    """What ``written`` has written.

    Raises:
        ValueError: naming what is no bit of a state.
    """
    numbers = {name: n for n, name in enumerate(system.bit_names)}

    def bit(text: str) -> tuple[int, int]:
        name = text.removeprefix("!")
        if name not in numbers:
            raise ValueError(name)
        return numbers[name], int(text != name)

    return tuple(tuple(map(bit, text.split(" | "))) for text in texts)


def questions(
    system: System, fact: Literal, goals: Mapping[str, Literal], clauses: Sequence[Cube]
) -> tuple[Circuit, tuple[Sequence[Literal], ...]]:
    """What must have no answer for the clauses to be an invariant that excludes the goals.

    They and what is known of all states hold initially; a step from where they hold leads to where they do; where
    they hold there is no violation. Each is a row of literals that are not true together; the first inputs of
    the circuit are the bits of the state.
    """
    c = Circuit()
    before = c.inputs(len(system.before))
    step = system.template(fact, *goals.values()).copy(c, before)
    after = step.row(system.after)
    known = Template(system.judging.circuit, [fact], system.before).copy(c, after)

    def hold(bits: Vector, fact_there: Literal) -> Literal:
        excluded = (c.every(bits[n] ^ v ^ 1 for n, v in cube) ^ 1 for cube in clauses)
        return c.every([fact_there, *excluded])

    here, there = hold(before, step(fact)), hold(after, known(fact))
    initial = [
        bit ^ value ^ 1
        for bit, value in zip(before, system.encode(system.instance.semantics.initial), strict=True)
    ]
    violated = c.some(step(goal) for goal in goals.values())
    asked = ([*initial, here ^ 1], [here, step(system.moves), there ^ 1], [here, violated])
    return c, asked


def recheck(
    system: System,
    maker: Maker,
    fact: Literal,
    goals: Mapping[str, Literal],
    clauses: Sequence[Cube],
) -> bool:
    """Whether clauses are an invariant that excludes the goals, as a fresh solver says."""
    circuit, asked = questions(system, fact, goals, clauses)
    solver = maker(circuit)
    return all(solver.solve(question, None) is False for question in asked)


def smtlib(
    circuit: Circuit, asked: Sequence[tuple[str, Sequence[Literal]]], names: Sequence[str]
) -> str:
    """The questions in SMT-LIB 2.6, each with what it is about; ``names``: of the first inputs."""
    lines = [
        "(set-info :smt-lib-version 2.6)",
        f"; {len(asked)} times unsat",
        "(set-logic QF_UF)",
    ]
    for node in circuit.below(literal for _, row in asked for literal in row):
        if circuit.left[node] < 0:
            lines.append(f"(declare-const {_term(2 * node)} Bool)")
            if node <= len(names):
                lines[-1] += f" ; {names[node - 1]}"
        else:
            left, right = _term(circuit.left[node]), _term(circuit.right[node])
            lines.append(f"(define-fun {_term(2 * node)} () Bool (and {left} {right}))")
    for what, row in asked:
        lines += [f"; {what}", "(push 1)"]
        lines += [f"(assert {_term(literal)})" for literal in row]
        lines += ["(check-sat)", "(pop 1)"]
    return "\n".join(lines) + "\n"


def _term(literal: Literal) -> str:
    if literal <= TRUE:
        return "true" if literal else "false"
    name = f"x{literal >> 1}"
    return f"(not {name})" if literal & 1 else name
