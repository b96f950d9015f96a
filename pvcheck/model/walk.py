"""Everything inside an expression or a piece of code."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
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
        if isinstance(node, tuple):
            stack.extend(reversed(node))
        elif (names := _inside(node.__class__)) is not None:
            yield node
            stack.extend([getattr(node, name) for name in names])


@cache
def _inside(class_: Hashable) -> tuple[str, ...] | None:
    """The names of the fields of a class, last first; ``None`` if it is no part of the model."""
    if not isinstance(class_, type) or not is_dataclass(class_) or class_ is Span:
        return None
    return tuple(f.name for f in reversed(fields(class_)) if f.name not in ("type", "span"))


def depends_on_state(root: Any) -> bool:
    return any(isinstance(n, Read | LockTest | TakeSnapshot | Changed) for n in nodes(root))


def closed(root: Any) -> bool:
    """Whether every bound variable in it is bound in it. (Their numbers are unique.)"""
    inside = list(nodes(root))
    binders = {n.binder.number for n in inside if isinstance(n, Quantifier | Comprehension | Let)}
    return all(n.number in binders for n in inside if isinstance(n, Bound))
