"""``pvcheck prove --certificate`` and ``pvcheck certify``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.certificate_folder import MANIFEST
from pvcheck.cli import certify
from pvcheck.cli.main import main
from pvcheck.load import load
from pvcheck.proof.certificate import NotACertificate, PartFacts, files
from pvcheck.proof.recheck import answers
from pvcheck.proving import proved

SPEC = "specs/pages.pv"
EVERYTHING = frozenset(range(1000))
"""Obligations for which all that is known is given."""


@pytest.fixture
def certificate(specs: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "certificate"
    assert main(["prove", SPEC, "--quiet", "--certificate", str(folder)]) == 0
    return folder


def certified(folder: Path) -> int:
    return main(["certify", str(folder), SPEC, "--quiet"])


def test_what_was_proved_is_certified(
    certificate: Path, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cvc5")
    capsys.readouterr()
    assert certified(certificate) == 0
    golden("certify-pages.txt", capsys.readouterr().out)


def weaker(folder: Path) -> None:
    file = sorted(folder.glob("*.smt2"))[0]
    file.write_text(file.read_text().replace("(check-sat)", "(assert false)\n(check-sat)", 1))


def deleted(folder: Path) -> None:
    sorted(folder.glob("*.smt2"))[0].unlink()


def more(folder: Path) -> None:
    (folder / "more.smt2").write_text("(check-sat)\n")


def manifest(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        document = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps(document | changes))

    return change


def unknown_fact(folder: Path) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    document["parts"][0]["facts"].append("a 0: ../../x")
    (folder / MANIFEST).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("tamper", "status", "said"),
    [
        (weaker, 70, "not what the specification leads to"),
        (deleted, 70, "is missing"),
        (more, 70, "'more.smt2' does not belong to it"),
        (manifest(unsat=1), 70, "certificate.json is not what"),
        (manifest(hash="0"), 70, "of another specification"),
        (manifest(fixed={"N": True}), 70, "no truth parameter"),
        (manifest(parts=[]), 70, "it has 0 parts"),
        (manifest(parts=3), 70, "does not say what it should"),
        (manifest(parts=[{"facts": [], "far": [float("inf")]}]), 70, "does not say what it should"),
        (unknown_fact, 70, "has no fact"),
        (manifest(format=1), 2, "its format is not 3"),
        (manifest(versions={"z3": "3.2"}), 2, "written with z3 3"),
    ],
)
def test_what_was_changed_is_refused(
    certificate: Path,
    tamper: Callable[[Path], None],
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tamper(certificate)
    assert certified(certificate) == status
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("mutant", ["KEEPS", "DOWN", "WAITS", "FORGETS", "TWICE"])
def test_no_facts_certify_a_mutant(mutant: str) -> None:
    model = load(Path(SPEC), mutant=mutant)
    results = proved(model, (), {}, 1)
    try:
        made = files(model, [PartFacts(r.facts, EVERYTHING) for r in results], {})
    except NotACertificate:
        return
    said = answers("z3", [q.text for q in made.values()])
    assert {a for one in said for a in one} > {"unsat"}


def test_another_specification_is_not_certified(
    certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["certify", str(certificate), "specs/abba.pv", "--quiet"]) == 70
    assert "of another specification" in capsys.readouterr().out


@pytest.mark.parametrize(
    "case",
    [("sat", "z3", 70), ("unknown", "z3", 70), ("sat", "cvc5", 70), ("unknown", "cvc5", 0)],
)
def test_other_answers_are_told(
    case: tuple[str, str, int],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer, solver, status = case
    pytest.importorskip(solver)

    def instead(asked: str, texts: list[str]) -> list[list[str]]:
        found = [["unsat"] * t.count("(check-sat)") for t in texts]
        if asked == solver:
            found[0][0] = answer
        return found

    monkeypatch.setattr(certify, "answers", instead)
    assert certified(certificate) == status
    assert ("unknown: 00-000-" in capsys.readouterr().out) == (answer == "unknown")


@pytest.mark.parametrize("solver", ["z3", "cvc5"])
def test_no_solver_is_taken_from_the_folder_one_is_in(
    solver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(solver)
    (tmp_path / f"{solver}.py").write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    assert answers(solver, ["(set-logic ALL)\n(assert false)\n(check-sat)\n"]) == [["unsat"]]


@pytest.mark.usefixtures("specs")
def test_what_is_not_proved_gets_no_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    command = ["prove", SPEC, "--quiet", "--mutant", "KEEPS", "--certificate", str(folder)]
    assert main(command) == 2
    assert not folder.exists()


@pytest.mark.usefixtures("specs")
def test_nothing_else_is_overwritten(certificate: Path, tmp_path: Path) -> None:
    (certificate / "mine").write_text("")
    command = ["prove", SPEC, "--quiet", "--certificate"]
    assert main([*command, str(certificate)]) == 2
    assert (certificate / "mine").exists()
    (certificate / "mine").unlink()
    assert main([*command, str(certificate)]) == 0
    assert certified(certificate) == 0
