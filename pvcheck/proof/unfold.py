"""What a thread knows at each of its locations, as formulas about all ways to come there.

Each location has a truth value ``here``: a thread that has come to it makes it true, and ``facts`` hold.
Where ways meet, values are chosen by the way that was taken. At the head of a loop, what the loop changes
is unknown, but for the *candidates*: facts that are assumed as long as nothing shows that a way to the head
does not bring them along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import z3

from pvcheck.model.model import DEADLOCK, FINISHED, Location, LockKind, LockOrder, ThreadFamily
from pvcheck.model.types import LockSet, Type
from pvcheck.proof.candidate import Entry, Template
from pvcheck.proof.execute import Executor
from pvcheck.proof.flow import Changes, Loop, flow
from pvcheck.proof.state import Setting, ThreadState, World, kept_elements
from pvcheck.proof.stepping import Claim, guard_of_elements
from pvcheck.proof.templates import at_cut, meetings, templates
from pvcheck.proof.traversal import takes
from pvcheck.proof.unfolding import Arrival, Candidate, Check, Node, Unfolding
from pvcheck.proof.values import (
    Function,
    Locks,
    OutsideFragment,
    Value,
    all_of,
    any_of,
    choose_function,
    choose_of_values,
    choose_value,
    equal_terms,
    terms,
)
from pvcheck.proof.variables import define, flat
from pvcheck.proof.z3_terms import FALSE, for_all, is_true


@dataclass(frozen=True)
class _Edge:
    source: int
    taken: Any
    """Whether a thread comes this way."""
    state: ThreadState


def unfold(setting: Setting, order: LockOrder) -> Unfolding:
    return _Unfolder(setting, order).unfolding()


class _Unfolder:
    def __init__(self, setting: Setting, order: LockOrder) -> None:
        self._setting = setting
        self._theory = setting.theory
        self._family = setting.family
        self._flow = flow(setting.family)
        self._takes = takes(setting.family)
        self._executor = Executor(setting, order)
        self._edges: dict[int, list[_Edge]] = {}
        self._templates: dict[int, list[tuple[Candidate, Template]]] = {}
        self._nodes: dict[int, Node] = {}
        self._candidates: list[Candidate] = []
        self._rounds: dict[int, Node] = {}
        """By head of a loop that has been entered."""
        self._named_leaves: dict[int, tuple[Any, Any]] = {}
        self._places: dict[int, str] = {}
        self._copies: Counter[str] = Counter()
        """By statement: in how many places it is, as procedures are put in place of calls."""

    def unfolding(self) -> Unfolding:
        start = Node(_start_location(self._family), z3.Bool(self._theory.unique("start")), ())
        start.facts.append(start.here)
        start.state = initial_state(self._setting)
        self._nodes[-1] = start
        self._take(start, -1, self._family.start)
        for number in self._flow.order:
            location = self._family.locations[number]
            loop = self._flow.loops.get(number)
            if loop is not None and number not in self._rounds:
                self._enter(loop)
            if number not in (self._edges if loop is None else self._rounds):
                # Only under parameters that are not chosen.
                continue
            node = self._arrive(location) if loop is None else self._rounds[number]
            self._nodes[number] = node
            self._take(node, number, location.code)
        return Unfolding(self._setting, self._flow, self._nodes, self._candidates, start)

    # Steps

    def _take(self, node: Node, number: int, code: Any) -> None:
        assert node.state is not None
        step = node.step = self._executor.step(node.state, code)
        for end in step.ends:
            node.claims += [
                Claim(
                    guard_of_elements(name),
                    end.given,
                    goal,
                    node.location.span,
                    f"who changes {name} holds the lock of what comes or goes",
                )
                for name, goal in kept_elements(step.world, end.world)
            ]
            if end.target == FINISHED:
                node.claims += [
                    Claim(
                        DEADLOCK, end.given, goal, node.location.span, f"ends without {lock} locks"
                    )
                    for lock, goal in end.world.none_held()
                    if not is_true(goal)
                ]
                continue
            live = self._live(end.target)
            state = self._complete(end.world, live, step.acquires)
            if self._setting.about_data:
                state = self._named(state, node)
            if (number, end.target) in self._flow.back:
                self._check(node, end.target, end.given, state)
                continue
            taken = z3.Bool(self._theory.unique(f"from{number}to{end.target}"))
            node.facts.append(z3.Implies(taken, all_of([node.here, *end.given])))
            self._edges.setdefault(end.target, []).append(_Edge(number, taken, state))
        node.claims += step.claims

    def _complete(self, world: World, live: Sequence[int], gained: Collection[str]) -> ThreadState:
        for slot in live:
            if slot not in world.locals:
                world.local(slot, self._family.locals[slot].type)
        return world.state(live, gained)

    def _named(self, state: ThreadState, node: Node) -> ThreadState:
        """The same state, with names for locals that are more than an application: they are all over what is
        said of shared variables."""
        found: dict[int, Value] = {}
        for slot, value in state.locals.items():
            try:
                leaves = [self._name(leaf, slot, node) for leaf in terms(value)]
            except OutsideFragment:
                found[slot] = value
                continue
            found[slot] = self._theory.shape(self._family.locals[slot].type, leaves)
        return replace(state, locals=found)

    def _name(self, leaf: Any, slot: int, node: Node) -> Any:
        if z3.is_app(leaf) and (
            leaf.num_args() == 0 or leaf.decl().kind() == z3.Z3_OP_UNINTERPRETED
        ):
            return leaf
        if leaf.get_id() not in self._named_leaves:
            unique = self._theory.unique(self._family.locals[slot].name)
            # The leaf is kept, or its number could be that of another one.
            self._named_leaves[leaf.get_id()] = leaf, z3.Const(unique, leaf.sort())
        _, name = self._named_leaves[leaf.get_id()]
        node.facts.append(name == leaf)
        return name

    # Ways that meet

    def _arrive(self, location: Location) -> Node:
        edges = self._edges.pop(location.number, [])
        node = self._met(location, edges)
        if len(edges) > 1:
            self._sum_up(location, edges, node, suffix="")
        return node

    def _met(self, location: Location, edges: Sequence[_Edge]) -> Node:
        here = z3.Bool(self._theory.unique(f"at{location.number}"))
        before = tuple(dict.fromkeys(e.source for e in edges))
        node = Node(location, here, before)
        node.facts.append(z3.Implies(here, any_of([e.taken for e in edges])))
        node.state = self._merge(location, edges, node)
        return node

    def _sum_up(
        self, location: Location, edges: Sequence[_Edge], node: Node, *, suffix: str
    ) -> None:
        """Candidates where ways meet that hold different locks: what they have in common. ``suffix``: of
        their names, which must be unique at a location."""
        assert node.state is not None
        first = edges[0].state
        differ = {
            name
            for name in first.exclusive
            if any(e.state.exclusive[name] is not first.exclusive[name] for e in edges)
        }
        changed = frozenset(
            slot for slot in location.live if node.state.locals[slot] is not first.locals[slot]
        )
        changes = Changes(changed, frozenset(), frozenset(differ), frozenset())
        for found in meetings(self._entry(location, changes, node.state)):
            template = replace(found, name=f"{found.name}{suffix}")
            candidate = self._candidate(template, node, node.state)
            if candidate is None:
                continue
            for edge in edges:
                self._check_one(
                    self._nodes[edge.source], candidate, template, (edge.taken,), edge.state
                )

    def _entry(
        self,
        location: Location,
        changes: Changes,
        state: ThreadState,
        inside: frozenset[int] = frozenset(),
    ) -> Entry:
        return Entry(self._setting, location, changes, state, self._takes, inside)

    def _candidate(self, template: Template, node: Node, state: ThreadState) -> Candidate | None:
        formula = template.formula(state)
        if is_true(z3.simplify(formula)):
            return None
        number = node.location.number
        literal = z3.Bool(self._theory.unique(f"candidate{number}.{template.name}"))
        name = self._place(node.location) + template.name
        candidate = Candidate(number, name, literal, template.name, template.about_data)
        self._candidates.append(candidate)
        node.facts.append(z3.Implies(z3.And(node.here, literal), formula))
        node.sums_up = True
        return candidate

    def _place(self, location: Location) -> str:
        """In words, to go before what is said of it; nothing at the cut, which is the same in all parts."""
        number = location.number
        if number == self._setting.cut:
            return ""
        if number not in self._places:
            statement = f"{location.procedure}: {location.text}"
            self._copies[statement] += 1
            self._places[number] = f"{statement} #{self._copies[statement]} "
        return self._places[number]

    def _merge(self, location: Location, edges: Sequence[_Edge], node: Node) -> ThreadState:
        first = edges[0].state
        if len(edges) == 1:
            return first
        merged: dict[int, Value] = {}
        for slot in location.live:
            merged[slot] = self._meet(slot, [(e.taken, e.state.locals[slot]) for e in edges], node)
        heap = {}
        for name in first.heap:
            ways = [(e.taken, e.state.heap[name]) for e in edges]
            same = all(e.state.heap[name] is first.heap[name] for e in edges)
            if same:
                heap[name] = first.heap[name]
            elif self._setting.about_data:
                heap[name] = self._meet_data(name, ways, node)
            else:
                met = _meet_functions(ways, choose_of_values)
                heap[name] = flat(self._theory, self._theory.variables[name], met)
        exclusive = {
            name: self._meet_locks(name, [(e.taken, e.state.exclusive[name]) for e in edges], node)
            for name in first.exclusive
        }
        shared = {
            name: _meet_functions([(e.taken, e.state.shared[name]) for e in edges], choose_function)
            for name in first.shared
        }
        return ThreadState(merged, heap, exclusive, shared)

    def _meet_data(self, name: str, ways: list[tuple[Any, Function]], node: Node) -> Function:
        met, of = self._setting.anything(name, f"met.{name}"), self._theory.variables[name]
        for taken, function in ways:
            node.facts += define(self._theory, of, met, function, given=taken)
        return met

    def _meet_locks(self, name: str, ways: list[tuple[Any, Function]], node: Node) -> Function:
        first = ways[0][1]
        if all(function is first for _, function in ways):
            return first
        met = self._any_locks(name)
        x = self._theory.lock_index(name)
        for taken, function in ways:
            node.facts.append(z3.Implies(taken, for_all(x, met(*x) == function(*x), met(*x))))
        return met

    def _meet(self, slot: int, ways: list[tuple[Any, Value]], node: Node) -> Value:
        """The value of a local where ways meet: a name for it, if it is not the same on all."""
        first = ways[0][1]
        if all(_same(first, value) for _, value in ways[1:]):
            return first
        try:
            each = [(taken, terms(value)) for taken, value in ways]
        except OutsideFragment:
            value = ways[-1][1]
            for taken, other in reversed(ways[:-1]):
                value = choose_value(taken, other, value)
            return value
        type_ = self._family.locals[slot].type
        named = self._theory.anything(self._family.locals[slot].name, type_)
        for taken, leaves in each:
            node.facts.append(z3.Implies(taken, equal_terms(terms(named), leaves)))
        return named

    # Loops

    def _enter(self, loop: Loop) -> None:
        """All ways into a loop meet, to whichever head they lead."""
        ways = {head: self._edges.pop(head, []) for head in loop.heads}
        edges = [edge for head in loop.heads for edge in ways[head]]
        if not edges:
            return
        first = self._family.locations[loop.heads[0]]
        location = replace(first, live=self._live(first.number))
        arrived = self._met(location, edges)
        if len(edges) > 1:
            self._sum_up(location, edges, arrived, suffix=" on entry")
        number = -2 - first.number
        self._nodes[number] = arrived
        for head in loop.heads:
            self._rounds[head] = self._round(head, loop, arrived, number)
            # Who comes to this head now; to another, others.
            here = () if len(loop.heads) == 1 else (any_of([e.taken for e in ways[head]]),)
            assert arrived.state is not None
            self._check(arrived, head, here, arrived.state)

    def _live(self, number: int) -> tuple[int, ...]:
        """Of a location; of the head of a loop, what is live at one of its heads."""
        loop = self._flow.loops.get(number)
        heads = (number,) if loop is None else loop.heads
        return tuple(sorted({slot for n in heads for slot in self._family.locations[n].live}))

    def _round(self, head: int, loop: Loop, arrived: Node, number: int) -> Node:
        """A head of a loop that was entered, the first time or again."""
        changes = loop.changes
        location = self._family.locations[head]
        entry = arrived.state
        assert entry is not None
        node = Node(location, z3.Bool(self._theory.unique(f"round{location.number}")), (number,))
        # Whoever is in the loop has entered it.
        node.facts.append(z3.Implies(node.here, arrived.here))
        locals_: dict[int, Value] = {}
        for slot in location.live:
            type_ = self._family.locals[slot].type
            known = entry.locals[slot]
            locals_[slot] = known
            if slot in changes.slots:
                locals_[slot] = self._any_local(slot, type_, known)
                node.facts += self._theory.is_well_formed(locals_[slot], type_)
        is_cut = location.number == self._setting.cut
        changed = frozenset(self._theory.locks) if is_cut else changes.locks
        exclusive = dict(entry.exclusive)
        shared = dict(entry.shared)
        for name in sorted(changed):
            exclusive[name] = self._any_locks(name)
            if self._theory.locks[name].kind is LockKind.RW:
                shared[name] = self._any_locks(name)
        heap = dict(entry.heap)
        for variable in self._theory.data:
            touched = self._setting.protecting[variable.name] & changed
            if variable.name in changes.written:
                heap[variable.name], facts = self._setting.of_loop(variable.name)
                node.facts += facts
            elif touched:
                heap[variable.name] = self._kept(variable.name, entry, changed, node)
        state = ThreadState(locals_, heap, exclusive, shared)
        if is_cut:
            found = at_cut(self._entry(location, changes, entry))
        else:
            found, facts = templates(self._entry(location, changes, entry, loop.inside))
            arrived.facts += facts
        pairs = []
        for template in found:
            candidate = self._candidate(template, node, state)
            if candidate is not None:
                pairs.append((candidate, template))
        self._templates[location.number] = pairs
        node.state = state
        return node

    def _kept(
        self,
        name: str,
        entry: ThreadState,
        changed: Collection[str],
        node: Node,
    ) -> Function:
        """A variable that the loop does not write, but whose locks come and go in it: what other
        locks guard stays."""
        never = Function(lambda *_: FALSE)
        held = ThreadState(
            {},
            entry.heap,
            {n: never if n in changed else f for n, f in entry.exclusive.items()},
            {n: never if n in changed else f for n, f in entry.shared.items()},
        )
        world = World(self._setting, held)
        node.worlds.append(world)
        return world.heap[name]

    def _any_local(self, slot: int, type_: Type, entry: Value) -> Value:
        name = self._family.locals[slot].name
        match type_, entry:
            case LockSet(), Locks():
                return Locks(
                    {n: self._any_locks(n) for n in entry.exclusive},
                    {n: self._any_locks(n) for n in entry.shared},
                )
        return self._theory.anything(name, type_)

    def _any_locks(self, name: str) -> Function:
        leaves = self._theory.lock_leaves(name)
        return self._theory.unknown(f"held.{name}", (), leaves, z3.BoolSort())

    def _check(self, node: Node, head: int, given: tuple[Any, ...], state: ThreadState) -> None:
        if head not in self._templates:
            # Its way in is closed by a parameter.
            raise OutsideFragment("a loop that is entered backwards only")
        node.arrivals.append(Arrival(head, given, state))
        for candidate, template in self._templates[head]:
            self._check_one(node, candidate, template, given, state)

    def _check_one(
        self,
        node: Node,
        candidate: Candidate,
        template: Template,
        given: tuple[Any, ...],
        state: ThreadState,
    ) -> None:
        goal = template.formula(state)
        if not is_true(z3.simplify(goal)):
            node.checks.append(Check(candidate, given, goal))


def initial_state(setting: Setting) -> ThreadState:
    """Of a thread that has not begun: it holds nothing."""
    never = Function(lambda *_: FALSE)
    heap = {v.name: setting.anything(v.name, f"initial.{v.name}") for v in setting.theory.data}
    locks = dict.fromkeys(setting.theory.locks, never)
    return ThreadState({}, heap, locks, locks)


def _start_location(family: ThreadFamily) -> Location:
    return Location(-1, (), family.start, family.span, "start", family.name, None)


def _meet_functions(
    ways: Sequence[tuple[Any, Function]], choose: Callable[[Any, Function, Function], Function]
) -> Function:
    result = ways[-1][1]
    for taken, function in reversed(ways[:-1]):
        result = choose(taken, function, result)
    return result


def _same(a: Value, b: Value) -> bool:
    if a is b:
        return True
    try:
        left, right = terms(a), terms(b)
    except OutsideFragment:
        return False
    return all(x.eq(y) for x, y in zip(left, right, strict=True))
