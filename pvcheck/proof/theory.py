"""The sorts of a model in z3, their order, and what is assumed of them.

A sort ``R`` declared as ``size(S) / N`` divides ``S`` into runs: an element of ``S`` then is a pair, of an
element of ``R`` and a place in the run. So ``S(int(r) * N + int(x) % N)`` and its like are pairs too, no
functions are needed, and quantifiers stay in the decidable fragment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import z3

from pvcheck.model.expr import Apply, Const, Expr, Op, SizeOf
from pvcheck.model.model import LockClass, Model, Variable
from pvcheck.model.types import (
    INT,
    Bool,
    Enum,
    Int,
    ListOf,
    Optional,
    SetOf,
    Sort,
    Struct,
    Type,
)
from pvcheck.proof.values import (
    Atom,
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
    any_of,
    terms,
)
from pvcheck.proof.z3_terms import application


@dataclass(frozen=True, slots=True)
class Axiom:
    """What is assumed of every instance."""

    name: str
    reason: str
    formulas: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    run: Sort
    size: Expr
    """Elements in a run; constant."""


class Theory:
    """z3's view of the model's types."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._sorts: dict[str, Any] = {}
        self._enums: dict[str, tuple[Any, tuple[Any, ...]]] = {}
        self._before: dict[str, Any] = {}
        self._parts = dict(_divided(model))
        self._offsets: dict[Expr, str] = {}
        self._zero: dict[str, Any] = {}
        self._number = count()
        self._converted: dict[tuple[Any, ...], Any] = {}
        self.axioms: list[Axiom] = []
        self._seen: dict[str, Any] = {}
        self.marks = False
        """Whether what variables are asked about is marked; see ``seen``."""
        for declaration in model.sorts:
            sort = declaration.type
            if sort.name in self._parts:
                continue
            self._leaf(sort.name, ordered=sort.ordered)
            if declaration.size == Const(1, INT):
                x, y = z3.Consts("x y", self._sorts[sort.name])
                single = z3.ForAll([x, y], x == y)
                name = f"size({sort.name})"
                self.axioms.append(Axiom(name, f"{sort.name} has one element", (single,)))
        for name, parts in self._parts.items():
            offset = self._offsets.setdefault(parts.size, f"offset{len(self._offsets)}")
            if offset not in self._sorts:
                self._leaf(offset, ordered=True)
                zero = z3.Const(f"{offset}.zero", self._sorts[offset])
                self._zero[offset] = zero
                x = z3.Const("x", self._sorts[offset])
                self.axioms.append(
                    Axiom(
                        f"first of {offset}",
                        "a run has a first element",
                        (z3.ForAll([x], z3.Not(self._before[offset](x, zero))),),
                    )
                )
            self.axioms.append(
                Axiom(
                    f"size({name})",
                    f"the size of {name} is a multiple of the size of a run of it, which is at least 1",
                    (),
                )
            )
        for enum in model.enums:
            self._enum(enum)

    # Declarations

    @cached_property
    def variables(self) -> dict[str, Variable]:
        return {v.name: v for v in self.model.variables}

    @cached_property
    def data(self) -> tuple[Variable, ...]:
        """The shared variables of which something is known: all but generation counters."""
        return tuple(v for v in self.model.variables if not v.counter)

    @cached_property
    def locks(self) -> dict[str, LockClass]:
        return {c.name: c for c in self.model.locks}

    @cached_property
    def sizes(self) -> dict[Sort, Expr | None]:
        """By sort: how many elements it has, if the specification says so."""
        return {d.type: d.size for d in self.model.sorts}

    def lock_leaves(self, lock: str) -> tuple[Any, ...]:
        """The z3 sorts of the leaves of a lock's index."""
        return tuple(leaf for i in self.locks[lock].indices for leaf in self.leaves(i))

    def lock_index(self, lock: str) -> Terms:
        """New constants for the index of a lock."""
        return tuple(z3.Const(self.unique("l"), leaf) for leaf in self.lock_leaves(lock))

    def binder_types(self, variable: str) -> tuple[Type, ...]:
        """The types of the indices of a shared variable."""
        return tuple(b.type for b in self.variables[variable].binders)

    def variable_index(self, variable: str) -> Terms:
        """New constants for the indices of a shared variable."""
        return tuple(t for type_ in self.binder_types(variable) for t in self.constants("i", type_))

    # Sorts

    def _leaf(self, name: str, *, ordered: bool) -> None:
        sort = self._sorts[name] = z3.DeclareSort(name)
        if not ordered:
            return
        before = self._before[name] = z3.Function(f"before.{name}", sort, sort, z3.BoolSort())
        x, y, z = z3.Consts("x y z", sort)
        self.axioms.append(
            Axiom(
                f"order of {name}",
                f"{name} is in a strict total order",
                (
                    z3.ForAll([x], z3.Not(before(x, x))),
                    z3.ForAll(
                        [x, y, z], z3.Implies(z3.And(before(x, y), before(y, z)), before(x, z))
                    ),
                    z3.ForAll([x, y], z3.Or(before(x, y), before(y, x), x == y)),
                ),
            )
        )

    def _enum(self, enum: Enum) -> None:
        # A name of its own: z3 has one name space of sorts in a process.
        sort, labels = z3.EnumSort(
            f"{enum.name}!{next(_ENUMS)}", [f"{enum.name}.{label}" for label in enum.labels]
        )
        self._enums[enum.name] = sort, tuple(labels)

    @property
    def enum_sorts(self) -> dict[str, str]:
        """By the name of a sort in z3: the enumeration."""
        return {sort.name(): name for name, (sort, _) in self._enums.items()}

    def parts(self, sort: Type) -> _Parts | None:
        """If the sort is made of runs: how."""
        return self._parts.get(sort.name) if isinstance(sort, Sort) else None

    def offset(self, size: Expr) -> str:
        return self._offsets[size]

    def zero(self, size: Expr) -> Value:
        """The first place in a run."""
        return Atom(self._zero[self._offsets[size]])

    def leaves(self, type_: Type) -> tuple[Any, ...]:
        """The z3 sorts of the leaves of a first-order type."""
        match type_:
            case Bool():
                return (z3.BoolSort(),)
            case Int():
                return (z3.IntSort(),)
            case Sort(name=name) if name in self._parts:
                parts = self._parts[name]
                return (*self.leaves(parts.run), self._sorts[self._offsets[parts.size]])
            case Sort(name=name):
                return (self._sorts[name],)
            case Enum(name=name):
                return (self._enums[name][0],)
            case Optional(of=of):
                return (z3.BoolSort(), *self.leaves(of))
            case Struct(fields=fields):
                return tuple(leaf for _, field in fields for leaf in self.leaves(field))
        raise OutsideFragment(f"{type_} as an element of a collection or an index")

    def shape(self, type_: Type, leaves: list[Any]) -> Value:
        """A value of a first-order type from its leaves, which are taken from the list."""
        match type_:
            case Sort(name=name) if name in self._parts:
                run = self.shape(self._parts[name].run, leaves)
                return Tuple((run, Atom(leaves.pop(0))))
            case Optional(of=of):
                return Maybe(leaves.pop(0), self.shape(of, leaves))
            case Struct(fields=fields):
                return Tuple(tuple(self.shape(field, leaves) for _, field in fields))
        return Atom(leaves.pop(0))

    def is_opaque(self, type_: Type) -> bool:
        """Whether nothing is known of its values: arrays, and collections inside of others."""
        match type_:
            case ListOf(of=SetOf(of=of)) | ListOf(of=of) | SetOf(of=of):
                return not self._is_first_order(of)
        return not self._is_first_order(type_)

    def _is_first_order(self, type_: Type) -> bool:
        try:
            self.leaves(type_)
        except OutsideFragment:
            return False
        return True

    def label(self, enum: Enum, position: int) -> Any:
        return self._enums[enum.name][1][position]

    # Values

    def unique(self, name: str) -> str:
        # Where z3 writes a term, a!1, a!2 and so on are its own names for what comes twice in it: a
        # symbol called that would mean something else in the text.
        own = "a_" if name == "a" else name
        return f"{own}!{next(self._number)}"

    def constants(self, name: str, type_: Type) -> Terms:
        """New constants for the leaves of a first-order type: to be bound, or anything."""
        return tuple(z3.Const(self.unique(name), leaf) for leaf in self.leaves(type_))

    def anything(self, name: str, type_: Type, over: Terms = ()) -> Value:
        """An unknown value, which may depend on the terms ``over``."""
        if self.is_opaque(type_):
            return Opaque()
        match type_:
            case SetOf(of=of):
                return Set(self.unknown(name, over, self.leaves(of), z3.BoolSort()))
            case ListOf(of=of):
                element = of.of if isinstance(of, SetOf) else of
                return List(
                    self.unknown(f"{name}.once", over, self.leaves(element), z3.BoolSort()),
                    self.unknown(f"{name}.twice", over, self.leaves(element), z3.BoolSort()),
                    self.unknown(f"{name}.filled", over, (), z3.BoolSort())(),
                )
        return self.shape(
            type_, [self.unknown(name, over, (), leaf)() for leaf in self.leaves(type_)]
        )

    def unknown(self, name: str, over: Terms, arguments: tuple[Any, ...], result: Any) -> Function:
        """A new function of ``arguments``, which may also depend on the terms ``over``."""
        sorts = [*(t.sort() for t in over), *arguments]
        if not sorts:
            constant = z3.Const(self.unique(name), result)
            return Function(lambda: constant)
        symbol = application(z3.Function(self.unique(name), *sorts, result))
        return Function(lambda *t: symbol(*over, *t))

    def named(self, name: str, type_: Type, over: Terms, inside: Function) -> tuple[Function, Any]:
        """A name for a set, by which quantifiers over its elements are found, and what it stands for."""
        symbol = self.unknown(name, over, self.leaves(type_), z3.BoolSort())
        x = self.constants("n", type_)
        meaning = z3.ForAll(list(x), symbol(*x) == inside(*x), patterns=[symbol(*x)])
        return symbol, meaning

    def is_well_formed(self, value: Value, type_: Type) -> list[Any]:
        """What holds of each value of the type."""
        match value, type_:
            case List(once, twice, filled), ListOf(of=of):
                element = of.of if isinstance(of, SetOf) else of
                x = self.constants("e", element)
                formulas = [z3.ForAll(list(x), z3.Implies(twice(*x), once(*x)))]
                formulas.append(z3.ForAll(list(x), z3.Implies(once(*x), filled)))
                if not isinstance(of, SetOf):
                    formulas.append(z3.Implies(filled, z3.Exists(list(x), once(*x))))
                return formulas
        return []

    def seen(self, type_: Type, element: Terms) -> list[Any]:
        """A mark that an element bears which is an index of a shared variable somewhere: a quantifier in which the
        variable is only compared has nothing else by which values for it are found."""
        if not self.marks or not isinstance(type_, Sort):
            return []
        if type_.name not in self._seen:
            sorts = self.leaves(type_)
            self._seen[type_.name] = z3.Function(f"seen.{type_.name}", *sorts, z3.BoolSort())
        return [self._seen[type_.name](*element)]

    # Order

    def less(self, a: Value, b: Value, type_: Type) -> Any:
        """``a < b``, of an ordered sort or two numbers."""
        match type_:
            case Sort(name=name) if name in self._parts:
                assert isinstance(a, Tuple)
                assert isinstance(b, Tuple)
                parts = self._parts[name]
                (run_a, offset_a), (run_b, offset_b) = a.parts, b.parts
                before = self._before[self._offsets[parts.size]]
                same = all_of([x == y for x, y in zip(terms(run_a), terms(run_b), strict=True)])
                return any_of(
                    [
                        self.less(run_a, run_b, parts.run),
                        all_of([same, before(*terms(offset_a), *terms(offset_b))]),
                    ]
                )
            case Sort(name=name) if name in self._before:
                return self._before[name](*terms(a), *terms(b))
            case Int():
                return terms(a)[0] < terms(b)[0]
        raise OutsideFragment(f"the order of {type_}")

    # Conversions

    def converted(self, key: Any, arguments: Value, type_: Type) -> Value:
        """``S(e)``: some function of what ``e`` reads, the same for the same ``e``."""
        leaves = terms(arguments)
        results = []
        for number, sort in enumerate(self.leaves(type_)):
            at = (key, number, sort.name())
            if at not in self._converted:
                self._converted[at] = self.unknown(
                    "conversion", (), tuple(t.sort() for t in leaves), sort
                )
            results.append(self._converted[at](*leaves))
        return self.shape(type_, results)


def inner(type_: Type) -> Type:
    """Of what an optional, a list or a set is."""
    assert isinstance(type_, Optional | ListOf | SetOf), type_
    return type_.of


_ENUMS = count()


def _divided(model: Model) -> dict[str, _Parts]:
    """The sorts that are made of runs."""
    found: dict[str, _Parts] = {}
    for declaration in model.sorts:
        match declaration.size:
            case Apply(op=Op.DIV, args=(SizeOf(sort=whole), size)):
                found.setdefault(whole, _Parts(declaration.type, size))
    return found
