"""What invariants see of a thread that holds locks.

An invariant with the window ``free(L)`` does not see what is guarded by L while somebody holds it. All
else that it reads is visible at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pvcheck.model.expr import (
    Apply,
    Ask,
    Bound,
    Const,
    Expr,
    Kind,
    LockRef,
    LockTest,
    Op,
    Quantifier,
    Read,
)
from pvcheck.model.model import GuardLock, Invariant, Model, Variable
from pvcheck.model.parts import flatten, rebuild, walk
from pvcheck.model.walk import depends_on_state


@dataclass(frozen=True, slots=True)
class Visible:
    """What some invariant sees while somebody holds the locks that guard it."""

    variables: frozenset[str]
    locks: frozenset[str]
    """Lock classes of which an invariant asks more than that a lock is free in its window."""
    kept: frozenset[str]
    """Lock classes of which an invariant says what one thread may hold together."""


def visible(model: Model) -> Visible:
    """Of all invariants: windows and premises are looked at even where a property was not asked for."""
    variables = {v.name: v for v in model.variables}
    seen: set[str] = set()
    locks: set[str] = set()
    kept: set[str] = set()
    for invariant in model.invariants:
        if (held := _held_together(invariant)) is not None:
            kept |= held
            continue
        windows = list(_windows(invariant.window))
        asked: Counter[str] = Counter()
        for expr in (invariant.window, invariant.condition):
            for node in walk(expr) if expr is not None else ():
                match node:
                    case Read(variable=name, indices=indices):
                        if not _hidden(variables[name], indices, windows):
                            seen.add(name)
                    case LockTest(lock=lock):
                        asked[lock.lock] += 1
        locks |= (asked - Counter(window.test.lock.lock for window in windows)).keys()
    return Visible(frozenset(seen), frozenset(locks), frozenset(kept))


def _held_together(invariant: Invariant) -> frozenset[str] | None:
    """The lock classes, if the invariant is of this form: if somebody holds certain locks, all the same one,
    then something that does not depend on the state. It is violated by one thread, whatever others do."""
    match invariant:
        case Invariant(window=None, condition=Apply(op=Op.IMPLIES, args=(before, then))):
            parts = flatten(Op.AND, before)
        case _:
            return None
    locks: list[LockRef] = []
    """Of holders that are known to be somebody, the same one."""
    for part in parts:
        match part:
            case Apply(op=Op.NE, args=(LockTest(ask=Ask.HOLDER, lock=lock), Const(value=None))):
                locks = locks or [lock]
            case Apply(
                op=Op.EQ,
                args=(LockTest(ask=Ask.HOLDER, lock=one), LockTest(ask=Ask.HOLDER, lock=other)),
            ) if one in locks or other in locks:
                locks += [one, other]
            case _:
                return None
    if not locks or depends_on_state(then):
        return None
    return frozenset(lock.lock for lock in locks)


@dataclass(frozen=True, slots=True)
class _Window:
    """A conjunct of a window: the lock is free, for all values of the binders."""

    test: LockTest
    binders: frozenset[int]


def _windows(window: Expr | None, binders: frozenset[int] = frozenset()) -> Iterator[_Window]:
    match window:
        case LockTest(ask=Ask.FREE):
            yield _Window(window, binders)
        case Apply(op=Op.AND, args=args):
            for part in args:
                yield from _windows(part, binders)
        case Quantifier(kind=Kind.FORALL, binder=binder, domain=domain, where=None, body=body):
            if domain.within is None:
                yield from _windows(body, binders | {binder.number})


def _hidden(variable: Variable, indices: tuple[Expr, ...], windows: list[_Window]) -> bool:
    """Whether the element is not seen while its guard is held for writing."""
    if variable.guard is None:
        return False
    values = {b.number: i for b, i in zip(variable.binders, indices, strict=True)}
    return any(
        _is_free(lock, values, window) for lock in variable.guard.locks for window in windows
    )


def _is_free(guard: GuardLock, values: dict[int, Expr], window: _Window) -> bool:
    """Whether one of the guard's locks, all of which a writer holds, is the window's."""
    lock, free = guard.lock, window.test.lock
    every = [n.number for i in free.indices for n in walk(i) if isinstance(n, Bound)]
    if lock.lock != free.lock or any(every.count(n) > 1 for n in window.binders):
        return False
    if guard.binder is not None:
        # The window's lock is the guard's for some value of the binder; and that satisfies ``where``.
        values = dict(values)
        for index, wanted in zip(lock.indices, free.indices, strict=True):
            if index == guard.binder and not _mentions(wanted, window.binders):
                values[guard.binder.number] = wanted
        if guard.binder.number not in values or not _true(_put(guard.where, values)):
            return False
    return all(
        _put(index, values) == wanted
        or (isinstance(wanted, Bound) and wanted.number in window.binders)
        for index, wanted in zip(lock.indices, free.indices, strict=True)
    )


def _mentions(expr: Expr, numbers: frozenset[int]) -> bool:
    return any(isinstance(n, Bound) and n.number in numbers for n in walk(expr))


def _put(expr: Expr | None, values: dict[int, Expr]) -> Expr | None:
    """With values in place of bound variables."""
    if expr is None:
        return None
    if isinstance(expr, Bound):
        return values.get(expr.number, expr)
    return rebuild(expr, lambda part: _put(part, values) or part)


def _true(condition: Expr | None) -> bool:
    """Whether the condition is plainly true."""
    match condition:
        case None | Const(value=True):
            return True
        case Apply(op=Op.EQ, args=(left, right)):
            return left == right
    return False
