"""What a thread knows of the state, and the state that it meets when it takes a step.

Between its steps a thread keeps what it knows of its locals, of its locks, and of the data that these
guard: nobody else changes that. Everything else is the world's, and new at each step. What others may
change although the thread holds a lock does not exist, if ``race`` is proved; that is one of the
obligations (see pvcheck/docs/proofs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import z3

from pvcheck.model.model import GuardLock, LockKind, ThreadFamily, Variable
from pvcheck.model.types import ListOf, LockSet, Optional, SetOf, Struct, Type
from pvcheck.proof.evaluation import Notes
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.theory import Theory, inner
from pvcheck.proof.values import (
    Function,
    Maybe,
    OutsideFragment,
    Terms,
    Value,
    all_of,
    any_of,
    choose_value,
    equal_terms,
    implies,
    negation,
)
from pvcheck.proof.variables import as_often, define, flat, mentions, unknown_variable, well_formed
from pvcheck.proof.z3_terms import FALSE, TRUE, for_all, is_true


@dataclass(frozen=True)
class ThreadState:
    """Between two steps."""

    locals: Mapping[int, Value]
    heap: Mapping[str, Function]
    """By variable: from indices to the value. What the thread does not own means nothing."""
    exclusive: Mapping[str, Function]
    """By lock class: from indices to whether the thread holds it so."""
    shared: Mapping[str, Function]


@dataclass(frozen=True, slots=True)
class ElementGuard:
    """A lock that whoever puts an element into a list or a set, or takes it out, holds besides those of its
    ``guarded by``. It is named by a field of the element."""

    lock: str
    leaves: slice
    """Of the element: the index of the lock."""


@dataclass(frozen=True)
class Setting:
    """What is the same in all states: the types, the thread, the parameters."""

    theory: Theory
    family: ThreadFamily
    itself: Terms
    """The element of the family's sort that the thread is."""
    parameters: Mapping[str, Value]
    left_out: frozenset[str] = frozenset()
    """Operations that are chosen in other parts."""
    cut: int | None = None
    """The location between two operations, at which no more is assumed than in other parts."""
    element_guards: Mapping[str, ElementGuard] = field(default_factory=dict)
    """By shared variable, where they are assumed; each step has to show that it keeps to them."""
    about_data: bool = False
    """Whether there are candidates about shared variables, which invariants need."""

    @cached_property
    def protecting(self) -> dict[str, frozenset[str]]:
        """By shared variable: the lock classes of which a lock keeps others from changing it."""
        found = {
            v.name: frozenset(g.lock.lock for g in v.guard.locks) if v.guard else frozenset()
            for v in self.theory.data
        }
        for name, guard in self.element_guards.items():
            found[name] |= {guard.lock}
        return found

    def of_loop(self, variable: str) -> tuple[Function, list[Any]]:
        """A shared variable at the head of a loop that writes it, and what is known of it."""
        unknown = self.anything(variable, f"loop.{variable}")
        if not self.about_data:
            return unknown, []
        return unknown, well_formed(self.theory, self.theory.variables[variable], unknown)

    def anything(self, variable: str, name: str) -> Function:
        """An unknown shared variable: from indices to values."""
        return unknown_variable(self.theory, self.theory.variables[variable], name)


class World:
    """The state that a thread meets: its own part, and the rest, about which invariants are all that is known.

    As a step goes on, ``heap`` and the lock maps change.
    """

    def __init__(self, setting: Setting, state: ThreadState) -> None:
        self.setting = setting
        self.theory = setting.theory
        self.locals = dict(state.locals)
        self.exclusive = dict(state.exclusive)
        self.shared = dict(state.shared)
        self._before = state
        self.heap: dict[str, Function] = {}
        self.mine = dict(state.heap)
        """As ``heap``, but without what is the world's."""
        self._rest: dict[str, Function] = {}
        self._others: dict[tuple[str, str], Function] = {}
        self.facts: list[Any] = []
        for variable in setting.theory.data:
            self.heap[variable.name] = self._met(variable)

    def copy(self) -> World:
        other = object.__new__(World)
        other.__dict__.update(self.__dict__)
        other.locals = dict(self.locals)
        other.exclusive = dict(self.exclusive)
        other.shared = dict(self.shared)
        other.heap = dict(self.heap)
        other.mine = dict(self.mine)
        return other

    def write(self, variable: str, index: Terms, value: Value) -> None:
        """Change one element."""

        def changed(old: Function) -> Function:
            return Function(lambda *i: choose_value(equal_terms(i, index), value, old(*i)))

        self.replace(variable, changed)

    def replace(self, variable: str, change: Callable[[Function], Function]) -> None:
        """Change a variable."""
        for heap in (self.heap, self.mine):
            heap[variable] = change(heap[variable])

    def state(self, live: Sequence[int], gained: Collection[str]) -> ThreadState:
        """After the step. ``gained``: classes of which a lock was taken."""
        kept = {slot: value for slot, value in self.locals.items() if slot in live}
        heap = {}
        for name, mine in self.mine.items():
            own = self.setting.protecting[name] & set(gained)
            function = self.heap[name] if own else mine
            if function is not self._before.heap[name]:
                function = flat(self.theory, self.theory.variables[name], function)
            heap[name] = function
        return ThreadState(kept, heap, dict(self.exclusive), dict(self.shared))

    def none_held(self) -> Iterator[tuple[str, Any]]:
        """By lock class: that the thread holds no lock of it."""
        for name in self.theory.locks:
            x = self.theory.lock_index(name)
            held = self.held(name, x)
            yield name, for_all(x, negation(held), held)

    # What the thread owns

    def _met(self, variable: Variable) -> Function:
        mine = self._before.heap[variable.name]
        name = variable.name

        def value(*index: Any) -> Value:
            is_mine = owned(self.setting, self._before, variable, index)
            if is_true(is_mine):
                known: Value = mine(*index)
                return known
            if name not in self._rest:
                self._rest[name] = self.setting.anything(name, f"world.{name}")
                self._well_formed(variable)
                self._keep_elements(variable)
            return choose_value(is_mine, mine(*index), self._rest[name](*index))

        if not self.setting.about_data or variable.guard is None:
            return Function(value)
        return self._named(variable, Function(value), mine)

    def _named(self, variable: Variable, function: Function, mine: Function) -> Function:
        """The same function, by a symbol that is defined when it is used."""
        if self.theory.is_opaque(variable.type):
            return function
        symbol: list[Function] = []

        def value(*index: Any) -> Value:
            if not symbol:
                symbol.append(self.setting.anything(variable.name, f"met.{variable.name}"))
                self.facts += define(self.theory, variable, symbol[0], function, found_by=mine)
            found: Value = symbol[0](*index)
            return found

        return Function(value)

    def _keep_elements(self, variable: Variable) -> None:
        """Those whose own lock the thread holds are in it as before."""
        guard = self.setting.element_guards.get(variable.name)
        if guard is None:
            return
        index = self.theory.variable_index(variable.name)
        e = self.theory.constants("e", inner(variable.type))
        lock = e[guard.leaves]
        before = self._before
        held = any_of([before.exclusive[guard.lock](*lock), before.shared[guard.lock](*lock)])
        now, then = self._rest[variable.name](*index), before.heap[variable.name](*index)
        same = as_often(now, then, e)
        self.facts.append(for_all((*index, *e), implies(held, same), *mentions(now, e)))

    def _well_formed(self, variable: Variable) -> None:
        self.facts += well_formed(self.theory, variable, self._rest[variable.name])

    # As the evaluator sees it

    def read(self, variable: str, indices: Terms) -> Value:
        value: Value = self.heap[variable](*indices)
        return value

    def may_read(self, variable: str, indices: Terms) -> Any:
        declared = self.theory.variables[variable]
        if declared.guard is None:
            return TRUE
        return owned(self.setting, self, declared, indices)

    def may_write(self, variable: str, indices: Terms) -> Any:
        return writable(self.setting, self, self.theory.variables[variable], indices)

    def local(self, slot: int, type_: Type) -> Value:
        if slot not in self.locals:
            # Never read before it is set; a declaration without a value sets it.
            assert not isinstance(type_, LockSet), "set by Begin"
            name = self.setting.family.locals[slot].name
            self.locals[slot] = self.theory.anything(name, type_)
        return self.locals[slot]

    def self_element(self, type_: Type) -> Value:
        return self.theory.shape(type_, list(self.setting.itself))

    def parameter(self, name: str, type_: Type) -> Value:
        return self.setting.parameters[name]

    def allows(self, operation: str) -> bool:
        return operation not in self.setting.left_out

    def held(self, lock: str, indices: Terms) -> Any:
        return any_of([self.exclusive[lock](*indices), self.shared[lock](*indices)])

    def others(self, lock: str, how: str) -> Function:
        """Whether another thread holds the lock ("exclusive", "shared"), or who ("owner")."""
        if (lock, how) not in self._others:
            self._meet_others(lock)
        return self._others[lock, how]

    def _meet_others(self, lock: str) -> None:
        setting = self.setting
        leaves = self.theory.lock_leaves(lock)
        exclusive = self.theory.unknown(f"others.{lock}", (), leaves, z3.BoolSort())
        never = Function(lambda *_: FALSE)
        rw = self.theory.locks[lock].kind is LockKind.RW
        shared = (
            self.theory.unknown(f"others.shared.{lock}", (), leaves, z3.BoolSort()) if rw else never
        )
        self._others[lock, "exclusive"], self._others[lock, "shared"] = exclusive, shared
        index = self.theory.lock_index(lock)
        before = self._before
        mine = any_of([before.exclusive[lock](*index), before.shared[lock](*index)])
        formula = all_of(
            [
                implies(exclusive(*index), negation(any_of([mine, shared(*index)]))),
                implies(shared(*index), negation(before.exclusive[lock](*index))),
            ]
        )
        if setting.family.sort is not None:
            owners = [
                self.theory.unknown(f"owner.{lock}", (), leaves, leaf)
                for leaf in self.theory.leaves(setting.family.sort)
            ]
            self._others[lock, "owner"] = Function(lambda *i: tuple(o(*i) for o in owners))
            other = negation(equal_terms(self._others[lock, "owner"](*index), setting.itself))
            formula = all_of([formula, implies(exclusive(*index), other)])
        self.facts.append(z3.ForAll(list(index), formula) if index else formula)

    def nobody_else_holds(self, lock: str) -> None:
        self._meet_others(lock)
        never = Function(lambda *_: FALSE)
        self._others[lock, "exclusive"] = self._others[lock, "shared"] = never

    def taken(self, lock: str, indices: Terms) -> Any:
        """Whether another thread holds the lock."""
        return any_of([self.others(lock, how)(*indices) for how in ("exclusive", "shared")])

    def free(self, lock: str, indices: Terms) -> Any:
        return negation(any_of([self.held(lock, indices), self.taken(lock, indices)]))

    def holder(self, lock: str, indices: Terms, type_: Type) -> Value:
        assert isinstance(type_, Optional)
        mine = self.exclusive[lock](*indices)
        others = self.others(lock, "exclusive")(*indices)
        owner = self.theory.shape(inner(type_), list(self.others(lock, "owner")(*indices)))
        return Maybe(
            any_of([mine, others]), choose_value(mine, self.self_element(inner(type_)), owner)
        )


def element_guards(theory: Theory) -> dict[str, ElementGuard]:
    """Those that there may be, by shared variable: the first field of its elements that names a lock of a
    class of its own."""
    found: dict[str, ElementGuard] = {}
    for variable in theory.data:
        if not isinstance(variable.type, ListOf | SetOf) or variable.guard is None:
            continue
        of = inner(variable.type)
        own = {g.lock.lock for g in variable.guard.locks}
        if isinstance(of, Struct) and not theory.is_opaque(variable.type):
            start = 0
            for _, field in of.fields:
                width = len(theory.leaves(field))
                for lock in theory.locks.values():
                    if lock.indices == (field,) and lock.name not in own | theory.model.ghosts:
                        leaves = slice(start, start + width)
                        found.setdefault(variable.name, ElementGuard(lock.name, leaves))
                start += width
    return found


def kept_elements(before: World, after: World) -> Iterator[tuple[str, Any]]:
    """By shared variable with an element guard, if the step may change it: that the thread holds the own locks of
    all elements that come or go, as is assumed."""
    for name, guard in before.setting.element_guards.items():
        if after.heap[name] is before.heap[name]:
            continue
        theory = before.theory
        index = theory.variable_index(name)
        e = theory.constants("e", inner(theory.variables[name].type))
        old, new = before.heap[name](*index), after.heap[name](*index)
        held = after.exclusive[guard.lock](*e[guard.leaves])
        yield name, z3.ForAll([*index, *e], any_of([as_often(old, new, e), held]))


def owned(setting: Setting, state: ThreadState | World, variable: Variable, index: Terms) -> Any:
    """Whether nobody but the thread changes the element."""
    if variable.guard is None:
        return FALSE
    return any_of(
        [_guards(setting, state, (variable, g), index, every=False) for g in variable.guard.locks]
    )


def writable(setting: Setting, state: ThreadState | World, variable: Variable, index: Terms) -> Any:
    """Whether the thread holds all locks that guard the element, exclusively."""
    if variable.guard is None:
        return TRUE
    return all_of(
        [_guards(setting, state, (variable, g), index, every=True) for g in variable.guard.locks]
    )


def _guards(
    setting: Setting,
    state: ThreadState | World,
    guarded: tuple[Variable, GuardLock],
    index: Terms,
    *,
    every: bool,
) -> Any:
    """Whether the locks of one guard are held: all of them, exclusively, or one in any way."""
    variable, guard = guarded
    exclusive, shared = state.exclusive, state.shared
    pure = Evaluator(setting.theory, Nothing(setting), Notes(), guarded=False)
    leaves = list(index)
    for binder in variable.binders:
        pure.bound[binder.number] = setting.theory.shape(binder.type, leaves)

    def held() -> Any:
        at = pure.lock_indices(guard.lock)
        ways = [exclusive[guard.lock.lock](*at)]
        if not every:
            ways.append(shared[guard.lock.lock](*at))
        return any_of(ways)

    try:
        if guard.binder is None:
            return held()
        x = setting.theory.constants("g", guard.binder.type)
        pure.bound[guard.binder.number] = setting.theory.shape(guard.binder.type, list(x))
        where = TRUE if guard.where is None else pure.truth(guard.where)
        if every:
            return z3.ForAll(list(x), implies(where, held()))
        return z3.Exists(list(x), all_of([where, held()]))
    except OutsideFragment:
        return FALSE


class Nothing:
    """For guards and initial values, which depend on nothing but indices and parameters."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def parameter(self, name: str, type_: Type) -> Value:
        return self._setting.parameters[name]

    def __getattr__(self, name: str) -> Any:
        raise OutsideFragment("a guard that depends on the state")
