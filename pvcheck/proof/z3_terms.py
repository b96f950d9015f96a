"""Building z3 terms quickly: z3's own operators look up sorts and contexts at each node.

All terms are of the main context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import z3

_MAIN = z3.main_ctx()
_CONTEXT = _MAIN.ref()
_get_bool = z3.z3core.Z3_get_bool_value
TRUE = z3.BoolVal(True)
FALSE = z3.BoolVal(False)


def truth(term: Any) -> int:
    """1: plainly true; -1: plainly false; 0: neither."""
    value: int = _get_bool(_CONTEXT, term.ast)
    return value


def is_true(term: Any) -> bool:
    return truth(term) > 0


def is_false(term: Any) -> bool:
    return truth(term) < 0


def _array(terms: Sequence[Any]) -> Any:
    array = (z3.Ast * len(terms))()
    for n, term in enumerate(terms):
        array[n] = term.ast
    return array


_mk_and = z3.z3core.Z3_mk_and
_mk_or = z3.z3core.Z3_mk_or
_mk_not = z3.z3core.Z3_mk_not
_mk_eq = z3.z3core.Z3_mk_eq
_mk_ite = z3.z3core.Z3_mk_ite
_mk_implies = z3.z3core.Z3_mk_implies
_mk_app = z3.z3core.Z3_mk_app


def conjunction(terms: Sequence[Any]) -> Any:
    return z3.BoolRef(_mk_and(_CONTEXT, len(terms), _array(terms)), _MAIN)


def disjunction(terms: Sequence[Any]) -> Any:
    return z3.BoolRef(_mk_or(_CONTEXT, len(terms), _array(terms)), _MAIN)


def negated(term: Any) -> Any:
    return z3.BoolRef(_mk_not(_CONTEXT, term.ast), _MAIN)


def equality(a: Any, b: Any) -> Any:
    return z3.BoolRef(_mk_eq(_CONTEXT, a.ast, b.ast), _MAIN)


def implication(a: Any, b: Any) -> Any:
    return z3.BoolRef(_mk_implies(_CONTEXT, a.ast, b.ast), _MAIN)


def conditional(condition: Any, then: Any, otherwise: Any) -> Any:
    ast = _mk_ite(_CONTEXT, condition.ast, then.ast, otherwise.ast)
    return (
        type(then)(ast, _MAIN) if type(then) is type(otherwise) else z3.z3._to_expr_ref(ast, _MAIN)
    )


def application(symbol: Any) -> Callable[..., Any]:
    """The function as a Python function of terms of the right sorts."""
    class_: type = z3.BoolRef if symbol.range() == z3.BoolSort() else z3.ExprRef
    if symbol.range() == z3.IntSort():
        class_ = z3.ArithRef
    elif isinstance(symbol.range(), z3.DatatypeSortRef):
        class_ = z3.DatatypeRef

    def apply(*terms: Any) -> Any:
        return class_(_mk_app(_CONTEXT, symbol.ast, len(terms), _array(terms)), _MAIN)

    return apply


def for_all(variables: Sequence[Any], body: Any, *triggers: Any) -> Any:
    """``body`` for all values. ``triggers``: terms at which it is to be instantiated, where they are
    found; those that are no application of an unknown function do not count."""
    if not variables or truth(body) > 0:
        return body
    useful = [
        t
        for t in triggers
        if z3.is_app(t)
        and t.decl().kind() == z3.Z3_OP_UNINTERPRETED
        and t.num_args() >= len(variables)
    ]
    return z3.ForAll(list(variables), body, patterns=useful)
