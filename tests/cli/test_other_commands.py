"""``pvcheck check`` and ``pvcheck explain``, and what all commands share."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli import progress
from pvcheck.cli.console import Console, Stream
from pvcheck.cli.main import main
from pvcheck.cli.options import duration, size
from pvcheck.diagnostics import Code

SRC = Path(__file__).parent.parent.parent


@pytest.mark.usefixtures("specs")
def test_check_prints_a_line_per_specification(
    golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "specs/good.pv", "specs/broken.pv", "specs/mutants.pv"]) == 2

    captured = capsys.readouterr()
    golden("check.txt", captured.out)
    golden("check-broken.txt", captured.err)


@pytest.mark.usefixtures("specs")
def test_check_looks_into_mutants_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("specs/mutants.pv").read_text()
    Path("specs/mutants.pv").write_text(text.replace("{ x = 1; }", "{ x = true; }"))

    assert main(["check", "specs/mutants.pv", "--mutants"]) == 2
    assert "error[PV201]" in capsys.readouterr().err


@pytest.mark.usefixtures("specs")
def test_check_and_help_start_without_engines() -> None:
    code = (
        "import sys; from pvcheck.cli.main import main; main(['check', 'specs/good.pv']);"
        "heavy = {'z3', 'rich', 'networkx', 'pvcheck.engines.explicit'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SRC)}, check=True
    )


@pytest.mark.parametrize("code", [Code.UNKNOWN_NAME, "pv101", "deadlock", "violated", "Race"])
def test_explain_knows_codes_and_words(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0

    title, _, body = capsys.readouterr().out.partition("\n\n")
    assert title.split()[0].lower() == code.lower()
    assert len(body) > 40


def test_explain_alone_lists_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0

    words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert set(Code) <= set(words)
    assert "deadlock" in words


def test_explain_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "dedlock"]) == 2

    assert "did you mean 'deadlock'?" in capsys.readouterr().err


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_the_same_run_prints_the_same_bytes(
    seed: str, golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "pvcheck", "verify", "specs/abba.pv"],
        env=os.environ | {"PYTHONPATH": str(SRC), "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )

    golden("verify-abba.txt", f"{made.stdout}exit status {made.returncode}\n")
    golden("abba.deadlock.json", Path("counterexamples/abba.deadlock.json").read_text())


@pytest.mark.usefixtures("specs")
def test_terminals_without_unicode_get_something_else() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "pvcheck", "verify", "specs/good.pv", "--property", "race"],
        env=os.environ | {"PYTHONPATH": str(SRC), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert made.stdout.startswith(
        b"good - two: 2 threads - explicit engine with transactions and symmetry, 18\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_ours_alone() -> None:
    stream = Terminal()

    Stream(stream, colour=True).write("  race   VIOLATED   3 steps \x1b[31mred\x1b[0m\n")

    assert stream.getvalue() == (
        "  race   \x1b[1;31mVIOLATED\x1b[0m   3 steps \\x1b[31mred\\x1b[0m\n"
    )


@pytest.mark.parametrize(
    ("option", "no_color", "terminal", "coloured"),
    [
        ("auto", None, True, True),
        ("auto", "1", True, False),
        ("auto", "", True, True),
        ("auto", None, False, False),
        ("always", "1", False, True),
        ("never", None, True, False),
    ],
)
def test_when_there_is_colour(
    option: str,
    no_color: str | None,
    terminal: bool,
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)

    Console.for_process(option, quiet=False).out.write("error: x\n")

    assert ("\x1b[" in stream.getvalue()) == coloured


def test_progress_on_a_terminal_is_one_line_that_goes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")

    with progress.progress(Console.for_process("never", quiet=False), "spec [small]") as shown:
        shown.update(depth=3, states=12_345, transitions=9, frontier=70)

    assert "spec [small]: depth 3, 12 345 states, " in stream.getvalue()
    assert "frontier 70, " in stream.getvalue()
    assert stream.getvalue().endswith(("\x1b[2K", "\x1b[?25h"))


def test_progress_elsewhere_is_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    times = iter([0.0, 59.0, 61.0, 100.0, 120.9, 121.5])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))

    with progress.progress(Console.for_process("auto", quiet=False), "spec") as shown:
        for states in (10, 20, 30, 40, 50):
            shown.update(depth=1, states=states, transitions=0, frontier=0)

    lines = stream.getvalue().splitlines()
    assert [line.split(", ")[1] for line in lines] == ["20 states", "50 states"]


def test_quiet_has_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    with progress.progress(Console.for_process("auto", quiet=True), "spec") as shown:
        shown.update(depth=1, states=1, transitions=0, frontier=0)

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("250ms", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("4G", 4 << 30), ("500M", 500 << 20), ("1.5K", 1536), ("2GiB", 2 << 30)]
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.usefixtures("specs")
def test_only_so_many_errors_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"var x{n}: Missing{n} atomic;" for n in range(150)]
    Path("many.pv").write_text("\n".join(["system many;", *lines, "thread t { }"]))

    assert main(["check", "many.pv"]) == 2

    err = capsys.readouterr().err
    assert err.count(": error[PV") == 100
    assert err.endswith("\nand 50 more errors\n")


def test_explain_knows_what_progress_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "progress"]) == 0
    text = capsys.readouterr().out
    assert "again and again" in text

    assert main(["explain", "progress-pmap_enter"]) == 0
    assert capsys.readouterr().out == text
