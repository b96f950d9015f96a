"""Derived mutants on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Golden

from pvcheck.cli.main import main
from pvcheck.lang.derive import KINDS, Derived
from pvcheck.mutation import Runner
from pvcheck.report.derived import Fate

AUTO = ("mutate", "--auto", "--quiet")
HOLES = """system holes;
sort Thread;
lock a: mutex;
lock k[Thread]: mutex;
fn same(t: Thread): Thread = t;
var x: 0..1 guarded by a;

proc nobody_calls() {
  // equivalent drop-release because another system calls it
  acquire a; release a;
}
op work() {
  acquire a;
  %s
  if x == 1 {
    x = 0;
  }
  release a;
}
op rest() {
  %s
  acquire k[self];
  let own = same(self);
  release k[own];
}
thread cpu[Thread] { choose { { work(); } or { rest(); } } }
default instance two { Thread = 2; }
instance without_rest { Thread = 2; only work; }
"""


@pytest.fixture
def holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A specification three of whose mutants survive, and one is no specification."""
    monkeypatch.chdir(tmp_path)
    path = Path("holes.pv")
    path.write_text(HOLES % ("", ""), encoding="utf-8")
    return path


def explain(path: Path, guard: str, rest: str) -> None:
    path.write_text(HOLES % (guard, rest), encoding="utf-8")


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("workers", ["1", "3"])
def test_each_kind_is_killed(
    workers: str, golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*AUTO, "specs/slips.pv", "--workers", workers])

    out = capsys.readouterr().out
    golden("mutate-auto.txt", out)
    assert status == 0
    assert {line.split()[0] for line in out.splitlines() if " in two" in line[20:]} == set(KINDS)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_survives(
    workers: str, holes: Path, golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*AUTO, str(holes), "--workers", workers])

    golden("mutate-auto-holes.txt", capsys.readouterr().out)
    assert status == 4


GUARD = "// equivalent negate-guard because x is never 1"
REST = "// equivalent try-for-wait because nobody else wants it"


def test_what_is_explained_is_no_hole(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local = ("same(self);", "same(self); // equivalent move-early because `own` is a local")
    explain(holes, GUARD, REST)
    assert main([*AUTO, str(holes)]) == 4
    out = capsys.readouterr().out
    assert "10 mutants derived: 6 killed, 1 survived, 2 explained, 1 rejected" in out

    holes.write_text(holes.read_text().replace(*local))
    assert main([*AUTO, str(holes)]) == 0
    out = capsys.readouterr().out
    assert "10 mutants derived: 6 killed, 0 survived, 3 explained, 1 rejected" in out


def test_an_explanation_that_is_left_over(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain(holes, GUARD, "// equivalent drop-bump because nothing is counted")

    assert main([*AUTO, str(holes)]) == 2
    assert "error[PV406]" in capsys.readouterr().err


def test_one_that_is_explained_and_killed(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = holes.read_text().replace(
        "  release a;\n}\nop rest", "  release a; // equivalent drop-release because so\n}\nop rest"
    )
    holes.write_text(text)

    assert main([*AUTO, str(holes), "--kind", "drop-release", "--only", "work"]) == 4
    out = capsys.readouterr().out
    assert "NOT EQUIVALENT: lock-misuse" in out
    assert "is not equivalent: drop-release work: release a is killed by" in " ".join(out.split())


def test_those_that_are_chosen(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*AUTO, str(holes), "--only", "drop-lock work: a"]) == 0
    assert capsys.readouterr().out.endswith("1 mutant derived: 1 killed, 0 survived, 0 explained\n")

    assert main([*AUTO, str(holes), "--only", "work: release a", "--format", "json"]) == 0
    ((document,),) = ([d] for d in json.loads(capsys.readouterr().out))
    assert document["system"] == "holes"
    assert document["instances"] == ["two"]
    assert document["total"] == "1 mutant derived: 1 killed, 0 survived, 0 explained"
    assert document["mutants"] == [
        {
            "mutant": "drop-release work: release a",
            "kind": "drop-release",
            "where": "holes.pv:18",
            "text": "release a",
            "fate": "killed",
            "instance": "two",
            "killer": "lock-misuse",
            "steps": 3,
            "reason": None,
            "explained": None,
            "same as": None,
        }
    ]


def test_where_nothing_of_it_is_executed(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*AUTO, str(holes), "--only", "rest", "--instance", "without_rest"]

    # Who chooses an instance knows that.
    assert main(command) == 0
    assert "3 not reached" in capsys.readouterr().out

    text = holes.read_text().replace("default instance two", "instance two")
    holes.write_text(text.replace("instance without_rest", "default instance without_rest"))
    assert main([*AUTO, str(holes), "--only", "rest"]) == 4
    assert "No instance executes these." in capsys.readouterr().out


def test_a_limit_leaves_them_open(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*AUTO, str(holes), "--only", "work", "--kind", "negate-guard", "--max-states", "2"]

    assert main(command) == 3
    out = capsys.readouterr().out
    assert "1 mutant derived: 0 killed, 0 survived, 0 explained, 1 undecided" in out
    assert "Raise them" in out


def test_without_limits_a_mutant_has_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counting.pv"
    path.write_text(
        """system counting;
param MOST = 400000;
var n: 0..MOST atomic;
thread t { let i: 0..MOST = 0; if n == 1 { while i < MOST { i += 1; n = i; } } }
default instance one { }
"""
    )

    assert (
        main([*AUTO, str(path), "--kind", "negate-guard", "--only", "negate-guard t: if n == 1"])
        == 3
    )
    assert "undecided" in capsys.readouterr().out


def test_a_specification_that_is_wrong_already(
    capsys: pytest.CaptureFixture[str], specs: Path
) -> None:
    assert main([*AUTO, "specs/abba.pv"]) == 1

    captured = capsys.readouterr()
    assert "specs/abba.pv violates" in captured.err
    assert "pvcheck verify shows how" in captured.err
    assert specs.is_dir()


def test_what_is_declared_violated_kills_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "declared.pv"
    text = """system declared;
sort Thread;
lock a: mutex;
var x: 0..1 atomic;
thread t[Thread] { acquire a; x = 1; release a; }
invariant zero: x == 0;
%s
default instance two { Thread = 2; }
"""
    path.write_text(text % "expect violated zero;")

    assert main([*AUTO, str(path), "--kind", "move-early", "--kind", "move-late"]) == 4
    out = capsys.readouterr().out
    assert "2 mutants derived: 0 killed, 2 survived" in out

    path.write_text(text % "")
    assert main([*AUTO, str(path), "--kind", "move-early", "--kind", "move-late"]) == 1


def test_the_list(holes: Path, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*AUTO, str(holes), "--list"]) == 0

    golden("mutate-auto-list.txt", capsys.readouterr().out)


def test_what_does_not_go_together(holes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*AUTO, str(holes), "--mutant", "M1"]) == 2
    assert "with --auto, use --only" in capsys.readouterr().err
    for option in (["--list"], ["--only", "x"], ["--kind", "drop-bump"], ["--instance", "two"]):
        assert main(["mutate", str(holes), *option]) == 2
        assert "is for derived mutants" in capsys.readouterr().err
    assert main([*AUTO, str(holes), "--only", "wrok"]) == 2
    assert "did you mean 'work'?" in capsys.readouterr().err
    assert main([*AUTO, str(holes), "--kind", "drop-bump"]) == 2
    assert "--list says which there are" in capsys.readouterr().err


def test_what_never_happens_any_more_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "idle.pv"
    guard = "if n == 0 { done = true; }"
    text = f"""system idle;
var n: 0..1 atomic;
thread t {{
  let done = false;
  {guard}
  if done {{ n = 0; }}
}}
default instance one {{ }}
"""
    path.write_text(text)
    command = [*AUTO, str(path), "--only", "negate-guard t: if n == 0"]

    assert main(command) == 0
    assert "vacuity: `done = true;` is never executed" in capsys.readouterr().out

    # That less happens is not wrong, if somebody says why.
    path.write_text(text.replace(guard, f"{guard} // equivalent negate-guard because it may rest"))
    assert main(command) == 0
    assert "0 killed, 0 survived, 1 explained" in capsys.readouterr().out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_known_when_it_is_interrupted(
    workers: str,
    holes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge = Runner._fate

    def interrupted(self: Runner, mutant: Derived, *rest: Any) -> Fate:
        if mutant.name == "drop-release work: release a":
            raise KeyboardInterrupt
        return judge(self, mutant, *rest)

    monkeypatch.setattr(Runner, "_fate", interrupted)

    assert main([*AUTO, str(holes), "--only", "work", "--workers", workers]) == 130
    out = capsys.readouterr().out
    assert out.endswith("5 mutants derived: 4 killed, 1 survived, 0 explained\n")
