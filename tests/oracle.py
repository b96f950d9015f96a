"""A second opinion on the language: it runs the syntax tree as docs/language.md says, and nothing else.

It shares ``lang/ast.py`` (and the parser) with the tool. No lowering, no control-flow graph, no compiled code: a thread
is a ``Point`` in the tree and an environment, a step is run again for every vector of choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain, combinations, product
from typing import Any, NamedTuple

from pvcheck.lang import ast
from tests.oracle_values import Array, Element, Fault, Record, Snapshot, Types, need

Value = Any
Lock = tuple[str, tuple[Value, ...]]
CHANGES = ("bump", "append", "prepend", "remove", "add")


class Nowhere(Exception):
    """The run does not go on like this: a false ``assume``, or the thread waits."""


class TooLarge(Exception):
    """More states than asked for."""


class Point:
    """A place in the tree, and where to go on from there. There is one object per place.

    ``node`` is a block (then ``index`` is the next statement in it), a loop (its head), an atomic block (its end), or a
    call (its return).
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
    locals: list[dict[tuple[int, str], Value]]
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
        self._live: dict[Point | None, set[tuple[int, str]]] | None = None
        self._heads: dict[Point, bool] = {}

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

    def step(self, run: Run, t: int) -> None:
        """The statement where the thread stands and the local work after it."""
        point = run.points[t]
        if point is None:
            raise Nowhere
        chosen = self.is_choice(point)
        for _ in range(10_000):
            point = self.settle(self.execute(point, run, t))
            if point is None or self.starts_step(point, chosen):
                run.points[t] = point
                live = self.live(point)
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
            if t not in holders:
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

    def settle(self, point: Point | None) -> Point | None:
        """The next thing to do."""
        while point is not None:
            match point.node:
                case ast.Block(statements=statements) if point.index == len(statements):
                    point = point.up
                case ast.Block():
                    following = self.at(point.node, point.index + 1, point.up)
                    match point.statement:
                        case ast.Label() | ast.Empty():
                            point = following
                        case ast.Block() | ast.While() as inner:
                            point = self.at(inner, 0, following)
                        case _:
                            return point
                case ast.Atomic():
                    point = point.up
                case _:
                    return point
        return None

    def next(self, point: Point) -> list[Point | None]:
        """Where it can go on after the statement at a point."""
        statement = point.statement
        if isinstance(point.node, ast.While | ast.For):
            return [self.at(statement.body, 0, point), point.up]
        if not isinstance(point.node, ast.Block):
            return [point.up]
        following = self.at(point.node, point.index + 1, point.up)
        match statement:
            case ast.If(then=then, otherwise=otherwise):
                if isinstance(otherwise, ast.If):
                    otherwise = ast.Block((otherwise,), span=otherwise.span)
                    otherwise = self.kept.setdefault(id(statement), otherwise)
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
                loop = point.up
                while loop is not None and not isinstance(loop.node, ast.While | ast.For):
                    loop = loop.up
                assert loop is not None
                return [loop if kind == "continue" else loop.up]
            case ast.Return():
                return [self.frame(point)]
        procedure = self.called(statement)
        if procedure is not None:
            if procedure.operation and self.only is not None and procedure.name.text not in self.only:
                return []
            return [self.at(procedure.body, 0, self.at(statement, 0, following))]
        return [following]

    def target(self, label: str, point: Point) -> Point:
        """The place of a label: in the nearest block around that has it, at any depth."""
        while not isinstance(point.node, ast.Block) or label not in ast.labels_of(point.node):
            assert point.up is not None
            point = point.up
        while True:
            for i, statement in enumerate(point.node.statements):
                here = self.at(point.node, i, point.up)
                if isinstance(statement, ast.Label) and statement.name.text == label:
                    return here
                if any(label in ast.labels_of(b) for b in ast.blocks_of(statement)):
                    ways = [here]
                    while not any(w and label in self.labels(w) for w in ways[1:]):
                        ways += [w for w in self.next(ways.pop(0)) if w is not None]
                        ways = [here, *ways] if not ways else ways
                    point = next(w for w in ways if label in self.labels(w))
                    break

    def labels(self, point: Point) -> list[str]:
        return ast.labels_of(point.node) if isinstance(point.node, ast.Block) else []
