"""The declared lock order: its transitive closure, and whether it is one."""

from __future__ import annotations

from itertools import pairwise

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import KIND, Symbols
from pvcheck.model.model import LockOrder

MAX_CLASSES = 200
"""Of locks; the order holds a pair for each two."""


def declared_order(symbols: Symbols, errors: Errors) -> LockOrder:
    locks = _locks(symbols)
    if len(locks) > MAX_CLASSES:
        message = f"more than {MAX_CLASSES} classes of locks"
        errors.add(Code.TOO_LARGE, message, symbols.globals[locks[MAX_CLASSES]].name.span)
        return LockOrder(frozenset(), frozenset(), frozenset())
    later: dict[str, set[str]] = {name: set() for name in locks}
    """For each class, those that come after it: always transitively closed."""
    within: dict[str, ast.Order] = {}
    for order in symbols.orders:
        names = [n.text for n in order.locks if _is_lock(n, symbols, errors)]
        if len(names) < len(order.locks):
            continue
        if order.direction is not None:
            _within(order, within, symbols, errors)
        for pair in pairwise(names):
            _put_before(pair[0], pair[1], order, later, errors)
    return LockOrder(
        frozenset((a, b) for a, after in later.items() for b in after),
        frozenset(n for n, o in within.items() if o.direction == "ascending"),
        frozenset(n for n, o in within.items() if o.direction == "descending"),
    )


def _locks(symbols: Symbols) -> list[str]:
    return [n for n, d in symbols.globals.items() if isinstance(d, ast.Lock)]


def _put_before(
    first: str, second: str, order: ast.Order, later: dict[str, set[str]], errors: Errors
) -> None:
    if first == second or first in later[second]:
        errors.add(Code.ORDER_CYCLE, f"{first!r} would come before itself", order.span)
        return
    for after in (after for name, after in later.items() if name == first or first in after):
        after |= {second, *later[second]}


def _within(
    order: ast.Order, within: dict[str, ast.Order], symbols: Symbols, errors: Errors
) -> None:
    (name,) = order.locks
    earlier = within.setdefault(name.text, order)
    if earlier.direction != order.direction:
        message = f"{name.text!r} is both ascending and descending"
        errors.add(Code.ORDER_CYCLE, message, order.span)
    lock = symbols.globals[name.text]
    assert isinstance(lock, ast.Lock), "_is_lock said so"
    for dimension in lock.dimensions:
        match dimension.type:
            case ast.NamedType(sort):
                declared = symbols.globals.get(sort.text)
                while isinstance(declared, ast.Alias) and isinstance(declared.type, ast.NamedType):
                    declared = symbols.globals.get(declared.type.name.text)
                if isinstance(declared, ast.Sort) and not declared.ordered:
                    hint = f"declare 'ordered sort {declared.name.text};'"
                    message = f"{declared.name.text} has no order"
                    errors.add(Code.NOT_ORDERED, message, order.span, hint=hint)


def _is_lock(name: ast.Name, symbols: Symbols, errors: Errors) -> bool:
    declared = symbols.globals.get(name.text)
    if isinstance(declared, ast.Lock):
        return True
    if declared is None:
        errors.unknown("lock", name, _locks(symbols), Code.UNKNOWN_NAME)
    else:
        message = f"{name.text!r} is a {KIND[type(declared)]}, not a lock"
        errors.add(Code.WRONG_KIND, message, name.span)
    return False
