"""Declared invariants: what has to be shown for them to hold in every reachable state.

Theorem and proof: pvcheck/docs/proofs.md. They are assumed of the state that a thread meets, and shown of
the state that its step leaves behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pvcheck.model.compile_model import judged
from pvcheck.model.expr import Changed, LockTest, Read, TakeSnapshot
from pvcheck.model.model import Invariant, Variable
from pvcheck.model.types import Type
from pvcheck.model.walk import nodes
from pvcheck.proof.evaluation import Notes, fit
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.state import Nothing, Setting, World
from pvcheck.proof.stepping import Claim
from pvcheck.proof.unfold import initial_state
from pvcheck.proof.unfolding import Node, Unfolding
from pvcheck.proof.values import (
    Function,
    OutsideFragment,
    Value,
    all_of,
    implies,
    negation,
)
from pvcheck.proof.variables import flat
from pvcheck.proof.z3_terms import FALSE, clauses, for_all


@dataclass(frozen=True)
class Formulas:
    """Of one invariant in one state."""

    facts: tuple[Any, ...]
    """They define what is unknown in it."""
    holds: Any


def formulas(setting: Setting, invariant: Invariant, world: World) -> Formulas:
    """That it holds, for all values of its binders, and that it can be evaluated.

    Raises:
        OutsideFragment: that has no formula.
    """
    condition = judged(invariant)
    for node in nodes(condition):
        match node:
            case Changed() | TakeSnapshot():
                raise OutsideFragment("a generation counter")
    theory = setting.theory
    consts: list[Any] = []
    values: list[tuple[int, Value, Type]] = []
    for _, binder in invariant.binders:
        leaves = theory.constants("b", binder.type)
        consts += leaves
        values.append((binder.number, theory.shape(binder.type, list(leaves)), binder.type))
    notes = Notes()
    evaluator = Evaluator(theory, world, notes, guarded=False, over=tuple(consts))
    evaluator.bound.update({number: value for number, value, _ in values})
    inside = all_of([evaluator.in_type(value, type_) for _, value, type_ in values])
    truth = evaluator.truth(condition)
    body = all_of([truth, *(negation(when) for _, when in notes.faults)])
    return Formulas(tuple(notes.facts), for_all(consts, implies(inside, body)))


def initial_world(setting: Setting) -> World:
    """Before any thread has begun: all locks are free, and variables are as they were declared."""
    world = World(setting, initial_state(setting))
    for lock in setting.theory.locks:
        world.nobody_else_holds(lock)
    for variable in setting.theory.data:
        world.heap[variable.name] = _initially(setting, variable, world.facts)
    return world


def _initially(setting: Setting, variable: Variable, facts: list[Any]) -> Function:
    theory = setting.theory
    if theory.is_opaque(variable.type):
        return setting.anything(variable.name, f"initial.{variable.name}")

    def value(*index: Any) -> Value:
        notes = Notes(facts=facts)
        pure = Evaluator(theory, Nothing(setting), notes, guarded=False, over=index)
        leaves = list(index)
        for binder in variable.binders:
            pure.bound[binder.number] = theory.shape(binder.type, leaves)
        found = pure.value(variable.initial)
        return fit(found, variable.initial.type, variable.type)

    try:
        return flat(theory, variable, Function(value))
    except OutsideFragment:
        return setting.anything(variable.name, f"initial.{variable.name}")


def as_if_free(world: World) -> World:
    """The same state, were the locks free that the thread holds."""
    never = Function(lambda *_: FALSE)
    other = world.copy()
    other.exclusive = dict.fromkeys(other.exclusive, never)
    other.shared = dict.fromkeys(other.shared, never)
    return other


class Obligations:
    """Of invariants that are assumed together, over the locations of one part."""

    def __init__(self, unfolding: Unfolding, invariants: Sequence[Invariant]) -> None:
        self._setting = unfolding.setting
        self._reads = {i.name: _reads(i) for i in invariants}
        self.outside: dict[str, str] = {}
        """Those that have no formula, and why."""
        self._first = initial_world(self._setting)
        self._at_first: dict[str, Formulas] = {}
        for invariant in invariants:
            try:
                self._at_first[invariant.name] = formulas(self._setting, invariant, self._first)
            except OutsideFragment as outside:
                self.outside[invariant.name] = f"{outside.what} is outside the fragment"
        self.inside = tuple(i for i in invariants if i.name not in self.outside)

    def asks_for_locks(self, invariant: Invariant) -> bool:
        """Whether it does not mean the same whoever holds what."""
        return bool(self._reads[invariant.name][1])

    def of_world(self, world: World, here: Any) -> list[Any]:
        """That they hold in the state that a thread meets, if it is ``here``."""
        found: list[Any] = []
        for invariant in self.inside:
            it = formulas(self._setting, invariant, world)
            found += [*it.facts, *clauses(implies(here, it.holds))]
        return found

    def initially(self) -> list[tuple[Claim, list[Any]]]:
        """That they hold at first; with the facts that this rests on."""
        found = []
        for invariant in self.inside:
            it = self._at_first[invariant.name]
            what = "holds initially"
            claim = Claim(invariant.name, (), it.holds, invariant.span, what)
            found.append((claim, [*self._first.facts, *it.facts]))
        return found

    def after(self, node: Node) -> list[tuple[Claim, list[Any]]]:
        """That they hold after the step from a location; with the facts that this rests on."""
        if node.step is None:
            return []
        found = []
        for end in node.step.ends:
            for invariant in self.inside:
                if self._untouched(invariant, node.step.world, end.world):
                    continue
                it = formulas(self._setting, invariant, end.world)
                what = "holds after the step"
                claim = Claim(invariant.name, end.given, it.holds, node.location.span, what)
                found.append((claim, list(it.facts)))
        return found

    def _untouched(self, invariant: Invariant, met: World, left: World) -> bool:
        """Whether nothing that the invariant reads is changed."""
        variables, locks = self._reads[invariant.name]
        return all(left.heap[v] is met.heap[v] for v in variables) and all(
            left.exclusive[n] is met.exclusive[n] and left.shared[n] is met.shared[n] for n in locks
        )


def _reads(invariant: Invariant) -> tuple[frozenset[str], frozenset[str]]:
    """Shared variables, and classes of locks."""
    found = list(nodes(judged(invariant)))
    return (
        frozenset(n.variable for n in found if isinstance(n, Read)),
        frozenset(n.lock.lock for n in found if isinstance(n, LockTest)),
    )
