"""The semantics once more: a plain interpreter of models, to compare the compiled one with.

It shares nothing with ``pvcheck.model.semantics`` but the classes of the model and the values of
types. States are dictionaries; nothing is compiled, numbered or packed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pvcheck.model import code as c
from pvcheck.model import expr as e
from pvcheck.model import types as ty
from pvcheck.model.instance import Instance
from pvcheck.model.model import FINISHED, Fault
from pvcheck.model.values import bounds, capacity, default, values


class Stop(Exception):
    """This run of the step does not exist."""


class Wrong(Exception):
    def __init__(self, kind: Fault) -> None:
        super().__init__(kind)
        self.kind = kind


class Jump(Exception):
    def __init__(self, location: int) -> None:
        super().__init__(location)
        self.location = location


class Unmade(Exception):
    """A choice that the script does not say."""

    def __init__(self, arity: int) -> None:
        super().__init__(arity)
        self.arity = arity


@dataclass
class World:
    """A state. Locks: ``{(class, *indices): {thread: mode}}`` of held ones."""

    variables: dict[tuple[Any, ...], Any]
    locks: dict[tuple[Any, ...], dict[int, c.Mode]]
    location: list[int]
    locals: list[dict[int, Any]]

    def copy(self) -> World:
        return World(
            dict(self.variables),
            {k: dict(v) for k, v in self.locks.items()},
            list(self.location),
            [dict(x) for x in self.locals],
        )

    def key(self) -> Any:
        return (
            frozenset(self.variables.items()),
            frozenset((k, frozenset(v.items())) for k, v in self.locks.items() if v),
            tuple(self.location),
            tuple(frozenset(x.items()) for x in self.locals),
        )


@dataclass
class Step:
    instance: Instance
    world: World
    thread: int
    script: tuple[int, ...]
    bound: dict[int, Any] = field(default_factory=dict)
    inside: bool = True
    made: int = 0

    @property
    def locals(self) -> dict[int, Any]:
        return self.world.locals[self.thread]

    @property
    def element(self) -> Any:
        return self.instance.threads[self.thread][1]

    def choose(self, arity: int) -> int:
        if self.made == len(self.script):
            raise Unmade(arity)
        self.made += 1
        return self.script[self.made - 1]

    # Expressions

    def local(self, slot: int) -> Any:
        family = self.instance.threads[self.thread][0]
        return self.locals.get(slot, default(family.locals[slot].type, self.instance))

    def with_bound(self, binder: e.Bound, value: Any, expr: e.Expr) -> Any:
        before = dict(self.bound)
        self.bound[binder.number] = value
        try:
            return self.eval(expr)
        finally:
            self.bound = before

    def domain(self, domain: e.Domain) -> list[Any]:
        if domain.within is None:
            return list(values(domain.type, self.instance))
        inside = self.eval(domain.within)
        if isinstance(inside, tuple):
            return list(inside)
        return [v for v in values(domain.type, self.instance) if v in inside]

    def selected(self, q: e.Quantifier | e.Comprehension) -> Iterator[Any]:
        for value in self.domain(q.domain):
            if q.where is None or self.with_bound(q.binder, value, q.where):
                yield value

    def key_of(self, name: str, indices: tuple[e.Expr, ...]) -> tuple[Any, ...]:
        return (name, *(self.eval(i) for i in indices))

    def guards(self, key: tuple[Any, ...]) -> list[tuple[Any, ...]] | None:
        variable = next(v for v in self.instance.model.variables if v.name == key[0])
        if variable.guard is None or not self.inside:
            return None
        before, inside = dict(self.bound), self.inside
        self.bound |= {b.number: i for b, i in zip(variable.binders, key[1:], strict=True)}
        self.inside = False
        result = []
        for lock in variable.guard.locks:
            choices: list[Any] = [None]
            if lock.binder is not None:
                choices = [
                    v
                    for v in values(lock.binder.type, self.instance)
                    if lock.where is None or self.with_bound(lock.binder, v, lock.where)
                ]
            for value in choices:
                if lock.binder is not None:
                    self.bound[lock.binder.number] = value
                result.append(self.key_of(lock.lock.lock, lock.lock.indices))
        self.bound, self.inside = before, inside
        return result

    def may_read(self, key: tuple[Any, ...]) -> None:
        guards = self.guards(key)
        if guards is not None and not any(self.mode(g) for g in guards):
            raise Wrong(Fault.RACE)

    def may_write(self, key: tuple[Any, ...]) -> None:
        guards = self.guards(key)
        if guards is not None and not all(self.mode(g) is c.Mode.EXCLUSIVE for g in guards):
            raise Wrong(Fault.RACE)

    def mode(self, lock: tuple[Any, ...]) -> c.Mode | None:
        return self.world.locks.get(lock, {}).get(self.thread)

    def eval(self, x: e.Expr) -> Any:  # noqa: C901
        match x:
            case e.Const():
                return x.value
            case e.Param():
                return self.instance.parameters[x.name]
            case e.SizeOf():
                return self.instance.sizes[x.sort]
            case e.OpAllowed():
                return self.instance.allows(x.operation)
            case e.Local():
                return self.local(x.slot)
            case e.Self():
                return self.element
            case e.Bound():
                return self.bound[x.number]
            case e.Read():
                key = self.key_of(x.variable, x.indices)
                self.may_read(key)
                return self.world.variables[key]
            case e.Field():
                return self.eval(x.of)[x.position]
            case e.Element():
                return self.eval(x.of)[self.eval(x.index)]
            case e.Let():
                return self.with_bound(x.binder, self.eval(x.value), x.body)
            case e.Comprehension():
                return frozenset(self.selected(x))
            case e.Quantifier():
                return self.quantifier(x)
            case e.LockTest():
                return self.lock_test(x)
            case e.TakeSnapshot():
                key = self.key_of(x.counter, x.indices)
                self.may_read(key)
                return ("fresh", *key)
            case e.Changed():
                key = self.key_of(x.counter, x.indices)
                self.may_read(key)
                seen = self.eval(x.snapshot)
                if seen == "stale":
                    return True
                if seen != ("fresh", *key):
                    raise Wrong(Fault.NONE_ACCESS)
                return False
            case e.Apply():
                return self.apply(x)
        raise AssertionError(x)

    def quantifier(self, q: e.Quantifier) -> Any:
        number = 0
        for value in self.selected(q):
            true = self.with_bound(q.binder, value, q.body)
            if q.kind is e.Kind.FORALL and not true:
                return False
            if q.kind is e.Kind.EXISTS and true:
                return True
            number += true
        return {e.Kind.FORALL: True, e.Kind.EXISTS: False, e.Kind.COUNT: number}[q.kind]

    def lock_test(self, test: e.LockTest) -> Any:
        holders = self.world.locks.get(self.key_of(test.lock.lock, test.lock.indices), {})
        if test.ask is e.Ask.HELD:
            return self.inside and self.thread in holders
        if test.ask is e.Ask.FREE:
            return not holders
        for thread, mode in holders.items():
            if mode is c.Mode.EXCLUSIVE:
                return self.instance.threads[thread][1]
        return None

    def apply(self, x: e.Apply) -> Any:
        op, args = x.op, x.args
        if op is e.Op.AND:
            return all(self.eval(a) for a in args)
        if op is e.Op.OR:
            return any(self.eval(a) for a in args)
        if op is e.Op.IMPLIES:
            return not self.eval(args[0]) or self.eval(args[1])
        if op is e.Op.ITE:
            return self.eval(args[1] if self.eval(args[0]) else args[2])
        return operate(op, [self.eval(a) for a in args], x.type, self.instance)

    # Code

    def block(self, block: c.Code) -> None:
        for instruction in block:
            self.execute(instruction)

    def execute(self, i: c.Instruction) -> None:  # noqa: C901
        match i:
            case c.Goto():
                raise Jump(i.location)
            case c.Reached():
                pass
            case c.Await() | c.Assume():
                if not self.eval(i.condition):
                    raise Stop
            case c.Check():
                if not self.eval(i.condition):
                    raise Wrong(Fault.ASSERTION)
            case c.If():
                self.block(i.then if self.eval(i.condition) else i.otherwise)
            case c.Choose():
                self.block(i.alternatives[self.choose(len(i.alternatives))])
            case c.Pick():
                self.pick(i)
            case c.ForEach():
                items = self.domain(i.domain)
                for value in reversed(items) if i.descending else items:
                    self.locals[i.slot] = value
                    self.block(i.body)
            case c.Assign():
                self.assign(i)
            case c.Bump():
                key = self.key_of(i.counter, i.indices)
                self.may_write(key)
                for of_thread in self.world.locals:
                    for slot, value in of_thread.items():
                        if value == ("fresh", *key):
                            of_thread[slot] = "stale"
            case c.Begin():
                self.locals[i.held] = self.held()
            case c.Finish():
                if self.local(i.held) != self.held():
                    raise Wrong(Fault.LOCK_MISUSE)
            case c.Lock():
                self.lock(i)
            case c.TryLock():
                self.try_lock(i)

    def held(self) -> frozenset[Any]:
        return frozenset(k for k, v in self.world.locks.items() if self.thread in v)

    def pick(self, i: c.Pick) -> None:
        found = []
        before = dict(self.locals)
        for value in dict.fromkeys(self.domain(i.domain)):
            self.locals[i.slot] = value
            if i.where is None or self.eval(i.where):
                found.append(value)
        self.locals.clear()
        self.locals.update(before)
        if not found:
            raise Stop
        self.locals[i.slot] = found[self.choose(len(found))]

    def assign(self, i: c.Assign) -> None:
        place = i.place
        if place.slot is not None:
            old = self.local(place.slot)
            self.locals[place.slot] = self.changed(old, place.path, i.value, place.type)
            return
        assert place.variable is not None
        key = self.key_of(place.variable, place.indices)
        self.may_write(key)
        old = self.world.variables[key]
        self.world.variables[key] = self.changed(old, place.path, i.value, place.type)

    def changed(self, old: Any, path: tuple[c.Selector, ...], value: e.Expr, type_: ty.Type) -> Any:
        if not path:
            new = self.eval(value)
            check(new, type_, self.instance)
            return new
        if old is None:
            raise Wrong(Fault.NONE_ACCESS)
        selector = path[0]
        at = selector.field
        if at is None:
            assert selector.index is not None
            at = self.eval(selector.index)
        parts = list(old)
        parts[at] = self.changed(old[at], path[1:], value, type_)
        return tuple(parts)

    def lock(self, i: c.Lock) -> None:
        key = self.key_of(i.lock.lock, i.lock.indices)
        holders = self.world.locks.setdefault(key, {})
        mine = holders.get(self.thread)
        others = {t: m for t, m in holders.items() if t != self.thread}
        match i.action:
            case c.LockAction.ACQUIRE:
                if mine is not None:
                    raise Wrong(Fault.LOCK_MISUSE)
                if not free(others, i.mode):
                    raise Stop
                holders[self.thread] = i.mode
            case c.LockAction.RELEASE:
                if mine is None:
                    raise Wrong(Fault.LOCK_MISUSE)
                del holders[self.thread]
            case c.LockAction.UPGRADE:
                if mine is not c.Mode.SHARED:
                    raise Wrong(Fault.LOCK_MISUSE)
                if others:
                    raise Stop
                holders[self.thread] = c.Mode.EXCLUSIVE
            case c.LockAction.DOWNGRADE:
                if mine is not c.Mode.EXCLUSIVE:
                    raise Wrong(Fault.LOCK_MISUSE)
                holders[self.thread] = c.Mode.SHARED

    def try_lock(self, i: c.TryLock) -> None:
        key = self.key_of(i.lock.lock, i.lock.indices)
        holders = self.world.locks.setdefault(key, {})
        mine = holders.get(self.thread)
        others = {t: m for t, m in holders.items() if t != self.thread}
        if i.upgrade:
            if mine is not c.Mode.SHARED:
                raise Wrong(Fault.LOCK_MISUSE)
            success, mode = not others, c.Mode.EXCLUSIVE
        else:
            success, mode = mine is None and free(others, i.mode), i.mode
        if success:
            holders[self.thread] = mode
        self.block(i.success if success else i.failure)


def free(others: dict[int, c.Mode], mode: c.Mode) -> bool:
    if mode is c.Mode.SHARED:
        return c.Mode.EXCLUSIVE not in others.values()
    return not others


def operate(op: e.Op, args: list[Any], type_: ty.Type, instance: Instance) -> Any:
    a = args[0] if args else None
    b = args[1] if len(args) > 1 else None
    if op in (e.Op.DIV, e.Op.MOD) and b == 0:
        raise Wrong(Fault.BOUNDS)
    if op is e.Op.MUL and abs(a * b) > 10**18:
        raise Wrong(Fault.BOUNDS)
    if op is e.Op.DEREF and a is None:
        raise Wrong(Fault.NONE_ACCESS)
    if op in (e.Op.FIRST, e.Op.LAST, e.Op.MIN, e.Op.MAX) and not a:
        raise Wrong(Fault.EMPTY_LIST)
    if op in (e.Op.NEXT, e.Op.REMOVE) and b not in a:
        raise Wrong(Fault.EMPTY_LIST)
    if op in (e.Op.SHIFT, e.Op.ELEMENT):
        number = a + b if op is e.Op.SHIFT else a
        if number not in values(type_, instance):
            raise Wrong(Fault.BOUNDS)
        return number
    if op is e.Op.NEXT:
        rest = a[a.index(b) + 1 :]
        return rest[0] if rest else None
    if op is e.Op.REMOVE:
        items = list(a)
        items.remove(b)
        return tuple(items)
    return TABLE[op](*args) if op not in LITERALS else LITERALS[op](args)


LITERALS = {e.Op.STRUCT: tuple, e.Op.LIST: tuple, e.Op.SET: frozenset}
TABLE: dict[e.Op, Any] = {
    e.Op.NOT: lambda a: not a,
    e.Op.IFF: lambda a, b: a == b,
    e.Op.EQ: lambda a, b: a == b,
    e.Op.NE: lambda a, b: a != b,
    e.Op.LT: lambda a, b: a < b,
    e.Op.LE: lambda a, b: a <= b,
    e.Op.GT: lambda a, b: a > b,
    e.Op.GE: lambda a, b: a >= b,
    e.Op.ADD: lambda *a: sum(a),
    e.Op.SUB: lambda a, b: a - b,
    e.Op.MUL: lambda a, b: a * b,
    e.Op.DIV: lambda a, b: a // b,
    e.Op.MOD: lambda a, b: a % b,
    e.Op.NEG: lambda a: -a,
    e.Op.ORDINAL: lambda a: a,
    e.Op.DEREF: lambda a: a,
    e.Op.IN: lambda a, b: a in b,
    e.Op.UNION: lambda a, b: a | b,
    e.Op.INTERSECT: lambda a, b: a & b,
    e.Op.MINUS: lambda a, b: a - b,
    e.Op.INSERT: lambda a, b: a | {b},
    e.Op.DISCARD: lambda a, b: a - {b},
    e.Op.APPEND: lambda a, b: (*a, b),
    e.Op.PREPEND: lambda a, b: (b, *a),
    e.Op.FIRST: lambda a: a[0],
    e.Op.LAST: lambda a: a[-1],
    e.Op.EMPTY: lambda a: len(a) == 0,
    e.Op.SIZE: len,
    e.Op.MIN: min,
    e.Op.MAX: max,
}


def check(value: Any, type_: ty.Type, instance: Instance) -> None:
    """Faults unless the type takes the value."""
    match type_:
        case ty.Int():
            low, high = bounds(type_, instance)
            if (low is not None and value < low) or (high is not None and value > high):
                raise Wrong(Fault.BOUNDS)
        case ty.Optional():
            if value is not None:
                check(value, type_.of, instance)
        case ty.Struct():
            for part, (_, t) in zip(value, type_.fields, strict=True):
                check(part, t, instance)
        case ty.ListOf() | ty.SetOf() | ty.ArrayOf():
            most = capacity(type_, instance) if isinstance(type_, ty.ListOf) else None
            if most is not None and len(value) > most:
                raise Wrong(Fault.BOUNDS)
            for part in value:
                check(part, type_.of, instance)
        case _:
            pass


def settle(instance: Instance, world: World, thread: int, location: int) -> None:
    """Put the thread at a location and forget what is not live there."""
    world.location[thread] = location
    family = instance.threads[thread][0]
    live = () if location == FINISHED else family.locations[location].live
    step = Step(instance, world, thread, ())
    world.locals[thread] = {slot: step.local(slot) for slot in live}


def run(
    instance: Instance, world: World, thread: int, block: c.Code, script: tuple[int, ...]
) -> World:
    after = world.copy()
    step = Step(instance, after, thread, script)
    try:
        step.block(block)
    except Jump as jump:
        settle(instance, after, thread, jump.location)
        return after
    raise AssertionError("a step ends in a goto")


def initial(instance: Instance) -> World:
    world = World({}, {}, [], [{} for _ in instance.threads])
    for variable in instance.model.variables:
        if variable.counter:
            continue
        spaces = [values(b.type, instance) for b in variable.binders]
        for indices in product(*spaces):
            step = Step(instance, world, 0, (), inside=False)
            step.bound = {b.number: i for b, i in zip(variable.binders, indices, strict=True)}
            value = step.eval(variable.initial)
            check(value, variable.type, instance)
            world.variables[(variable.name, *indices)] = value
    world.location = [FINISHED] * len(instance.threads)
    for thread, (family, _) in enumerate(instance.threads):
        try:
            world = run(instance, world, thread, family.start, ())
        except Stop:
            world.location[thread] = -2
    return world


def outcomes(instance: Instance, world: World, thread: int) -> Iterator[World | Fault]:
    """What each run of the thread's next step leads to, by choices."""
    if world.location[thread] < 0:
        return
    block = instance.threads[thread][0].locations[world.location[thread]].code
    scripts: list[tuple[int, ...]] = [()]
    while scripts:
        script = scripts.pop(0)
        try:
            yield run(instance, world, thread, block, script)
        except Unmade as unmade:
            scripts[:0] = [(*script, n) for n in range(unmade.arity)]
        except Stop:
            pass
        except Wrong as wrong:
            yield wrong.kind


def holds(instance: Instance, world: World, name: str) -> bool:
    invariant = next(i for i in instance.model.invariants if i.name == name)
    spaces = [values(b.type, instance) for _, b in invariant.binders]
    for chosen in product(*spaces):
        step = Step(instance, world, 0, (), inside=False)
        step.bound = {b.number: v for (_, b), v in zip(invariant.binders, chosen, strict=True)}
        try:
            if invariant.window is not None and not step.eval(invariant.window):
                continue
            if not step.eval(invariant.condition):
                return False
        except Wrong:
            return False
    return True
