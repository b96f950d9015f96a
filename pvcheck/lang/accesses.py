"""Which shared state an expression touches: what decides where steps begin and end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pvcheck.lang import ast
from pvcheck.lang.symbols import Symbols
from pvcheck.model.expr import (
    Ask,
    Changed,
    Comprehension,
    Expr,
    LockTest,
    Quantifier,
    Read,
    TakeSnapshot,
)
from pvcheck.model.parts import parts


@dataclass(frozen=True, slots=True)
class Accesses:
    lock_free: int
    """Accesses to atomic variables and lock words; in a quantifier each counts twice."""
    guarded: bool

    @property
    def visible(self) -> bool:
        return self.guarded or self.lock_free > 0

    def __add__(self, other: Accesses) -> Accesses:
        return Accesses(self.lock_free + other.lock_free, self.guarded or other.guarded)


NOTHING = Accesses(0, False)
ONE_LOCK_FREE = Accesses(1, False)
GUARDED = Accesses(0, True)


def accesses(expr: Expr, symbols: Symbols) -> Accesses:
    own = NOTHING
    match expr:
        case Read(variable=name) | TakeSnapshot(counter=name) | Changed(counter=name):
            own = access(name, symbols)
        case LockTest(ask=Ask.FREE | Ask.HOLDER):
            own = ONE_LOCK_FREE
    inner = total(accesses(p, symbols) for p in parts(expr))
    if isinstance(expr, Quantifier | Comprehension):
        inner += inner
    return own + inner


def access(variable: str, symbols: Symbols) -> Accesses:
    """One access to the shared variable or generation counter."""
    declared = symbols.globals[variable]
    assert isinstance(declared, ast.Variable | ast.Counter), "only those are read"
    return GUARDED if declared.protection.guards else ONE_LOCK_FREE


def total(many: Iterable[Accesses]) -> Accesses:
    return sum(many, NOTHING)
