"""``pvcheck export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("language", ["promela", "murphi"])
def test_a_model_is_written(
    language: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "specs/good.pv", "--to", language]) == 0

    golden(f"export-good-{language}.txt", capsys.readouterr().out)


@pytest.mark.usefixtures("specs")
def test_only_what_is_asked_for_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["export", "specs/good.pv", "--to", "murphi", "--instance", "three"]
    assert main([*command, "--property", "race"]) == 0

    model = capsys.readouterr().out
    assert "--deadlock-detection off" in model
    assert '"race ' in model
    assert '"assertion ' not in model
    assert "small" not in model
    assert "0..2" in model


@pytest.mark.usefixtures("specs")
def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["export", "specs/good.pv", "--to", "promela", "-o", "good.pml"]
    assert main(command) == 0
    first = Path("good.pml").read_text()
    assert "proctype cpu" in first

    assert main([*command, "--instance", "three"]) == 2
    assert Path("good.pml").read_text() == first
    assert capsys.readouterr().err == (
        "error: good.pml is there\n  hint: remove it, or choose another name\n"
    )


def test_what_cannot_be_said_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "wide.pv"
    spec.write_text("system wide; ordered sort K; var s: set<K> atomic; thread t { s = {}; }")

    assert main(["export", str(spec), "--to", "promela", "-p", "K=40"]) == 2
    assert capsys.readouterr().err == (
        "error: this cannot be represented in numbers: a value of type set<K> has 40 bits, "
        "and there are 31\n  hint: verify --engine interpreter can do it\n"
    )


@pytest.mark.parametrize(("language", "comment"), [("promela", "/* "), ("murphi", "-- ")])
def test_progress_is_left_out_and_the_model_says_so(
    language: str, comment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "s.pv"
    spec.write_text("system s; op w() { ; } thread t { w(); } progress w;")

    assert main(["export", str(spec), "--to", language]) == 0
    assert f"{comment}not judged here: progress-w" in capsys.readouterr().out
    assert main(["export", str(spec), "--to", language, "--property", "progress-w"]) == 2
    assert "models for other checkers judge no progress" in capsys.readouterr().err


@pytest.mark.usefixtures("specs")
def test_the_search_itself_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "specs/good.pv", "--to", "c", "--property", "race"]) == 0

    program = capsys.readouterr().out
    assert "/* specs/good.pv:" in program
    assert "\nint main(" in program
    assert "static const u8 ASKED[PROPERTIES] = {0, 0, 1, 0" in program
    assert '#include "' not in program
