"""A proof as files: for each location of each part, what is known there and what has to follow, in SMT-LIB 2.6."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from pvcheck.model.model import Model
from pvcheck.proof.discharge import Context
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import Obligation, Prover
from pvcheck.proof.values import OutsideFragment
from pvcheck.proof.z3_terms import is_true


class NotACertificate(Exception):
    """Its facts are no proof of this specification, whatever a solver says."""


@dataclass(frozen=True, slots=True)
class Query:
    """A file: what is known, and obligations, each of which has to be ``unsat``."""

    text: str
    expected: int
    """How many ``unsat``."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a certificate says of one part, in the order of ``parts``."""

    facts: frozenset[str]
    far: frozenset[int]
    """Obligations, by number, for which what is known near the location is not enough."""


def far(model: Model, part: int, facts: Collection[str], fixed: Mapping[str, bool]) -> PartFacts:
    """The obligations of a part that has been proved, each with as little as is known to suffice."""
    prover = Prover(model, parts(model)[part], frozenset(), fixed)
    prover.assume(facts)
    found: set[int] = set()
    number = 0
    for context, obligations in _asked(prover):
        for o in obligations:
            if not context.quickly(o.given, o.goal):
                found.add(number)
            number += 1
    return PartFacts(frozenset(facts), frozenset(found))


def files(
    model: Model, given: Sequence[PartFacts], fixed: Mapping[str, bool]
) -> Mapping[str, Query]:
    """All that has to be ``unsat`` for the facts to be a proof, by the names of the files.

    Raises:
        NotACertificate: no answers would make them one.
    """
    all_parts = parts(model)
    if len(given) != len(all_parts):
        raise NotACertificate(f"it has {len(given)} parts, the specification {len(all_parts)}")
    queries: dict[str, Query] = {}
    dropped: dict[str, set[str]] = {}
    assumed: dict[str, set[str]] = {}
    for number, (part, claimed) in enumerate(zip(all_parts, given, strict=True)):
        try:
            prover = Prover(model, part, frozenset(), fixed)
            prover.assume(claimed.facts)
        except OutsideFragment as outside:
            raise NotACertificate(f"{outside.what} is outside the fragment") from None
        except ValueError as unknown:
            raise NotACertificate(f"the specification has no fact {str(unknown)!r}") from None
        dropped.setdefault(part.family, set()).update(prover.between - claimed.facts)
        assumed.setdefault(part.family, set()).update(prover.between & claimed.facts)
        queries |= {f"{number:02}-{name}": q for name, q in _queries(prover, claimed.far)}
    for family, names in assumed.items():
        # One part would rest on what another does not bring along.
        if open_ := names & dropped[family]:
            raise NotACertificate(f"not all parts bring along {min(open_)!r}")
    return queries


def _asked(prover: Prover) -> Iterator[tuple[Context, list[Obligation]]]:
    """What is not plainly true."""
    for context, obligations in prover.obligations():
        if left := [o for o in obligations if not is_true(o.goal)]:
            yield context, left


def _queries(prover: Prover, all_ways: Collection[int]) -> Iterator[tuple[str, Query]]:
    number = 0
    for location, (context, obligations) in enumerate(_asked(prover)):
        split: dict[bool, list[Obligation]] = {True: [], False: []}
        for o in obligations:
            split[number not in all_ways].append(o)
            number += 1
        for near, some in split.items():
            if some:
                text = _text(context.known(near=near), some, prover.enums)
                suffix = "near" if near else "all"
                yield f"{location:03}-{suffix}.smt2", Query(text, len(some))


def _text(known: Sequence[Any], obligations: Sequence[Obligation], enums: Mapping[str, str]) -> str:
    goals = [formula for o in obligations for formula in (*o.given, o.goal)]
    lines = [*_declarations([*known, *goals]), *(f"(assert {f.sexpr()})" for f in known)]
    for o in obligations:
        lines.append(f"; {o.property}: {' '.join(o.what.split())}")
        lines.append("(push 1)")
        lines += [f"(assert {g.sexpr()})" for g in o.given]
        lines += [f"(assert (not {o.goal.sexpr()}))", "(check-sat)", "(pop 1)"]
    text = "\n".join(lines)
    for sort, name in enums.items():
        # z3 wants another name each time the theory is made.
        text = re.sub(rf"(?<![\w.!]){re.escape(sort)}(?![\w.!])", f"{name}!enum", text)
    head = f"(set-info :smt-lib-version 2.6)\n; {len(obligations)} times unsat\n(set-logic ALL)\n"
    return f"{head}{text}\n"


def _declarations(formulas: Sequence[Any]) -> list[str]:
    """Of all symbols in the formulas: sorts, then enumerations, then functions, each by its name. The
    order in which z3 lists them, and the shape of what a solver has taken in, vary with what it did before.
    """
    context = z3.main_ctx().ref()
    terms = (z3.Ast * len(formulas))(*(f.ast for f in formulas))
    true = z3.BoolVal(True)
    text = z3.Z3_benchmark_to_smtlib_string(
        context, "", "ALL", "unknown", "", len(formulas), terms, true.ast
    )
    pieces = re.split(r"\n(?=\()", text.split("\n(assert", 1)[0])
    kinds = ("(declare-sort", "(declare-datatypes", "(declare-fun")
    return [p for kind in kinds for p in sorted(p for p in pieces if p.startswith(kind))]
