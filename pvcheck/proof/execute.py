"""One step of a thread, taken symbolically: where it can end, and what has to be shown on the way."""

from __future__ import annotations

from typing import Any

import z3

from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Begin,
    Bump,
    Check,
    Choose,
    Code,
    Finish,
    ForEach,
    Goto,
    If,
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Reached,
    TryLock,
)
from pvcheck.model.expr import Expr, LockRef
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Fault, LockKind, LockOrder
from pvcheck.model.types import Int, SetOf, Type
from pvcheck.proof.assigning import Assigning
from pvcheck.proof.state import Setting, ThreadState, World
from pvcheck.proof.stepping import End, Step, Then, Way, awaited_lock
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Function,
    Locks,
    Opaque,
    OutsideFragment,
    Set,
    Terms,
    Value,
    all_of,
    any_of,
    equal_terms,
    implies,
    members,
    negation,
    terms,
)
from pvcheck.proof.z3_terms import FALSE, for_all, is_false, is_true
from pvcheck.source import Span


class Executor:
    """Takes steps of one thread family."""

    def __init__(self, setting: Setting, order: LockOrder) -> None:
        self._setting = setting
        self._order = order

    def step(self, state: ThreadState, code: Code) -> Step:
        world = World(self._setting, state)
        step = Step(world)
        _Run(self._setting, self._order, step).run(code, Way(world.copy()), _falls)
        return step


def _falls(_: Way) -> None:
    raise AssertionError("a step ends in a goto")


class _Run(Assigning):
    """One step being taken."""

    def run(self, code: Code, way: Way, then: Then) -> None:
        if not code:
            then(way)
            return
        first, rest = code[0], code[1:]

        def go_on(after: Way) -> None:
            self.run(rest, after, then)

        self._instruction(first, way, go_on)

    # Instructions

    def _instruction(  # noqa: C901 (only dispatches)
        self, instruction: Instruction, way: Way, then: Then
    ) -> None:
        match instruction:
            case Reached():
                then(way)
            case Goto(location=location):
                self._step.ends.append(End(location, way.given, way.world))
            case Assign():
                self._assign(instruction, way)
                then(way)
            case Bump(counter=counter, indices=indices, span=span):
                self._bump(counter, indices, way, span)
                then(way)
            case Check(condition=condition, span=span):
                holds = self._truth(way, condition, span)
                self._claim(Fault.ASSERTION, way, holds, span, "the assertion holds")
                way.given = (*way.given, holds)
                then(way)
            case Assume(condition=condition, span=span):
                holds = self._truth(way, condition, span)
                if not is_false(holds):
                    way.given = (*way.given, holds)
                    then(way)
            case Await(condition=condition, span=span):
                holds = self._truth(way, condition, span)
                self._await_lock(condition, way, span)
                way.given = (*way.given, holds)
                then(way)
            case If():
                self._if(instruction, way, then)
            case Choose(alternatives=alternatives):
                for alternative in alternatives:
                    self.run(alternative, way.copy(), then)
            case Pick():
                self._pick(instruction, way)
                then(way)
            case ForEach():
                self._for_each(instruction, way)
                then(way)
            case Begin(held=slot):
                way.world.locals[slot] = Locks(dict(way.world.exclusive), dict(way.world.shared))
                then(way)
            case Finish(held=slot, span=span):
                self._finish(slot, way, span)
                then(way)
            case Lock():
                self._lock(instruction, way, then)
            case TryLock():
                self._try(instruction, way, then)

    def _if(self, instruction: If, way: Way, then: Then) -> None:
        condition = z3.simplify(self._truth(way, instruction.condition, instruction.span))
        if not is_false(condition):
            taken = way.copy()
            taken.given = (*taken.given, condition)
            self.run(instruction.then, taken, then)
        if not is_true(condition):
            way.given = (*way.given, negation(condition))
            self.run(instruction.otherwise, way, then)

    def _pick(self, pick: Pick, way: Way) -> None:
        type_ = pick.domain.type
        if pick.domain.within is None:
            value = self._theory.anything(self._setting.family.locals[pick.slot].name, type_)
            inside = self._evaluator(way).in_type(value, type_)
            if isinstance(type_, Int):
                some = z3.Exists(list(terms(value)), inside)
                self._claim(DEADLOCK, way, some, pick.span, "there is something to choose")
            way.given = (*way.given, inside)
        else:
            within = pick.domain.within
            collection = self._value(way, within, pick.span)
            if isinstance(collection, Opaque):
                self._claim(DEADLOCK, way, FALSE, pick.span, "there is something to choose")
                way.world.locals[pick.slot] = self._theory.anything("element", type_)
                return
            filled = self._evaluator(way).filled(collection, within.type)
            self._claim(DEADLOCK, way, filled, pick.span, "there is something to choose")
            value = self._element(collection, within.type, way)
        way.world.locals[pick.slot] = value
        if pick.where is not None:
            way.given = (*way.given, self._truth(way, pick.where, pick.span))

    def _element(self, collection: Value, type_: Type, way: Way) -> Value:
        """Any element of it."""
        of = inner(type_)
        value = self._theory.anything("element", of)
        if isinstance(collection, Set):
            way.given = (*way.given, collection.has(*terms(value)))
        elif isinstance(of, SetOf):
            assert isinstance(value, Set)
            x = self._theory.constants("e", inner(of))
            inside = z3.ForAll(list(x), implies(value.has(*x), members(collection)(*x)))
            way.given = (*way.given, inside)
        else:
            way.given = (*way.given, members(collection)(*terms(value)))
        return value

    # Locks

    def _lock_at(self, lock: LockRef, way: Way, span: Span) -> Terms | None:
        evaluator = self._evaluator(way)
        try:
            at = evaluator.lock_indices(lock)
        except OutsideFragment as outside:
            self._outside(way, lock.indices, span, outside.what)
            return None
        self._settle(evaluator, way, span)
        return at

    def _await_lock(self, condition: Expr, way: Way, span: Span) -> None:
        """Whoever waits for a lock to be free waits for its holder, as at an ``acquire``."""
        lock = awaited_lock(condition, self._theory.model.ghosts)
        at = None if lock is None else self._lock_at(lock, way, span)
        if lock is None or at is None:
            self._step.awaits_condition = True
        else:
            self._in_order(lock.lock, at, way, span, DEADLOCK)

    def _lock(self, instruction: Lock, way: Way, then: Then) -> None:
        world, lock, span = way.world, instruction.lock, instruction.span
        at = self._lock_at(lock, way, span)
        if at is None:
            raise OutsideFragment("the index of a lock")
        name = lock.lock
        exclusive, shared = world.exclusive[name](*at), world.shared[name](*at)
        held = any_of([exclusive, shared])
        ghost = name in self._theory.model.ghosts
        match instruction.action:
            case LockAction.ACQUIRE:
                self._claim(Fault.LOCK_MISUSE, way, negation(held), span, "not held already")
                way.given = (*way.given, negation(held))
                self._in_order(name, at, way, span)
                self._step.acquires.add(name)
                taken = (
                    world.others(name, "exclusive")(*at)
                    if instruction.mode is Mode.SHARED
                    else world.taken(name, at)
                )
                available = negation(taken)
                if ghost:
                    self._claim(Fault.ASSERTION, way, available, span, "the ghost lock is free")
                way.given = (*way.given, available)
                self._set(world, name, at, instruction.mode, held=True)
            case LockAction.RELEASE:
                self._claim(Fault.LOCK_MISUSE, way, held, span, "held")
                way.given = (*way.given, held)
                self._set(world, name, at, Mode.EXCLUSIVE, held=False)
                self._set(world, name, at, Mode.SHARED, held=False)
            case LockAction.UPGRADE:
                self._claim(Fault.LOCK_MISUSE, way, shared, span, "held shared")
                # Two who upgrade wait for each other; that they do not is not shown here.
                self._claim(LOCK_ORDER, way, FALSE, span, "upgrade is outside the fragment")
                self._step.acquires.add(name)
                way.given = (*way.given, shared, negation(world.taken(name, at)))
                self._set(world, name, at, Mode.SHARED, held=False)
                self._set(world, name, at, Mode.EXCLUSIVE, held=True)
            case LockAction.DOWNGRADE:
                self._claim(Fault.LOCK_MISUSE, way, exclusive, span, "held exclusively")
                way.given = (*way.given, exclusive)
                self._set(world, name, at, Mode.EXCLUSIVE, held=False)
                self._set(world, name, at, Mode.SHARED, held=True)
        then(way)

    def _try(self, instruction: TryLock, way: Way, then: Then) -> None:
        lock, span = instruction.lock, instruction.span
        at = self._lock_at(lock, way, span)
        if at is None:
            raise OutsideFragment("the index of a lock")
        world, name = way.world, lock.lock
        self._step.acquires.add(name)
        exclusive, shared = world.exclusive[name](*at), world.shared[name](*at)
        if instruction.upgrade:
            self._claim(Fault.LOCK_MISUSE, way, shared, span, "held shared")
            way.given = (*way.given, shared)
            can = negation(world.taken(name, at))
        elif instruction.mode is Mode.SHARED:
            can = negation(any_of([exclusive, shared, world.others(name, "exclusive")(*at)]))
        else:
            can = negation(any_of([exclusive, shared, world.taken(name, at)]))
        failed = way.copy()
        failed.given = (*failed.given, negation(can))
        way.given = (*way.given, can)
        if instruction.upgrade:
            self._set(world, name, at, Mode.SHARED, held=False)
        self._set(world, name, at, instruction.mode, held=True)
        self.run(instruction.success, way, then)
        self.run(instruction.failure, failed, then)

    def _set(self, world: World, name: str, at: Terms, mode: Mode, *, held: bool) -> None:
        maps = world.exclusive if mode is Mode.EXCLUSIVE else world.shared
        if mode is Mode.SHARED and self._theory.locks[name].kind is not LockKind.RW:
            return
        old = maps[name]
        if held:
            maps[name] = Function(lambda *i: any_of([equal_terms(i, at), old(*i)]))
        else:
            maps[name] = Function(lambda *i: all_of([negation(equal_terms(i, at)), old(*i)]))

    def _in_order(
        self, name: str, at: Terms, way: Way, span: Span, property_: str = LOCK_ORDER
    ) -> None:
        """Claim that the lock comes after all that the thread holds; for ``deadlock``, after all for which
        others may wait."""
        world = way.world
        for other, declared in self._theory.locks.items():
            if (other, name) in self._order.before:
                continue
            if property_ == DEADLOCK and other in self._theory.model.ghosts:
                continue
            x = self._theory.lock_index(other)
            held = world.held(other, x)
            goal = negation(held)
            if other == name and name in self._order.ascending | self._order.descending:
                first, second = (x, at) if name in self._order.ascending else (at, x)
                goal = implies(held, self._tuple_less(first, second, declared.indices))
            goal = for_all(x, goal)
            self._claim(property_, way, goal, span, f"{name} comes after {other}")

    def _tuple_less(self, a: Terms, b: Terms, types: tuple[Type, ...]) -> Any:
        left, right = list(a), list(b)
        ways: list[Any] = []
        same: list[Any] = []
        for type_ in types:
            x, y = self._theory.shape(type_, left), self._theory.shape(type_, right)
            ways.append(all_of([*same, self._theory.less(x, y, type_)]))
            same.append(equal_terms(terms(x), terms(y)))
        return any_of(ways)

    def _finish(self, slot: int, way: Way, span: Span) -> None:
        before = way.world.locals[slot]
        assert isinstance(before, Locks)
        for name in self._theory.locks:
            x = self._theory.lock_index(name)
            was = any_of([before.exclusive[name](*x), before.shared[name](*x)])
            now = way.world.held(name, x)
            goal = for_all(x, z3.simplify(was == now))
            self._claim(
                Fault.LOCK_MISUSE, way, goal, span, f"returns with the {name} locks it began with"
            )
