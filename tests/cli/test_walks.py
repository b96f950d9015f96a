"""``pvcheck simulate``."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main


@pytest.mark.usefixtures("specs")
def test_a_counterexample_with_the_walk_that_showed_it(
    golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "specs/abba.pv", "--seed", "1", "--walks", "50", "--missed"]
    assert main([*command, "--workers", "1"]) == 1
    captured = capsys.readouterr()
    golden("simulate-abba.txt", captured.out)

    assert json.loads(Path("counterexamples/abba.deadlock.json").read_text())["steps"]
    again = re.search(r"again: pvcheck (simulate .* --property deadlock .*)", captured.out)
    assert again is not None
    assert main([*shlex.split(again[1]), "--no-trace"]) == 1
    assert "deadlock VIOLATED" in capsys.readouterr().out


@pytest.mark.usefixtures("specs")
def test_nothing_found_is_inconclusive_and_the_seed_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "specs/good.pv", "--walks", "30", "--steps", "40"]) == 3
    out = capsys.readouterr().out
    seed = re.search(r"30 walks, 1 200 steps, seed (\d+), everything happened that can", out)

    assert seed is not None
    assert "checked" not in out
    main(["simulate", "specs/good.pv", "--walks", "30", "--steps", "40", "--seed", seed[1]])
    assert capsys.readouterr().out == out


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("seed", ["-1", "x", "18446744073709551617", "1" * 5000])
def test_seeds_that_are_none(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "specs/good.pv", "--seed", seed]) == 2
    assert "is not a number from 0 to 2^64" in capsys.readouterr().err


def test_walks_do_not_show_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "s.pv"
    spec.write_text("system s; op w() { ; } thread t { w(); } progress w;")

    assert main(["simulate", str(spec), "--property", "progress-w"]) == 2
    assert capsys.readouterr().err == (
        "error: no random walk shows that an operation never finishes\n  hint: use verify\n"
    )
