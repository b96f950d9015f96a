"""A specification's syntax tree to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError
from pvcheck.lang import ast, core
from pvcheck.lang.cut import StepTooLarge, cut, statements
from pvcheck.lang.declarations import Declarations
from pvcheck.lang.edit import edited_declarations, mutants_of
from pvcheck.lang.errors import Errors
from pvcheck.lang.expressions import Expressions
from pvcheck.lang.graph import MAX_NODES, TooLarge, build
from pvcheck.lang.never import nevers
from pvcheck.lang.recursion import report_recursion
from pvcheck.lang.statements import check_procedure
from pvcheck.lang.symbols import collect
from pvcheck.lang.typing import Types
from pvcheck.lang.unknown_self import report_unknown_self
from pvcheck.model.model import Model, Statement, ThreadFamily
from pvcheck.model.store_buffers import with_store_buffers
from pvcheck.source import Source


def lower(tree: ast.Specification, sources: tuple[Source, ...]) -> Model:
    """The model of a specification, all files together; ``sources``: main file first.

    Raises:
        SpecError: with all errors that do not follow from others.
    """
    by_name = {s.name: s for s in sources}
    declarations, procedures = _checked(tree, by_name)
    errors = Errors()
    with _bounded_depth(tree, by_name):
        threads, executed = _threads(declarations, procedures, by_name, errors)
    if errors.found:
        raise SpecError(errors.found, by_name)
    model = declarations.model(sources, threads, executed, nevers(tree, errors))
    return with_store_buffers(model) if _buffers(tree) else model


def _buffers(tree: ast.Specification) -> bool:
    return any(isinstance(d, ast.Memory) and d.model.text == "tso" for d in tree.declarations)


def check(tree: ast.Specification, sources: tuple[Source, ...]) -> None:
    """Return if names and types are right; much quicker than making the model.

    Raises:
        SpecError: with all errors that do not follow from others.
    """
    _checked(tree, {s.name: s for s in sources})


def _checked(
    tree: ast.Specification, sources: Mapping[str, Source]
) -> tuple[Declarations, Mapping[str, core.Procedure]]:
    errors = Errors()
    with _bounded_depth(tree, sources):
        result = _check(tree, errors)
    if errors.found:
        raise SpecError(errors.found, sources)
    return result


@contextmanager
def _bounded_depth(tree: ast.Specification, sources: Mapping[str, Source]) -> Iterator[None]:
    """Each declaration is of bounded depth, but not the chain of those that use each other."""
    try:
        yield
    except RecursionError:
        message = "declarations use each other through too many levels"
        too_deep = Diagnostic(Code.TOO_DEEP, message, Label(tree.span))
        raise SpecError([too_deep], sources) from None


def _check(
    tree: ast.Specification, errors: Errors
) -> tuple[Declarations, Mapping[str, core.Procedure]]:
    symbols = collect(tree, errors)
    expressions = Expressions(symbols, Types(symbols, errors), errors)
    declarations = Declarations(expressions)
    declarations.check()
    procedures: dict[str, core.Procedure] = {}
    for declared in symbols.globals.values():
        if isinstance(declared, ast.Procedure | ast.Thread):
            checked = check_procedure(declared, expressions)
            if checked is not None:
                procedures[declared.name.text] = checked
    report_recursion(symbols, errors)
    report_unknown_self(symbols, procedures, errors)
    _check_mutants(tree, expressions)
    nevers(tree, errors)
    return declarations, procedures


def _check_mutants(tree: ast.Specification, expressions: Expressions) -> None:
    """Record what is wrong with the edits of each mutant, and with what they make."""
    for mutant in mutants_of(tree).values():
        changed, misplaced = edited_declarations(tree, mutant)
        expressions.errors.found += misplaced
        for declared in changed:
            if isinstance(declared, ast.Parameter):
                parameter = expressions.parameter(declared)
                wanted = None if parameter is None else parameter.type
                expressions.constant(declared.default, wanted)
            elif isinstance(declared, ast.Procedure | ast.Thread):
                check_procedure(declared, expressions)


def _threads(
    declarations: Declarations,
    procedures: Mapping[str, core.Procedure],
    sources: Mapping[str, Source],
    errors: Errors,
) -> tuple[tuple[ThreadFamily, ...], tuple[Statement, ...]]:
    families = []
    executed: set[Statement] = set()
    for thread in declarations.threads():
        try:
            graph = build(procedures[thread.name.text], procedures, sources)
            start, locations = cut(graph)
        except TooLarge:
            message = f"more than {MAX_NODES} statements with all procedures in place"
            errors.add(Code.TOO_LARGE, message, thread.name.span)
            continue
        except StepTooLarge as e:
            message = "one step has too much local work, or too many paths through it"
            errors.add(Code.TOO_LARGE, message, e.span)
            continue
        executed |= statements(graph)
        sort = declarations.thread_sort(thread)
        name = thread.name.text
        families.append(ThreadFamily(name, sort, graph.locals, start, locations, thread.span))
    by_place = sorted(executed, key=lambda s: (s.span.file, s.span.start, s.span.end, s.branch))
    return tuple(families), tuple(by_place)
