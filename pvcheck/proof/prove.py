"""Proofs of a whole specification, in parts that can be made side by side.

A part is what one thread family does in one operation. What the parts assume in common (facts where
operations begin, guards of elements, invariants) is kept only if every part brings it along; so they are
made again until nothing is lost any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import z3

from pvcheck.model.code import Begin
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Fault, Model, ThreadFamily
from pvcheck.model.types import Int
from pvcheck.model.walk import nodes
from pvcheck.proof import deadlock
from pvcheck.proof.discharge import TRIES, Context
from pvcheck.proof.discipline import Discipline
from pvcheck.proof.state import Setting
from pvcheck.proof.theory import Theory
from pvcheck.proof.unfold import Check, Node, unfold
from pvcheck.proof.values import Atom, OutsideFragment, Value, all_of
from pvcheck.source import Span

LOCK_PROPERTIES = (DEADLOCK, LOCK_ORDER, str(Fault.RACE), str(Fault.LOCK_MISUSE))
"""What most work is put into: that locks are taken, used and given back as they should be."""


@dataclass(frozen=True, slots=True)
class Part:
    """A thread family in one operation; ``None``: in all that it does."""

    family: str
    operation: str | None


@dataclass(frozen=True, slots=True)
class Assumed:
    """What parts assume of each other, less what was lost."""

    lost: frozenset[str] = frozenset()
    """Names of candidates, guards of elements and invariants that do not hold, or are not known to."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An obligation that was not proved."""

    property: str
    span: Span
    what: str
    operation: str | None


@dataclass(frozen=True, slots=True)
class PartResult:
    part: Part
    proved: Mapping[str, int]
    """By property: how many obligations."""
    failed: tuple[Failed, ...]
    lost: frozenset[str]
    """Of what other parts assume as well."""
    reached: frozenset[Span]
    """Statements that some thread may come to."""
    unreached: frozenset[Span]
    """Statements of which a copy is never come to, in any instance."""


def parts(model: Model) -> tuple[Part, ...]:
    """The parts, the longest first as far as that is plain."""
    found: list[tuple[int, Part]] = []
    for family in model.threads:
        begun = [
            n.operation
            for location in family.locations
            for n in nodes(location.code)
            if isinstance(n, Begin)
        ]
        apart = _choices_of_operations(family)
        for operation in apart or (None,):
            found.append(
                (0 if operation is None else -begun.index(operation), Part(family.name, operation))
            )
    return tuple(part for _, part in found)


def _choices_of_operations(family: ThreadFamily) -> tuple[str, ...]:
    """The operations of the family, if leaving all but one of them out leaves that one whole."""
    from pvcheck.model.expr import OpAllowed  # noqa: PLC0415

    guarded = [
        n.operation
        for location in family.locations
        for n in nodes(location.code)
        if isinstance(n, OpAllowed)
    ]
    return tuple(dict.fromkeys(guarded))


def open_parameters(model: Model) -> frozenset[str]:
    """Those that some default instance sets; a proof is for all their values. Numbers always are open."""
    set_somewhere = {name for i in model.instances if i.default for name, _ in i.values}
    return frozenset(
        p.name for p in model.parameters if isinstance(p.type, Int) or p.name in set_somewhere
    )


def settings(model: Model, part: Part, fixed: Mapping[str, bool]) -> Setting:
    """``fixed``: values of Boolean parameters."""
    theory = Theory(model)
    family = next(f for f in model.threads if f.name == part.family)
    itself = () if family.sort is None else theory.variables("self", family.sort)
    parameters: dict[str, Value] = {}
    is_open = open_parameters(model)
    for parameter in model.parameters:
        name = parameter.name
        if isinstance(parameter.type, Int):
            parameters[name] = Atom(z3.Int(f"param.{name}"))
        elif name in fixed:
            parameters[name] = Atom(z3.BoolVal(fixed[name]))
        elif name in is_open:
            parameters[name] = Atom(z3.Bool(f"param.{name}"))
        else:
            value = getattr(parameter.default, "value", None)
            parameters[name] = Atom(
                z3.BoolVal(value) if isinstance(value, bool) else z3.Bool(f"param.{name}")
            )
    only = None if part.operation is None else frozenset({part.operation})
    return Setting(theory, Discipline.of(theory), family, itself, parameters, only)


class Prover:
    """One part."""

    def __init__(
        self, model: Model, part: Part, assumed: Assumed, fixed: Mapping[str, bool]
    ) -> None:
        self._model = model
        self._part = part
        setting = settings(model, part, fixed)
        self._theory = setting.theory
        self._unfolding = unfold(setting, model.order)
        self._axioms = [f for axiom in self._theory.axioms for f in axiom.formulas]
        names = {_name(c): c.literal for c in self._unfolding.candidates}
        names |= {_guard_name(g.literal): g.literal for g in setting.discipline.elements}
        self._alive = {n: literal for n, literal in names.items() if n not in assumed.lost}
        self._setting = setting
        self._lost = set(assumed.lost)

    # Candidates

    def settle(self) -> None:
        """Drop candidates until what is left comes along on all ways."""
        waiting = set(self._unfolding.nodes)
        while waiting:
            dropped_at: set[int] = set()
            guards = False
            for number, node in self._unfolding.nodes.items():
                if number not in waiting:
                    continue
                heads, lost_guard = self._drop_at(number, node)
                dropped_at |= heads
                guards |= lost_guard
            if guards:
                waiting = set(self._unfolding.nodes)
                continue
            waiting = {
                number for number in self._unfolding.nodes if dropped_at & self._behind[number]
            }

    @cached_property
    def _behind(self) -> Mapping[int, frozenset[int]]:
        """By location: the locations on the ways to it."""
        from pvcheck.proof.discharge import ancestors  # noqa: PLC0415

        return {
            number: frozenset(a.location.number for a in ancestors(self._unfolding, number))
            for number in self._unfolding.nodes
        }

    def _drop_at(self, number: int, node: Node) -> tuple[set[int], bool]:
        checks = [c for c in node.checks if _name(c.candidate) in self._alive]
        guards = [c for c in node.claims if c.property in self._guards]
        guards = [c for c in guards if _guard_name(c.property) in self._alive]
        if not checks and not guards:
            return set(), False
        context = self._context(number)
        dropped: set[int] = set()
        for group in _by_way(checks):
            together = all_of([c.goal for c in group])
            if len(group) > 1 and context.quickly(group[0].given, together):
                continue
            for check in group:
                name = _name(check.candidate)
                if name in self._alive and not context.proves(check.given, check.goal):
                    del self._alive[name]
                    self._lost.add(name)
                    dropped.add(check.candidate.head)
        lost = False
        for claim in guards:
            name = _guard_name(claim.property)
            if name in self._alive and not context.proves(claim.given, claim.goal):
                del self._alive[name]
                self._lost.add(name)
                lost = True
        return dropped, lost

    @cached_property
    def _guards(self) -> frozenset[str]:
        return frozenset(str(g.literal) for g in self._setting.discipline.elements)

    def _context(self, number: int) -> Context:
        return Context(self._axioms, list(self._alive.values()), self._unfolding, number)

    # Obligations

    def result(self) -> PartResult:
        """What can be shown with the candidates that are left."""
        proved: dict[str, int] = {}
        failed: list[Failed] = []
        reached: set[Span] = set()
        unreached: set[Span] = set()
        for number, node in [(-1, self._unfolding.start), *self._unfolding.nodes.items()]:
            claims = [c for c in node.claims if c.property not in self._guards]
            claims += deadlock.claims(self._unfolding, node)
            context = self._context(number)
            (reached if context.reachable else unreached).add(node.location.span)
            for claim in claims:
                hard = claim.property in LOCK_PROPERTIES
                if context.proves(claim.given, claim.goal, TRIES if hard else TRIES[:1]):
                    proved[claim.property] = proved.get(claim.property, 0) + 1
                else:
                    failed.append(
                        Failed(claim.property, claim.span, claim.what, self._part.operation)
                    )
        return PartResult(
            self._part,
            proved,
            tuple(failed),
            frozenset(self._lost),
            frozenset(reached),
            frozenset(unreached),
        )


def _name(candidate: Any) -> str:
    return f"{candidate.head}: {candidate.name}"


def _guard_name(literal: Any) -> str:
    return str(literal).partition("!")[0]


def _by_way(checks: Sequence[Check]) -> list[list[Check]]:
    """Those of one way to one head together."""
    groups: dict[tuple[int, tuple[int, ...]], list[Check]] = {}
    for check in checks:
        key = (check.candidate.head, tuple(g.get_id() for g in check.given))
        groups.setdefault(key, []).append(check)
    return list(groups.values())


def prove_part(model: Model, part: Part, assumed: Assumed, fixed: Mapping[str, bool]) -> PartResult:
    """What can be proved of one part."""
    try:
        prover = Prover(model, part, assumed, fixed)
    except OutsideFragment as outside:
        family = next(f for f in model.threads if f.name == part.family)
        what = f"{outside.what} is outside the fragment"
        failed = tuple(Failed(p, family.span, what, part.operation) for p in LOCK_PROPERTIES)
        return PartResult(part, {}, failed, frozenset(), frozenset(), frozenset())
    prover.settle()
    return prover.result()


def shared(model: Model, results: Sequence[PartResult]) -> frozenset[str]:
    """Of what was lost in some part: what another one assumes as well."""
    begins = {
        f"{location.number}: "
        for family in model.threads
        for location in family.locations
        if any(isinstance(n, Begin) for n in nodes(location.code))
    }
    lost = frozenset().union(*(r.lost for r in results))
    return frozenset(name for name in lost if name.startswith(("guard.", *begins)))
