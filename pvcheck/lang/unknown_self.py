"""``self`` is the element of the thread that executes it: threads without an index have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pvcheck.diagnostics import Code
from pvcheck.lang import ast, core
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import Symbols
from pvcheck.model.expr import Self
from pvcheck.model.walk import nodes
from pvcheck.source import Span


def report_unknown_self(
    symbols: Symbols, procedures: Mapping[str, core.Procedure], errors: Errors
) -> None:
    """One error for each thread without an index that comes to ``self``, itself or by calls."""
    for declared in symbols.globals.values():
        if not isinstance(declared, ast.Thread) or declared.dimensions:
            continue
        thread = declared.name.text
        for procedure in _executed(thread, procedures):
            span = _self(procedure)
            if span is not None:
                message = f"thread {thread!r} has no index, so here is no 'self'"
                errors.add(Code.NOT_HERE, message, span)
                break


def _executed(thread: str, procedures: Mapping[str, core.Procedure]) -> Iterator[core.Procedure]:
    """The thread, if nothing is wrong with it, and what it calls; callers first."""
    reached = [thread]
    for name in reached:
        procedure = procedures.get(name)
        if procedure is None:
            continue
        yield procedure
        calls = (n.procedure for n in nodes(procedure.body) if isinstance(n, core.Call))
        reached += [name for name in dict.fromkeys(calls) if name not in reached]


def _self(root: core.Procedure) -> Span | None:
    """The innermost statement that says ``self``, first of all."""
    inner: object = root.body
    span: Span | None = None
    while (found := next(_saying_self(inner), None)) is not None:
        inner, span = found
    return span


def _saying_self(outer: object) -> Iterator[tuple[object, Span]]:
    """What is inside and has a place, and says ``self``."""
    for node in nodes(outer):
        place = getattr(node, "span", None)
        if node is outer or not isinstance(place, Span):
            continue
        if any(isinstance(n, Self) for n in nodes(node)):
            yield node, place
