"""What in a model could tell the elements of an unordered sort apart, besides the initial state.

The language has no names for such elements and does not compare them. What is left: element 0, which
variables without a value begin with; and the order in which one step looks at all of them. (A local
that is used before anything was assigned to it is live from the start on, so it is in the initial state.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, assert_never, get_args

from pvcheck.model.code import (
    Assign,
    Assume,
    Await,
    Begin,
    Bump,
    Check,
    Choose,
    Finish,
    ForEach,
    Goto,
    If,
    Instruction,
    Lock,
    Pick,
    Place,
    Reached,
    TryLock,
)
from pvcheck.model.compile_model import judged, premise
from pvcheck.model.expr import Apply, Comprehension, Const, Domain, Expr, Op, Quantifier
from pvcheck.model.instance import Instance
from pvcheck.model.model import Guard, Invariant, ThreadFamily
from pvcheck.model.semantics import Semantics
from pvcheck.model.symmetry import sorts_in
from pvcheck.model.types import (
    ArrayOf,
    ListOf,
    Optional,
    SetOf,
    Sort,
    Struct,
    Type,
)
from pvcheck.model.walk import nodes
from pvcheck.reduce.definedness import Definedness, Faults
from pvcheck.source import Span

Sorts = frozenset[str]
ELEMENT = "one element is singled out: a variable without a value begins with it"


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """Why the elements of a sort are not all alike."""

    sort: str
    span: Span
    why: str


def asymmetries(semantics: Semantics) -> Iterator[Asymmetry]:
    """Everything found, for sorts without order of several elements; without any, they may be permuted."""
    return _Finder(semantics).find()


def unordered(instance: Instance) -> Sorts:
    """The names of the sorts that have no order, but several elements."""
    sorts = (s.type for s in instance.model.sorts if not s.type.ordered)
    return frozenset(s.name for s in sorts if instance.sizes[s.name] > 1)


class _Finder:
    def __init__(self, semantics: Semantics) -> None:
        self._semantics = semantics
        self._model = semantics.model
        self._sorts = unordered(semantics.instance)
        self._found: dict[Asymmetry, None] = {}
        self._span = Span("", 0, 0)
        """Of what is looked at."""
        self._definedness = Definedness(semantics.instance, self._watch)

    def find(self) -> Iterator[Asymmetry]:
        if self._sorts:
            for class_ in self._model.locks:
                if class_.name in self._model.order.ascending | self._model.order.descending:
                    self._span = class_.span
                    sorts = _union(map(sorts_in, class_.indices))
                    self._report(sorts, f"lock {class_.name} is ordered by index")
            for variable in self._model.variables:
                self._span = variable.span
                self._guard(variable.guard)
            for invariant in self._model.invariants:
                self._span = invariant.span
                self._invariant(invariant)
            for family in self._model.threads:
                self._family(family)
        return iter(self._found)

    def _report(self, sorts: Sorts, why: str) -> None:
        for sort in sorted(sorts & self._sorts):
            self._found.setdefault(Asymmetry(sort, self._span, why))

    def _looks_at(self, root: object) -> bool:
        """Reports what one node tells; whether there are loops to look at more closely."""
        loops = False
        for node in nodes(root):
            if node.__class__ in _INSTRUCTIONS:
                self._span = getattr(node, "span", self._span)
            match node:
                case Const(value=value, type=type_):
                    self._report(_named(value, type_), ELEMENT)
                case Apply(op=op, args=args) if op in _ORDERING:
                    sorts = _union(sorts_in(a.type) for a in (*args, node))
                    self._report(sorts, f"its elements are ordered by {op.value}")
                case ForEach(domain=domain):
                    self._report(_unsorted(domain), "one step takes its elements in order")
                case Quantifier(domain=domain) | Comprehension(domain=domain):
                    loops = loops or self._is_loop(domain)
                case Pick(domain=domain, where=where):
                    loops = loops or (where is not None and self._is_loop(domain))
        return loops

    def _is_loop(self, domain: Domain) -> bool:
        return not self._sorts.isdisjoint(_unsorted(domain))

    def _watch(self, domain: Domain, faults: Faults, every: bool) -> None:
        # With one kind of fault, a loop over every value ends in it whatever the order.
        if faults and not (every and len(faults) == 1):
            names = " or ".join(sorted(faults))
            why = f"the order in which its elements are looked at may decide about {names}"
            self._report(_unsorted(domain), why)

    def _guard(self, guard: Guard | None) -> None:
        if guard is None:
            return
        self._looks_at(guard)
        for lock in guard.locks:
            self._definedness.guard_lock(lock)

    def _invariant(self, invariant: Invariant) -> None:
        if self._looks_at(judged(invariant)):
            self._definedness.faults(judged(invariant), in_step=False)
        # The binders of an invariant are a loop too. Whether it holds does not depend on their
        # order: an invariant that cannot be evaluated is violated. Whether its window opens may.
        faults = self._definedness.faults(premise(invariant), in_step=False)
        for _, binder in invariant.binders:
            self._watch(Domain(binder.type), faults, False)

    def _family(self, family: ThreadFamily) -> None:
        for location in (family.locations[n] for n in self._semantics.locations(family)):
            self._span = location.span
            if self._looks_at(location.code):
                for node in nodes(location.code):
                    if isinstance(node, Instruction):
                        self._instruction(node)

    def _instruction(self, instruction: Instruction) -> None:
        self._span = getattr(instruction, "span", self._span)
        for expr in _expressions(instruction):
            faults = self._definedness.faults(expr, in_step=True)
            if isinstance(instruction, Pick) and expr is instruction.where:
                self._watch(instruction.domain, faults, True)


_INSTRUCTIONS = frozenset(get_args(Instruction))
_ORDERING = frozenset(
    {Op.LT, Op.LE, Op.GT, Op.GE, Op.SHIFT, Op.ORDINAL, Op.ELEMENT, Op.MIN, Op.MAX}
)


def _union(many: Iterable[Sorts]) -> Sorts:
    return frozenset[str]().union(*many)


def _unsorted(domain: Domain) -> Sorts:
    """The sorts that decide about the order of the domain's values; lists have their own order."""
    if domain.within is not None and not isinstance(domain.within.type, SetOf):
        return frozenset()
    return sorts_in(domain.type)


def _named(value: Any, type_: Type) -> Sorts:
    """The sorts of which there is an element in the value."""
    match type_:
        case Sort(name=name):
            return frozenset({name})
        case Optional(of=of):
            return frozenset() if value is None else _named(value, of)
        case Struct(fields=fields):
            return _union(_named(v, t) for v, (_, t) in zip(value, fields, strict=True))
        case ListOf(of=of) | SetOf(of=of) | ArrayOf(of=of):
            return _union(_named(v, of) for v in value)
        case _:
            return frozenset()


def _expressions(instruction: Instruction) -> Iterator[Expr]:
    """Those that the instruction itself evaluates, not the blocks in it."""
    match instruction:
        case Lock(lock=lock) | TryLock(lock=lock):
            yield from lock.indices
        case Await() | Check() | Assume() | If():
            yield instruction.condition
        case Assign(place=place, value=value):
            yield from (*_in_place(place), value)
        case Bump(indices=indices):
            yield from indices
        case Pick(domain=domain, where=where):
            yield from _in_domain(domain)
            yield from () if where is None else (where,)
        case ForEach(domain=domain):
            yield from _in_domain(domain)
        case Begin(arguments=arguments):
            yield from arguments
        case Choose() | Finish() | Reached() | Goto():
            return
        case _:
            assert_never(instruction)


def _in_domain(domain: Domain) -> tuple[Expr, ...]:
    return () if domain.within is None else (domain.within,)


def _in_place(place: Place) -> tuple[Expr, ...]:
    return (*place.indices, *(s.index for s in place.path if s.index is not None))
