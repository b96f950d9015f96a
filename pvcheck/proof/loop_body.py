"""What a loop over a set does in the turn of each element."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from pvcheck.model.code import Assign, Code, ForEach, Goto, If, Pick
from pvcheck.model.expr import Apply, Bound, Expr, Local, Op, Read
from pvcheck.model.model import Variable
from pvcheck.model.parts import parts, rebuild
from pvcheck.model.walk import nodes
from pvcheck.proof.candidate import Entry
from pvcheck.proof.traversal import Over

_COMES = (Op.APPEND, Op.PREPEND, Op.INSERT)
_GOES = (Op.REMOVE, Op.DISCARD)
_MOST = 2_000
"""Parts of expressions that are looked at for one: locals in terms of others may double with each."""
_ALTERNATIVES = 16

TURN = -1
"""The number of a binder: the element whose turn it is."""


@dataclass(frozen=True)
class Transfer:
    """``V[x] = V[x] with E(x)``, or without, in the turn of ``x``."""

    variable: Variable
    comes: bool
    element: Expr
    """The turn's element is bound in it."""


class Body:
    """The assignments and tests of a loop."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._assigns = [n for n in nodes(entry.body) if isinstance(n, Assign)]
        self._otherwise = {n.slot for n in nodes(entry.body) if isinstance(n, Pick | ForEach)}
        self._left = _MOST

    @cached_property
    def _values(self) -> dict[int, list[Expr]]:
        """By local: what is assigned to it."""
        found: dict[int, list[Expr]] = {}
        for assign in self._assigns:
            if assign.place.slot is not None:
                partly = bool(assign.place.path) or assign.place.slot in self._otherwise
                found.setdefault(assign.place.slot, []).extend([assign.value] * (1 + partly))
        return found

    def of_turn(self, over: Over) -> Iterator[tuple[int, Expr]]:
        """Locals that are the same in each turn of an element, and what they are."""
        for slot in self._entry.location.live:
            if slot in self._entry.changes.slots and slot not in (over.turn, over.rest):
                local = Local(slot, self._entry.setting.family.locals[slot].type)
                value = self._resolve(local, over)
                if value is not None:
                    yield slot, value

    def transfers(self, over: Over) -> Iterator[Transfer]:
        for assign in self._assigns:
            name = assign.place.variable
            if name is None or assign.place.path or len(assign.place.indices) != 1:
                continue
            if sum(a.place.variable == name for a in self._assigns) > 1:
                continue
            variable = self._entry.setting.theory.variables[name]
            match assign.value:
                case Apply(op=op, args=(Read(variable=read, indices=at), element)) if (
                    op in _COMES + _GOES and read == name and at == assign.place.indices
                ):
                    index, of_turn = self._resolve(at[0], over), self._resolve(element, over)
                    if index == Bound(TURN, over.type) and of_turn is not None:
                        yield Transfer(variable, op in _COMES, of_turn)

    def results(self, over: Over) -> Iterator[tuple[Variable, Sequence[Expr], Expr]]:
        """What is assigned to an element of its own in each turn, if it is: the variable, the index, the value."""
        seen = set()
        for assign in self._assigns:
            name = assign.place.variable
            if name is None or assign.place.path or name in seen:
                continue
            index = [self._resolve(i, over) for i in assign.place.indices]
            value = self._resolve(assign.value, over)
            known = [i for i in index if i is not None]
            if Bound(TURN, over.type) in known and len(known) == len(index) and value is not None:
                seen.add(name)
                yield self._entry.setting.theory.variables[name], known, value

    def _resolve(self, expr: Expr, over: Over) -> Expr | None:
        """In terms of what the loop does not change, and of the element whose turn it is."""
        self._left = _MOST
        try:
            return self._in_terms(expr, over)
        except _NotConstant:
            return None

    def _look(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _NotConstant

    def _in_terms(self, expr: Expr, over: Over, inside: frozenset[int] = frozenset()) -> Expr:
        """``inside``: of the values of which locals it is a part."""
        self._look()
        match expr:
            case Read():
                raise _NotConstant
            case Local(slot=slot) if slot == over.turn:
                return Bound(TURN, over.type)
            case Local(slot=slot) if slot in self._entry.changes.slots:
                values = self._values.get(slot, [])
                if len(values) != 1 or slot in inside:
                    raise _NotConstant
                return self._in_terms(values[0], over, inside | {slot})
            case Local(slot=slot) if slot not in self._entry.state.locals:
                raise _NotConstant
        return rebuild(expr, lambda part: self._in_terms(part, over, inside))

    # Tests

    def tests(self, over: Over) -> Iterator[tuple[Expr, bool]]:
        """Conditions on elements, and which way the loop goes on: of shared variables, as they are now, and
        of locals at the head."""
        for node in nodes(self._entry.body):
            match node:
                case If(condition=condition, then=then, otherwise=otherwise):
                    leaves = self._leaves(then), self._leaves(otherwise)
                    if leaves[0] == leaves[1]:
                        continue
                    self._left = _MOST
                    try:
                        found = self._now(condition, over)
                    except _NotConstant:
                        continue
                    for now in found:
                        if Bound(TURN, over.type) in nodes(now):
                            yield now, leaves[1]

    def _leaves(self, code: Code) -> bool:
        """Whether the loop ends, whichever way the code goes."""
        ends = [n.location for n in nodes(code) if isinstance(n, Goto)]
        return bool(ends) and not self._entry.inside.intersection(ends)

    def _now(self, expr: Expr, over: Over, inside: frozenset[int] = frozenset()) -> list[Expr]:
        """What the expression may have been in the turn of the element, were nothing changed since."""
        self._look()
        match expr:
            case Local(slot=slot) if slot == over.turn:
                return [Bound(TURN, over.type)]
            case Local(slot=slot) if slot not in self._entry.state.locals:
                if slot in inside:
                    return []
                values = self._values.get(slot, [])
                return [e for v in values for e in self._now(v, over, inside | {slot})]
        each = [self._now(part, over, inside) for part in parts(expr)]
        if math.prod(map(len, each)) > _ALTERNATIVES:
            raise _NotConstant
        return [_with_parts(expr, chosen) for chosen in product(*each)]


def _with_parts(expr: Expr, chosen: tuple[Expr, ...]) -> Expr:
    left = iter(chosen)
    return rebuild(expr, lambda _: next(left))


class _NotConstant(Exception):
    """It is something else in each turn, or too much to look at."""
