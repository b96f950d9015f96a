"""Whether a procedure can come to its end without a ``return``: decided by its text alone."""

from __future__ import annotations

from pvcheck.lang import ast


def falls_through(block: ast.Block) -> bool:
    """Whether the statement after the block may be reached from its last one."""
    open_ = True
    for statement in block.statements:
        # Some ``goto`` may lead to a label.
        open_ = isinstance(statement, ast.Label) or (open_ and _continues(statement))
    return open_


def _continues(statement: ast.Stmt) -> bool:
    match statement:
        case ast.Return() | ast.Goto() | ast.Jump():
            return False
        case ast.Block():
            return falls_through(statement)
        case ast.If(then=then, otherwise=otherwise):
            return falls_through(then) or otherwise is None or _continues(otherwise)
        case ast.Choose(alternatives=alternatives):
            return any(map(falls_through, alternatives))
        case ast.While(condition=ast.Literal("true"), body=body):
            return _breaks(body)
    return True


def _breaks(block: ast.Block) -> bool:
    """Whether there is a ``break`` out of the loop of which this is the body."""
    return any(
        (isinstance(statement, ast.Jump) and statement.kind == "break")
        or (
            not isinstance(statement, ast.While | ast.For)
            and any(map(_breaks, ast.blocks_of(statement)))
        )
        for statement in block.statements
    )
