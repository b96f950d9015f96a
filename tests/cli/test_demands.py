"""``pvcheck verify --require proved`` and ``--config pvcheck.toml``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

Golden = Callable[[str, str], None]

CONFIG = """\
[[require]]
specification = "specs/pages.pv"
proved = ["deadlock", "lock-order"]

[[require]]
specification = "specs/good.pv"
"""


def verify(*arguments: str) -> int:
    return main(["verify", *arguments, "--quiet", "--no-trace"])


@pytest.mark.usefixtures("specs")
def test_all_that_is_checked_must_be_proved(
    golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify("specs/good.pv", "--require", "proved") == 3

    golden("verify-require-proved.txt", capsys.readouterr().out)


@pytest.mark.usefixtures("specs")
def test_what_is_asked_for_is_proved() -> None:
    locks = ("--property", "lock-order", "--property", "deadlock")
    assert verify("specs/good.pv", "--require", "proved", *locks) == 0


@pytest.mark.usefixtures("specs")
def test_what_is_declared_violated_need_not_be_proved(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (specs / "abba.pv").read_text(encoding="utf-8")
    (specs / "declared.pv").write_text(text + "expect violated deadlock, lock-order;\n")

    verify("specs/declared.pv", "--require", "proved", "--format", "json")

    (made,) = json.loads(capsys.readouterr().out)["proofs"]
    asked = {p["property"] for p in made["properties"]}
    assert "race" in asked
    assert not asked & {"deadlock", "lock-order"}


@pytest.mark.usefixtures("specs")
def test_a_file_says_what_must_be_proved(
    golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pvcheck.toml").write_text(CONFIG, encoding="utf-8")

    assert verify("--config", "pvcheck.toml") == 0

    golden("verify-config.txt", capsys.readouterr().out)


@pytest.mark.usefixtures("specs")
def test_the_file_may_be_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pvcheck.toml").write_text(CONFIG, encoding="utf-8")
    Path("below").mkdir()
    monkeypatch.chdir("below")

    assert verify("--config", "../pvcheck.toml") == 0
    assert capsys.readouterr().out.endswith("; 2 of 2 proved\n")


@pytest.mark.usefixtures("specs")
def test_proofs_are_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pvcheck.toml").write_text(CONFIG, encoding="utf-8")

    assert verify("--config", "pvcheck.toml", "--format", "json") == 0

    (made,) = json.loads(capsys.readouterr().out)["proofs"]
    assert made["system"] == "pages"
    assert {p["property"]: p["verdict"] for p in made["properties"]} == {
        "deadlock": "proved",
        "lock-order": "proved",
    }


@pytest.mark.usefixtures("specs")
def test_a_mutant_is_not_let_through(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("specs/pages.pv", "--mutant", "DOWN", "--require", "proved")
    assert verify(*command, "--property", "deadlock") == 3
    assert "lock-order is not proved" in capsys.readouterr().out


@pytest.mark.usefixtures("specs")
def test_what_is_demanded_is_run(specs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (specs / "part.pv").write_text("lock m: mutex;\n", encoding="utf-8")
    more = '[[require]]\nspecification = "specs/part.pv"\nproved = ["race"]\n'
    Path("pvcheck.toml").write_text(CONFIG + more, encoding="utf-8")

    assert verify("--config", "pvcheck.toml") == 2
    assert "specs/part.pv" in capsys.readouterr().err


BROKEN = {
    "no table": "",
    "no toml": "[[require",
    "not utf-8": "\udcff",
    "too deep": "a = " + "[" * 100_000,
    "too large": "#" * 1_000_001,
    "other key": "[[requires]]\n",
    "no list": "require = 3\n",
    "no tables": "require = [3]\n",
    "no file": "[[require]]\nproved = []\n",
    "key": '[[require]]\nspecification = "specs/good.pv"\nprove = []\n',
    "no properties": '[[require]]\nspecification = "specs/good.pv"\nproved = "race"\n',
    "property": '[[require]]\nspecification = "specs/good.pv"\nproved = ["deadlok"]\n',
    "fixed": '[[require]]\nspecification = "specs/good.pv"\nfixed = { A = 1 }\n',
    "outside": '[[require]]\nspecification = "../good.pv"\n',
    "absolute": '[[require]]\nspecification = "/etc/passwd"\n',
    "twice": '[[require]]\nspecification = "specs/good.pv"\n' * 2,
    "parameter": '[[require]]\nspecification = "specs/good.pv"\nproved = ["race"]\n'
    "fixed = { A = true }\n",
}


@pytest.mark.usefixtures("specs")
def test_bad_files(golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for name, text in BROKEN.items():
        Path("pvcheck.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert verify("--config", "pvcheck.toml") == 2, name
        said.append(f"{name}\n{capsys.readouterr().err}")

    golden("verify-config-broken.txt", "\n".join(said))


@pytest.mark.usefixtures("specs")
def test_bad_usage(golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pvcheck.toml").write_text(CONFIG, encoding="utf-8")
    said = []
    for command in (
        [],
        ["--config", "none.toml"],
        ["--config", "pvcheck.toml", "specs/good.pv"],
    ):
        assert verify(*command) == 2
        said.append(capsys.readouterr().err)

    golden("verify-config-usage.txt", "\n".join(said))
