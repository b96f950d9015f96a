"""Bugs that FreeBSD had: each is found, its fix holds, and the table of them tells where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shipped import HISTORY, ROOT, does_what_it_declares

from pvcheck.cli.main import main
from pvcheck.load import load, mutants

MUTANTS = [(spec, mutant) for spec in HISTORY for mutant in mutants(ROOT / spec)]
ALONE = [spec for spec in HISTORY if "\nimport " not in (ROOT / spec).read_text(encoding="utf-8")]
TABLE = (ROOT / "pvcheck" / "docs" / "coverage.md").read_text(encoding="utf-8")
BUGS = tuple(f"R{n}" for n in range(1, 28))
UNCONFIRMED = tuple(f"R{n}" for n in range(23, 28))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def rows() -> dict[str, list[str]]:
    """The table of bugs: the cells of each numbered row."""
    found = [line.strip("| ").split(" | ") for line in TABLE.splitlines()]
    numbered = [(cells[0], cells[1:]) for cells in found if re.fullmatch(r"R\d+", cells[0])]
    assert len({number for number, _ in numbered}) == len(numbered), "each is there once"
    return dict(numbered)


def shown_by(text: str) -> list[tuple[Path, str]]:
    """Files, each with one of the mutants that are named after it."""
    found = re.findall(r"`([\w/]+\.pv)`: (\w+(?:, \w+)*)", text)
    return [(Path("specs", file), name) for file, names in found for name in names.split(", ")]


@pytest.mark.parametrize("spec", HISTORY, ids=lambda p: p.stem)
def test_the_fix_holds(spec: Path) -> None:
    # Text that is shared with schemes has much that does not happen in such small instances.
    strict = ["--strict"] if spec in ALONE else []

    assert main(["verify", str(spec), "--all-instances", "--no-trace", "--quiet", *strict]) == 0


@pytest.mark.parametrize(
    ("spec", "name"), [pytest.param(s, m.name, id=f"{s.stem}-{m.name}") for s, m in MUTANTS]
)
def test_the_bug_is_found(spec: Path, name: str, request: pytest.FixtureRequest) -> None:
    (mutant,) = [m for s, m in MUTANTS if (s, m.name) == (spec, name)]

    does_what_it_declares(spec, mutant, update=request.config.getoption("--update-golden"))


@pytest.mark.parametrize("spec", HISTORY, ids=lambda p: p.stem)
def test_it_has_the_bug_and_says_what_it_is_called_and_what_became_of_it(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")

    assert any(m.name == "BUG" and m.violated and m.instance for s, m in MUTANTS if s == spec)
    assert re.match(r"(///.*\n)+?/// Status: (fixed|open|gone|by the comments)", text)
    name = spec.stem
    assert name in text.partition("\nsystem ")[0] or "not confirmed upstream" in text
    assert load(spec).name.endswith(name)


def test_each_bug_is_in_the_table_with_what_shows_it_or_why_nothing_does() -> None:
    table = rows()

    assert tuple(table) == BUGS
    for bug, (_, upstream, shown) in table.items():
        assert shown_by(shown) or shown.startswith("not shown: "), bug
        assert ("not confirmed" in upstream) == (bug in UNCONFIRMED), bug


def test_what_the_table_names_is_there() -> None:
    named = shown_by(TABLE)
    known = {spec: {m.name for m in mutants(spec)} for spec in {spec for spec, _ in named}}

    assert len(named) >= len(BUGS)
    assert [(spec, name) for spec, name in named if name not in known[spec]] == []
    assert {spec for spec in HISTORY} <= {spec for spec, _ in named}, "it names all of history/"


def test_what_was_not_confirmed_says_so_itself() -> None:
    for bug, (_, _, shown) in rows().items():
        files = [spec for spec, _ in shown_by(shown) if spec in HISTORY]
        said = {"not confirmed upstream" in f.read_text(encoding="utf-8") for f in files}
        assert said <= {bug in UNCONFIRMED}, bug
