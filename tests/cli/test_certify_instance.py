"""``pvcheck verify --engine ic3 --certificate`` and ``pvcheck certify``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pvcheck import instance_certificates
from pvcheck.certificate_folder import MANIFEST
from pvcheck.cli.main import main
from pvcheck.instance_certificates import FILE, Claim
from pvcheck.instances import instances
from pvcheck.load import load

SPEC = "specs/good.pv"
VERIFY = ["verify", SPEC, "--engine", "ic3", "--solver", "z3", "--quiet"]


@pytest.fixture
def certificate(specs: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "certificate"
    assert main([*VERIFY, "--instance", "two", "--certificate", str(folder)]) == 0
    return folder


def certified(folder: Path) -> int:
    return main(["certify", str(folder), SPEC, "--quiet"])


def test_what_was_found_is_certified(
    certificate: Path, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cvc5")
    capsys.readouterr()
    assert certified(certificate) == 0
    golden("certify-instance.txt", capsys.readouterr().out)


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("how", [["--no-reduce"], ["-p", "Thread=1"], ["--property", "small"]])
def test_with_what_the_command_line_says(how: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "certificate"
    assert main([*VERIFY, "--instance", "two", *how, "--certificate", str(folder)]) == 0
    assert certified(folder) == 0


def saying(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(document | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clauses": []}, "invariant.smt2 is missing, or not what"),
        ({"clauses": ["x.9999"]}, "'x.9999' is no bit of a state"),
        ({"clauses": 3}, "does not say what it should"),
        ({"instance": "four"}, "no instance 'four'"),
        ({"settings": {"Thread": "much"}}, "much"),
        ({"settings": {"Thread": "3"}}, "invariant.smt2 is missing, or not what"),
        ({"properties": ["wrong"]}, "'wrong' is no property of states"),
        ({"transactions": False}, "invariant.smt2 is missing, or not what"),
        ({"hash": "0"}, "of another specification"),
        ({"kind": "every size"}, "does not say what it should"),
    ],
)
def test_what_was_changed_is_refused(
    changes: dict[str, Any], said: str, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saying(certificate, **changes)
    assert certified(certificate) == 70
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


def test_its_questions_may_not_be_others(certificate: Path) -> None:
    file = certificate / FILE
    file.write_text(file.read_text().replace("(check-sat)", "(assert false)\n(check-sat)"))
    assert certified(certificate) == 70


@pytest.mark.parametrize("changed", ["fewer", "more"])
def test_clauses_that_are_no_invariant_are_refused(
    changed: str, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load(Path(SPEC))
    (instance,) = instances(model, names=["two"])
    document = json.loads((certificate / MANIFEST).read_text())
    claim = Claim("two", {}, tuple(document["properties"]), True, tuple(document["clauses"]))
    # A bit that is not always what it is at first.
    clauses = () if changed == "fewer" else (*claim.clauses, "!location of cpu[0].0")
    instance_certificates.write(certificate, instance, replace(claim, clauses=clauses))
    capsys.readouterr()

    assert certified(certificate) == 70
    assert "an answer is not unsat" in capsys.readouterr().out


@pytest.mark.usefixtures("specs")
def test_what_is_violated_gets_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "certificate"
    command = ["verify", "specs/abba.pv", "--engine", "ic3", "--no-trace", "--quiet"]

    assert main([*command, "--certificate", str(folder)]) == 1
    assert "no certificate is written" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize(
    "words", [["--engine", "induction"], ["--engine", "ic3", "--all-instances"], []]
)
def test_it_is_for_one_run_of_ic3(words: list[str], tmp_path: Path) -> None:
    assert main(["verify", SPEC, *words, "--certificate", str(tmp_path / "c")]) == 2
