"""Mutants: small edits of the syntax tree, anchored at labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError
from pvcheck.lang import ast
from pvcheck.lang.suggest import did_you_mean
from pvcheck.source import Source


def mutants_of(tree: ast.Specification) -> dict[str, ast.Mutant]:
    return {d.name.text: d for d in tree.declarations if isinstance(d, ast.Mutant)}


def apply_mutant(
    tree: ast.Specification, mutant: ast.Mutant, sources: dict[str, Source]
) -> ast.Specification:
    """The specification after all edits of ``mutant``. It has no mutants itself.

    Raises:
        SpecError: an edit has no place in the specification.
    """
    editor = _Editor(tree)
    for edit in mutant.edits:
        editor.apply(edit)
    if editor.errors:
        raise SpecError(editor.errors, sources)
    # The labels of the other mutants may be gone; and what never happens without it may happen now.
    kept = (d for d in editor.declarations if not isinstance(d, ast.Mutant | ast.Never))
    return replace(tree, declarations=tuple(kept))


def edited_declarations(
    tree: ast.Specification, mutant: ast.Mutant
) -> tuple[list[ast.Declaration], list[Diagnostic]]:
    """The declarations that the mutant changes, as changed, and the edits that have no place."""
    editor = _Editor(tree)
    for edit in mutant.edits:
        editor.apply(edit)
    pairs = zip(tree.declarations, editor.declarations, strict=True)
    return [after for before, after in pairs if after is not before], editor.errors


def statement_at(
    tree: ast.Specification, place: ast.LabelPath
) -> tuple[ast.Stmt | None, list[Diagnostic]]:
    """The statement after a label; or why there is none."""
    editor = _Editor(tree)
    return editor.found_at(place), editor.errors


_Statements = tuple[ast.Stmt, ...]
_Change = Callable[[ast.Stmt], _Statements]


class _Editor:
    def __init__(self, tree: ast.Specification) -> None:
        self.declarations: list[ast.Declaration] = list(tree.declarations)
        self.errors: list[Diagnostic] = []

    def apply(self, edit: ast.Edit) -> None:
        match edit:
            case ast.Delete(at):
                self._put(at, lambda _: ())
            case ast.Replace(at, block):
                self._put(at, lambda _: block.statements)
            case ast.Insert("before", at, block):
                self._put(at, lambda old: (*block.statements, old))
            case ast.Insert(_, at, block):
                self._put(at, lambda old: (old, *block.statements))
            case ast.Swap(first, second):
                one, two = self.found_at(first), self.found_at(second)
                if one is not None and two is not None:
                    self._put(first, lambda _: (two,))
                    self._put(second, lambda _: (one,))
            case ast.Move(what, side, at):
                moved = self.found_at(what)
                if moved is not None and self.found_at(at) is not None:
                    self._put(what, lambda _: ())
                    before = side == "before"
                    self._put(at, lambda old: (moved, old) if before else (old, moved))
            case ast.SetParameter(name, value):
                self._set(name, value)

    def _set(self, name: ast.Name, value: ast.Expr) -> None:
        known = []
        for i, d in enumerate(self.declarations):
            if isinstance(d, ast.Parameter):
                known.append(d.name.text)
                if d.name.text == name.text:
                    self.declarations[i] = replace(d, default=value)
                    return
        self._error(name, f"no parameter {name.text!r}", did_you_mean(name.text, known))

    def found_at(self, path: ast.LabelPath) -> ast.Stmt | None:
        """The statement after the label."""
        found: list[ast.Stmt] = []

        def keep(statement: ast.Stmt) -> _Statements:
            found.append(statement)
            return (statement,)

        self._put(path, keep)
        return found[0] if found else None

    def _put(self, path: ast.LabelPath, change: _Change) -> None:
        """Replace the statement after the label by what ``change`` makes of it."""
        names = []
        for i, d in enumerate(self.declarations):
            if not isinstance(d, ast.Procedure | ast.Thread):
                continue
            names.append(d.name.text)
            if d.name.text == path.procedure.text:
                labels = ast.labels_of(d.body)
                if path.label.text not in labels:
                    message = f"no label {path.label.text!r} in {d.name.text}"
                    self._error(path.label, message, did_you_mean(path.label.text, labels))
                    return
                self.declarations[i] = replace(d, body=_edited(d.body, path.label.text, change))
                return
        message = f"no proc, op or thread {path.procedure.text!r}"
        self._error(path.procedure, message, did_you_mean(path.procedure.text, names))

    def _error(self, name: ast.Name, message: str, hint: str | None) -> None:
        self.errors.append(Diagnostic(Code.BAD_EDIT, message, Label(name.span), hint=hint))


def _edited(block: ast.Block, label: str, change: _Change) -> ast.Block:
    result: list[ast.Stmt] = []
    pending = False
    for statement in block.statements:
        if isinstance(statement, ast.Label):
            result.append(statement)
            pending = pending or statement.name.text == label
        elif pending:
            result += change(statement)
            pending = False
        else:
            result.append(_descend(statement, label, change))
    if pending:
        result += change(ast.Empty(span=block.span))
    return replace(block, statements=tuple(result))


def _descend(statement: ast.Stmt, label: str, change: _Change) -> ast.Stmt:
    match statement:
        case ast.Block():
            return _edited(statement, label, change)
        case ast.If(then=then, otherwise=otherwise):
            rest = None if otherwise is None else _descend(otherwise, label, change)
            assert rest is None or isinstance(rest, ast.Block | ast.If)
            return replace(statement, then=_edited(then, label, change), otherwise=rest)
        case ast.While(body=body) | ast.For(body=body) | ast.Atomic(body=body):
            return replace(statement, body=_edited(body, label, change))
        case ast.Choose(alternatives=alternatives):
            blocks = tuple(_edited(b, label, change) for b in alternatives)
            return replace(statement, alternatives=blocks)
    return statement
