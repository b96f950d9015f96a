"""Other statements in place of some, wherever these stand in a block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pvcheck.lang import ast

Edits = Mapping[int, tuple[ast.Stmt, ...]]
"""By the ``id`` of a statement what stands in its place. Statements inside of that are looked up, it itself
is not: a statement may be replaced by itself and others."""


def rewritten(block: ast.Block, edits: Edits) -> ast.Block:
    """The block with each of the edits made in it. Labels stay where they are."""
    statements = (s for old in block.statements for s in _in_place_of(old, edits))
    return replace(block, statements=tuple(statements))


def _in_place_of(statement: ast.Stmt, edits: Edits) -> tuple[ast.Stmt, ...]:
    return tuple(_inside(s, edits) for s in edits.get(id(statement), (statement,)))


def _inside(statement: ast.Stmt, edits: Edits) -> ast.Stmt:
    match statement:
        case ast.Block():
            return rewritten(statement, edits)
        case ast.If(then=then, otherwise=otherwise):
            rest = None if otherwise is None else _otherwise(otherwise, edits)
            return replace(statement, then=rewritten(then, edits), otherwise=rest)
        case ast.While(body=body) | ast.For(body=body) | ast.Atomic(body=body):
            return replace(statement, body=rewritten(body, edits))
        case ast.Choose(alternatives=alternatives):
            blocks = tuple(rewritten(b, edits) for b in alternatives)
            return replace(statement, alternatives=blocks)
    return statement


def _otherwise(branch: ast.Block | ast.If, edits: Edits) -> ast.Block | ast.If:
    match _in_place_of(branch, edits):
        case (ast.Block() | ast.If() as single,):
            return single
        case several:
            return ast.Block(several, span=branch.span)
