"""Types and values, for the oracle; from docs/language.md, section 'Types'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import combinations, product
from typing import Any, NamedTuple

from pvcheck.lang import ast

Value = Any
Type = Any
"""A type of the syntax tree with names resolved, a declaration of a type, or one of these:"""
INT, BOOL, SNAPSHOT, NOTHING = "int", "bool", "snapshot", "none"


class Fault(Exception):
    def __init__(self, kind: str) -> None:
        self.kind = kind


class Element(NamedTuple):
    """Of a sort or enum."""

    sort: str
    number: int


class Record(NamedTuple):
    struct: str
    values: tuple[Value, ...]


class Array(NamedTuple):
    values: dict[Value, Value] | tuple[tuple[Value, Value], ...]

    def at(self, index: Value) -> Value:
        return dict(self.values)[index]

    def put(self, index: Value, value: Value) -> Array:
        return Array(tuple({**dict(self.values), index: value}.items()))


class Snapshot(NamedTuple):
    """What a counter was; ``stale`` if it was bumped since."""

    counter: str
    at: tuple[Value, ...]
    stale: bool


def need(value: Value) -> Value:
    """``T?`` where a ``T`` is expected."""
    if value is None:
        raise Fault("none-access")
    return value


def within(node: object) -> Iterator[ast.Node]:
    """The node and all below it."""
    if isinstance(node, ast.Node):
        yield node
        for f in fields(node):
            yield from within(getattr(node, f.name))
    elif isinstance(node, tuple):
        for each in node:
            yield from within(each)


def free_names(node: object) -> set[str]:
    """The names that expressions refer to, without those that they bind themselves."""
    if isinstance(node, tuple):
        return set[str]().union(*map(free_names, node))
    if not isinstance(node, ast.Node):
        return set()
    if isinstance(node, ast.Reference):
        return {node.name.text}
    if isinstance(node, ast.Quantified):
        # What a binder ranges over may refer to those before it.
        names = free_names((node.where, node.body))
        for binder in reversed(node.binders):
            names = (names - {binder.name.text}) | free_names((binder.type, binder.within))
        return names
    if isinstance(node, ast.Comprehension):
        names = free_names(node.where) - {node.binder.name.text}
        return names | free_names((node.binder.type, node.binder.within))
    return set[str]().union(*(free_names(getattr(node, f.name)) for f in fields(node)))


class Types:
    """The declarations by name, and what types mean."""

    def __init__(
        self,
        tree: ast.Specification,
        sizes: Mapping[str, int],
        parameters: Mapping[str, Value],
    ) -> None:
        self.sizes, self.parameters = sizes, parameters
        self.names: dict[str, Any] = {}
        self.labels: dict[str, Element] = {}
        for d in tree.declarations:
            if isinstance(d, ast.Enum):
                self.labels |= {n.text: Element(d.name.text, i) for i, n in enumerate(d.labels)}
            if isinstance(name := getattr(d, "name", None), ast.Name):
                self.names[name.text] = d

    def constant(self, e: ast.Expr) -> int:
        match e:
            case ast.Integer(value=value):
                return value
            case ast.Reference(name=name) if name.text in self.parameters:
                return int(self.parameters[name.text])
            case ast.Reference(name=name):
                return self.constant(self.names[name.text].body)
            case ast.Unary(op="-", operand=operand):
                return -self.constant(operand)
            case ast.Apply(arguments=(ast.Argument(value=ast.Reference(name=sort)),)):
                return self.sizes[sort.text]
            case ast.Binary(op=op, left=left, right=right):
                a, b = self.constant(left), self.constant(right)
                return {"+": a + b, "-": a - b, "*": a * b, "/": b and a // b}[op]
        raise AssertionError(e)

    def resolved(self, t: Type) -> Type:
        while isinstance(t, ast.NamedType | ast.Alias):
            t = t.type if isinstance(t, ast.Alias) else self.names[t.name.text]
        return BOOL if isinstance(t, ast.BoolType) else t

    def of(self, t: Type) -> Type:
        """The type of an element of a collection, or of the value in an optional."""
        t = self.resolved(t)
        return self.resolved(t.of) if hasattr(t, "of") else t

    def plain(self, t: Type) -> Type:
        t = self.resolved(t)
        return self.resolved(t.of) if isinstance(t, ast.OptionalType) else t

    def values(self, t: Type) -> list[Value]:
        """All of them, in their order."""
        match self.resolved(t):
            case "bool":
                return [False, True]
            case ast.RangeType(low=low, high=high):
                return list(range(self.constant(low), self.constant(high) + 1))
            case ast.Sort(name=name):
                return [Element(name.text, i) for i in range(self.sizes[name.text])]
            case ast.Enum(labels=labels):
                return [self.labels[n.text] for n in labels]
            case ast.Struct(name=name, fields=fs):
                return [Record(name.text, vs) for vs in product(*(self.values(f.type) for f in fs))]
            case ast.OptionalType(of=of):
                return [None, *self.values(of)]
            case ast.SetType(of=of):
                return list(map(frozenset, subsets(self.values(of))))
            case ast.ListType(of=of) as t:
                lengths = range(self.capacity(t) + 1)
                return [v for n in lengths for v in product(self.values(of), repeat=n)]
            case ast.ArrayType(index=index, of=of):
                at, each = self.values(index), self.values(of)
                return [
                    Array(tuple(zip(at, v, strict=True))) for v in product(each, repeat=len(at))
                ]
        raise AssertionError(t)

    def capacity(self, t: ast.ListType) -> int:
        return len(self.values(t.of)) if t.capacity is None else self.constant(t.capacity)

    def first(self, t: Type) -> Value:
        match self.resolved(t):
            case ast.OptionalType():
                return None
            case ast.SetType():
                return frozenset()
            case ast.ListType():
                return ()
            case ast.Struct(name=name, fields=fs):
                return Record(name.text, tuple(self.first(f.type) for f in fs))
            case ast.ArrayType(index=index, of=of):
                return Array(tuple((i, self.first(of)) for i in self.values(index)))
            case "int":
                return 0
            case "snapshot" | "none":
                return None
            case other:
                return self.values(other)[0]

    def given(self, value: Value, t: Type) -> Value:
        """The value where a ``t`` is expected."""
        optional = isinstance(self.resolved(t), ast.OptionalType) or t in (SNAPSHOT, NOTHING)
        return value if optional else need(value)

    def fit(self, value: Value, t: Type) -> Value:
        """The value, stored as a ``t``."""
        t = self.resolved(t)
        if self.given(value, t) is None:
            return None
        match self.plain(t):
            case ast.RangeType(low=low, high=high):
                if not self.constant(low) <= value <= self.constant(high):
                    raise Fault("bounds")
            case ast.ListType(of=of) as l:
                if of != INT and len(value) > self.capacity(l):
                    raise Fault("bounds")
                for each in value:
                    self.fit(each, of)
            case ast.SetType(of=of):
                for each in value:
                    self.fit(each, of)
            case ast.ArrayType(of=of):
                for _, each in value.values:
                    self.fit(each, of)
            case ast.Struct(fields=parts):
                for each, part in zip(value.values, parts, strict=True):
                    self.fit(each, part.type)
        return value

    def elements_of(self, dimensions: Iterable[ast.Dimension]) -> list[tuple[Value, ...]]:
        return list(product(*(self.values(d.type) for d in dimensions)))

    def named(self, dimensions: Iterable[ast.Dimension], at: tuple[Value, ...]) -> dict[str, Value]:
        return {d.name.text: v for d, v in zip(dimensions, at, strict=True) if d.name}


def subsets(values: list[Value]) -> Iterator[tuple[Value, ...]]:
    for n in range(len(values) + 1):
        yield from combinations(values, n)


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
