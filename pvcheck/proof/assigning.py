"""Assignments in a step, and loops inside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import z3

from pvcheck.model.code import (
    Assign,
    ForEach,
    Instruction,
    Reached,
)
from pvcheck.model.expr import Apply, Expr, Local, Op, Read
from pvcheck.model.model import Fault
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
from pvcheck.proof.z3_terms import FALSE, TRUE
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
        variable = self._setting.variables[counter]
        try:
            at = evaluator.indices(indices, tuple(b.type for b in variable.binders))
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
        variable = self._setting.variables[place.variable]
        self._step.written.add(variable.name)
        evaluator = self._evaluator(way)
        types = tuple(b.type for b in variable.binders)
        try:
            at = evaluator.indices(place.indices, types)
            self._settle(evaluator, way, span)
        except OutsideFragment as outside:
            self._outside(way, place.indices, span, outside.what)
            self._claim(Fault.RACE, way, FALSE, span, outside.what)
            new = self._setting.anything(variable.name, "outside")
            world.replace(variable.name, lambda _: new)
            return
        self._claim(Fault.RACE, way, world.may_write(variable.name, at), span, "no race")
        self._element_guards(assign, way)
        value = self._value(way, assign.value, span, place.type)
        old = world.heap[variable.name]
        if place.path:
            value = self._put(way, old(*at), variable.type, assign, value)
        world.write(variable.name, at, value)

    def _element_guards(self, assign: Assign, way: Way) -> None:
        """Claim that the element which comes or goes is under the lock that it names."""
        for guard in self._setting.discipline.elements:
            if guard.variable != assign.place.variable:
                continue
            name = str(guard.literal)
            match assign.value:
                case Apply(
                    op=Op.APPEND | Op.PREPEND | Op.REMOVE | Op.INSERT | Op.DISCARD,
                    args=(Read(variable=v, indices=i), element),
                ) if (v, i) == (assign.place.variable, assign.place.indices):
                    value = terms(self._value(way, element, assign.span))
                    lock = tuple(value[p] for p in guard.positions)
                    held = way.world.exclusive[guard.lock](*lock)
                    self._claim(name, way, held, assign.span, "element guard")
                case _:
                    self._claim(name, way, FALSE, assign.span, "element guard")

    def _for_each(self, loop: ForEach, way: Way) -> None:
        """A loop inside a step: its assignments at once, if none depends on another."""
        evaluator = self._evaluator(way)
        element_type = self._setting.family.locals[loop.slot].type
        assigns = [i for i in loop.body if not isinstance(i, Reached)]
        simple = all(isinstance(i, Assign) and self._is_parallel(i, loop, assigns) for i in assigns)
        try:
            within = loop.domain.within
            if not simple or (within is not None and isinstance(inner(within.type), SetOf)):
                raise OutsideFragment("a loop in an atomic block")
            x = self._theory.variables("x", element_type)
            element = self._theory.shape(element_type, list(x))
            inside = TRUE
            if within is not None:
                collection = evaluator.value(within)
                if not isinstance(collection, Set | List):
                    raise OutsideFragment("a loop over such a collection")
                inside = members(collection)(*x)
            self._settle(evaluator, way, loop.span)
        except OutsideFragment as outside:
            self._forget(loop, way, outside.what)
            return
        turn = Way(way.world.copy(), (*way.given, inside))
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
        return len(by_index) == 1 and not uses and not reads & written and twice == 1

    def _assign_all(
        self, assign: Assign, loop: ForEach, inside_of: Way, way: Way, turn_of: tuple[Terms, Any]
    ) -> None:
        x, inside = turn_of
        place = assign.place
        assert place.variable is not None
        variable = self._setting.variables[place.variable]
        self._step.written.add(variable.name)
        types = tuple(b.type for b in variable.binders)
        evaluator = self._evaluator(inside_of)
        at = evaluator.indices(place.indices, types)
        self._settle(evaluator, inside_of, assign.span)
        self._claim(
            Fault.RACE,
            inside_of,
            inside_of.world.may_write(variable.name, at),
            assign.span,
            "no race",
        )
        for guard in self._setting.discipline.elements:
            if guard.variable == variable.name:
                self._claim(str(guard.literal), inside_of, FALSE, assign.span, "element guard")
        value = self._value(inside_of, assign.value, assign.span, place.type)
        # The index of an element says in which turn it was assigned.
        start = 0
        for index, type_ in zip(place.indices, types, strict=True):
            width = len(self._theory.leaves(type_))
            if isinstance(index, Local) and index.slot == loop.slot:
                turn = slice(start, start + width)
            start += width
        leaves = terms(value)
        shape = variable.type

        def changed(old: Function, *i: Any) -> Value:
            for_turn = list(zip(x, i[turn], strict=True))
            hit = all_of(
                [
                    z3.substitute(inside, *for_turn),
                    equal_terms(tuple(z3.substitute(t, *for_turn) for t in at), i),
                ]
            )
            new = self._theory.shape(shape, [z3.substitute(t, *for_turn) for t in leaves])
            return choose_value(hit, new, old(*i))

        way.world.replace(variable.name, lambda old: Function(lambda *i: changed(old, *i)))

    def _forget(self, loop: ForEach, way: Way, what: str) -> None:
        """After a loop of which nothing is known."""
        for kind in (*ALL_FAULTS[1:], Fault.ASSERTION):
            self._claim(kind, way, FALSE, loop.span, f"{what} is outside the fragment")
        turn = way.copy()
        element_type = self._setting.family.locals[loop.slot].type
        assigned = [n for n in nodes(loop.body) if isinstance(n, Assign)]
        for target in (way, turn):
            self._forget_assigned(assigned, loop, target)
        turn.world.locals[loop.slot] = self._theory.anything("element", element_type)
        # One turn from any state, for who may touch what.
        before = len(self._step.claims)
        self.run(loop.body, turn, lambda _: None)
        touched = [
            c
            for c in self._step.claims[before:]
            if c.property == Fault.RACE or c.what == "element guard"
        ]
        del self._step.claims[before:]
        self._step.claims.extend(touched)

    def _forget_assigned(self, assigned: Sequence[Assign], loop: ForEach, way: Way) -> None:
        for assign in assigned:
            place = assign.place
            if place.slot is not None:
                way.world.locals.pop(place.slot, None)
                continue
            assert place.variable is not None
            self._step.written.add(place.variable)
            new = self._setting.anything(place.variable, f"after.{place.variable}")
            local = [n for n in nodes(place.indices) if isinstance(n, Local | Read)]
            constant = not any(isinstance(n, Read) or n.slot == loop.slot for n in local)
            types = tuple(b.type for b in self._setting.variables[place.variable].binders)
            if constant:
                try:
                    at = self._evaluator(way).indices(place.indices, types)
                except OutsideFragment:
                    constant = False
            way.world.replace(place.variable, _partly(new, at) if constant else _wholly(new))
