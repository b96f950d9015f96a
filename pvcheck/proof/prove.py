"""The proof of one part of a specification.

What the parts assume in common: which locks are held between two operations. Each has to bring that
along. What none of them does is not assumed any more, and the parts are made again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import networkx as nx
import z3

from pvcheck.model.model import ABOUT_LOCKS, Invariant, Model
from pvcheck.proof import deadlock
from pvcheck.proof.discharge import (
    AGAIN,
    THOROUGH,
    TRIES,
    Context,
    Known,
    OutOfTime,
    Try,
    ancestors,
)
from pvcheck.proof.invariants import Obligations
from pvcheck.proof.parts import Part
from pvcheck.proof.preservation import Preservation, Shown
from pvcheck.proof.settings import axioms_of, settings
from pvcheck.proof.stepping import Claim
from pvcheck.proof.theory import Theory
from pvcheck.proof.unfold import unfold
from pvcheck.proof.unfolding import Node
from pvcheck.proof.values import OutsideFragment, all_of
from pvcheck.source import Span


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
    """Of what other parts assume as well, what this one does not bring along."""
    reached: frozenset[Span]
    """Statements that some thread may come to."""
    facts: frozenset[str] = frozenset()
    """The candidates that come along on all ways, by name."""
    searched: bool = True
    """Whether there was more to try than the facts that were known."""
    axioms: tuple[tuple[str, str], ...] = ()
    """What it rests on: names and reasons."""
    lacking: frozenset[str] = frozenset()
    """Of what may be known of invariants before steps, what is not, by name."""


_FACT = "fact"


@dataclass(frozen=True, slots=True)
class Budget:
    """What the proof of a part may use."""

    memory: int = 0
    """Bytes that z3 may use; 0: as many as it likes."""
    until: float = math.inf
    """When to give up, as ``time.monotonic`` counts."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """That the goal follows from what is given, at a location."""

    property: str
    """Or ``fact``: that one comes along."""
    what: str
    given: tuple[Any, ...]
    goal: Any


class Prover:
    """One part."""

    def __init__(
        self,
        model: Model,
        part: Part,
        lost: frozenset[str],
        fixed: Mapping[str, bool],
        *,
        guarded: Collection[str] = (),
        about_data: bool = False,
        until: float = math.inf,
    ) -> None:
        self._model = model
        self._until = until
        self._part = part
        setting = settings(model, part, fixed, guarded, about_data=about_data)
        self._setting = setting
        self._unfolding = unfold(setting, model.order)
        self._axioms = Known([f for axiom in self._setting.theory.axioms for f in axiom.formulas])
        self._assumed = {
            c.name: c.literal
            for c in self._unfolding.candidates
            if c.name not in lost and not c.about_data
        }
        self._alive: dict[str, Any] = {}
        self._together: tuple[tuple[str, ...], Known] = (), Known(())
        """The names of candidates that were alive, and they."""
        self._left: frozenset[str] = frozenset()
        """Candidates that need not be looked at again."""
        self._proved: set[tuple[int, int]] = set()
        """Obligations likewise: location, and which of them."""
        self._lost: list[str] = []

    # Candidates

    def settle(self, tries: Sequence[Try]) -> None:
        """Drop candidates until what is left comes along on all ways, as far as the tries show.

        Again: those that were left stay, since with more that is assumed they come along as well.
        """
        self._left = frozenset(self._alive)
        self._alive = dict(self._assumed)
        self._lost.clear()
        waiting = set(self._unfolding.nodes)
        while waiting:
            dropped: set[int] = set()
            for number, node in self._unfolding.nodes.items():
                if number in waiting:
                    dropped |= self._drop_at(number, node, tries)
            waiting = {number for number in self._unfolding.nodes if dropped & self._behind[number]}

    @cached_property
    def _behind(self) -> Mapping[int, frozenset[int]]:
        """By location: the locations on the ways to it."""
        return {
            number: frozenset(a.location.number for a in ancestors(self._unfolding, number))
            for number in self._unfolding.nodes
        }

    def _drop_at(self, number: int, node: Node, tries: Sequence[Try]) -> set[int]:
        """Drop what steps from a location do not bring along; the heads where it was assumed."""
        open_ = self._alive.keys() - self._left
        checks = [c for c in node.checks if c.candidate.name in open_]
        if not checks:
            return set()
        context = self._context(number)
        dropped: set[int] = set()
        for group in _by_way(checks):
            together = all_of([c.goal for c in group])
            if len(group) > 1 and context.quickly(group[0].given, together):
                continue
            for check in group:
                name = check.candidate.name
                if name in self._alive and not context.proves(check.given, check.goal, tries):
                    del self._alive[name]
                    dropped.add(check.candidate.head)
                    if check.candidate.head == self._part.cut:
                        self._lost.append(name)
        return dropped

    def _context(self, number: int) -> Context:
        names = tuple(self._alive)
        if names != self._together[0]:
            self._together = names, Known(tuple(self._alive.values()))
        return self._knowing(self._together[1], number)

    def _contexts(self) -> Iterator[tuple[int, Node, Context]]:
        """Of all locations, in turn: to be used before the next one."""
        last: int | None = None
        context: Context | None = None
        for number, node in self._unfolding.nodes.items():
            before = context if node.before == (last,) else None
            context = before.go_on(number) if before else self._context(number)
            last = number
            yield number, node, context

    def _knowing(self, assumed: Known, number: int) -> Context:
        return Context(self._axioms, assumed, self._unfolding, number, until=self._until)

    def _reached(self) -> set[Span]:
        """Statements where it is not plain that nobody comes: if it is not for a location, neither for
        those that are on all ways to it."""
        ways: nx.DiGraph[int] = nx.DiGraph()
        ways.add_edges_from((b, n) for n, at in self._unfolding.nodes.items() for b in at.before)
        ways.add_node(-1)
        above = nx.immediate_dominators(ways, -1)
        reached = {-1}
        for number in reversed(self._unfolding.nodes):
            if number not in reached and self._context(number).reachable:
                on_the_way = number
                while on_the_way not in reached:
                    reached.add(on_the_way)
                    on_the_way = above[on_the_way]
        return {self._unfolding.nodes[number].location.span for number in reached}

    # Obligations

    def result(self, tries: Sequence[Try]) -> PartResult:
        """What the tries can show with the candidates that are left, and was shown before with fewer."""
        proved: dict[str, int] = {}
        failed: list[Failed] = []
        for number, node, context in self._contexts():
            for which, claim in enumerate(_claims(node)):
                known = (number, which) in self._proved
                if known or context.proves(claim.given, claim.goal, tries):
                    self._proved.add((number, which))
                    proved[claim.property] = proved.get(claim.property, 0) + 1
                else:
                    failed.append(
                        Failed(claim.property, claim.span, claim.what, self._part.operation)
                    )
        # Other parts rest on it.
        failed += self._not_brought_along(self._lost, ABOUT_LOCKS)
        return PartResult(
            self._part,
            proved,
            tuple(failed),
            frozenset(self._lost),
            frozenset(self._reached()),
            frozenset(self._alive),
            axioms=axioms_of(self._setting.theory),
        )

    def _not_brought_along(self, lost: Iterable[str], properties: Sequence[str]) -> list[Failed]:
        """What other parts rest on and this one loses is open of each property."""
        cut, operation = self._part.cut, self._part.operation
        if cut is None:
            return []
        span = self._unfolding.nodes[cut].location.span
        return [
            Failed(property_, span, f"after {operation}: {name}", operation)
            for name in lost
            for property_ in properties
        ]

    def with_invariants(
        self, result: PartResult, invariants: Sequence[Invariant], lacking: Collection[str]
    ) -> PartResult:
        """The result, and what can be shown of invariants if all are assumed, with the facts that are.
        ``lacking``: what is tried only if it cannot be shown without."""
        always = [*self._axioms.formulas, *self._alive.values()]
        preservation = Preservation(self._unfolding, invariants, Known(always), until=self._until)
        outside = preservation.obligations.outside
        failed = [
            Failed(i.name, i.span, outside[i.name], None) for i in invariants if i.name in outside
        ]
        shown = self._initially(preservation.obligations)
        steps = preservation.results(lacking)
        if lacking and not all(s.shown for s in steps):
            steps = preservation.results()
        shown += steps
        proved = Counter(result.proved)
        names = {i.name for i in invariants}
        proved.update(s.claim.property for s in shown if s.shown and s.claim.property in names)
        failed += [
            Failed(s.claim.property, s.claim.span, s.claim.what, self._part.operation)
            for s in shown
            if not s.shown
        ]
        failed += self._not_brought_along(sorted(result.lost), [i.name for i in invariants])
        return replace(
            result,
            proved=proved,
            failed=(*result.failed, *failed),
            lacking=preservation.lacking,
        )

    def _initially(self, obligations: Obligations) -> list[Shown]:
        context = self._knowing(Known(()), -1)
        return [
            Shown(claim, context.proves((*facts, *claim.given), claim.goal, TRIES))
            for claim, facts in obligations.initially()
        ]

    # Facts that are known

    @property
    def between(self) -> frozenset[str]:
        """The names of the candidates that other parts may assume as well."""
        cut = self._part.cut
        return frozenset(c.name for c in self._unfolding.candidates if c.head == cut)

    @property
    def enums(self) -> Mapping[str, str]:
        """By the name of a sort in z3: of what enumeration it is."""
        return self._setting.theory.enum_sorts

    def assume(self, facts: Collection[str]) -> None:
        """These candidates, and no others.

        Raises:
            ValueError: there is no such candidate.
        """
        if unknown := set(facts) - set(self._assumed):
            raise ValueError(min(unknown))
        self._alive = {name: term for name, term in self._assumed.items() if name in facts}

    def rely_on(self, proved: Prover) -> None:
        """Assume what was proved of the same part."""
        facts = {(c.head, c.fact) for c in proved._unfolding.candidates if c.name in proved._alive}
        self.assume(
            [
                c.name
                for c in self._unfolding.candidates
                if c.name in self._assumed and (c.head, c.fact) in facts
            ]
        )

    def obligations(self) -> Iterator[tuple[Context, list[Obligation]]]:
        """By location: all that has to follow there, so that the facts that are assumed come along and
        nothing goes wrong."""
        for _, node, context in self._contexts():
            found = [
                Obligation(_FACT, c.candidate.name, c.given, c.goal)
                for c in node.checks
                if c.candidate.name in self._alive
            ]
            found += [Obligation(c.property, c.what, c.given, c.goal) for c in _claims(node)]
            if found:
                yield context, found

    def rests_on(self, facts: Collection[str]) -> PartResult | None:
        """All is proved, from such of the facts as are candidates and what other parts may assume as well;
        ``None`` if these are not enough, as far as the tries show."""
        self.assume(self._assumed.keys() & self.between.union(facts))
        proved: Counter[str] = Counter()
        for context, obligations in self.obligations():
            for group in _by_way(obligations):
                together = all_of([o.goal for o in group])
                if len(group) > 1 and context.quickly(group[0].given, together):
                    continue
                # Thorough: a search would take much longer.
                if not all(context.proves(o.given, o.goal, THOROUGH) for o in group):
                    return None
            proved.update(o.property for o in obligations)
        del proved[_FACT]
        reached, facts_ = frozenset(self._reached()), frozenset(self._alive)
        return PartResult(
            self._part,
            proved,
            (),
            frozenset(),
            reached,
            facts_,
            searched=False,
            axioms=axioms_of(self._setting.theory),
        )


def _claims(node: Node) -> list[Claim]:
    return [*(c for c in node.claims if c.property in ABOUT_LOCKS), *deadlock.claims(node)]


class _Asked(Protocol):
    @property
    def given(self) -> tuple[Any, ...]: ...


A = TypeVar("A", bound=_Asked)


def _by_way(asked: Iterable[A]) -> list[list[A]]:
    """Those of one way together."""
    groups: dict[tuple[int, ...], list[A]] = {}
    for one in asked:
        groups.setdefault(tuple(g.get_id() for g in one.given), []).append(one)
    return list(groups.values())


def prove_part(
    model: Model,
    part: Part,
    lost: frozenset[str],
    fixed: Mapping[str, bool],
    *,
    invariants: Sequence[Invariant] = (),
    guarded: Collection[str] = (),
    known: Collection[str] = (),
    lacking: Collection[str] = (),
    budget: Budget = Budget(),
) -> PartResult:
    """What can be proved of one part.

    Args:
        guarded: shared variables whose elements have locks of their own; for invariants.
        invariants: assumed together, each to be shown.
        known: facts that were enough for another version of the specification, by name: tried first.
        lacking: what another version did not need to know of invariants before steps, by name: tried last.
        lost: what no part of the family brings along between two operations, so that none may assume it.
        fixed: values of truth parameters.
    """
    try:
        with _limited(budget.memory):
            about_locks = Prover(model, part, lost, fixed, until=budget.until)
            result = _proved(about_locks, known)
            if not invariants:
                return result
            # Its own unfolding: locks are proved sooner where less is said of data.
            about_data = Prover(
                model, part, lost, fixed, guarded=guarded, about_data=True, until=budget.until
            )
            about_data.rely_on(about_locks)
            return about_data.with_invariants(result, invariants, lacking)
    except OutsideFragment as outside:
        what = f"{outside.what} is outside the fragment"
    except z3.Z3Exception as error:
        if "out of memory" not in str(error):
            raise
        what = f"out of memory: z3 wants more than {budget.memory >> 20} MiB"
    except OutOfTime:
        what = "out of time"
    family = next(f for f in model.threads if f.name == part.family)
    asked = (*ABOUT_LOCKS, *(i.name for i in invariants))
    failed = tuple(Failed(p, family.span, what, part.operation) for p in asked)
    return PartResult(part, {}, failed, frozenset(), frozenset(), axioms=axioms_of(Theory(model)))


def _proved(prover: Prover, known: Collection[str]) -> PartResult:
    if known and (found := prover.rests_on(known)):
        return found
    prover.settle(TRIES)
    result = prover.result(TRIES)
    if result.failed:
        prover.settle(AGAIN)
        result = prover.result(THOROUGH)
    return result


@contextmanager
def _limited(memory: int) -> Iterator[None]:
    """Resources do not bound it: z3 makes new terms out of formulas."""
    z3.set_param("memory_max_size", memory >> 20)
    try:
        yield
    finally:
        z3.set_param("memory_max_size", 0)
