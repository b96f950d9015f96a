"""Everything inside an expression or a piece of code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from pvcheck.model.expr import (
    Bound,
    Changed,
    Comprehension,
    Let,
    LockTest,
    Quantifier,
    Read,
    TakeSnapshot,
)
from pvcheck.source import Span


def nodes(root: Any) -> Iterator[Any]:
    """``root`` and every expression, instruction, place and lock inside, outside in; no types."""
    stack = [root]
    while stack:
        node = stack.pop()
        class_ = node.__class__
        if class_ is tuple:
            stack.extend(node[::-1])
        elif (inside := _inside(class_)) is not None:
            yield node
            stack.extend(inside(node))


_ATOMS = ("bool", "int", "str", "int | None", "str | None")
"""Types of fields, as they are written, without anything inside: most fields have one."""


@cache
def _inside(class_: type) -> Callable[[Any], tuple[Any, ...]] | None:
    """What gives the fields of a node of the class, last first; ``None`` if it is no part of the model."""
    if not is_dataclass(class_) or class_ is Span:
        return None
    names = [
        f.name
        for f in reversed(fields(class_))
        if f.name not in ("type", "span") and f.type not in _ATOMS
    ]
    match names:
        case []:
            return lambda _: ()
        case [name]:
            return lambda node: (getattr(node, name),)
        case _:
            return attrgetter(*names)


def depends_on_state(root: Any) -> bool:
    return any(isinstance(n, Read | LockTest | TakeSnapshot | Changed) for n in nodes(root))


def closed(root: Any) -> bool:
    """Whether every bound variable in it is bound in it. (Their numbers are unique.)"""
    inside = list(nodes(root))
    binders = {n.binder.number for n in inside if isinstance(n, Quantifier | Comprehension | Let)}
    return all(n.number in binders for n in inside if isinstance(n, Bound))
