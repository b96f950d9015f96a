"""Expressions, guards and the state, for the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from oracle_places import Key, Places, Point
from oracle_typing import ordered
from oracle_values import Element, Fault, Record, Snapshot, Value, need, path, rank

from pvcheck.lang import ast

Lock = tuple[str, tuple[Value, ...]]
NOBODY: tuple[str, frozenset[int]] = ("", frozenset())


@dataclass
class Run:
    """A state while a step changes it."""

    shared: dict[tuple[str, tuple[Value, ...]], Value]
    locks: dict[Lock, tuple[str, frozenset[int]]]
    points: list[Point | None]
    locals: list[dict[Key, Value]]
    choose: Callable[[int], int] = lambda n: 0

    def copy(self, choose: Callable[[int], int]) -> Run:
        inside = [dict(each) for each in self.locals]
        return Run(dict(self.shared), dict(self.locks), list(self.points), inside, choose)

    def key(self) -> tuple[Any, ...]:
        inside = tuple(frozenset(each.items()) for each in self.locals)
        return (*self.visible(), tuple(self.points), inside)

    def visible(self) -> tuple[frozenset[Any], frozenset[Any]]:
        """The shared state."""
        return frozenset(self.shared.items()), frozenset(self.locks.items())


@dataclass(frozen=True)
class Scope:
    """What names mean: those bound here, else (if there is a point) the locals of the thread."""

    run: Run
    thread: int | None
    """``None``: a property; it reads without guards."""
    point: Point | None = None
    bound: Mapping[str, Value] = field(default_factory=dict)

    def binding(self, more: Mapping[str, Value]) -> Scope:
        return Scope(self.run, self.thread, self.point, {**self.bound, **more})


class Expressions(Places):
    def lock(self, e: Any, scope: Scope) -> Lock:
        root, steps = path(e)
        return root.name.text, tuple(need(self.value(s, scope)) for s in steps)

    def guard(self, name: str, at: tuple[Value, ...], scope: Scope, write: bool) -> None:
        d = self.names[name]
        if scope.thread is None or not d.protection.guards:
            return
        inside = Scope(scope.run, scope.thread, None, self.named(d.dimensions, at))
        locks = []
        for g in d.protection.guards:
            ranges = [None] if g.binder is None else self.range_of(g.binder, inside)
            for value in ranges:
                bound = inside if g.binder is None else inside.binding({g.binder.name.text: value})
                if g.where is None or self.value(g.where, bound):
                    locks.append(self.lock(g.lock, bound))
        held = [scope.run.locks.get(lock, NOBODY) for lock in locks]
        if write and not all(h == ("write", {scope.thread}) for h in held):
            raise Fault("race")
        if not write and not any(scope.thread in who for _, who in held):
            raise Fault("race")

    def shared_place(self, e: ast.Expr, scope: Scope) -> tuple[str, tuple[Value, ...], list[Any]]:
        """A shared variable, which of its elements, and the steps into its value."""
        root, steps = path(e)
        dimensions = self.names[root.name.text].dimensions
        at = tuple(need(self.value(s, scope)) for s in steps[: len(dimensions)])
        return root.name.text, at, steps[len(dimensions) :]

    def read(self, e: Any, scope: Scope) -> Value:
        """The value of a place in a shared variable."""
        name, at, steps = self.shared_place(e, scope)
        self.guard(name, at, scope, write=False)
        value = scope.run.shared[name, at]
        for step in steps:
            value = self.part(value, step, scope)
        return value

    def part(self, value: Value, step: Any, scope: Scope) -> Value:
        if isinstance(step, ast.Name):
            names = [f.name for f in self.names[need(value).struct].fields]
            return value.values[names.index(step)]
        return need(value).at(need(self.value(step, scope)))

    def value(self, e: Any, scope: Scope) -> Value:  # noqa: C901 (only dispatches)
        root, _ = path(e)
        if isinstance(root, ast.Reference) and root.name.text not in scope.bound:
            declared = self.names.get(root.name.text)
            known = self.types[id(scope.point.body)] if scope.point is not None else {}
            if isinstance(declared, ast.Variable) and root.name.text not in known:
                return self.read(e, scope)
        match e:
            case ast.Integer(value=value):
                return value
            case ast.Literal(text="self"):
                assert scope.thread is not None
                return self.instances[scope.thread][1][0]
            case ast.Literal(text=text):
                return {"true": True, "false": False, "none": None}[text]
            case ast.Reference(name=name):
                return self.named_value(name.text, scope)
            case ast.Field(of=of, name=name):
                return self.part(self.value(of, scope), name, scope)
            case ast.Index(of=of, indices=indices):
                value = self.value(of, scope)
                for i in indices:
                    value = self.part(value, i, scope)
                return value
            case ast.Unary(op="!", operand=operand):
                return not need(self.value(operand, scope))
            case ast.Unary(operand=operand):
                return -need(self.value(operand, scope))
            case ast.Binary():
                return self.binary(e, scope)
            case ast.Conditional(condition=condition, then=then, otherwise=otherwise):
                return self.value(then if need(self.value(condition, scope)) else otherwise, scope)
            case ast.Quantified(kind=kind, binders=binders, where=where, body=inside):
                found = self.judged(binders, where, inside, scope)
                if kind == "count":
                    return sum(found)
                return any(found) if kind == "exists" else all(found)
            case ast.ListLiteral(elements=elements):
                return tuple(self.value(x, scope) for x in elements or ())
            case ast.SetLiteral(elements=elements):
                return frozenset(self.value(x, scope) for x in elements or ())
            case ast.Comprehension(binder=binder, where=where):
                name = binder.name.text
                bounds = [scope.binding({name: v}) for v in self.range_of(binder, scope)]
                return frozenset(
                    b.bound[name] for b in bounds if where is None or need(self.value(where, b))
                )
            case ast.Apply():
                return self.apply(e, scope)
        raise AssertionError(e)

    def named_value(self, name: str, scope: Scope) -> Value:
        if name in scope.bound:
            return scope.bound[name]
        known = self.types[id(scope.point.body)] if scope.point is not None else {}
        if name in known and scope.point is not None:
            mine, key = scope.run.locals[scope.thread or 0], self.variable(scope.point, name)
            return mine[key] if key in mine else self.first(known[name])
        if name in self.labels:
            return self.labels[name]
        if name in self.parameters:
            return self.parameters[name]
        function = self.names[name]
        inside = Scope(scope.run, scope.thread)
        return self.given(self.value(function.body, inside), function.result)

    def judged(
        self, binders: tuple[ast.Binder, ...], where: Any, inside: Any, scope: Scope
    ) -> Iterator[bool]:
        """The body's value for each binding."""
        if not binders:
            if where is None or need(self.value(where, scope)):
                yield need(self.value(inside, scope))
            return
        for v in self.range_of(binders[0], scope):
            bound = scope.binding({binders[0].name.text: v})
            yield from self.judged(binders[1:], where, inside, bound)

    def range_of(self, binder: ast.Binder, scope: Scope) -> list[Value]:
        if binder.type is not None:
            return self.values(binder.type)
        return list(self.collection(binder.within, scope))

    def collection(self, e: Any, scope: Scope, descending: bool = False) -> tuple[Value, ...]:
        if isinstance(e, ast.Reference) and e.name.text not in scope.bound:
            declared = self.resolved(self.names.get(e.name.text))
            if isinstance(declared, ast.Sort | ast.Enum):
                values = self.values(declared)
                return tuple(reversed(values) if descending else values)
        value = need(self.value(e, scope))
        if isinstance(value, frozenset):
            return tuple(sorted(value, key=rank, reverse=descending))
        return tuple(value)

    def binary(self, e: ast.Binary, scope: Scope) -> Value:
        a = self.value(e.left, scope)
        match e.op:
            case "&&":
                return need(a) and need(self.value(e.right, scope))
            case "||":
                return need(a) or need(self.value(e.right, scope))
            case "=>":
                return not need(a) or need(self.value(e.right, scope))
        if e.op == "in":
            if a is None and scope.point is not None:
                known = self.types[id(scope.point.body)]
                self.given(a, self.of(self.type_of(e.right, known)))
            return a in self.collection(e.right, scope)
        b = self.value(e.right, scope)
        match e.op:
            case "==" | "<=>":
                return a == b
            case "!=":
                return a != b
            case "<":
                return need(a) < need(b)
            case "<=":
                return need(a) <= need(b)
            case ">":
                return need(a) > need(b)
            case ">=":
                return need(a) >= need(b)
            case "|":
                return need(a) | need(b)
            case "&":
                return need(a) & need(b)
        return self.add(e.op, need(a), need(b))

    def add(self, op: str, a: Value, b: Value) -> Value:
        need(a)
        need(b)
        if isinstance(a, Element):
            return self.element(a.sort, a.number + b if op == "+" else a.number - b)
        if isinstance(a, frozenset):
            return a - b
        match op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
        if b == 0:
            raise Fault("bounds")
        return a // b if op == "/" else a % b

    def element(self, sort: str, number: int) -> Element:
        if not 0 <= number < len(self.values(self.names[sort])):
            raise Fault("bounds")
        return Element(sort, number)

    def apply(self, e: ast.Apply, scope: Scope) -> Value:
        name, given = e.name.text, [a.value for a in e.arguments]
        match name:
            case "held":
                _, holders = scope.run.locks.get(self.lock(given[0], scope), NOBODY)
                return scope.thread in holders
            case "free":
                return self.lock(given[0], scope) not in scope.run.locks
            case "holder":
                mode, holders = scope.run.locks.get(
                    self.lock(given[0], scope), ("", frozenset[int]())
                )
                return self.instances[min(holders)][1][0] if mode == "write" else None
            case "snapshot" | "changed":
                counter, at, _ = self.shared_place(given[0], scope)
                self.guard(counter, at, scope, write=False)
                if name == "snapshot":
                    return Snapshot(counter, at, False)
                taken = need(self.value(given[1], scope))
                if (taken.counter, taken.at) != (counter, at):
                    raise Fault("none-access")
                return taken.stale
            case "size" if isinstance(given[0], ast.Reference):
                declared = self.resolved(self.names.get(given[0].name.text))
                if isinstance(declared, ast.Sort | ast.Enum):
                    return len(self.values(declared))
        match self.names.get(name):
            case ast.Struct(fields=parts):
                pairs = zip(parts, ordered(parts, e), strict=True)
                return Record(
                    name, tuple(self.given(self.value(v, scope), p.type) for p, v in pairs)
                )
            case ast.Function(parameters=parameters, result=result, body=inside):
                bound = {
                    p.name.text: self.given(self.value(v, scope), p.type)
                    for p, v in zip(parameters, ordered(parameters, e), strict=True)
                }
                outcome = self.value(inside, Scope(scope.run, scope.thread, None, bound))
                return self.given(outcome, result)
            case ast.Sort() | ast.Alias() | ast.Enum() as declared:
                sort = self.resolved(declared).name.text
                return self.element(sort, need(self.value(given[0], scope)))
        values = [need(self.value(v, scope)) for v in given]
        return self.builtin(name, *values)

    def builtin(self, name: str, of: Value, element: Value = None) -> Value:
        match name:
            case "int":
                return of.number
            case "size":
                return len(of)
            case "empty":
                return not of
            case "next":
                if element not in of:
                    raise Fault("empty-list")
                i = of.index(element) + 1
                return of[i] if i < len(of) else None
        if not of:
            raise Fault("empty-list")
        match name:
            case "first":
                return of[0]
            case "last":
                return of[-1]
            case "min":
                return min(of)
            case "max":
                return max(of)
        raise AssertionError(name)
