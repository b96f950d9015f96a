"""``pvcheck verify`` from the command line to what is printed and written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from pvcheck.cli import runs
from pvcheck.cli.main import main
from pvcheck.engines import liveness
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.model.result import Result
from pvcheck.model.verdict import Violated
from pvcheck.report.trace_file import read

Golden = Callable[[str, str], None]
pytestmark = pytest.mark.usefixtures("specs")

RUNS = {
    "good": ["specs/good.pv"],
    "good-all": ["specs/good.pv", "--all-instances"],
    "abba": ["specs/abba.pv"],
    "declared": ["specs/declared.pv"],
    "hidden-order": ["specs/hidden_order.pv"],
    "vacuous": ["specs/vacuous.pv"],
    "vacuous-strict": ["specs/vacuous.pv", "--strict"],
    "mutant-violated": ["specs/mutants.pv", "--mutant", "M03"],
    "mutant-control": ["specs/mutants.pv", "--mutant", "M04"],
    "mutant-survives": ["specs/mutants.pv", "--mutant", "M05"],
    "mutant-as-well": ["specs/swapped.pv", "--mutant", "M01"],
    "depth-limit": ["specs/good.pv", "--max-depth", "3"],
    "several": ["specs/good.pv", "specs/abba.pv", "--property", "deadlock"],
    "setting": ["specs/good.pv", "--instance", "two", "-p", "Thread=1", "--property", "race"],
}


@pytest.mark.parametrize("name", RUNS)
def test_what_is_printed(name: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", *RUNS[name]])

    golden(f"verify-{name}.txt", f"{capsys.readouterr().out}exit status {status}\n")


BOUNDED = ["--engine", "bmc", "--solver", "z3"]
ASKED = {
    "bmc": ["specs/good.pv", "--depth", "4"],
    "bmc-found": ["specs/abba.pv", "--no-reduce", "--depth", "5"],
    "induction": ["specs/abba.pv", "--engine", "induction"],
    "induction-open": ["specs/good.pv", "--engine", "induction", "--depth", "1"],
    "ic3": ["specs/good.pv", "--engine", "ic3"],
    "bmc-from": ["specs/good.pv", "--no-reduce", "--depth", "3", "--from", "x == 1"],
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_printed_where_a_solver_is_asked(name: str, golden: Golden) -> None:
    # In a process of its own: which counterexample z3 finds depends on what it was asked before.
    command = [sys.executable, "-m", "pvcheck", "verify", *BOUNDED, *ASKED[name]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    golden(f"verify-{name}.txt", f"{ended.stdout}exit status {ended.returncode}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depth", "3"], "--depth is for engines that ask a solver"),
        (["--solver", "z3"], "--solver is for engines that ask a solver"),
        (["--from", "true"], "only a bounded search can begin elsewhere"),
        ([*BOUNDED, "--checkpoint", "c"], "bmc writes no checkpoints"),
        ([*BOUNDED, "--from", "true; lock b: mutex"], "is not one condition"),
        ([*BOUNDED, "--from", "q == 2"], "no name 'q'"),
    ],
)
def test_options_that_do_not_go_together(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "specs/good.pv", *words]) == 2

    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["good", "abba", "vacuous", "depth-limit"])
def test_what_programs_read(name: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", *RUNS[name], "--format", "json", "--quiet"])

    text = capsys.readouterr().out
    assert json.loads(text)["status"] == status
    golden(f"verify-{name}.json", text)


def test_a_violation_is_written_and_the_command_finds_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["verify", "specs/abba.pv"])
    out = capsys.readouterr().out
    trace = read(Path("counterexamples/abba.deadlock.json"))

    (again,) = (line for line in out.splitlines() if line.endswith("--property deadlock"))
    assert main(again.split()[2:]) == 1
    assert read(Path("counterexamples/abba.deadlock.json")) == trace
    (show,) = (line for line in out.splitlines() if "trace show" in line and "deadlock" in line)
    assert main(show.split()[2:]) == 0


def test_the_command_keeps_the_mutant_and_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", "specs/mutants.pv", "--mutant", "M03", "-p", "Thread=3", "--root", "."])

    assert (
        "  again: pvcheck verify specs/mutants.pv --root . --mutant M03 --instance two "
        "-p Thread=3 --property at_rest\n"
    ) in capsys.readouterr().out


def test_traces_of_the_same_property_have_files_of_their_own() -> None:
    main(["verify", "specs/mutants.pv", "--mutant", "M02", "--all-instances", "--trace-dir", "t"])

    assert sorted(p.name for p in Path("t").iterdir()) == [
        "mutants.M02.lock-misuse.json",
        "mutants.M02.one.lock-misuse.json",
    ]


def test_no_trace_is_written_if_none_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "specs/abba.pv", "--no-trace"]) == 1

    assert not Path("counterexamples").exists()
    assert "show:" not in capsys.readouterr().out


def test_a_counterexample_that_cannot_be_written_is_still_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("taken").write_text("a file, not a directory")

    status = main(["verify", "specs/abba.pv", "--property", "deadlock", "--trace-dir", "taken"])

    captured = capsys.readouterr()
    assert status == 2
    assert "deadlock VIOLATED" in captured.out
    assert captured.err.startswith("error: taken: File exists\n")


def test_fail_fast_leaves_out_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", "specs/abba.pv", "specs/good.pv", "--fail-fast"])

    out = capsys.readouterr().out
    assert status == 1
    assert "lock-order  VIOLATED" in out
    assert "  deadlock    inconclusive\n    stopped after the violation of lock-order, " in out
    assert "good" not in out


def test_nothing_is_run_if_one_specification_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["verify", "specs/good.pv", "specs/broken.pv", "specs/missing.pv"])

    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert "specs/broken.pv:3:22: error[PV101]" in captured.err
    assert "error: specs/missing.pv: No such file or directory" in captured.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--property", "deadlok"], "error: good has no property 'deadlok'\n  hint: did you mean"),
        (["--instance", "twoo"], "error: no instance 'twoo'\n  hint: did you mean 'two'?"),
        (["--mutant", "M01"], "error: no mutant 'M01'"),
        (["-p", "Thred=2"], "error: no sort or parameter 'Thred'\n  hint: did you mean 'Thread'?"),
        (["-p", "Thread=x"], "error: Thread is a number, not 'x'"),
    ],
)
def test_what_does_not_exist_is_said(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "specs/good.pv", *argv]) == 2

    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    "selection",
    [["--instance", "two"], ["--property", "never"], ["-p", "Thread=2"], ["--max-depth", "2"]],
)
def test_vacuity_is_not_judged_from_a_part(
    selection: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["verify", "specs/vacuous.pv", "--strict", *selection])

    captured = capsys.readouterr()
    assert status in (0, 3)
    assert "warning" not in captured.out
    assert "vacuity was not judged" in captured.err


def test_all_instances_together_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "specs/good.pv", "--all-instances", "--strict"]) == 0

    assert "warning" not in capsys.readouterr().out


def test_a_path_below_the_current_directory_is_shown_relative(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", str(specs / "abba.pv"), "--property", "deadlock"])
    absolute = capsys.readouterr().out

    main(["verify", "specs/abba.pv", "--property", "deadlock"])
    assert capsys.readouterr().out == absolute
    assert str(specs) not in Path("counterexamples/abba.deadlock.json").read_text()


def test_a_path_elsewhere_is_shown_from_here(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = specs.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    main(["verify", str(specs / "abba.pv"), "--property", "deadlock"])

    assert "verify ../specs/abba.pv --property deadlock" in capsys.readouterr().out
    assert str(specs) not in Path("counterexamples/abba.deadlock.json").read_text()
    assert main(["trace", "replay", "counterexamples/abba.deadlock.json"]) == 0


def test_quiet_says_nothing_but_results(capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", "specs/good.pv", "--quiet"])
    assert capsys.readouterr().err == ""

    main(["verify", "specs/good.pv"])
    assert capsys.readouterr().err.endswith("states/s\n")


def test_programs_read_what_was_measured_too(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["verify", "specs/good.pv", "--instance", "three", "--format", "json"]
    main([*command, "--engine", "native"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]

    assert run["reductions"] == ["transactions", "symmetry"]
    assert run["seconds"] > 0
    assert run["bytes_per_state"] > 0
    main([*command, "--no-reduce", "--quiet"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["states"], run["reductions"], run["seconds"]) == (630, [], None)


def test_a_false_counterexample_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ExplicitEngine.check

    def lie(*args: object, **more: object) -> Result:
        result = check(*args, **more)  # type: ignore[arg-type]
        verdict = result.verdicts["deadlock"]
        assert isinstance(verdict, Violated)
        shorter = replace(verdict.trace, steps=verdict.trace.steps[:-1])
        return replace(result, verdicts={"deadlock": Violated(shorter)})

    monkeypatch.setattr(ExplicitEngine, "check", lie)

    assert main(["verify", "specs/abba.pv", "--property", "deadlock", "--no-reduce"]) == 70

    captured = capsys.readouterr()
    assert "counterexample to deadlock does not replay: deadlock is not violated" in captured.err
    assert "VIOLATED" not in captured.out
    assert not Path("counterexamples").exists()


def test_an_interrupted_run_reports_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def progress(*_: object) -> Iterator[object]:
        yield Interrupting()

    class Interrupting:
        def update(self, **_: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "progress", progress)

    assert main(["verify", "specs/large.pv", "specs/good.pv", "--no-reduce"]) == 130

    out = capsys.readouterr().out
    assert out.startswith("large · many: 12 threads · explicit engine, ")
    assert out.splitlines()[0].endswith("states, interrupted")
    assert "  deadlock    inconclusive  interrupted, searched to depth" in out
    assert "good" not in out


def test_progress_in_json_and_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "s.pv"
    spec.write_text(
        "system s; var x: bool = false atomic; op wait() { await x; } op noise() { x = false; }"
        "thread one { wait(); } thread two { while true { noise(); } }"
        "progress wait; progress noise assuming fair threads;"
    )
    chosen = ["--property", "progress-wait", "--property", "progress-noise", "--no-trace"]
    assert main(["verify", str(spec), *chosen, "--format", "json", "--quiet"]) == 1
    wait, noise = json.loads(capsys.readouterr().out)["runs"][0]["properties"]
    assert (wait["verdict"], wait["fair"]) == ("violated", ["threads", "locks"])
    assert 0 <= wait["loop"] < wait["steps"]
    assert (noise["verdict"], noise["fair"]) == ("checked", ["threads"])

    assert main(["verify", str(spec), *chosen, "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "progress-noise checked    assuming fair threads\n" in out
    assert f"{wait['steps']} steps, the last {wait['steps'] - wait['loop']} again and again" in out


def test_an_interrupted_search_for_progress_keeps_what_was_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(liveness, "check", interrupted)
    spec = tmp_path / "s.pv"
    spec.write_text("system s; op w() { ; } thread t { w(); } progress w;")

    assert main(["verify", str(spec), "--no-trace", "--quiet"]) == 130
    out = capsys.readouterr().out
    assert "deadlock    checked" in out
    assert "progress-w  inconclusive  interrupted" in out


def test_files_that_are_only_imported_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part, whole = tmp_path / "part.pv", tmp_path / "whole.pv"
    part.write_text("lock a: mutex;")
    whole.write_text('system s; import "part.pv"; thread t { acquire a; release a; }')

    assert main(["verify", str(part), str(whole)]) == 0
    assert f"note: {os.path.relpath(part)} is a part of other specifications, and not run" in (
        capsys.readouterr().err
    )
    assert main(["verify", str(part), str(part)]) == 2
    assert "error: no file says what system it is" in capsys.readouterr().err
    assert main(["verify", str(part)]) == 2
    assert "error[PV008]" in capsys.readouterr().err
