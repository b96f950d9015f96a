"""That the steps of one part preserve invariants, and keep to the guards of elements.

Before each step there is more that a thread may know of an invariant with a window than the invariant
says: it would hold if the locks that this thread holds were free. Mostly that is so, but for the few steps
in which the thread has something to put right. Where it is so, what came before need not be looked at.
It is shown at each location from what is known at those before it; at the head of a loop it is a candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pvcheck.model.model import Invariant
from pvcheck.proof.discharge import Known, Solvers, Try
from pvcheck.proof.invariants import Obligations, as_if_free, formulas
from pvcheck.proof.state import World
from pvcheck.proof.stepping import Claim, guard_of_elements
from pvcheck.proof.unfolding import Arrival, Candidate, Node, Unfolding
from pvcheck.proof.values import all_of, implies
from pvcheck.proof.z3_terms import TRUE, clauses

_QUICK = Try(near=True, relevancy=2, models=False, resources=2_000_000)
_EAGER = Try(near=True, relevancy=0, models=False, resources=2_000_000)
_LONG = Try(near=True, relevancy=2, models=False, resources=10_000_000)
_MODELS = Try(near=True, relevancy=2, models=True, resources=2_000_000)
"""Dear where the answer is no, as it often is of what is known at locations: not tried there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Of one claim: whether it was shown."""

    claim: Claim
    shown: bool


@dataclass
class _Place:
    """What is known of a location."""

    number: int
    node: Node
    closed: Mapping[str, Sequence[Any]]
    """By invariant with a window, in clauses: that it would hold if the thread's locks were free, where its
    step meets the state."""
    defined: Any
    """What defines the unknowns in these formulas."""
    assumed: Any
    """The invariants, of the state that is met."""
    claims: Sequence[tuple[Claim, Any]]
    ways: Sequence[tuple[Arrival, Mapping[str, Sequence[Any]], Any]]
    """To heads of loops: what is to be shown there by invariant, and from what."""
    known: set[str] = field(default_factory=set)
    """The invariants of which ``closed`` is known."""

    @property
    def about_invariants(self) -> list[Any]:
        return [
            self.defined,
            self.assumed,
            *(clause for name in sorted(self.known) for clause in self.closed[name]),
        ]


_Area = tuple[frozenset[int], frozenset[int]]
"""Locations on the ways to a place, and those of them at which invariants are looked at."""


class Preservation:
    """Of invariants that are assumed together, by one part.

    Args:
        always: axioms, and facts about locks.
    """

    def __init__(
        self,
        unfolding: Unfolding,
        invariants: Sequence[Invariant],
        always: Known,
        *,
        until: float,
    ) -> None:
        self._unfolding = unfolding
        self._always = always
        self._until = until
        self.obligations = Obligations(unfolding, invariants)
        self._guards = {guard_of_elements(name) for name in unfolding.setting.element_guards}
        self._windowed = [i for i in self.obligations.inside if self.obligations.asks_for_locks(i)]
        self._places = {number: self._place(number) for number in unfolding.nodes}
        self._order = list(unfolding.nodes)
        # What other parts bring along to the cut is not known here.
        heads = {a.head for node in unfolding.nodes.values() for a in node.arrivals}
        self._heads = heads - {unfolding.setting.cut}
        self._names = dict(_names(unfolding))
        self._everywhere = {
            number: self._near(place, lambda _: False) for number, place in self._places.items()
        }
        self._solvers: dict[_Area, Solvers] = {}
        self._alive: set[tuple[int, str]] = set()
        self._data: dict[str, Candidate] = {}
        self._skip: frozenset[str] = frozenset()

    def _place(self, number: int) -> _Place:
        node = self._unfolding.nodes[number]
        ways = []
        for arrival in node.arrivals:
            world = World(self._unfolding.setting, arrival.state)
            assumed = self.obligations.of_world(world, TRUE)
            closed, defined = self._closed(world, TRUE)
            ways.append((arrival, closed, all_of([*assumed, defined, *world.facts])))
        if node.step is None:
            return _Place(number, node, {}, TRUE, TRUE, (), ways)
        closed, defined = self._closed(node.step.world, node.here)
        claims = [(c, all_of(facts)) for c, facts in self.obligations.after(node)]
        claims += [(c, TRUE) for c in node.claims if c.property in self._guards]
        assumed = self.obligations.of_world(node.step.world, node.here)
        return _Place(number, node, closed, defined, all_of(assumed), claims, ways)

    def _closed(self, world: World, here: Any) -> tuple[dict[str, Sequence[Any]], Any]:
        found: dict[str, Sequence[Any]] = {}
        defined: list[Any] = []
        for invariant in self._windowed:
            it = formulas(self._unfolding.setting, invariant, as_if_free(world))
            found[invariant.name] = clauses(implies(here, it.holds))
            defined += it.facts
        return found, all_of(defined)

    # What is known where

    def results(self, skip: Collection[str] = ()) -> list[Shown]:
        """Of each claim, with as much as comes along on all ways. ``skip``: what need not be tried."""
        self._skip = frozenset(skip)
        self._solvers.clear()
        self._alive = {
            (head, i.name)
            for head in self._heads
            for i in self._windowed
            if self._name(head, i.name) not in self._skip
        }
        self._data = {
            c.name: c
            for c in self._unfolding.candidates
            if c.about_data and c.name not in self._skip
        }
        found: dict[int, list[Shown]] = {}
        start = 0
        while start < len(self._order):
            number = self._order[start]
            place = self._places[number]
            self._look_at(place)
            again = [n for n in map(self._order.index, self._drop(place)) if n <= start]
            if again:
                start = min(again)
                continue
            found[number] = [
                Shown(c, self._shows(place, c.property, (facts, *c.given), clauses(c.goal)))
                for c, facts in place.claims
            ]
            start += 1
        return [shown for number in self._order for shown in found[number]]

    @property
    def lacking(self) -> frozenset[str]:
        """What was found not to be known, by name."""
        data = (c.name for c in self._unfolding.candidates if c.about_data)
        found = {name for name in data if name not in self._data}
        for place in self._places.values():
            found |= {self._name(place.number, name) for name in place.closed.keys() - place.known}
        return frozenset(found)

    def _name(self, number: int, invariant: str) -> str:
        return f"{self._names[number]} {invariant} if free"

    def _look_at(self, place: _Place) -> None:
        """Find out what is known at a location."""
        place.known = set()
        if place.number in self._heads:
            place.known = {i.name for i in self._windowed if (place.number, i.name) in self._alive}
        elif place.node.step is not None:
            place.known = {
                i.name
                for i in self._windowed
                if self._name(place.number, i.name) not in self._skip
                and self._shows(place, i.name, (), place.closed[i.name], models=False)
            }
            self._solvers.clear()

    def _drop(self, place: _Place) -> set[int]:
        """Drop candidates that a location does not bring along to heads; these heads."""
        dropped = set()
        for arrival, closed, given in place.ways:
            for name, goals in closed.items():
                if (arrival.head, name) in self._alive and not self._shows(
                    place, name, (given, *arrival.given), goals
                ):
                    self._alive.discard((arrival.head, name))
                    dropped.add(arrival.head)
        for check in place.node.checks:
            candidate = check.candidate
            if candidate.name in self._data and not self._shows(
                place, None, check.given, clauses(check.goal)
            ):
                del self._data[candidate.name]
                dropped.add(candidate.head)
        if dropped:
            self._solvers.clear()
        return dropped

    # Questions

    def _shows(
        self,
        place: _Place,
        name: str | None,
        given: Sequence[Any],
        goals: Sequence[Any],
        *,
        models: bool = True,
    ) -> bool:
        """Whether a claim about an invariant follows at a location: from what is known near it or, if that
        does not do, from farther away."""
        open_, asked = goals, set()
        for area, how in self._questions(place, name, models=models):
            if (area, how) in asked:
                continue
            asked.add((area, how))
            solvers = self._solver(*area, place)
            open_ = [part for part in open_ if not solvers.proves(given, part, (how,))]
            if not open_:
                return True
        return False

    def _questions(
        self, place: _Place, name: str | None, *, models: bool
    ) -> Iterator[tuple[_Area, Try]]:
        """From near to far, and how to ask there; some may be the same."""
        windowed = any(i.name == name for i in self._windowed)
        own = self._near(place, (lambda p: name in p.known) if windowed else self._all_known)
        yield (own, own), _QUICK
        near = self._near(place, self._all_known)
        yield (near, near), _QUICK
        yield (near, near), _EAGER
        everywhere = self._everywhere[place.number]
        yield (everywhere, near), _QUICK
        yield (everywhere, everywhere), _LONG
        if models:
            yield (everywhere, near), _LONG
            yield (near, near), _MODELS

    def _all_known(self, place: _Place) -> bool:
        return place.node.step is not None and len(place.known) == len(self._windowed)

    def _near(self, place: _Place, far_enough: Callable[[_Place], bool]) -> frozenset[int]:
        """The locations on the ways to this one, back to where it is far enough."""
        seen: set[int] = set()
        waiting = [place.number]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                if not far_enough(self._places[at]):
                    waiting += self._places[at].node.before
        return frozenset(seen)

    def _solver(self, ways: frozenset[int], where: frozenset[int], place: _Place) -> Solvers:
        """See ``_Area``."""
        if (ways, where) not in self._solvers:
            facts = [c.literal for c in self._data.values()]
            known = [self._always.together, *facts, place.node.here]
            known += [self._places[n].node.known_together for n in sorted(ways)]
            known += [part for n in sorted(where) for part in self._places[n].about_invariants]
            self._solvers[ways, where] = Solvers(lambda _: known, until=self._until)
        return self._solvers[ways, where]


def _names(unfolding: Unfolding) -> Iterator[tuple[int, str]]:
    """Of locations: where nothing is changed, the same in another version of the specification."""
    copies: Counter[str] = Counter()
    for number, node in unfolding.nodes.items():
        statement = f"{node.location.procedure}: {node.location.text}"
        copies[statement] += 1
        yield number, f"{statement} #{copies[statement]}"
