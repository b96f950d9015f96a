"""Where statements stand: what is before and behind them in their block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from pvcheck.lang import ast
from pvcheck.source import Span


@dataclass(frozen=True, slots=True)
class Site:
    """A statement that is no label, and its block; an ``if`` after ``else`` has none."""

    statement: ast.Stmt
    span: Span
    """Of the statement with its labels."""
    labels: tuple[str, ...] = ()
    """That stand before it."""
    block: ast.Block | None = None
    index: int = 0
    behind_try: bool = False
    """Whether the block is executed only where ``try`` got a lock."""

    @classmethod
    def of(cls, statement: ast.Stmt) -> Site:
        """Of a statement by itself."""
        return cls(statement, statement.span)

    def before(self) -> Iterator[ast.Stmt]:
        """The statements before it in its block, the nearest first."""
        if self.block is not None:
            for index in range(self.index - 1, -1, -1):
                statement = self.block.statements[index]
                if not isinstance(statement, ast.Label):
                    yield statement

    def after(self) -> Iterator[ast.Stmt]:
        """Those behind it."""
        if self.block is not None:
            for index in range(self.index + 1, len(self.block.statements)):
                statement = self.block.statements[index]
                if not isinstance(statement, ast.Label):
                    yield statement

    @property
    def following(self) -> Site | None:
        """The next one in the block."""
        if self.block is None:
            return None
        behind = _of_block(self.block, behind_try=self.behind_try, begin=self.index + 1)
        return next(behind, None)


def sites(block: ast.Block) -> Iterator[Site]:
    """All statements in the block, wherever they stand, outer ones first."""
    return _sites(block, behind_try=False)


def _sites(block: ast.Block, *, behind_try: bool) -> Iterator[Site]:
    for site in _of_block(block, behind_try=behind_try):
        yield site
        yield from _inside(site.statement)


def _inside(statement: ast.Stmt) -> Iterator[Site]:
    match statement:
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            attempt = condition if isinstance(condition, ast.Try) else None
            got = attempt is not None and not attempt.negated
            yield from _sites(then, behind_try=got)
            if isinstance(otherwise, ast.If):
                yield Site.of(otherwise)
                yield from _inside(otherwise)
            elif otherwise is not None:
                yield from _sites(otherwise, behind_try=attempt is not None and attempt.negated)
        case _:
            for block in ast.blocks_of(statement):
                yield from _sites(block, behind_try=False)


def _of_block(block: ast.Block, *, behind_try: bool, begin: int = 0) -> Iterator[Site]:
    labels: list[ast.Label] = []
    for index in range(begin, len(block.statements)):
        statement = block.statements[index]
        if isinstance(statement, ast.Label):
            labels.append(statement)
            continue
        first = labels[0].span if labels else statement.span
        names = tuple(label.name.text for label in labels)
        span = first.to(statement.span)
        yield Site(statement, span, names, block, index, behind_try)
        labels = []


def leaves(statement: ast.If) -> bool:
    """Whether it is there to give up: goes elsewhere, and has nothing to do otherwise."""
    last = statement.then.statements[-1:]
    jumps = bool(last) and isinstance(last[0], ast.Goto | ast.Jump | ast.Return)
    return jumps and statement.otherwise is None


def locks_or_jumps(statement: ast.Stmt) -> bool:
    """Whether there is an operation on a lock in it, or a way out of it."""
    inside = sites(ast.Block((statement,), span=statement.span))
    return any(_locks_or_jumps(site.statement) for site in inside)


def _locks_or_jumps(statement: ast.Stmt) -> bool:
    match statement:
        case ast.LockStatement() | ast.Goto() | ast.Jump() | ast.Return():
            return True
        case ast.If(condition=ast.Try()):
            return True
    return False


def names(node: object) -> frozenset[str]:
    """All names in a piece of the tree, whatever they are names of."""
    found: set[str] = set()
    work = [node]
    while work:
        match work.pop():
            case ast.Name(text):
                found.add(text)
            case tuple() as several:
                work += several
            case ast.Node() as inner:
                work += [getattr(inner, f.name) for f in fields(inner) if f.name != "span"]
    return frozenset(found)
