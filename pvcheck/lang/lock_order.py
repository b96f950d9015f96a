"""The declared lock order: its transitive closure, and whether it is one."""

from __future__ import annotations

from itertools import pairwise

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import KIND, Symbols
from pvcheck.model.model import LockOrder


def declared_order(symbols: Symbols, errors: Errors) -> LockOrder:
    before: set[tuple[str, str]] = set()
    within: dict[str, ast.Order] = {}
    for order in symbols.orders:
        names = [n.text for n in order.locks if _is_lock(n, symbols, errors)]
        if len(names) < len(order.locks):
            continue
        if order.direction is not None:
            _within(order, within, symbols, errors)
        for pair in pairwise(names):
            if pair[0] == pair[1] or (pair[1], pair[0]) in before:
                message = f"{pair[0]!r} would come before itself"
                errors.add(Code.ORDER_CYCLE, message, order.span)
            else:
                before = _closed(before | {pair})
    return LockOrder(
        frozenset(before),
        frozenset(n for n, o in within.items() if o.direction == "ascending"),
        frozenset(n for n, o in within.items() if o.direction == "descending"),
    )


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
        known = (n for n, d in symbols.globals.items() if isinstance(d, ast.Lock))
        errors.unknown("lock", name, known, Code.UNKNOWN_NAME)
    else:
        message = f"{name.text!r} is a {KIND[type(declared)]}, not a lock"
        errors.add(Code.WRONG_KIND, message, name.span)
    return False


def _closed(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The transitive closure."""
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs = pairs | more
