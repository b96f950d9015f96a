"""What z3 writes of a proof means what it was made of."""

from __future__ import annotations

import pytest
import z3
from systems import model

from pvcheck.proof.theory import Theory

SPECIFICATION = """system small;
lock k: mutex;
thread one { acquire k; release k; }
"""


@pytest.mark.parametrize("name", ["a", "a_", "b", "x"])
def test_no_symbol_is_taken_for_an_abbreviation(name: str) -> None:
    theory = Theory(model(SPECIFICATION))
    number = z3.DeclareSort("N")
    f = z3.Function("f", number, number, number)
    symbols = [z3.Const(theory.unique(name), number) for _ in range(8)]
    term = symbols[0]
    for symbol in (*symbols, *symbols):
        term = f(f(symbol, term), f(term, symbol))
    formula = term == f(term, symbols[0])
    solver = z3.SimpleSolver()
    solver.add(formula)

    text = solver.sexpr()

    assert "(let ((a!1 " in text
    (read,) = z3.parse_smt2_string(text)
    assert read.eq(formula)
