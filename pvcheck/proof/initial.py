"""The initial state."""

from __future__ import annotations

from typing import Any

from pvcheck.proof.evaluation import Notes
from pvcheck.proof.expressions import Evaluator
from pvcheck.proof.state import Nothing, Setting
from pvcheck.proof.values import Function, Value


def initial_heap(setting: Setting) -> dict[str, Function]:
    """The initial values of all shared variables."""
    found: dict[str, Function] = {}
    for variable in setting.variables.values():
        if variable.counter:
            continue

        def value(*index: Any, variable: Any = variable) -> Value:
            notes = Notes()
            evaluator = Evaluator(setting.theory, Nothing(setting), notes, guarded=False)
            leaves = list(index)
            for binder in variable.binders:
                evaluator.bound[binder.number] = setting.theory.shape(binder.type, leaves)
            return evaluator.as_type(variable.initial, variable.type)

        found[variable.name] = Function(value)
    return found
