"""The ways a step can go, each with its condition: choices and waiting come before all else.

Other checkers take a step as a whole, so whether there is one must be known before anything changes. A
step is split at what chooses or waits; what then remains only computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pvcheck.export.syntax import FALSE, TRUE, Syntax
from pvcheck.export.terms import Terms
from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Begin,
    Check,
    Choose,
    Code,
    Finish,
    Goto,
    If,
    Instruction,
    Lock,
    LockAction,
    Mode,
    Pick,
    Place,
    Reached,
)
from pvcheck.model.compiled import may_wait
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import Expr, LockTest
from pvcheck.model.model import Fault, ThreadFamily
from pvcheck.model.walk import nodes


@dataclass(frozen=True, slots=True)
class Picked:
    """In place of a ``Pick``: the local gets the value of a parameter."""

    slot: int
    parameter: str


Rest = tuple[Instruction | Picked, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """One way of a step before it is written."""

    parameters: tuple[tuple[str, tuple[int, ...]], ...] = ()
    conditions: tuple[str, ...] = ()
    code: Rest = ()
    """Without what waits or chooses."""
    fault: str | None = None
    """The step ends in it instead."""


def chooses(code: Code) -> bool:
    """Whether something inside waits or chooses."""
    return any(
        isinstance(n, Pick | Choose | Assume | Await) or (isinstance(n, Lock) and may_wait(n))
        for n in nodes(code)
    )


class Splitter:
    """Splits one step of a family."""

    def __init__(
        self,
        family: ThreadFamily,
        syntax: Syntax,
        terms: Callable[[], Terms],
        name: Callable[[int], str],
    ) -> None:
        self._family = family
        self._syntax = syntax
        self._terms = terms
        """For text that stands alone, of the state before the step."""
        self._name = name
        """Of a local as a parameter."""
        self._env: dict[int, str] = {}
        """What the locals that the step has set hold."""
        self._locked = False

    def split(self, code: Code) -> Iterator[Split]:
        return self._split(code, Split())

    def _split(self, code: Code, way: Split) -> Iterator[Split]:
        if FALSE in way.conditions:
            return
        if not code or not chooses(code):
            yield replace(way, code=(*way.code, *code))
            return
        first, rest = code[0], code[1:]
        match first:
            case Pick():
                yield from self._pick(first, rest, way)
            case Choose(alternatives=alternatives):
                for alternative in alternatives:
                    yield from self._split((*alternative, *rest), way)
            case Assume(condition=condition) | Await(condition=condition):
                yield from self._if(condition, rest, way)
            case If(condition=condition, then=then, otherwise=otherwise):
                yield from self._if(condition, (*then, *rest), way, (*otherwise, *rest))
            case Lock():
                self._locked = True
                terms = self._there()
                free = may_go_on(terms, first)
                yield from self._doubtful(terms, way)
                conditions = (*way.conditions, terms.fine(), free)
                way = replace(way, conditions=conditions, code=(*way.code, first))
                yield from self._split(rest, way)
            case Assign(place=Place(slot=int() as slot, path=())):
                terms = self._there()
                type_ = self._family.locals[slot].type
                with self._set(slot, terms.from_code(terms.code(first.value, type_), type_)):
                    yield from self._doubtful(terms, way)
                    yield from self._split(rest, replace(way, code=(*way.code, first)))
            case Begin(held=slot):
                with self._set(slot, self._there().held()):
                    yield from self._split(rest, replace(way, code=(*way.code, first)))
            case Check(condition=condition):
                # It is judged before what comes behind it waits.
                holds, terms = self._judged(condition)
                yield from self._doubtful(terms, way)
                fine = (*way.conditions, terms.fine())
                fails = (*fine, self._syntax.negated(holds))
                yield Split(way.parameters, fails, (), Fault.ASSERTION)
                yield from self._split(rest, replace(way, conditions=(*fine, holds)))
            case Reached() | Finish():
                yield from self._split(rest, replace(way, code=(*way.code, first)))
            case Goto():
                yield replace(way, code=(*way.code, first))
            case _:
                raise Unsupported("a step that waits or chooses after it has changed something")

    def _there(self) -> Terms:
        """For expressions behind what was split."""
        terms = self._terms()
        before = terms.locals
        env = dict(self._env)
        terms.locals = lambda slot: env[slot] if slot in env else before(slot)
        return terms

    @contextmanager
    def _set(self, slot: int, value: str) -> Iterator[None]:
        """Within, a local has this value."""
        before = dict(self._env)
        self._env[slot] = value
        yield
        self._env = before

    def _doubtful(self, terms: Terms, way: Split) -> Iterator[Split]:
        """The ways on which evaluating ends in a fault."""
        conditions = way.conditions
        for property_, fine in terms.doubts:
            fails = (*conditions, self._syntax.negated(fine))
            yield Split(way.parameters, fails, (), property_)
            conditions = (*conditions, fine)

    def _if(
        self, condition: Expr, then: Code, way: Split, otherwise: Code | None = None
    ) -> Iterator[Split]:
        holds, terms = self._judged(condition)
        yield from self._doubtful(terms, way)
        fine = (*way.conditions, terms.fine())
        yield from self._split(then, replace(way, conditions=(*fine, holds)))
        if otherwise is not None:
            fails = self._syntax.negated(holds)
            yield from self._split(otherwise, replace(way, conditions=(*fine, fails)))

    def _judged(self, condition: Expr) -> tuple[str, Terms]:
        """
        Raises:
            Unsupported: it is about what the step has changed.
        """
        if self._locked and any(isinstance(n, LockTest) for n in nodes(condition)):
            raise Unsupported("a step that asks about locks after it has taken one")
        terms = self._there()
        return terms.condition(condition), terms

    def _pick(self, pick: Pick, rest: Code, way: Split) -> Iterator[Split]:
        terms = self._there()
        within = pick.domain.within
        of = pick.domain.type if within is None else within.type.of  # type: ignore[union-attr]
        type_ = self._family.locals[pick.slot].type
        numbers = tuple(int(v) for v in terms.values(of))
        name = self._name(pick.slot)
        conditions = []
        if within is not None:
            conditions.append(terms.among(within, name))
        with self._set(pick.slot, terms.coerce(name, of, type_)):
            if pick.where is not None:
                there = self._there()
                with there.under(*conditions):
                    conditions.append(there.condition(pick.where))
                terms.doubts += there.doubts
            way = replace(way, parameters=(*way.parameters, (name, numbers)))
            yield from self._doubtful(terms, way)
            way = replace(
                way,
                conditions=(*way.conditions, terms.fine(), *conditions),
                code=(*way.code, Picked(pick.slot, self._env[pick.slot])),
            )
            yield from self._split(rest, way)


def may_go_on(terms: Terms, lock: Lock) -> str:
    """The condition under which a lock operation does not wait; it may fail as a misuse."""
    syntax = terms.syntax
    if not may_wait(lock):
        return TRUE
    cell = terms.lock_cell(lock.lock)
    held = f"lock[{cell}]"
    if lock.action is LockAction.UPGRADE:
        alone = syntax.same(held, terms.shared_by_me())
        return syntax.any([alone, syntax.negated(terms.shares(cell))])
    free = [syntax.same(held, "0"), terms.holds(cell)]
    if lock.mode is Mode.SHARED:
        free.append(syntax.less(str(len(terms.instance.threads)), held))
    return syntax.any(free)
