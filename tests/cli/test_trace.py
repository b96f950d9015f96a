"""``pvcheck trace``: what is shown of a file, and when it still replays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

pytestmark = pytest.mark.usefixtures("specs")

ABBA = "counterexamples/abba.deadlock.json"


@pytest.fixture
def abba(capsys: pytest.CaptureFixture[str]) -> Path:
    """A fresh counterexample to ``specs/abba.pv``."""
    main(["verify", "specs/abba.pv", "--property", "deadlock", "--quiet"])
    capsys.readouterr()
    return Path(ABBA)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_file(abba: Path, golden: Callable[[str, str], None]) -> None:
    golden("abba.deadlock.json", abba.read_text())


@pytest.mark.parametrize(
    ("name", "options"), [("", []), ("-full", ["--full"]), ("-narrow", ["--width", "44"])]
)
def test_show(
    name: str,
    options: list[str],
    abba: Path,
    golden: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["trace", "show", str(abba), *options]) == 0

    golden(f"show-abba{name}.txt", capsys.readouterr().out)


def test_a_fresh_counterexample_replays(abba: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "replay", str(abba)]) == 0

    assert capsys.readouterr().out == "replays: 4 steps, violates deadlock\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["specs/mutants.pv", "--mutant", "M03"],
        ["specs/good.pv", "--instance", "three", "-p", "Thread=1", "--max-depth", "2"],
        ["specs/swapped.pv", "--mutant", "M01"],
        ["specs/hidden_order.pv"],
    ],
    ids=" ".join,
)
def test_every_counterexample_replays_with_its_mutant_and_values(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", *argv])
    found = sorted(Path("counterexamples").glob("*.json"))

    assert [main(["trace", "replay", str(file)]) for file in found] == [0] * len(found)
    assert bool(found) == ("specs/good.pv" not in argv)


def test_a_change_elsewhere_does_not_matter(abba: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(Path("specs/abba.pv"), "// The textbook's deadlock.", "// A classic.\n\n")

    assert main(["trace", "replay", str(abba)]) == 0
    assert capsys.readouterr().out == (
        "replays: 4 steps, violates deadlock\n"
        "the specification has changed since the trace was written\n"
    )


def test_a_repaired_specification_says_at_which_step(
    abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(Path("specs/abba.pv"), "{ acquire b; acquire a;", "{ acquire a; acquire b;")

    assert main(["trace", "replay", str(abba)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("does not replay: step 4: two cannot do `acquire b;` here")


def test_a_trace_that_only_lost_its_end_is_no_counterexample(
    abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(abba.read_text())
    document["steps"].pop()
    abba.write_text(json.dumps(document))

    assert main(["trace", "replay", str(abba)]) == 1
    out = capsys.readouterr().out
    assert out == "does not replay: after the last step: deadlock is not violated at the end\n"


def test_other_sizes_are_said() -> None:
    main(["verify", "specs/mutants.pv", "--mutant", "M03"])
    edit(Path("specs/mutants.pv"), "sort Thread;", "sort Thread; sort More = size(Thread) * 2;")

    assert main(["trace", "replay", "counterexamples/mutants.M03.at_rest.json"]) == 1


def test_a_specification_that_moved_is_named(
    abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("specs/abba.pv").rename("moved.pv")

    assert main(["trace", "replay", str(abba)]) == 2
    assert "the trace is of specs/abba.pv, which is not here" in capsys.readouterr().err
    assert main(["trace", "replay", str(abba), "--spec", "moved.pv"]) == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("specs/broken.pv", "specs/broken.pv:3:22: error[PV101]"),
        ("specs/missing.pv", "error: there is no specs/missing.pv"),
    ],
)
def test_a_specification_that_cannot_be_used(
    spec: str, message: str, abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "replay", str(abba), "--spec", spec]) == 2

    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("property", "gone", "abba has no property 'gone'"),
        ("mutant", "M77", "no mutant 'M77'"),
        ("values", {"Nothing": 2}, "no sort or parameter 'Nothing'"),
    ],
)
def test_the_trace_of_another_specification(
    member: str, value: object, message: str, abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    abba.write_text(json.dumps(json.loads(abba.read_text()) | {member: value}))

    assert main(["trace", "replay", str(abba)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "error: bad.json: not JSON at line 1, column 1"),
        (b"\xff\xfe", "error: bad.json: not UTF-8 text (byte 0)"),
        (b"{}", "error: bad.json: the file: key 'format' is missing"),
        (b'{"format": "itf"}', "error: bad.json: not a trace: its format is 'itf'"),
    ],
)
@pytest.mark.parametrize("action", ["show", "replay"])
def test_what_is_not_a_trace(
    action: str, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.json").write_bytes(content)

    assert main(["trace", action, "bad.json"]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_text_from_a_file_does_not_drive_the_terminal(
    abba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(abba.read_text())
    document["why"] = ["\x1b]0;owned\x07"]
    document["property"] = "\x1b[2Jgone"
    abba.write_text(json.dumps(document))

    assert main(["trace", "show", str(abba), "--color", "always"]) == 0
    assert main(["trace", "replay", str(abba)]) == 2

    captured = capsys.readouterr()
    assert "\\x1b]0;owned\\x07" in captured.out
    assert not {"\x1b", "\x07"} & set(captured.out + captured.err)


@pytest.mark.parametrize("width", ["39", "1001", "wide", "-80"])
def test_widths_that_make_no_picture(width: str, abba: Path) -> None:
    assert main(["trace", "show", str(abba), "--width", width]) == 2
