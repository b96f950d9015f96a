"""Steps from the control-flow graph: where one ends and the next begins.

A location is a node at which a step starts: a visible statement; the head of a loop that can go
round by local work alone; a choice or the call of an op, unless the step that leads to it began with
local work itself. The step is that statement and the local work after it, as a tree.
"""

from __future__ import annotations

from dataclasses import replace

from pvcheck.lang.graph import Graph, Kind, Node
from pvcheck.lang.slots import Slots, live_in, numbers
from pvcheck.model import code as c
from pvcheck.model.model import FINISHED, Location, Statement
from pvcheck.source import Span

MAX_STEP = 4_000
"""Instructions of one step; local branches that join again count twice."""
MAX_BRANCHES = 100
"""Branches after each other in one step; later stages recurse over them."""


class StepTooLarge(Exception):
    def __init__(self, span: Span) -> None:
        self.span = span
        super().__init__()


def cut(graph: Graph) -> tuple[c.Code, tuple[Location, ...]]:
    """The code before the first location, and the locations.

    Raises:
        StepTooLarge: the local work after one statement has too many paths.
    """
    live = live_in(reachable(graph.entry))
    heads: frozenset[int] = frozenset()
    while True:
        cutter = _Cutter(graph, live, heads)
        result = cutter.run()
        if not cutter.loops:
            return result
        # Going round a loop of local work is a step per round: cut at its head, start again.
        heads |= cutter.loops


def statements(graph: Graph) -> set[Statement]:
    """The source statements in the graph."""
    found: set[Statement] = set()
    for node in reachable(graph.entry):
        for instruction in node.code:
            _collect(instruction, found)
        if node.kind is Kind.BRANCH and node.written:
            found.add(Statement(node.span, True))
        if node.kind is Kind.TRY:
            found.add(Statement(node.span, True))
    return found


def _collect(instruction: c.Instruction, found: set[Statement]) -> None:
    match instruction:
        case c.Reached(span):
            found.add(Statement(span, False))
        case c.If(_, then, otherwise, span, written):
            if written:
                found.add(Statement(span, True))
            for inner in (*then, *otherwise):
                _collect(inner, found)
        case c.ForEach(body=body):
            for inner in body:
                _collect(inner, found)
        case c.Choose(alternatives):
            for alternative in alternatives:
                for inner in alternative:
                    _collect(inner, found)


def reachable(entry: Node) -> list[Node]:
    """All nodes; the head of a loop comes before the rest of it."""
    seen: dict[int, Node] = {}
    stack = [entry]
    while stack:
        node = stack.pop()
        if node.number not in seen:
            seen[node.number] = node
            stack += node.successors
    return list(seen.values())


class _Cutter:
    def __init__(self, graph: Graph, live: dict[int, Slots], heads: frozenset[int]) -> None:
        self._entry = _skip(graph.entry)
        self._live = live
        self._order = {n.number: i for i, n in enumerate(reachable(graph.entry))}
        self._heads = heads
        """Nodes that start a step because they head a local loop."""
        self.loops: set[int] = set()
        """Heads of local loops that are not among them yet."""
        self._numbers: dict[int, int] = {}
        self._nodes: list[Node] = []
        self._budget = 0
        self._branches = 0
        """How many branches lead to the present node in its step."""

    def run(self) -> tuple[c.Code, tuple[Location, ...]]:
        self._budget = MAX_STEP
        start = self._tree(self._entry, fresh=False, path=())
        locations: list[Location] = []
        while len(locations) < len(self._nodes):
            locations.append(self._location(len(locations)))
        return start, tuple(locations)

    def _location(self, number: int) -> Location:
        node = self._nodes[number]
        self._budget = MAX_STEP
        code = self._step(node)
        live = numbers(self._live[node.number])
        return Location(number, live, code, node.span, node.text, node.procedure, node.source)

    def _step(self, node: Node) -> c.Code:
        """The step that starts at ``node``."""
        return self._through(node, fresh=not node.visible, path=(node.number,))

    def _tree(self, node: Node, *, fresh: bool, path: tuple[int, ...]) -> c.Code:
        """The rest of a step that has come to ``node``; ``fresh``: it began with local work."""
        node = _skip(node)
        end = self._end(node, fresh, path)
        if end is not None:
            return (end,)
        return self._through(node, fresh=fresh, path=(*path, node.number))

    def _end(self, node: Node, fresh: bool, path: tuple[int, ...]) -> c.Goto | None:
        """Where the step goes, if it ends before ``node``."""
        if node.kind is Kind.END:
            return c.Goto(FINISHED)
        if self._ends(node, fresh):
            return c.Goto(self._number(node))
        if node.number in path:
            # Wherever the step came into the loop: the head is where all ways into it lead first.
            self.loops.add(min(path[path.index(node.number) :], key=self._order.__getitem__))
            return c.Goto(self._number(node))
        return None

    def _ends(self, node: Node, fresh: bool) -> bool:
        return node.visible or node.number in self._heads or (node.choice and not fresh)

    def _through(self, node: Node, *, fresh: bool, path: tuple[int, ...]) -> c.Code:
        code: list[c.Instruction] = []
        while node.kind is Kind.PLAIN:
            self._spend(node)
            code += node.code
            node = _skip(node.successors[0])
            end = self._end(node, fresh, path)
            if end is not None:
                return (*code, end)
            path = (*path, node.number)
        self._spend(node)
        self._branches += 1
        after = [self._tree(s, fresh=fresh, path=path) for s in node.successors]
        self._branches -= 1
        return (*code, self._branching(node, after))

    def _spend(self, node: Node) -> None:
        self._budget -= 1 + len(node.code)
        if self._budget < 0 or self._branches > MAX_BRANCHES:
            raise StepTooLarge(node.span)

    def _branching(self, node: Node, after: list[c.Code]) -> c.Instruction:
        match node.kind:
            case Kind.BRANCH:
                assert node.condition is not None, "a BRANCH has a condition"
                return c.If(node.condition, after[0], after[1], node.span, node.written)
            case Kind.TRY:
                assert node.attempt is not None, "a TRY has its lock"
                return replace(node.attempt, success=after[0], failure=after[1])
            case Kind.CHOOSE:
                return c.Choose(tuple(after), node.span)
        raise AssertionError(f"{node.kind} is not executed")

    def _number(self, node: Node) -> int:
        if node.number not in self._numbers:
            self._numbers[node.number] = len(self._nodes)
            self._nodes.append(node)
        return self._numbers[node.number]


def _skip(node: Node) -> Node:
    """The first node that is more than a hop."""
    seen = set()
    while node.kind is Kind.HOP and node.number not in seen:
        seen.add(node.number)
        node = node.successors[0]
    return node
