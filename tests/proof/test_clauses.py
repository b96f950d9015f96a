"""Formulas in parts mean the same."""

from __future__ import annotations

from typing import Any

import pytest
import z3

from pvcheck.proof.z3_terms import clauses

SORT = z3.DeclareSort("S")
A, B, X, Y = z3.Consts("a b x y", SORT)
P = z3.Function("p", SORT, z3.BoolSort())
Q = z3.Function("q", SORT, SORT, z3.BoolSort())
NESTED = z3.ForAll([X], z3.Implies(P(X), z3.And(P(A), z3.ForAll([Y], Q(X, Y)))))
FORMULAS = {
    "a conjunction": (z3.And(P(A), z3.And(P(B), Q(A, B))), 3),
    "nothing to do": (z3.Or(P(A), P(B)), 1),
    "quantifiers inside": (NESTED, 2),
    "a variable that has to be a constant": (
        z3.ForAll([X, Y], z3.Implies(z3.And(X == A, P(Y)), Q(X, Y))),
        1,
    ),
    "a variable that has to be another": (
        z3.ForAll([X, Y], z3.Implies(z3.And(Y == X, P(Y)), Q(X, Y))),
        1,
    ),
    "two that have to be each other": (
        z3.ForAll([X, Y], z3.Implies(z3.And(X == Y, Y == X), Q(X, Y))),
        1,
    ),
    "all have to be constants": (z3.ForAll([X], z3.Implies(A == X, P(X))), 1),
    "a condition on no variable": (z3.ForAll([X], z3.Implies(A == B, P(X))), 1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_they_mean_the_same(name: str) -> None:
    formula, number = FORMULAS[name]
    parts = clauses(formula)
    solver = z3.Solver()
    solver.add(z3.Not(formula == z3.And(*parts)))

    assert len(parts) == number
    assert solver.check() == z3.unsat


def test_quantifiers_are_in_front() -> None:
    def inner(term: Any) -> bool:
        return z3.is_quantifier(term) or any(map(inner, term.children()))

    for part in clauses(NESTED):
        assert z3.is_quantifier(part)
        assert not inner(part.body())
