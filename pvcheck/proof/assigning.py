"""Assignments in a step, and loops inside of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import z3

from pvcheck.model.code import (
    Assign,
    ForEach,
    Instruction,
    Pick,
    Place,
    Reached,
)
from pvcheck.model.expr import Const, Expr, Local, Param, Read, Self
from pvcheck.model.model import DEADLOCK, Fault
from pvcheck.model.types import LockSet, Optional, SetOf, Struct, Type
from pvcheck.model.walk import nodes
from pvcheck.proof.stepping import ALL_FAULTS, Stepping, Way
from pvcheck.proof.theory import inner
from pvcheck.proof.values import (
    Function,
    List,
    Maybe,
    Opaque,
    OutsideFragment,
    Set,
    Terms,
    Tuple,
    Value,
    all_of,
    choose_value,
    equal_terms,
    members,
    terms,
)
from pvcheck.proof.z3_terms import FALSE
from pvcheck.source import Span


def _wholly(new: Function) -> Callable[[Function], Function]:
    return lambda _: new


def _partly(new: Function, at: Terms) -> Callable[[Function], Function]:
    """New at one index."""
    return lambda old: Function(lambda *i: choose_value(equal_terms(i, at), new(*i), old(*i)))


class Assigning(Stepping):
    """What changes variables."""

    def _bump(self, counter: str, indices: tuple[Expr, ...], way: Way, span: Span) -> None:
        evaluator = self._evaluator(way)
        try:
            at = evaluator.variable_indices(counter, indices)
        except OutsideFragment as outside:
            self._outside(way, indices, span, outside.what)
            self._claim(Fault.RACE, way, FALSE, span, f"{outside.what} is outside the fragment")
            return
        self._settle(evaluator, way, span)
        self._claim(Fault.RACE, way, way.world.may_write(counter, at), span, "no race")

    # Assignments

    def _assign(self, assign: Assign, way: Way) -> None:
        place = assign.place
        if place.slot is None:
            self._assign_shared(assign, way)
            return
        if isinstance(place.type, LockSet):
            return
        value = self._value(way, assign.value, assign.span, place.type)
        if place.path:
            type_ = self._setting.family.locals[place.slot].type
            value = self._put(way, way.world.local(place.slot, type_), type_, assign, value)
        way.world.locals[place.slot] = value

    def _put(self, way: Way, old: Value, type_: Type, assign: Assign, new: Value) -> Value:
        """``old`` with ``new`` in the part of it that is assigned to."""
        span = assign.span
        for selector in assign.place.path:
            if selector.index is not None:
                self._value(way, selector.index, span)

        def put(value: Value, of: Type, path: Sequence[Any]) -> Value:
            if not path:
                return new
            if isinstance(value, Maybe):
                assert isinstance(of, Optional)
                self._claim(Fault.NONE_ACCESS, way, value.some, span, "no none-access")
                way.given = (*way.given, value.some)
                return Maybe(value.some, put(value.of, inner(of), path))
            if not isinstance(value, Tuple) or path[0].field is None:
                return Opaque()
            assert isinstance(of, Struct)
            parts = list(value.parts)
            at = path[0].field
            parts[at] = put(parts[at], of.fields[at][1], path[1:])
            return Tuple(tuple(parts))

        return put(old, type_, assign.place.path)

    def _assign_shared(self, assign: Assign, way: Way) -> None:
        place, world, span = assign.place, way.world, assign.span
        assert place.variable is not None
        variable = self._theory.variables[place.variable]
        evaluator = self._evaluator(way)
        try:
            at = evaluator.variable_indices(variable.name, place.indices)
            self._settle(evaluator, way, span)
        except OutsideFragment as outside:
            self._outside(way, place.indices, span, outside.what)
            self._claim(Fault.RACE, way, FALSE, span, outside.what)
            new = self._setting.anything(variable.name, "outside")
            world.replace(variable.name, lambda _: new)
            return
        self._claim(Fault.RACE, way, world.may_write(variable.name, at), span, "no race")
        value = self._value(way, assign.value, span, place.type)
        if place.path:
            old = world.heap[variable.name](*at)
            value = self._put(way, old, variable.type, assign, value)
        world.write(variable.name, at, value)

    def _for_each(self, loop: ForEach, way: Way) -> None:
        """A loop inside a step: its assignments at once, if none depends on another."""
        assigns = [i for i in loop.body if not isinstance(i, Reached)]
        within = loop.domain.within
        collection = None if within is None else self._value(way, within, loop.span)
        if not (
            all(isinstance(i, Assign) and self._is_parallel(i, loop, assigns) for i in assigns)
            and (collection is None or isinstance(collection, Set | List))
            and (within is None or not isinstance(inner(within.type), SetOf))
        ):
            self._forget(loop, way)
            return
        x = self._theory.constants("x", loop.domain.type)
        element = self._theory.shape(loop.domain.type, list(x))
        inside = (
            self._evaluator(way).in_type(element, loop.domain.type)
            if collection is None
            else members(collection)(*x)
        )
        turn = Way(way.world.copy(), (*way.given, inside), (*way.over, *x))
        turn.world.locals[loop.slot] = element
        for assign in assigns:
            assert isinstance(assign, Assign)
            self._assign_all(assign, loop, turn, way, (x, inside))
        way.world.locals.pop(loop.slot, None)

    def _is_parallel(
        self, assign: Instruction, loop: ForEach, others: Iterable[Instruction]
    ) -> bool:
        """Whether each turn of the loop assigns to an element of its own, from what no turn changes."""
        if not isinstance(assign, Assign) or assign.place.variable is None or assign.place.path:
            return False
        written = {o.place.variable for o in others if isinstance(o, Assign)}
        reads = {
            n.variable for n in nodes((assign.value, assign.place.indices)) if isinstance(n, Read)
        }
        by_index = [i for i in assign.place.indices if isinstance(i, Local) and i.slot == loop.slot]
        rest = [i for i in assign.place.indices if i not in by_index]
        uses = any(isinstance(n, Local) and n.slot == loop.slot for n in nodes(tuple(rest)))
        twice = sum(
            isinstance(o, Assign) and o.place.variable == assign.place.variable for o in others
        )
        types = self._theory.binder_types(assign.place.variable)
        return (
            len(by_index) == 1
            and types[assign.place.indices.index(by_index[0])] == loop.domain.type
            and not uses
            and not reads & written
            and twice == 1
        )

    def _assign_all(
        self, assign: Assign, loop: ForEach, turn: Way, way: Way, of: tuple[Terms, Any]
    ) -> None:
        """The assignment in all turns; ``of``: constants for the element of a turn, and whether
        it has one."""
        x, inside = of
        place = assign.place
        assert place.variable is not None
        variable = self._theory.variables[place.variable]
        try:
            evaluator = self._evaluator(turn)
            at = evaluator.variable_indices(variable.name, place.indices)
            self._settle(evaluator, turn, assign.span)
            may = turn.world.may_write(variable.name, at)
            self._claim(Fault.RACE, turn, may, assign.span, "no race")
            value = self._value(turn, assign.value, assign.span, place.type)
            leaves = terms(value)
        except OutsideFragment as outside:
            self._outside(turn, assign, assign.span, outside.what)
            new = self._setting.anything(variable.name, f"after.{variable.name}")
            way.world.replace(variable.name, lambda _: new)
            return
        # The index of an element says in which turn it was assigned.
        start = 0
        types = self._theory.binder_types(variable.name)
        for index, type_ in zip(place.indices, types, strict=True):
            width = len(self._theory.leaves(type_))
            if isinstance(index, Local) and index.slot == loop.slot:
                of_turn = slice(start, start + width)
            start += width
        shape = variable.type

        def changed(old: Function, *i: Any) -> Value:
            for_turn = list(zip(x, i[of_turn], strict=True))
            hit = all_of(
                [
                    z3.substitute(inside, *for_turn),
                    equal_terms(tuple(z3.substitute(t, *for_turn) for t in at), i),
                ]
            )
            new = self._theory.shape(shape, [z3.substitute(t, *for_turn) for t in leaves])
            return choose_value(hit, new, old(*i))

        way.world.replace(variable.name, lambda old: Function(lambda *i: changed(old, *i)))

    def _forget(self, loop: ForEach, way: Way) -> None:
        """After a loop of which nothing is known but what it may assign to."""
        what = "a loop in an atomic block is outside the fragment"
        for kind in (*ALL_FAULTS[1:], Fault.ASSERTION):
            self._claim(kind, way, FALSE, loop.span, what)
        assigned = [n for n in nodes(loop.body) if isinstance(n, Assign)]
        slots = {a.place.slot for a in assigned} | {
            n.slot for n in nodes((loop,)) if isinstance(n, ForEach | Pick)
        }
        turn = way.copy()
        for target in (way, turn):
            self._forget_assigned(assigned, slots, target)
        turn.world.locals[loop.slot] = self._theory.anything("element", loop.domain.type)
        # One turn from any state, for who may touch what.
        before = len(self._step.claims)
        self.run(loop.body, turn, lambda _: None)
        about = {str(Fault.RACE), DEADLOCK}
        kept = [c for c in self._step.claims[before:] if c.property in about]
        del self._step.claims[before:]
        self._step.claims.extend(kept)

    def _forget_assigned(
        self, assigned: Sequence[Assign], slots: Collection[int | None], way: Way
    ) -> None:
        for slot in slots:
            if slot is not None:
                way.world.locals.pop(slot, None)
        for assign in assigned:
            place = assign.place
            if place.variable is None:
                continue
            new = self._setting.anything(place.variable, f"after.{place.variable}")
            at = self._same_in_all_turns(place, slots, way)
            way.world.replace(place.variable, _wholly(new) if at is None else _partly(new, at))

    def _same_in_all_turns(
        self, place: Place, slots: Collection[int | None], way: Way
    ) -> Terms | None:
        """The index of a place, if no turn can have another one."""
        assert place.variable is not None
        for node in nodes(place.indices):
            if not isinstance(node, Const | Local | Param | Self) or (
                isinstance(node, Local) and node.slot in slots
            ):
                return None
        return self._evaluator(way).variable_indices(place.variable, place.indices)
