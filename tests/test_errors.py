"""Specifications with errors: exactly the marked ones are found, where they are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import Golden

from pvcheck.diagnostics import Code, SpecError, render
from pvcheck.load import load

ERRORS = Path(__file__).parent / "errors"
FILES = sorted(ERRORS.glob("*.pv"))
Found = Counter[tuple[str, int, str]]
"""File, line and code."""


def marked(path: Path) -> Found:
    """The errors that the comments of a file announce: ``//~ PV101 PV202``."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    name = path.relative_to(ERRORS).as_posix()
    return Counter(
        (name, number, code)
        for number, line in enumerate(lines, start=1)
        for code in re.findall(r"PV\d+", line.partition("//~")[2])
    )


def in_all_files(path: Path) -> Found:
    parts = sorted((ERRORS / "parts").glob("*.pv")) if path.stem == "imports" else []
    return sum(map(marked, (path, *parts)), Counter())


def test_there_are_files_and_every_code_has_an_example() -> None:
    codes = {code for path in FILES for _, _, code in in_all_files(path)}

    # A file of more than a megabyte is made on use, in test_bad_input.py.
    assert codes == set(Code) - {Code.FILE_TOO_LARGE}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_exactly_the_marked_errors(
    path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ERRORS)

    with pytest.raises(SpecError) as caught:
        load(Path(path.name))

    sources = caught.value.sources
    found: Found = Counter()
    for diagnostic in caught.value.diagnostics:
        span = diagnostic.primary.span
        found[span.file, sources[span.file].position(span.start)[0], diagnostic.code] += 1
    assert found == in_all_files(path)
    text = "".join(render(d, sources) for d in caught.value.diagnostics)
    golden(f"errors-{path.stem}.txt", text)
