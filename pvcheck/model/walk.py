"""Everything inside an expression or a piece of code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
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
        elif is_dataclass(node) and not isinstance(node, Span):
            yield node
            children = (getattr(node, f.name) for f in fields(node) if f.name != "type")
            stack.extend(reversed([c for c in children if isinstance(c, tuple) or is_dataclass(c)]))


def depends_on_state(root: Any) -> bool:
    return any(isinstance(n, Read | LockTest | TakeSnapshot | Changed) for n in nodes(root))


def closed(root: Any) -> bool:
    """Whether every bound variable in it is bound in it. (Their numbers are unique.)"""
    inside = list(nodes(root))
    binders = {n.binder.number for n in inside if isinstance(n, Quantifier | Comprehension | Let)}
    return all(n.number in binders for n in inside if isinstance(n, Bound))
