"""Text to syntax tree. Here and in ``to_ast`` are the only imports of lark."""

from __future__ import annotations

import functools
from pathlib import Path

import lark
from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from pvcheck import cache
from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError
from pvcheck.lang import ast
from pvcheck.lang.errors import MANY
from pvcheck.lang.recover import declarations_apart
from pvcheck.lang.to_ast import ToAst
from pvcheck.source import Source, Span

MAX_DEPTH = 64
"""Levels of nesting in one declaration; every later stage may recurse over the tree."""


def parse(source: Source) -> ast.Specification:
    """Parse one file.

    Raises:
        SpecError: with an error for every declaration that is not in the language.
    """
    errors: list[Diagnostic] = []
    tree = _attempt(source, 0, len(source.text), errors)
    if tree is None:
        # One error is known. The other declarations are parsed one by one, for theirs.
        for start, end in declarations_apart(source.text):
            if len(errors) < MANY:
                _attempt(source, start, end, errors)
        raise SpecError(_one_per_place(errors), {source.name: source})
    return tree


def _attempt(
    source: Source, start: int, end: int, errors: list[Diagnostic]
) -> ast.Specification | None:
    """The tree of ``text[start:end]``; ``None`` with the error on record."""
    try:
        tree = _lark().parse(source.text[start:end])
    except UnexpectedInput as e:
        errors.append(_syntax_error(e, source, start, end))
        return None
    deep = _too_deep(tree)
    if deep is not None:
        message = f"nested more than {MAX_DEPTH} levels deep"
        label = Label(Span(source.name, deep + start, deep + start + 1), "here")
        errors.append(Diagnostic(Code.TOO_DEEP, message, label, hint="split it into fn or proc"))
        return None
    transformer = ToAst(source.name, start)
    result = transformer.transform(tree)
    assert isinstance(result, ast.Specification), "the grammar's start rule"
    errors += transformer.errors
    return result if not transformer.errors else None


@functools.cache
def _lark() -> Lark:
    # Making the tables takes most of the time of ``pvcheck check``; lark notices a changed grammar.
    kept = cache.directory()
    return Lark(
        Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
        start="specification",
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
        cache=False if kept is None else str(kept / f"grammar-{lark.__version__}.pickle"),
    )


def _too_deep(tree: Tree[Token]) -> int | None:
    """The offset of the first node nested too deeply."""
    stack: list[tuple[Tree[Token], int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            return 0 if node.meta.empty else node.meta.start_pos
        stack += [(c, depth + 1) for c in node.children if isinstance(c, Tree)]
    return None


def _one_per_place(errors: list[Diagnostic]) -> list[Diagnostic]:
    """The first error at each place: parsing apart meets the first one again."""
    return list({e.primary.span.start: e for e in reversed(errors)}.values())


def _syntax_error(e: UnexpectedInput, source: Source, start: int, end: int) -> Diagnostic:
    match e:
        case UnexpectedToken(token=Token(type="$END")):
            at = start + len(source.text[start:end].rstrip())
            found, span = "the end", Span(source.name, max(0, at - 1), at)
            if at == 0:
                span = Span(source.name, 0, 0)
            remark = _expected(e)
        case UnexpectedToken(token=token):
            found = repr(str(token)) if len(token) < 40 else "this"
            at = start + (token.start_pos or 0)
            span = Span(source.name, at, at + len(token))
            remark = _expected(e)
        case UnexpectedCharacters(pos_in_stream=int(at)):
            found = repr(source.text[start + at])
            span = Span(source.name, start + at, start + at + 1)
            remark = "not part of the language"
        case _:
            raise AssertionError(e)
    return Diagnostic(Code.SYNTAX, f"did not expect {found} here", Label(span, remark))


_MANY = 8


def _expected(e: UnexpectedToken) -> str:
    spellings = sorted(_spelling(t) for t in e.accepts or e.expected)
    if len(spellings) > _MANY:
        return "not possible here"
    return "expected " + " or ".join(spellings)


def _spelling(terminal: str) -> str:
    """How a terminal looks in a specification: ``;`` and not ``SEMICOLON``."""
    if terminal == "$END":
        return "the end"
    pattern = _lark().get_terminal(terminal).pattern
    if pattern.type == "str":
        return f"'{pattern.value}'"
    return {"NAME": "a name", "INT": "a number", "STRING": "a string"}[terminal]
