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
    return z3.ForAll(list(variables), body, patterns=_useful(variables, triggers))


def exists(variables: Sequence[Any], body: Any, *triggers: Any) -> Any:
    """``body`` for some values; ``triggers``, as above, where it is denied, besides what z3 might choose."""
    if not triggers:
        return z3.Exists(list(variables), body)
    found = (*triggers, *_applications(variables, body))
    return z3.Exists(list(variables), body, patterns=_useful(variables, found))


def _applications(variables: Sequence[Any], body: Any) -> list[Any]:
    """The terms in it that have all the variables as arguments."""
    wanted = {v.get_id() for v in variables}
    found: dict[int, Any] = {}
    waiting, seen = [body], set()
    while waiting:
        term = waiting.pop()
        if term.get_id() in seen or not z3.is_app(term):
            continue
        seen.add(term.get_id())
        children = term.children()
        if wanted <= {c.get_id() for c in children}:
            found[term.get_id()] = term
        waiting += children
    return list(found.values())


def _useful(variables: Sequence[Any], triggers: Sequence[Any]) -> list[Any]:
    return [
        t
        for t in triggers
        if z3.is_app(t)
        and t.decl().kind() == z3.Z3_OP_UNINTERPRETED
        and t.num_args() >= len(variables)
    ]


def clauses(formula: Any) -> list[Any]:
    """The formula in parts, with the universal quantifiers of each in front, and without variables that have to be
    something else: z3 finds values for variables in terms that have all of them, in no inner quantifier."""
    return [_clause(*part) for part in _parts(formula)]


_Part = tuple[list[Any], list[Any], Any]
"""For all values of these, if these hold, so does that."""


def _parts(formula: Any) -> list[_Part]:
    if z3.is_and(formula):
        return [part for conjunct in formula.children() for part in _parts(conjunct)]
    if z3.is_implies(formula):
        condition, then = formula.children()
        conditions = _conjuncts(condition)
        return [(of, [*conditions, *given], goal) for of, given, goal in _parts(then)]
    if z3.is_quantifier(formula) and formula.is_forall():
        new = [z3.FreshConst(formula.var_sort(n), "x") for n in range(formula.num_vars())]
        body = z3.substitute_vars(formula.body(), *reversed(new))
        return [([*new, *of], given, goal) for of, given, goal in _parts(body)]
    return [([], [], formula)]


def _conjuncts(formula: Any) -> list[Any]:
    if z3.is_and(formula):
        return [c for child in formula.children() for c in _conjuncts(child)]
    return [formula]


def _clause(variables: list[Any], given: list[Any], goal: Any) -> Any:
    for condition in given:
        if not z3.is_eq(condition):
            continue
        for variable, value in (condition.children(), reversed(condition.children())):
            known = [v for v in variables if v.eq(variable)]
            # Of constants: none can be part of itself.
            if known and value.num_args() == 0 and z3.is_app(value) and not value.eq(variable):
                rest = [v for v in variables if not v.eq(variable)]
                others = [z3.substitute(c, (variable, value)) for c in given if c is not condition]
                return _clause(rest, others, z3.substitute(goal, (variable, value)))
    body = z3.Implies(z3.And(*given), goal) if given else goal
    return z3.ForAll(variables, body) if variables else body
