"""A second opinion on the language: it runs the syntax tree as docs/language.md says.

It shares ``lang/ast.py`` (and the parser) with the tool. No lowering, no control-flow graph, no
compiled code: a thread is a ``Point`` in the tree and an environment, and a step is run again for
every vector of choices. Naive and slow on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Any

from oracle_expressions import NOBODY, Expressions, Lock, Run, Scope
from oracle_places import ANY_LEFT, JUDGE, Point
from oracle_values import Fault, Snapshot, Value, need, path

from pvcheck.lang import ast


class Nowhere(Exception):
    """The run does not go on like this: a false ``assume``, or the thread waits."""


class TooLarge(Exception):
    """More states than asked for."""


@dataclass
class Findings:
    states: int = 0
    shortest: dict[str, int] = field(default_factory=dict)
    """For each violated property the least number of steps that show it."""
    shared: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """For each reachable shared state the least number of steps to it."""

    def found(self, name: str, depth: int) -> None:
        self.shortest.setdefault(name, depth)


class Oracle(Expressions):
    def __init__(
        self,
        tree: ast.Specification,
        sizes: Mapping[str, int],
        parameters: Mapping[str, Value],
        only: tuple[str, ...] | None,
    ) -> None:
        super().__init__(tree, sizes, parameters)
        self.only = only
        span = tree.span
        never = ast.Condition("assume", ast.Literal("false", span=span), span=span)
        self.stuck = self.at(ast.Block((never,), span=span), 0, None)
        """Where a thread is whose local work before the first step does not exist."""
        self.types[id(self.stuck.node)] = {}
        self.invariants = [d for d in tree.declarations if isinstance(d, ast.Invariant)]
        self.after: set[tuple[str, str]] = set()
        """Pairs of lock classes, the later one first."""
        self.within: dict[str, str] = {}
        for d in tree.declarations:
            match d:
                case ast.Order(locks=locks, direction=None):
                    names = [n.text for n in locks]
                    self.after |= set(zip(names[1:], names, strict=False))
                case ast.Order(locks=(name,), direction=direction):
                    self.within[name.text] = str(direction)
        for middle, left, right in product({n for pair in self.after for n in pair}, repeat=3):
            if {(left, middle), (middle, right)} <= self.after:
                self.after.add((left, right))

    def explore(self, limit: int) -> Findings:
        findings = Findings()
        level, depth = [self.initial()], 0
        seen = {level[0].key()}
        while level:
            following = []
            for run in level:
                findings.shared.setdefault(run.visible(), depth)
                moves = [list(self.steps(run, t)) for t in range(len(self.instances))]
                self.judge(run, any(moves), depth, findings)
                for outcome in chain.from_iterable(moves):
                    if isinstance(outcome, Fault):
                        findings.found(outcome.kind, depth + 1)
                    elif outcome.key() not in seen:
                        seen.add(outcome.key())
                        following.append(outcome)
                if len(seen) > limit:
                    raise TooLarge
            level, depth = following, depth + 1
        findings.states = len(seen)
        return findings

    def initial(self) -> Run:
        run = Run({}, {}, [], [{} for _ in self.instances])
        for d in self.names.values():
            if isinstance(d, ast.Variable):
                for at in self.elements_of(d.dimensions):
                    scope = Scope(run, None, None, self.named(d.dimensions, at))
                    value = self.first(d.type)
                    if d.initial is not None:
                        value = self.fit(self.value(d.initial, scope), d.type)
                    run.shared[d.name.text, at] = value
        run.points = [self.settle(self.at(t.body, 0, None)) for t, _ in self.instances]
        for t, point in enumerate(run.points):
            if point is not None and not self.starts_step(point, False):
                try:
                    self.step(run, t, start=True)
                except Nowhere:
                    run.points[t] = self.stuck
        return run

    def steps(self, before: Run, t: int) -> Iterator[Run | Fault]:
        """All outcomes of one step of a thread."""
        vectors: list[list[int]] = [[]]
        while vectors:
            given = vectors.pop()
            taken: list[int] = []

            def choose(n: int, given: list[int] = given, taken: list[int] = taken) -> int:
                if not n:
                    raise Nowhere
                if len(taken) == len(given):
                    vectors.extend([*taken, other] for other in range(1, n))
                    given.append(0)
                taken.append(given[len(taken)])
                return taken[-1]

            run = before.copy(choose)
            try:
                self.step(run, t)
            except Nowhere:
                continue
            except Fault as fault:
                yield fault
            else:
                yield run

    def step(self, run: Run, t: int, start: bool = False) -> None:
        """The statement where the thread stands and the local work after it.

        ``start``: the local work before the first step.
        """
        point = run.points[t]
        if point is None:
            raise Nowhere
        fresh = not start and not self.is_visible(point)
        for _ in range(10_000):
            point = self.settle(self.execute(point, run, t))
            if point is None or self.starts_step(point, fresh):
                run.points[t] = point
                live = self.live[point] if point else set()
                run.locals[t] = {k: v for k, v in run.locals[t].items() if k in live}
                return
        raise AssertionError("local work does not end")

    def judge(self, run: Run, moves: bool, depth: int, findings: Findings) -> None:
        """The properties of a state."""
        waits = {t: self.waits_for(run, t) for t in range(len(self.instances))}
        finished = {t for t, point in enumerate(run.points) if point is None}
        reach = {t: set(others) for t, others in waits.items()}
        for _ in waits:
            reach = {t: r.union(*(reach[o] for o in r)) for t, r in reach.items()}
        if any(t in r or r & finished for t, r in reach.items()):
            findings.found("deadlock", depth)
        if not moves and len(finished) < len(run.points):
            findings.found("deadlock", depth)
        if any(self.out_of_order(run, t) for t in waits):
            findings.found("lock-order", depth)
        for invariant in self.invariants:
            ranges = [self.values(p.type) for p in invariant.parameters]
            for values in product(*ranges):
                names = (p.name.text for p in invariant.parameters)
                scope = Scope(run, None, None, dict(zip(names, values, strict=True)))
                if not self.holds(invariant, scope):
                    findings.found(invariant.name.text, depth)

    def holds(self, invariant: ast.Invariant, scope: Scope) -> bool:
        try:
            window = invariant.window is None or need(self.value(invariant.window, scope))
            return not window or need(self.value(invariant.condition, scope))
        except Fault:
            return False

    def wanted(self, run: Run, t: int) -> tuple[Lock, str] | None:
        """The lock that the thread stands before, and how it wants it."""
        point = run.points[t]
        if point is None or not isinstance(point.statement, ast.LockStatement):
            return None
        wish = point.statement
        if wish.action not in ("acquire", "upgrade"):
            return None
        try:
            lock = self.lock(wish.lock, Scope(run, t, point))
        except Fault:
            return None
        return lock, "upgrade" if wish.action == "upgrade" else wish.mode or "write"

    def waits_for(self, run: Run, t: int) -> frozenset[int]:
        wish = self.wanted(run, t)
        if wish is None or wish[0] not in run.locks:
            return frozenset()
        lock, mode = wish
        held, holders = run.locks[lock]
        if (t in holders) != (mode == "upgrade") or (mode == held == "read"):
            return frozenset()
        return holders - {t}

    def out_of_order(self, run: Run, t: int) -> bool:
        wish = self.wanted(run, t)
        if wish is None or wish[1] == "upgrade":
            return False
        name, at = wish[0]
        for (held, held_at), (_, holders) in run.locks.items():
            if t not in holders or (held, held_at) == wish[0]:
                continue
            if held != name and (name, held) not in self.after:
                return True
            direction = self.within.get(name)
            up = direction == "ascending" and at > held_at
            if held == name and not up and not (direction == "descending" and at < held_at):
                return True
        return False

    def execute(  # noqa: C901 (only dispatches)
        self, point: Point, run: Run, t: int
    ) -> Point | None:
        """The statement at a point; where the thread goes on."""
        scope, ways, s = Scope(run, t, point), self.next(point), point.statement
        if isinstance(point.node, ast.While):
            return ways[0 if need(self.value(s.condition, scope)) else 1]
        if isinstance(point.node, ast.For):
            return ways[self.next_element(point, scope)]
        if point.is_return:
            self.leave(point, scope)
            return point.up
        match s:
            case ast.If(condition=ast.Try() as condition):
                return ways[0 if self.attempt(condition, scope) != condition.negated else 1]
            case ast.If(condition=condition):
                return ways[0 if need(self.value(condition, scope)) else 1]
            case ast.Choose():
                return ways[run.choose(len(ways))]
            case ast.Any(binder=binder, where=where):
                values = []
                for value in dict.fromkeys(self.range_of(binder, scope)):
                    self.set_local(scope, binder.name.text, value)
                    if where is None or need(self.value(where, scope)):
                        values.append(value)
                self.set_local(scope, binder.name.text, values[run.choose(len(values))])
            case ast.For(name=name, domain=domain):
                left = self.collection(domain, scope, s.direction == "descending")
                t_ = self.type_of(domain, self.types[id(point.body)])
                if isinstance(t_, ast.ListType):
                    self.fit(left, t_)
                self.set_local(scope, "@" + name.text, left)
            case ast.Return(value=value):
                procedure = self.called(way.node) if (way := point.frame) else None
                if procedure is not None and value is not None:
                    result = self.fit(self.value(value, scope), procedure.result)
                    self.set_local(scope, "@result", result)
            case ast.Condition(kind=kind, condition=condition):
                if not need(self.value(condition, scope)):
                    raise Fault("assertion") if kind == "assert" else Nowhere
            case ast.LockStatement():
                self.operate(s, scope)
            case ast.Let() | ast.Assign() | ast.Call():
                procedure = self.called(s)
                if procedure is not None:
                    return self.enter(point, procedure, scope)
                self.change(s, scope)
        return ways[0]

    def next_element(self, head: Point, scope: Scope) -> int:
        """Which way to go."""
        loop, assigned = head.node, scope.run.locals[scope.thread or 0]
        left = assigned.get(self.variable(head, "@" + loop.name.text), ())
        if head.index == ANY_LEFT:
            return 0 if left else 1
        if head.index == JUDGE:
            return 0 if loop.where is None or need(self.value(loop.where, scope)) else 1
        i = scope.run.choose(len(left)) if self.is_choice(head) else 0
        self.set_local(scope, "@" + loop.name.text, left[:i] + left[i + 1 :])
        self.set_local(scope, loop.name.text, left[i])
        return 0

    def enter(self, point: Point, procedure: ast.Procedure, scope: Scope) -> Point | None:
        if procedure.operation and self.only is not None and procedure.name.text not in self.only:
            raise Nowhere
        inner, mine = point.depth + 1, scope.run.locals[scope.thread or 0]
        values = {}
        for p, value in self.passed(point.statement):
            if not p.inout:
                values[inner, p.name.text] = self.fit(self.value(value, scope), p.type)
        mine |= values
        if procedure.operation:
            mine[inner, "@held"] = self.holding(scope)
        return self.next(point)[0]

    def leave(self, call: Point, scope: Scope) -> None:
        procedure, mine = self.called(call.node), scope.run.locals[scope.thread or 0]
        assert procedure is not None
        inner = call.depth + 1
        result = mine.get((inner, "@result"))
        if procedure.operation and mine[inner, "@held"] != self.holding(scope):
            raise Fault("lock-misuse")
        for key in [k for k in mine if k[0] >= inner]:
            del mine[key]
        match call.node:
            case ast.Let(name=name, type=t):
                self.set_local(scope, name.text, self.fit(result, t) if t else result)
            case ast.Assign(target=target):
                self.assign(target, lambda _: result, scope)

    def holding(self, scope: Scope) -> frozenset[Any]:
        locks = scope.run.locks.items()
        return frozenset((lock, mode) for lock, (mode, who) in locks if scope.thread in who)

    def change(self, s: ast.Let | ast.Assign | ast.Call, scope: Scope) -> None:
        match s:
            case ast.Let(name=name, value=value):
                assert scope.point is not None
                known = self.types[id(scope.point.body)][name.text]
                new = self.first(known) if value is None else self.value(value, scope)
                self.set_local(scope, name.text, self.fit(new, known))
            case ast.Assign(target=target, op="=", value=value):
                self.assign(target, lambda _: self.value(value, scope), scope)
            case ast.Assign(target=target, op=op, value=value):
                self.assign(
                    target, lambda old: self.add(op[0], old, self.value(value, scope)), scope
                )
            case ast.Call(call=ast.Apply(name=name, arguments=(place,))):
                assert name.text == "bump"
                self.bump(place.value, scope)
            case ast.Call(call=ast.Apply(name=name, arguments=(place, element))):
                self.assign(
                    place.value,
                    lambda old: self.changed(name.text, old, self.value(element.value, scope)),
                    scope,
                )

    def changed(self, how: str, old: Value, e: Value) -> Value:
        """A list or set after the change."""
        need(old)
        match how, old:
            case "append", tuple():
                return (*old, need(e))
            case "prepend", tuple():
                return (need(e), *old)
            case "add", _:
                return old | {need(e)}
            case "remove", frozenset():
                return old - {need(e)}
        if need(e) not in old:
            raise Fault("empty-list")
        i = old.index(e)
        return old[:i] + old[i + 1 :]

    def bump(self, place: ast.Expr, scope: Scope) -> None:
        name, at, _ = self.shared_place(place, scope)
        self.guard(name, at, scope, write=True)
        for inside in scope.run.locals:
            for key, value in inside.items():
                if isinstance(value, Snapshot) and (value.counter, value.at) == (name, at):
                    inside[key] = value._replace(stale=True)

    def set_local(self, scope: Scope, name: str, value: Value) -> None:
        assert scope.point is not None
        assert scope.thread is not None
        scope.run.locals[scope.thread][self.variable(scope.point, name)] = value

    def assign(self, target: Any, new: Callable[[Value], Value], scope: Scope) -> None:
        """Store ``new(old value)`` at a place."""
        assert scope.point is not None
        known = self.types[id(scope.point.body)]
        t = self.type_of(target, known)
        root, steps = path(target)

        def stored(old: Value) -> Value:
            return self.fit(new(old), t)

        if root.name.text in known:
            key = self.variable(scope.point, root.name.text)
            mine = scope.run.locals[scope.thread or 0]
            whole = mine.get(key)
            whole = self.first(known[root.name.text]) if key not in mine else whole
            mine[key] = self.put(whole, steps, stored, scope)
            return
        name, at, steps = self.shared_place(target, scope)
        self.guard(name, at, scope, write=True)
        whole = self.put(scope.run.shared[name, at], steps, stored, scope)
        scope.run.shared[name, at] = whole

    def put(
        self, whole: Value, steps: list[Any], new: Callable[[Value], Value], scope: Scope
    ) -> Value:
        """The value with the part at the end of ``steps`` replaced."""
        if not steps:
            return new(whole)
        if isinstance(steps[0], ast.Name):
            names = [f.name for f in self.names[need(whole).struct].fields]
            i = names.index(steps[0])
            part = self.put(whole.values[i], steps[1:], new, scope)
            return whole._replace(values=(*whole.values[:i], part, *whole.values[i + 1 :]))
        i = need(self.value(steps[0], scope))
        return whole.put(i, self.put(need(whole).at(i), steps[1:], new, scope))

    def operate(self, s: ast.LockStatement, scope: Scope) -> None:
        t, locks, lock = scope.thread, scope.run.locks, self.lock(s.lock, scope)
        mode, holders = locks.get(lock, NOBODY)
        match s.action:
            case "acquire":
                if t in holders:
                    raise Fault("lock-misuse")
                if not self.take(lock, s.mode or "write", scope):
                    raise Nowhere
            case "release":
                if t not in holders:
                    raise Fault("lock-misuse")
                locks[lock] = (mode, holders - {t})
                if not locks[lock][1]:
                    del locks[lock]
            case "upgrade":
                if t not in holders or mode != "read":
                    raise Fault("lock-misuse")
                if holders != {t}:
                    raise Nowhere
                locks[lock] = ("write", holders)
            case "downgrade":
                if t not in holders or mode != "write":
                    raise Fault("lock-misuse")
                locks[lock] = ("read", holders)

    def attempt(self, condition: ast.Try, scope: Scope) -> bool:
        lock = self.lock(condition.lock, scope)
        mode, holders = scope.run.locks.get(lock, NOBODY)
        if condition.mode == "upgrade":
            if scope.thread not in holders or mode != "read":
                raise Fault("lock-misuse")
            if len(holders) == 1:
                scope.run.locks[lock] = ("write", holders)
            return len(holders) == 1
        return scope.thread not in holders and self.take(lock, condition.mode or "write", scope)

    def take(self, lock: Lock, wish: str, scope: Scope) -> bool:
        mode, holders = scope.run.locks.get(lock, (wish, frozenset()))
        if holders and not wish == mode == "read":
            return False
        assert scope.thread is not None
        scope.run.locks[lock] = (wish, holders | {scope.thread})
        return True
