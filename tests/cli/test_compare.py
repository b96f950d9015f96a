"""``pvcheck compare``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

SCHEME = """
system SYSTEM;
param LOCKS = 1;
sort Thread; ordered sort Page; ordered sort PvLock = LOCKS;
lock vm: mutex;
lock pv[PvLock]: mutex;
order vm < pv;
fn pv_index(p: Page): PvLock = PvLock(int(p) % LOCKS);
var mapped[p: Page]: bool = false guarded by pv[pv_index(p)];
proc flip(p: Page) {
  acquire pv[pv_index(p)];
  mapped[p] = !mapped[p];
  release pv[pv_index(p)];
}
op change(p: Page) { flip(p); }
op both(p: Page) { acquire vm; flip(p); release vm; }
invariant sane: forall p: Page: mapped[p] || !mapped[p];
thread cpu[Thread] { while true { any p: Page; any b: bool; if b { both(p); } else { change(p); } } }
default instance small { Thread = 2; Page = 2; LOCKS = OWN; }
"""
WRONG = """
system wrong;
lock a: mutex;
var x: bool = false guarded by a;
op race() { x = true; }
thread one { race(); }
expect violated race;
"""


@pytest.fixture(autouse=True)
def schemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, locks in (("aliased", "1"), ("apart", "2")):
        text = SCHEME.replace("SYSTEM", name).replace("OWN", locks)
        (tmp_path / f"{name}.pv").write_text(text)
    (tmp_path / "wrong.pv").write_text(WRONG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


COMMAND = ["compare", "aliased.pv", "apart.pv", "wrong.pv", "--quiet"]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_the_tables_and_how_it_comes_about(
    workers: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, "--workers", workers]) == 0

    golden("compare.txt", capsys.readouterr().out)


def test_markdown(golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--format", "markdown"]) == 0

    golden("compare.md", capsys.readouterr().out)


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--format", "json"]) == 0

    aliased, apart, wrong = json.loads(capsys.readouterr().out)
    assert aliased["lock_edges"] == ["vm < pv"]
    assert aliased["census"]["most_held"] == 2
    assert aliased["census"]["taken"]["both"] == {"fewest": 2, "most": 2, "most_alone": 2}
    assert aliased["census"]["blocking"]["pv"]["undeserved"] > 0
    assert aliased["census"]["blocking"]["pv"]["example"]
    assert apart["census"]["blocking"]["pv"]["undeserved"] == 0
    assert apart["census"]["blocking"]["pv"]["example"] is None
    assert wrong["verdicts"]["race"] == "VIOLATED (expected)"


def test_a_limit_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "aliased.pv", "apart.pv", "--max-states", "9", "--quiet"]
    assert main([*command, "--format", "markdown"]) == 3

    out = capsys.readouterr().out
    assert out.count("inconclusive: state limit 9") == 2
    assert "locks taken" not in out


def test_settings_are_for_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "aliased.pv", "apart.pv", "-p", "LOCKS=2", "--quiet"]
    assert main(command) == 0

    assert "after" not in capsys.readouterr().out


def test_the_first_instance_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "aliased.pv", "--instance", "large", "--instance", "small", "--quiet"]
    assert main(command) == 0

    assert main(["compare", "aliased.pv", "--instance", "smal"]) == 2
    assert "aliased.pv has no instance smal" in capsys.readouterr().err


def test_an_interrupt_leaves_out_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pvcheck.engines.explicit.explore", interrupted)

    assert main([*COMMAND, "--workers", "1"]) == 130
    out = capsys.readouterr().out
    assert "aliased" in out
    assert "apart" not in out
