"""Expressions as text for people, in the notation of specifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, assert_never

from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Changed,
    Comprehension,
    Const,
    Domain,
    Element,
    Expr,
    Field,
    Kind,
    Let,
    Local,
    LockTest,
    Op,
    OpAllowed,
    Param,
    Quantifier,
    Read,
    Self,
    SizeOf,
    TakeSnapshot,
    Value,
)
from pvcheck.model.types import Struct, Type
from pvcheck.model.values import show

_LEVELS = (
    (Op.IMPLIES, Op.IFF),
    (Op.OR,),
    (Op.AND,),
    (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.IN),
    (Op.UNION, Op.INTERSECT, Op.MINUS),
    (Op.ADD, Op.SUB, Op.SHIFT),
    (Op.MUL, Op.DIV, Op.MOD),
)
_LEVEL = {op: level for level, ops in enumerate(_LEVELS, start=1) for op in ops}
_UNARY = len(_LEVELS) + 1
_SIGN = {Op.SHIFT: "+"}

Names = Mapping[int, str]
"""Of bound variables."""


def text(expr: Expr, names: Names) -> str:
    """Bound variables without a name are called after their type."""
    return _text(expr, names, 0)


def _text(expr: Expr, names: Names, outer: int) -> str:
    """With parentheses if the operator around it binds tighter, at level ``outer``."""
    match expr:
        case Const() | Param() | SizeOf() | OpAllowed() | Local() | Self() | Bound():
            return _leaf(expr, names)
        case Read(variable=name, indices=indices):
            return name + _indices(indices, names)
        case Field(of=of, position=position):
            return f"{_text(of, names, _UNARY + 1)}.{_field(of.type, position)}"
        case Element(of=of, index=index):
            return f"{_text(of, names, _UNARY + 1)}[{text(index, names)}]"
        case Apply():
            return _apply(expr, names, outer)
        case Quantifier() | Comprehension():
            return _bracket(_binding(expr, names), outer > 0)
        case Let(binder=binder, value=value, body=body):
            inner = {**names, binder.number: _text(value, names, _UNARY + 1)}
            return _text(body, inner, outer)
        case LockTest(ask=ask, lock=lock):
            word = {Ask.HELD: "held", Ask.FREE: "free", Ask.HOLDER: "holder"}[ask]
            return f"{word}({lock.lock}{_indices(lock.indices, names)})"
        case TakeSnapshot(counter=counter, indices=indices):
            return f"snapshot({counter}{_indices(indices, names)})"
        case Changed(counter=counter, indices=indices, snapshot=snapshot):
            return f"changed({counter}{_indices(indices, names)}, {text(snapshot, names)})"
        case _:
            assert_never(expr)


def _leaf(expr: Const | Param | SizeOf | OpAllowed | Local | Self | Bound, names: Names) -> str:
    match expr:
        case Const(value=value, type=type_):
            return show(value, type_)
        case Param(name=name) | SizeOf(sort=name) | OpAllowed(operation=name):
            return name
        case Local(slot=slot):
            return f"local {slot}"
        case Self():
            return "self"
        case Bound(number=number, type=type_):
            return names.get(number, str(type_).lower())
        case _:
            assert_never(expr)


def _indices(indices: tuple[Expr, ...], names: Names) -> str:
    return "".join(f"[{text(i, names)}]" for i in indices)


def _field(type_: Type, position: int) -> str:
    return type_.fields[position][0] if isinstance(type_, Struct) else str(position)


def _bracket(code: str, needed: bool) -> str:
    return f"({code})" if needed else code


def _apply(apply: Apply, names: Names, outer: int) -> str:
    op, args = apply.op, apply.args
    if op in _LEVEL:
        level = _LEVEL[op]
        left = level if op in (Op.AND, Op.OR, Op.ADD, Op.MUL, Op.SUB) else level + 1
        parts = [_text(args[0], names, left), *(_text(a, names, level + 1) for a in args[1:])]
        return _bracket(f" {_SIGN.get(op, op.value)} ".join(parts), outer > level)
    match op:
        case Op.NOT | Op.NEG:
            sign = "!" if op is Op.NOT else "-"
            return _bracket(sign + _text(args[0], names, _UNARY), outer > _UNARY)
        case Op.ITE:
            condition, yes, no = (_text(a, names, 1) for a in args)
            return _bracket(f"{condition} ? {yes} : {no}", outer > 0)
        case Op.DEREF:
            return _text(args[0], names, outer)
        case Op.SET | Op.LIST | Op.STRUCT:
            parts = [text(a, names) for a in args]
            if op is Op.STRUCT:
                parts = [f"{_field(apply.type, i)}: {p}" for i, p in enumerate(parts)]
            return ("[{}]" if op is Op.LIST else "{{{}}}").format(", ".join(parts))
        case _:
            return f"{op.value}({', '.join(text(a, names) for a in args)})"


def _binding(expr: Quantifier | Comprehension, names: Names) -> str:
    number = expr.binder.number
    name = names.get(number) or _fresh(expr.binder.type, names)
    inner = {**names, number: name}
    head = f"{name}: {_domain(expr.domain, names)}"
    if expr.where is not None:
        head += f" where {text(expr.where, inner)}"
    if isinstance(expr, Comprehension):
        return f"{{{head}}}"
    word = {Kind.FORALL: "forall", Kind.EXISTS: "exists", Kind.COUNT: "count"}[expr.kind]
    return f"{word} {head}: {text(expr.body, inner)}"


def _domain(domain: Domain, names: Names) -> str:
    return str(domain.type) if domain.within is None else f"in {text(domain.within, names)}"


def _fresh(type_: Type, names: Names) -> str:
    """A name that is not used yet, after the type."""
    letter = next((c for c in str(type_).lower() if c.isalpha()), "x")
    used = set(names.values())
    name, number = letter, 1
    while name in used:
        number += 1
        name = f"{letter}{number}"
    return name


def substitute(node: Any, values: Mapping[int, Value]) -> Any:
    """An expression with constants in place of some bound variables."""
    if isinstance(node, Bound):
        return Const(values[node.number], node.type) if node.number in values else node
    return rebuild(node, lambda inner: substitute(inner, values))


def rebuild(node: Any, change: Callable[[Any], Any]) -> Any:
    """The expression with ``change`` applied to what is directly inside."""
    if isinstance(node, tuple):
        return tuple(change(n) for n in node)
    if isinstance(node, Const) or not is_dataclass(node) or isinstance(node, type):
        return node
    inside = [f.name for f in fields(node) if f.name not in ("type", "binder", "kind")]
    return replace(node, **{name: change(getattr(node, name)) for name in inside})
