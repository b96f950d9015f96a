"""Obligations to Z3: each in the context of the ways that lead to its location."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import z3

from pvcheck.proof.unfolding import Node, Unfolding
from pvcheck.proof.values import all_of
from pvcheck.proof.z3_terms import is_false, is_true


def ancestors(unfolding: Unfolding, number: int, *, near: bool = False) -> list[Node]:
    """The locations on the ways to this one, itself included. ``near``: only back to where candidates
    say what is known."""
    seen: set[int] = set()
    waiting = [number]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            if not (near and at != number and unfolding.nodes[at].sums_up):
                waiting += unfolding.nodes[at].before
    return [unfolding.nodes[n] for n in sorted(seen)]


@dataclass(frozen=True)
class Try:
    """How to ask."""

    near: bool
    relevancy: int
    """Of Z3. With it, some terms are overlooked; without, there are many more."""
    models: bool
    """Whether quantifiers are also instantiated by the models that are tried."""
    resources: int
    """Of Z3 (its ``rlimit``), the same on every machine."""


_PLAIN = Try(near=False, relevancy=2, models=False, resources=400_000)
_REACHED = replace(_PLAIN, resources=50_000)
TRIES = (
    Try(near=True, relevancy=2, models=False, resources=300_000),
    _PLAIN,
    Try(near=False, relevancy=0, models=False, resources=2_000_000),
    Try(near=True, relevancy=2, models=True, resources=2_000_000),
)
"""From cheap to dear; see ``proves``."""
_DEAREST = Try(near=False, relevancy=2, models=True, resources=2_000_000)
THOROUGH = (*TRIES, _DEAREST)
AGAIN = (TRIES[0], _DEAREST)
"""For what the tries have not shown; most of that is not so."""


@dataclass(frozen=True)
class Known:
    """Formulas that many solvers are given."""

    formulas: Sequence[Any]

    @cached_property
    def together(self) -> Any:
        """As one, which z3 takes in much sooner than many."""
        return all_of(self.formulas)


class OutOfTime(Exception):
    """The time for a proof is up."""


class Solvers:
    """Solvers that are given the same formulas, one for each way to ask. ``until``: when to give up, as
    ``time.monotonic`` counts."""

    def __init__(self, known: Callable[[Try], Iterable[Any]], *, until: float = math.inf) -> None:
        self._known = known
        self._until = until
        self._solvers: dict[Try, Any] = {}

    def _solver(self, how: Try) -> Any:
        if how not in self._solvers:
            solver = self._solvers[how] = z3.SimpleSolver()
            solver.set("rlimit", how.resources)
            solver.set("random_seed", 0)
            solver.set("auto_config", False)
            solver.set("relevancy", how.relevancy)
            solver.set("mbqi", how.models)
            solver.add(*self._known(how))
        return self._solvers[how]

    def proves(self, given: Sequence[Any], goal: Any, tries: Sequence[Try]) -> bool:
        """Whether the goal follows; ``False`` if that was not found out.

        Raises:
            OutOfTime: there is no time to ask.
        """
        if is_true(goal):
            return True
        if is_false(goal):
            # Outside the fragment: fine where nobody comes.
            tries = tries[:1]
        for how in tries:
            if time.monotonic() > self._until:
                raise OutOfTime
            solver = self._solver(how)
            solver.push()
            solver.add(*given, z3.Not(goal))
            result = solver.check()
            solver.pop()
            if result == z3.unsat:
                return True
        return False


class Context(Solvers):
    """What is known at a location."""

    def __init__(
        self,
        axioms: Known,
        assumed: Known,
        unfolding: Unfolding,
        number: int,
        *,
        until: float = math.inf,
    ) -> None:
        super().__init__(self._of_ways, until=until)
        self._unfolding = unfolding
        self._number = number
        self._always = (axioms, assumed)
        self._here = unfolding.nodes[number].here

    def _of_ways(self, how: Try) -> Iterable[Any]:
        before = ancestors(self._unfolding, self._number, near=how.near)
        always = (known.together for known in self._always)
        return (*always, self._here, *(one.known_together for one in before))

    def go_on(self, number: int) -> Context:
        """At a location that is only come to from here. Nothing is asked here any more: the solvers go
        along, which know most of what they need."""
        axioms, assumed = self._always
        there = Context(axioms, assumed, self._unfolding, number, until=self._until)
        node = self._unfolding.nodes[number]
        from_here = self._unfolding.nodes[self._number].sums_up
        for how, solver in self._solvers.items():
            if not (how.near and from_here):
                solver.add(node.here, node.known_together)
                there._solvers[how] = solver
        self._solvers = {}
        return there

    def known(self, *, near: bool) -> list[Any]:
        """As formulas; see ``ancestors``."""
        before = ancestors(self._unfolding, self._number, near=near)
        always = [formula for known in self._always for formula in known.formulas]
        return [*always, self._here, *(formula for one in before for formula in one.known)]

    def quickly(self, given: Sequence[Any], goal: Any) -> bool:
        """As ``proves``, if that is plain."""
        return self.proves(given, goal, TRIES[:1])

    @property
    def reachable(self) -> bool:
        """Whether it is not plain that nobody comes here."""
        return bool(self._solver(_REACHED).check() != z3.unsat)
