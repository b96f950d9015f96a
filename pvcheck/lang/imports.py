"""The files of a specification: the main one and all it imports, none outside the root."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pvcheck.cache import digest_of
from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from pvcheck.files import MAX_FILE_BYTES, ROOT_MARKER, Visit, contents, resolved
from pvcheck.lang import ast
from pvcheck.lang.parse import parse
from pvcheck.source import Source, Span

MAX_FILES = 200


class ReadAll(NamedTuple):
    tree: ast.Specification
    """The union of the files' declarations, imports left out."""
    sources: tuple[Source, ...]
    """The files, main first."""
    visits: tuple[Visit, ...]
    """Each way in which a file was imported."""


def read_all(main: Path, root: Path) -> ReadAll:
    """The main file and all that it imports.

    Raises:
        SpecError: with the errors of all files that could be read.
        UsageError: the main file lies outside the root.
        OSError: the main file cannot be read.
    """
    if not resolved(main).is_relative_to(resolved(root)):
        message = f"{main} lies outside the root {root}"
        raise UsageError(message, "name the directory of the specification with --root DIR")
    reader = _Reader(resolved(root), _base(main, resolved(root)))
    reader.read(main, _Origin(None, ()))
    if reader.errors:
        raise SpecError(reader.errors, reader.sources)
    tree = ast.Specification(tuple(reader.declarations), span=Span(str(main), 0, 0))
    return ReadAll(tree, tuple(reader.sources.values()), tuple(reader.visits))


def _base(main: Path, root: Path) -> Path:
    """The root as the user has named it on the way to the main file; else, the main file's folder."""
    return next((f for f in main.parents if resolved(f) == root), main.parent)


class _Origin:
    """The import statement that led to a file, and the chain of files before it."""

    def __init__(self, statement: ast.Import | None, chain: tuple[Path, ...]) -> None:
        self.statement = statement
        self.chain = chain


class _Reader:
    def __init__(self, root: Path, base: Path) -> None:
        self.root = root
        self.base = base
        self.sources: dict[str, Source] = {}
        self.declarations: list[ast.Declaration] = []
        self.errors: list[Diagnostic] = []
        self.visits: list[Visit] = []
        self._done: dict[Path, str] = {}
        """The digests of those that were read."""

    def read(self, path: Path, origin: _Origin) -> None:
        try:
            real = resolved(path)
        except OSError as e:
            self._refuse(origin, Code.MISSING_IMPORT, f"cannot read {str(path)!r}: {e.strerror}")
            return
        if real in origin.chain:
            ring = " -> ".join(p.name for p in (*origin.chain[origin.chain.index(real) :], real))
            self._refuse(origin, Code.IMPORT_CYCLE, f"files import each other: {ring}")
        elif not real.is_relative_to(self.root):
            hint = (
                f"the root is the main file's directory, one above with a {ROOT_MARKER}, or --root"
            )
            self._refuse(origin, Code.OUTSIDE_ROOT, "this file lies outside the root", hint)
        elif real not in self._done and len(self._done) == MAX_FILES:
            self._refuse(origin, Code.TOO_LARGE, f"more than {MAX_FILES} files")
        else:
            if real not in self._done:
                self._done[real] = ""
                self._read_new(path, real, origin)
            self.visits.append(Visit(path, real, self._done[real]))

    def _read_new(self, path: Path, real: Path, origin: _Origin) -> None:
        name = self._shown(path)
        try:
            data = contents(real)
        except OSError as e:
            if origin.statement is None:
                raise OSError(e.errno, e.strerror, name) from e
            self._refuse(origin, Code.MISSING_IMPORT, f"cannot read {name!r}: {e.strerror}")
            return
        self._done[real] = digest_of(data)
        try:
            text = _text(data)
        except _NotText as e:
            self.sources[name] = Source(name, "")
            self.errors.append(Diagnostic(e.code, e.message, Label(Span(name, 0, 0))))
            return
        source = self.sources[name] = Source(name, text)
        try:
            tree = parse(source)
        except SpecError as e:
            self.errors += e.diagnostics
            return
        for declaration in tree.declarations:
            if isinstance(declaration, ast.Import):
                chain = _Origin(declaration, (*origin.chain, real))
                self.read(path.parent / declaration.path, chain)
            else:
                self.declarations.append(declaration)

    def _shown(self, path: Path) -> str:
        """``path`` as the user would write it: like the main file, without ``..`` if possible."""
        real, base = path.resolve(), self.base.resolve()
        return str(self.base / real.relative_to(base)) if real.is_relative_to(base) else str(path)

    def _refuse(self, origin: _Origin, code: Code, message: str, hint: str | None = None) -> None:
        assert origin.statement is not None, "the main file has no importer and lies in its root"
        label = Label(origin.statement.span)
        self.errors.append(Diagnostic(code, message, label, hint=hint))


class _NotText(Exception):
    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def _text(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise _NotText(Code.FILE_TOO_LARGE, f"larger than {MAX_FILE_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        message = f"not UTF-8 text: byte {e.start} is 0x{data[e.start]:02x}"
        raise _NotText(Code.NOT_TEXT, message) from None
    if "\0" in text:
        raise _NotText(Code.NOT_TEXT, f"not text: byte {text.index(chr(0))} is 0")
    return text.replace("\r\n", "\n").replace("\r", "\n")
