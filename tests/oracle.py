"""A second opinion on the language: it runs the syntax tree as docs/language.md says, and nothing else.

It shares ``lang/ast.py`` (and the parser) with the tool. No lowering, no control-flow graph, no compiled code: a thread
is a ``Point`` in the tree and an environment, a step is run again for every vector of choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Any

from oracle_values import (
    BOOL,
    INT,
    NOTHING,
    SNAPSHOT,
    Array,
    Element,
    Fault,
    Record,
    Snapshot,
    Type,
    Types,
    Value,
    need,
    within,
)

from pvcheck.lang import ast

Lock = tuple[str, tuple[Value, ...]]
ANY_LEFT, TAKE, JUDGE = 0, 1, 2
"""The three things that the head of a ``for`` does."""
Key = tuple[int, str]
"""A local variable: how many calls deep, and its name."""


class Nowhere(Exception):
    """The run does not go on like this: a false ``assume``, or the thread waits."""


class TooLarge(Exception):
    """More states than asked for."""


class Point:
    """A place in the tree, and where to go on from there. There is one object per place.

    ``node`` is a block (then ``index`` is the next statement in it), the ``if`` of an ``else if``, a loop (its head), an
    atomic block (its end), or a call (its return).
    """

    __slots__ = ("index", "node", "up")

    def __init__(self, node: Any, index: int, up: Point | None) -> None:
        self.node = node
        self.index = index
        self.up = up

    @property
    def statement(self) -> Any:
        return self.node.statements[self.index] if isinstance(self.node, ast.Block) else self.node


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


@dataclass
class Findings:
    states: int = 0
    shortest: dict[str, int] = field(default_factory=dict)
    """For each violated property the least number of steps that show it."""
    shared: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """For each reachable shared state the least number of steps to it."""

    def found(self, name: str, depth: int) -> None:
        self.shortest.setdefault(name, depth)


def explore(
    tree: ast.Specification,
    sizes: Mapping[str, int],
    parameters: Mapping[str, Value],
    only: tuple[str, ...] | None = None,
    limit: int = 100_000,
) -> Findings:
    """Every reachable state, breadth first."""
    return Oracle(tree, sizes, parameters, only).explore(limit)


class Oracle(Types):
    def __init__(
        self,
        tree: ast.Specification,
        sizes: Mapping[str, int],
        parameters: Mapping[str, Value],
        only: tuple[str, ...] | None,
    ) -> None:
        super().__init__(tree, sizes, parameters)
        self.only = only
        self.places: dict[tuple[int, int, Point | None], Point] = {}
        self.instances: list[tuple[ast.Thread, tuple[Value, ...]]] = []
        self.after: set[tuple[str, str]] = set()
        self.within: dict[str, str] = {}
        self.invariants: list[ast.Invariant] = []
        for d in tree.declarations:
            match d:
                case ast.Thread():
                    self.instances += [(d, at) for at in self.elements_of(d.dimensions)]
                case ast.Order(locks=locks, direction=None):
                    names = [n.text for n in locks]
                    self.after |= set(zip(names[1:], names, strict=False))
                case ast.Order(locks=(name,), direction=direction):
                    self.within[name.text] = str(direction)
                case ast.Invariant():
                    self.invariants.append(d)
        for middle, left, right in product({n for pair in self.after for n in pair}, repeat=3):
            if {(left, middle), (middle, right)} <= self.after:
                self.after.add((left, right))
        self.types = {id(o.body): self.local_types(o) for o in self.owners()}
        self._visible: dict[int, bool] = {}
        self._heads: dict[Point, bool] = {}
        self._live = self.lives()

    # ---- the search ----------------------------------------------------------------------------

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
                self.step(run, t, start=True)
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
                live = self._live[point] if point else set()
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
                if invariant.window is not None and not self.value(invariant.window, scope):
                    continue
                if not self.value(invariant.condition, scope):
                    findings.found(invariant.name.text, depth)

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

    # ---- places ---------------------------------------------------------------------------------

    def at(self, node: Any, index: int, up: Point | None) -> Point:
        return self.places.setdefault((id(node), index, up), Point(node, index, up))

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
        if is_return(point):
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
                return [frame(point)]
        procedure = self.called(statement)
        if procedure is None:
            return [following]
        if procedure.operation and self.only is not None and procedure.name.text not in self.only:
            return []
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
                nested = [self.blocks(w) for w in ways if isinstance(w.node, ast.If)]
                return [w for w in ways if isinstance(w.node, ast.Block)] + sum(nested, [])
        return []

    def called(self, statement: object) -> ast.Procedure | None:
        """The procedure that a statement calls."""
        match statement:
            case ast.Call(call=ast.Apply(name=name)):
                procedure = self.names.get(name.text)
            case ast.Let(value=ast.Apply(name=name)) | ast.Assign(value=ast.Apply(name=name)):
                procedure = self.names.get(name.text)
            case _:
                return None
        return procedure if isinstance(procedure, ast.Procedure) else None

    # ---- steps ----------------------------------------------------------------------------------

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
        procedure = None if is_return(point) else self.called(point.statement)
        return procedure is not None and procedure.operation

    def is_choice(self, point: Point) -> bool:
        match point.node:
            case ast.For(domain=domain, direction=None) if point.index == TAKE:
                t = self.type_of(domain, self.types[id(body(point))])
                return isinstance(t, ast.SetType | ast.Sort) and self.is_unordered(t)
            case ast.Block():
                return isinstance(point.statement, ast.Choose | ast.Any)
        return False

    def is_unordered(self, t: Type) -> bool:
        match self.resolved(t):
            case ast.SetType(of=of) | ast.OptionalType(of=of):
                return self.is_unordered(of)
            case ast.Struct(fields=parts):
                return any(self.is_unordered(f.type) for f in parts)
            case ast.Sort(ordered=ordered):
                return not ordered
        return False

    def is_visible(self, point: Point) -> bool:
        """Whether it is a lock operation, an access to shared variables, ``atomic`` or ``await``."""
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
        if is_return(point):
            return [s.target] if isinstance(s, ast.Assign) else []
        if isinstance(point.node, ast.For):
            return [s.where] if point.index == JUDGE else []
        procedure = self.called(s)
        if procedure is not None:
            copied = zip(procedure.parameters, self.call(s).arguments, strict=True)
            return [a.value for p, a in copied if not p.inout]
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

    def call(self, statement: Any) -> ast.Apply:
        return statement.call if isinstance(statement, ast.Call) else statement.value

    def is_local_loop(self, point: Point) -> bool:
        """Whether it is the head of a loop of local work only."""
        if point not in self._heads:
            start: list[Point] = [point] if self.is_head(point) else []
            seen: set[Point] = set()
            while start:
                here = start.pop()
                if self.is_visible(here):
                    continue
                after = {p for p in map(self.settle, self.next(here)) if p is not None} - seen
                seen |= after
                start += after
            self._heads[point] = point in seen
        return self._heads[point]

    def is_head(self, point: Point) -> bool:
        loop = isinstance(point.node, ast.While | ast.For) and point.index == ANY_LEFT
        return loop or point in self.jumped_back_to

    def lives(self) -> dict[Point, set[Key]]:
        """The locals that may still be read, at every point; finds the points that are jumped back to."""
        self.jumped_back_to: set[Point] = set()
        after: dict[Point, list[Point]] = {}
        todo = [p for t, _ in self.instances if (p := self.settle(self.at(t.body, 0, None)))]
        while todo:
            point = todo.pop()
            if point in after:
                continue
            after[point] = [p for p in map(self.settle, self.next(point)) if p is not None]
            todo += after[point]
            if isinstance(point.node, ast.Block) and isinstance(point.statement, ast.Goto):
                for p in after[point]:
                    if p.statement.span.start <= point.statement.span.start:
                        self.jumped_back_to.add(p)
        live: dict[Point, set[Key]] = {p: set() for p in after}
        changed = True
        while changed:
            changed = False
            for point, ways in after.items():
                uses, sets = self.uses(point)
                found = uses | (set[Key]().union(*(live[w] for w in ways)) - sets)
                changed |= found != live[point]
                live[point] = found
        return live

    def uses(self, point: Point) -> tuple[set[Key], set[Key]]:
        """The locals that are read, and those that are set (after that), at a point."""
        s, known = point.statement, self.types[id(body(point))]
        names = {
            n.name.text
            for n in within(tuple(self.read_by(point)))
            if isinstance(n, ast.Reference) and n.name.text in known
        }
        uses, sets = {self.variable(point, n) for n in names}, set()
        inner = depth(frame(point)) + 1
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
            case _ if not is_return(point) and (procedure := self.called(s)):
                sets = {(inner, p.name.text) for p in procedure.parameters if not p.inout}
                sets |= {(inner, "@held")}
            case ast.Let(name=name):
                sets = {self.variable(point, name.text)}
            case ast.Assign(target=ast.Reference(name=name), op="=") if name.text in known:
                sets = {self.variable(point, name.text)}
                reads = isinstance(s.value, ast.Node) and not is_return(point)
                again = [n for n in within(s.value) if isinstance(n, ast.Reference)]
                if not reads or all(n.name.text != name.text for n in again):
                    uses -= sets
        if is_return(point):
            procedure = self.called(s)
            assert procedure is not None
            uses |= {(inner, "@result")} | ({(inner, "@held")} if procedure.operation else set())
        return uses, sets

    def variable(self, point: Point, name: str) -> Key:
        """The variable that a name means at a point: ``inout`` parameters are the caller's."""
        call = frame(point)
        procedure = self.called(call.node) if call else None
        if call is not None and procedure is not None:
            for p, a in zip(procedure.parameters, self.call(call.node).arguments, strict=True):
                if p.inout and p.name.text == name:
                    assert isinstance(a.value, ast.Reference)
                    return self.variable(call, a.value.name.text)
        return depth(call), name

    # ---- types of locals ------------------------------------------------------------------------

    def owners(self) -> list[Any]:
        return [d for d in self.names.values() if isinstance(d, ast.Procedure | ast.Thread)]

    def local_types(self, owner: Any) -> dict[str, Type]:
        types: dict[str, Type] = {}
        if isinstance(owner, ast.Procedure):
            types = {p.name.text: self.resolved(p.type) for p in owner.parameters}
        else:
            types = {d.name.text: self.resolved(d.type) for d in owner.dimensions if d.name}
        for n in within(owner.body):
            match n:
                case ast.Let(name=name, type=None, value=value):
                    called = self.called(n)
                    found = called.result if called else self.type_of(value, types)
                    types[name.text] = self.resolved(found)
                case ast.Let(name=name, type=t):
                    types[name.text] = self.resolved(t)
                case ast.Any(binder=ast.Binder(name=name, type=t, within=collection)):
                    found = t if t is not None else self.of(self.type_of(collection, types))
                    types[name.text] = self.resolved(found)
                case ast.For(name=name, domain=domain):
                    types[name.text] = self.of(self.type_of(domain, types))
        return types

    def type_of(self, e: Any, locals_: Mapping[str, Type]) -> Type:
        """The type of an expression outside quantifiers."""
        match e:
            case ast.Integer() | ast.Quantified(kind="count"):
                return INT
            case ast.Literal(text=text):
                thread = next(t for t, _ in self.instances if t.dimensions or text != "self")
                if text == "self":
                    return self.resolved(thread.dimensions[0].type)
                return NOTHING if text == "none" else BOOL
            case ast.Reference(name=name) if name.text in locals_:
                return locals_[name.text]
            case ast.Reference(name=name) if name.text in self.labels:
                return self.names[self.labels[name.text].sort]
            case ast.Reference(name=name) | ast.Apply(name=name) if name.text in self.names:
                match self.names[name.text]:
                    case ast.Parameter():
                        return BOOL if isinstance(self.parameters[name.text], bool) else INT
                    case ast.Function(result=result):
                        return self.resolved(result)
                    case ast.Variable(type=t):
                        return self.resolved(t)
                    case d:
                        return self.resolved(d)
            case ast.Apply(name=name, arguments=arguments):
                match name.text:
                    case "size" | "int":
                        return INT
                    case "first" | "last" | "min" | "max":
                        return self.of(self.type_of(arguments[0].value, locals_))
                    case "next":
                        t = self.of(self.type_of(arguments[0].value, locals_))
                        return ast.OptionalType(t, span=e.span)
                    case "holder":
                        thread = next(t for t, _ in self.instances if t.dimensions)
                        return ast.OptionalType(thread.dimensions[0].type, span=e.span)
                    case "snapshot":
                        return SNAPSHOT
                return BOOL
            case ast.Field(of=of, name=name):
                struct = self.plain(self.type_of(of, locals_))
                return self.resolved(next(f.type for f in struct.fields if f.name == name))
            case ast.Index():
                root, steps = path(e)
                t = self.type_of(root, locals_)
                if isinstance(root, ast.Reference) and root.name.text not in locals_:
                    steps = steps[len(getattr(self.names.get(root.name.text), "dimensions", ())) :]
                for step in steps:
                    if isinstance(step, ast.Name):
                        t = next(f.type for f in self.plain(t).fields if f.name == step)
                    else:
                        t = self.plain(t).of
                return self.resolved(t)
            case ast.Binary(op="+" | "-" | "|" | "&", left=left):
                t = self.plain(self.type_of(left, locals_))
                return INT if isinstance(t, ast.RangeType) else t
            case ast.Binary(op="*" | "/" | "%") | ast.Unary(op="-"):
                return INT
            case ast.Conditional(then=then, otherwise=otherwise):
                a, b = self.type_of(then, locals_), self.type_of(otherwise, locals_)
                if NOTHING in (a, b):
                    return ast.OptionalType(self.plain(b if a == NOTHING else a), span=e.span)
                return b if isinstance(b, ast.OptionalType) else a
            case ast.ListLiteral(elements=elements):
                return ast.ListType(self.type_of(elements[0], locals_), None, span=e.span)
            case ast.SetLiteral(elements=elements):
                return ast.SetType(self.type_of(elements[0], locals_), span=e.span)
            case ast.Comprehension(binder=binder):
                return ast.SetType(binder.type, span=e.span)
        return BOOL

    # ---- statements -----------------------------------------------------------------------------

    def execute(self, point: Point, run: Run, t: int) -> Point | None:
        """The statement at a point; where the thread goes on."""
        scope, ways, s = Scope(run, t, point), self.next(point), point.statement
        if isinstance(point.node, ast.While):
            return ways[0 if need(self.value(s.condition, scope)) else 1]
        if isinstance(point.node, ast.For):
            return ways[self.next_element(point, scope)]
        if is_return(point):
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
                values = self.range_of(binder, scope)
                self.set_local(scope, binder.name.text, values[run.choose(len(values))])
                if where is not None and not need(self.value(where, scope)):
                    raise Nowhere
            case ast.For(name=name, domain=domain):
                left = self.collection(domain, scope, s.direction == "descending")
                self.set_local(scope, "@" + name.text, left)
            case ast.Return(value=value):
                procedure = self.called(way.node) if (way := frame(point)) else None
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
        ways = self.next(point)
        if not ways:
            raise Nowhere
        inner, mine = depth(frame(point)) + 1, scope.run.locals[scope.thread or 0]
        values = {}
        for p, a in zip(procedure.parameters, self.call(point.statement).arguments, strict=True):
            if not p.inout:
                values[inner, p.name.text] = self.fit(self.value(a.value, scope), p.type)
        mine |= values
        if procedure.operation:
            mine[inner, "@held"] = self.holding(scope)
        return ways[0]

    def leave(self, call: Point, scope: Scope) -> None:
        procedure, mine = self.called(call.node), scope.run.locals[scope.thread or 0]
        assert procedure is not None
        inner = depth(frame(call)) + 1
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
            case ast.Let(name=name, type=t, value=value):
                assert scope.point is not None
                known = self.types[id(body(scope.point))][name.text]
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
                e = self.value(element.value, scope)
                self.assign(place.value, lambda old: self.changed(name.text, old, e), scope)

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
        known = self.types[id(body(scope.point))]
        t = self.type_of(target, known)
        root, steps = path(target)
        if root.name.text in known:
            key = self.variable(scope.point, root.name.text)
            mine = scope.run.locals[scope.thread or 0]
            whole = mine.get(key)
            whole = self.first(known[root.name.text]) if key not in mine else whole
            mine[key] = self.put(whole, steps, new, t, scope)
            return
        name, at, steps = self.shared_place(target, scope)
        whole = self.put(scope.run.shared[name, at], steps, new, t, scope)
        self.guard(name, at, scope, write=True)
        scope.run.shared[name, at] = whole

    def put(
        self, whole: Value, steps: list[Any], new: Callable[[Value], Value], t: Type, scope: Scope
    ) -> Value:
        """The value with the part at the end of ``steps`` replaced."""
        if not steps:
            return self.fit(new(whole), t)
        if isinstance(steps[0], ast.Name):
            names = [f.name for f in self.names[need(whole).struct].fields]
            i = names.index(steps[0])
            part = self.put(whole.values[i], steps[1:], new, t, scope)
            return whole._replace(values=(*whole.values[:i], part, *whole.values[i + 1 :]))
        i = need(self.value(steps[0], scope))
        return whole.put(i, self.put(need(whole).at(i), steps[1:], new, t, scope))

    # ---- locks ----------------------------------------------------------------------------------

    def lock(self, e: Any, scope: Scope) -> Lock:
        root, steps = path(e)
        return root.name.text, tuple(need(self.value(s, scope)) for s in steps)

    def operate(self, s: ast.LockStatement, scope: Scope) -> None:
        t, locks, lock = scope.thread, scope.run.locks, self.lock(s.lock, scope)
        mode, holders = locks.get(lock, ("", frozenset()))
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
        mode, holders = scope.run.locks.get(lock, ("", frozenset()))
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
        held = [scope.run.locks.get(lock, ("", frozenset())) for lock in locks]
        if write and not all(h == ("write", {scope.thread}) for h in held):
            raise Fault("race")
        if not write and not any(scope.thread in who for _, who in held):
            raise Fault("race")

    # ---- expressions ----------------------------------------------------------------------------

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

    def value(self, e: Any, scope: Scope) -> Value:
        root, _ = path(e)
        if isinstance(root, ast.Reference) and root.name.text not in scope.bound:
            declared = self.names.get(root.name.text)
            known = self.types[id(body(scope.point))] if scope.point is not None else {}
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
        known = self.types[id(body(scope.point))] if scope.point is not None else {}
        if name in known and scope.point is not None:
            mine, key = scope.run.locals[scope.thread or 0], self.variable(scope.point, name)
            return mine[key] if key in mine else self.first(known[name])
        if name in self.labels:
            return self.labels[name]
        if name in self.parameters:
            return self.parameters[name]
        function = self.names[name]
        inside = Scope(scope.run, scope.thread)
        return self.fit(self.value(function.body, inside), function.result)

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
        return list(dict.fromkeys(self.collection(binder.within, scope)))

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
            return need(a) in self.collection(e.right, scope)
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
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return quotient if op == "/" else a - b * quotient

    def element(self, sort: str, number: int) -> Element:
        if not 0 <= number < len(self.values(self.names[sort])):
            raise Fault("bounds")
        return Element(sort, number)

    def apply(self, e: ast.Apply, scope: Scope) -> Value:
        name, given = e.name.text, [a.value for a in e.arguments]
        match name:
            case "held":
                _, holders = scope.run.locks.get(self.lock(given[0], scope), ("", frozenset()))
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
                by_name = {a.name.text: a.value for a in e.arguments if a.name}
                order = [by_name[p.name.text] for p in parts] if by_name else given
                values = [self.fit(self.value(v, scope), p.type) for p, v in zip(parts, order)]  # noqa: B905
                return Record(name, tuple(values))
            case ast.Function(parameters=parameters, result=result, body=inside):
                values = [
                    self.fit(self.value(v, scope), p.type)
                    for p, v in zip(parameters, given, strict=True)
                ]
                bound = {p.name.text: v for p, v in zip(parameters, values, strict=True)}
                return self.fit(
                    self.value(inside, Scope(scope.run, scope.thread, None, bound)), result
                )
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


def path(e: Any) -> tuple[Any, list[Any]]:
    """What an access starts from, and the indices and field names on the way."""
    match e:
        case ast.Index(of=of, indices=indices):
            root, steps = path(of)
            return root, [*steps, *indices]
        case ast.Field(of=of, name=name):
            root, steps = path(of)
            return root, [*steps, name]
    return e, []


def rank(value: Value) -> Any:
    return (value is not None, value)


def around(point: Point | None, kind: Any) -> Point | None:
    """The nearest point of a kind, going up."""
    while point is not None and not isinstance(point.node, kind):
        point = point.up
    return point


def is_return(point: Point) -> bool:
    return isinstance(point.node, ast.Let | ast.Assign | ast.Call)


def frame(point: Point) -> Point | None:
    """The return of the call that a point is in; a return itself is in the caller."""
    return around(point.up, ast.Let | ast.Assign | ast.Call)


def depth(call: Point | None) -> int:
    return 0 if call is None else 1 + depth(frame(call))


def body(point: Point) -> ast.Block:
    """The body of the procedure or thread that a point is in."""
    here = point.up if is_return(point) else point
    block = None
    while here is not None and not is_return(here):
        block = here.node if isinstance(here.node, ast.Block) else block
        here = here.up
    assert block is not None
    return block
