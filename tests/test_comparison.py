"""The tables in README.md are those that its command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pvcheck.cli.main import main

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_tables_in_the_readme(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    readme = Path("README.md").read_text(encoding="utf-8")
    found = re.search(r"(pvcheck compare .*)\n```\n\n((?:\|.*\n|\n)+)", readme)
    assert found is not None, "the command, and the tables below it"
    words = shlex.split(found[1])[1:]
    command = [name for word in words for name in _expanded(word)]

    assert main([*command, "--quiet"]) == 0
    tables = capsys.readouterr().out
    if request.config.getoption("--update-golden"):
        new = f"{readme[: found.start(2)]}{tables}\n{readme[found.end(2) :]}"
        Path("README.md").write_text(new, encoding="utf-8")
    else:
        assert tables.strip() == found[2].strip()


def _expanded(word: str) -> list[str]:
    """As a shell expands it."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]
