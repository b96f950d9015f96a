"""Places in the syntax tree, where steps start, and what is alive there, for the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any

from oracle_typing import Typing
from oracle_values import Value, free_names, within

from pvcheck.lang import ast

ANY_LEFT, TAKE, JUDGE = 0, 1, 2
"""The three things that the head of a ``for`` does."""
Key = tuple[int, str]
"""A local variable: how many calls deep, and its name."""


class Point:
    """A place in the tree, and where to go on from there. There is one object per place.

    ``node`` is a block (then ``index`` is the next statement in it), the ``if`` of an ``else if``,
    a loop (its head), an atomic block (its end), or a call (its return).
    """

    __slots__ = ("body", "depth", "frame", "index", "node", "up")

    def __init__(self, node: Any, index: int, up: Point | None) -> None:
        self.node = node
        self.index = index
        self.up = up
        self.frame: Point | None = None
        """The return of the call that it is in; a return itself is in the caller."""
        if up is not None:
            self.frame = up if up.is_return and not self.is_return else up.frame
        self.depth: int = 0 if self.frame is None else 1 + self.frame.depth
        outer = up is None or (up is self.frame)
        self.body: ast.Block = node if outer or up is None else up.body
        """Of the procedure or thread."""

    @property
    def statement(self) -> Any:
        return self.node.statements[self.index] if isinstance(self.node, ast.Block) else self.node

    @property
    def is_return(self) -> bool:
        return isinstance(self.node, ast.Let | ast.Assign | ast.Call)


class Places(Typing):
    def __init__(
        self,
        tree: ast.Specification,
        sizes: Mapping[str, int],
        parameters: Mapping[str, Value],
    ) -> None:
        super().__init__(tree, sizes, parameters)
        self.places: dict[tuple[int, int, Point | None], Point] = {}
        self.is_visible = cache(self._is_visible)
        self.is_local_loop = cache(self._is_local_loop)
        self.variable = cache(self._variable)
        self.jumped_back_to: dict[Point, set[Point]] = {}
        """Points after labels that a ``goto`` further down leads to, with the labels."""
        self.live = self.lives()

    def at(self, node: Any, index: int, up: Point | None) -> Point:
        key = id(node), index, up
        if key not in self.places:
            self.places[key] = Point(node, index, up)
        return self.places[key]

    def following(self, point: Point) -> Point | None:
        inside = isinstance(point.node, ast.Block)
        return self.at(point.node, point.index + 1, point.up) if inside else point.up

    def settle(self, point: Point | None) -> Point | None:
        """The next thing to do."""
        while point is not None:
            statement = None
            if isinstance(point.node, ast.Block) and point.index < len(point.node.statements):
                statement = point.statement
            match statement:
                case ast.Label() | ast.Empty():
                    point = self.following(point)
                case ast.Block() | ast.While():
                    point = self.at(statement, 0, self.following(point))
                case None if isinstance(point.node, ast.Block | ast.Atomic):
                    point = point.up
                case _:
                    return point
        return None

    def next(self, point: Point) -> list[Point | None]:
        """Where it can go on after the statement at a point."""
        statement, following = point.statement, self.following(point)
        if isinstance(point.node, ast.While):
            return [self.at(statement.body, 0, point), point.up]
        if isinstance(point.node, ast.For):
            head = self.at(statement, ANY_LEFT, point.up)
            if point.index == ANY_LEFT:
                return [self.at(statement, TAKE, point.up), point.up]
            if point.index == TAKE:
                return [self.at(statement, JUDGE, point.up)]
            return [self.at(statement.body, 0, head), *([head] if statement.where else [])]
        if point.is_return:
            return [point.up]
        match statement:
            case ast.If(then=then, otherwise=otherwise):
                rest = following if otherwise is None else self.at(otherwise, 0, following)
                return [self.at(then, 0, following), rest]
            case ast.Choose(alternatives=alternatives):
                return [self.at(a, 0, following) for a in alternatives]
            case ast.For():
                return [self.at(statement, 0, following)]
            case ast.Atomic(body=body):
                return [self.at(body, 0, self.at(statement, 0, following))]
            case ast.Goto(label=label):
                return [self.target(label.text, point)]
            case ast.Jump(kind=kind):
                loop = around(point, ast.While | ast.For)
                return [loop if kind == "continue" or loop is None else loop.up]
            case ast.Return():
                return [point.frame]
        procedure = self.called(statement)
        if procedure is None:
            return [following]
        return [self.at(procedure.body, 0, self.at(statement, 0, following))]

    def target(self, label: str, point: Point | None) -> Point:
        """The place of a label, from the nearest block around that has it, at any depth."""
        while True:
            point = around(point, ast.Block)
            assert point is not None
            if label in ast.labels_of(point.node):
                found = self.label_in(label, point)
                assert found is not None
                return found
            point = point.up

    def label_in(self, label: str, block: Point) -> Point | None:
        for i, statement in enumerate(block.node.statements):
            here = self.at(block.node, i, block.up)
            if isinstance(statement, ast.Label) and statement.name.text == label:
                return here
            for inside in self.blocks(here):
                found = self.label_in(label, inside)
                if found is not None:
                    return found
        return None

    def blocks(self, point: Point) -> list[Point]:
        """The beginnings of the blocks of the statement at a point that a ``goto`` can enter."""
        match point.statement:
            case ast.Block() as block:
                return [self.at(block, 0, self.following(point))]
            case ast.While() as loop:
                return [self.at(loop.body, 0, self.at(loop, 0, self.following(point)))]
            case ast.If() | ast.Choose():
                ways = [w for w in self.next(point) if w and w is not self.following(point)]
                nested = [self.blocks(w) if isinstance(w.node, ast.If) else [w] for w in ways]
                return list(chain.from_iterable(nested))
        return []

    def starts_step(self, point: Point, fresh: bool) -> bool:
        """Whether a step that has come to a point by local work ends there.

        ``fresh``: it also began with local work: a choice, the call of an op, the head of a loop.
        """
        if around(point, ast.Atomic) is not None:
            return False
        if self.is_visible(point) or self.is_local_loop(point):
            return True
        return not fresh and (self.is_choice(point) or self.calls_op(point))

    def calls_op(self, point: Point) -> bool:
        procedure = None if point.is_return else self.called(point.statement)
        return procedure is not None and procedure.operation

    def is_choice(self, point: Point) -> bool:
        match point.node:
            case ast.For(domain=domain, direction=None) if point.index == TAKE:
                t = self.type_of(domain, self.types[id(point.body)])
                of = t.of if isinstance(t, ast.SetType) else t
                return not isinstance(t, ast.ListType) and self.is_unordered(of)
            case ast.Block():
                return isinstance(point.statement, ast.Choose | ast.Any)
        return False

    def _is_visible(self, point: Point) -> bool:
        """Whether it is a lock operation, ``atomic``, ``await``, or accesses shared variables."""
        match point.statement:
            case ast.LockStatement() | ast.Atomic() | ast.If(condition=ast.Try()):
                return True
            case ast.Condition(kind="await"):
                return True
        return any(self.is_shared(part) for part in self.read_by(point))

    def is_shared(self, node: object) -> bool:
        """Whether shared variables or the holders of locks occur, also by way of functions."""
        for n in within(node):
            if isinstance(n, ast.Apply) and n.name.text in ("free", "holder"):
                return True
            if isinstance(n, ast.Apply | ast.Reference):
                match self.names.get(n.name.text):
                    case ast.Variable() | ast.Counter():
                        return True
                    case ast.Function(body=inside) if self.is_shared(inside):
                        return True
        return False

    def read_by(self, point: Point) -> list[object]:
        """The expressions that are evaluated at a point, and the place that is assigned."""
        s = point.statement
        if point.is_return:
            return [s.target] if isinstance(s, ast.Assign) else []
        if isinstance(point.node, ast.For):
            return [s.where] if point.index == JUDGE else []
        procedure = self.called(s)
        if procedure is not None:
            return [value for p, value in self.passed(s) if not p.inout]
        match s:
            case ast.If(condition=ast.Try(lock=read)) | ast.LockStatement(lock=read):
                return [read]
            case ast.If(condition=read) | ast.While(condition=read) | ast.Condition(condition=read):
                return [read]
            case ast.Let(value=read) | ast.Return(value=read) | ast.Call(call=read):
                return [read]
            case ast.For(domain=read):
                return [read]
            case ast.Assign(target=target, value=read):
                return [target, read]
            case ast.Any(binder=binder, where=where):
                return [binder.within, where]
        return []

    def _is_local_loop(self, point: Point) -> bool:
        """Whether it is the head of a loop that can go round by local work alone."""
        loops = list(self.jumped_back_to.get(point, ()))
        if isinstance(point.node, ast.While | ast.For) and point.index == ANY_LEFT:
            loops.append(point)
        return any(self.comes_round(point, loop) for loop in loops)

    def comes_round(self, point: Point, loop: Point) -> bool:
        """Whether local work leads from a point back to it inside a loop, or a label's block."""
        todo, seen = [point], set[Point]()
        while todo:
            here = todo.pop()
            if not self.is_visible(here):
                ways = {p for p in map(self.settle, self.next(here)) if p is not None}
                after = {p for p in ways if is_inside(p, loop)} - seen
                seen |= after
                todo += after
        return point in seen

    def lives(self) -> dict[Point, set[Key]]:
        """The locals that may still be read, at every point; also finds ``jumped_back_to``."""
        after: dict[Point, list[Point]] = {}
        todo = [p for t, _ in self.instances if (p := self.settle(self.at(t.body, 0, None)))]
        while todo:
            point = todo.pop()
            if point in after:
                continue
            after[point] = [p for p in map(self.settle, self.next(point)) if p is not None]
            todo += after[point]
            if isinstance(point.node, ast.Block) and isinstance(point.statement, ast.Goto):
                label = self.target(point.statement.label.text, point)
                if label.statement.span.start < point.statement.span.start:
                    self.jumped_back_to.setdefault(after[point][0], set()).add(label)
        live: dict[Point, set[Key]] = {p: set() for p in after}
        effects = {p: self.uses(p) for p in after}
        changed = True
        while changed:
            changed = False
            for point, ways in reversed(after.items()):
                uses, sets = effects[point]
                found = uses | (set[Key]().union(*(live[w] for w in ways)) - sets)
                changed |= found != live[point]
                live[point] = found
        return live

    def uses(self, point: Point) -> tuple[set[Key], set[Key]]:
        """The locals that are read, and those that are set (after that), at a point."""
        s, known = point.statement, self.types[id(point.body)]
        names = free_names(tuple(self.read_by(point))) & known.keys()
        uses, sets = {self.variable(point, n) for n in names}, set()
        inner = point.depth + 1
        match s:
            case ast.Any(binder=ast.Binder(name=name)):
                sets = {self.variable(point, name.text)}
                uses -= sets
            case ast.For(name=name) if isinstance(point.node, ast.For):
                if point.index == TAKE:
                    sets = {self.variable(point, name.text)}
                if point.index != JUDGE:
                    uses |= {self.variable(point, "@" + name.text)}
            case ast.For(name=name):
                sets = {self.variable(point, "@" + name.text)}
            case ast.Return():
                sets = {(inner - 1, "@result")}
            case _ if not point.is_return and (procedure := self.called(s)):
                sets = {(inner, p.name.text) for p in procedure.parameters if not p.inout}
                sets |= {(inner, "@held")}
            case ast.Let(name=name):
                sets = {self.variable(point, name.text)}
            case ast.Assign(target=ast.Reference(name=name), op="=") if name.text in known:
                sets = {self.variable(point, name.text)}
                reads = isinstance(s.value, ast.Node) and not point.is_return
                again = [n for n in within(s.value) if isinstance(n, ast.Reference)]
                if not reads or all(n.name.text != name.text for n in again):
                    uses -= sets
        if point.is_return:
            procedure = self.called(s)
            assert procedure is not None
            uses |= {(inner, "@result")} | ({(inner, "@held")} if procedure.operation else set())
        return uses, sets

    def _variable(self, point: Point, name: str) -> Key:
        """The variable that a name means at a point: ``inout`` parameters are the caller's."""
        call = point.frame
        for p, value in () if call is None else self.passed(call.node):
            if call is not None and p.inout and p.name.text == name:
                assert isinstance(value, ast.Reference)
                return self.variable(call, value.name.text)
        return point.depth, name


def around(point: Point | None, kind: Any) -> Point | None:
    """The nearest point of a kind, going up."""
    while point is not None and not isinstance(point.node, kind):
        point = point.up
    return point


def is_inside(point: Point | None, loop: Point) -> bool:
    """Whether a point is in the same loop or block as another."""
    while point is not None and (point.node is not loop.node or point.up is not loop.up):
        point = point.up
    return point is not None
