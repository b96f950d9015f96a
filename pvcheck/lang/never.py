"""What a specification declares never to happen in it."""

from __future__ import annotations

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.edit import statement_at
from pvcheck.lang.errors import Errors
from pvcheck.model.model import Never


def nevers(tree: ast.Specification, errors: Errors) -> tuple[Never, ...]:
    """All that is declared, each label by itself. Labels that there are not are recorded as errors."""
    return tuple(
        never
        for declared in tree.declarations
        if isinstance(declared, ast.Never)
        for place in declared.places
        if (never := _never(tree, declared, place, errors)) is not None
    )


def _never(
    tree: ast.Specification, declared: ast.Never, place: ast.LabelPath, errors: Errors
) -> Never | None:
    statement, misplaced = statement_at(tree, place)
    errors.found += misplaced
    if statement is None:
        return None
    if declared.outcome is None:
        return Never(statement.span, None, declared.why, place.span)
    if not isinstance(statement, ast.If | ast.While):
        message = f"{place.label.text!r} is no condition"
        hint = "without 'true' or 'false': the statement is never executed"
        errors.add(Code.BAD_EDIT, message, place.span, "neither 'if' nor 'while'", hint=hint)
        return None
    return Never(statement.condition.span, declared.outcome, declared.why, place.span)
