"""``pvcheck prove --infer``, and the file that it writes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck import facts, proving
from pvcheck.cli.main import main
from pvcheck.load import load
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import PartResult

SPEC = Path("specs/pages.pv")
FILE = Path("specs/pages.facts")

pytestmark = pytest.mark.usefixtures("specs")


@functools.cache
def found() -> tuple[PartResult, ...]:
    return proving.proved(load(SPEC), (), {}, 1)


@pytest.fixture
def known(specs: None) -> dict[str, list[str]]:
    facts.write(SPEC, found(), {})
    written: dict[str, list[str]] = json.loads(FILE.read_text())
    return written


def test_they_are_written(
    golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    FILE.write_text("{}")
    assert main(["prove", str(SPEC), "--infer", "--quiet"]) == 0

    shown = capsys.readouterr()
    golden("prove-pages.txt", shown.out)
    golden("prove-pages.facts", FILE.read_text())
    assert shown.err == f"{FILE}: {sum(len(r.facts) for r in found())} facts written\n"


def test_they_are_enough(known: dict[str, list[str]]) -> None:
    results = proving.proved(load(SPEC), (), {}, 1, known=known)
    assert not any(r.searched or r.failed for r in results)
    assert {r.part.title: sorted(r.facts) for r in results} == known


def test_those_of_a_part_that_comes_to_no_end_stay(known: dict[str, list[str]]) -> None:
    assert main(["prove", str(SPEC), "--infer", "--time-limit", "1ms", "--quiet"]) == 3

    assert json.loads(FILE.read_text()) == known


def test_what_is_no_file_of_facts_is_replaced(known: dict[str, list[str]]) -> None:
    FILE.write_text("[]")

    assert main(["prove", str(SPEC), "--infer", "--quiet"]) == 0
    assert json.loads(FILE.read_text()) == known


@pytest.mark.usefixtures("known")
def test_the_proof_is_the_same_with_them(
    golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", str(SPEC), "--quiet"]) == 0

    shown = capsys.readouterr()
    golden("prove-pages.txt", shown.out)
    assert not shown.err


@pytest.mark.parametrize(
    "change", [list.clear, lambda names: names.append("lock_all: acquire pv[p]; #9 what is not so")]
)
def test_what_is_wrong_with_them_costs_time_only(
    known: dict[str, list[str]],
    change: Callable[[list[str]], None],
    golden: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for names in known.values():
        change(names)
    FILE.write_text(json.dumps(known))

    assert main(["prove", str(SPEC), "--quiet"]) == 0
    golden("prove-pages.txt", capsys.readouterr().out)


def test_where_they_are_not_enough_that_is_told(
    known: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    title = max(known, key=lambda title: len(known[title]))
    del known[title][1:]
    FILE.write_text(json.dumps(known))

    assert main(["prove", str(SPEC), "--quiet"]) == 0
    assert f"{title}: the facts in {FILE} are not enough" in capsys.readouterr().err


@pytest.mark.parametrize("mutant", ["KEEPS", "DOWN", "WAITS", "FORGETS", "TWICE"])
def test_they_prove_no_mutant(known: dict[str, list[str]], mutant: str) -> None:
    model = load(SPEC, mutant=mutant)
    with_them = proving.proved(model, (), {}, 1, known=known)

    assert any(r.failed for r in with_them)
    assert [r.failed for r in with_them] == [r.failed for r in proving.proved(model, (), {}, 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no file of facts"),
        ("[" * 100_000, "is no file of facts"),
        ('{"cpu": "a"}', "is no file of facts"),
        ('{"cpu": [1]}', "is no file of facts"),
        ("x" * 1_000_001, "is larger than 1,000,000 bytes"),
    ],
)
def test_another_file(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    FILE.write_text(text)

    assert main(["prove", str(SPEC), "--quiet"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert f"pvcheck prove {SPEC} --infer" in shown


def test_a_link_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    FILE.symlink_to(tmp_path / "elsewhere")

    assert main(["prove", str(SPEC), "--quiet"]) == 2
    assert "symbolic link" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--mutant", "DOWN"), ("--operation", "promote")])
def test_they_are_of_the_whole_specification(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", str(SPEC), "--infer", *option]) == 2
    assert "--infer is for whole specifications" in capsys.readouterr().err


def test_what_is_not_known_of_invariants_is_kept(tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "proof" / "invariants" / "proved_transfer.pv"
    spec = tmp_path / source.name
    spec.write_text(source.read_text())
    asked = [f"--property={name}" for name in ("coverage", "no_phantom", "unique")]
    asked.append("--quiet")
    assert main(["prove", str(spec), "--infer", *asked]) == 0

    known = facts.read(spec)
    part = next(p for p in parts(load(spec)) if p.operation == "enter")
    # The loop that puts the pages on their lists one by one.
    assert any("append(pv_list[p]" in name for name in known[part.title_of_lacking])
    assert not any("mapped" in name for name in known[part.title_of_lacking])

    # Who asks about locks only leaves it alone, and it is no more than a hint.
    assert main(["prove", str(spec), "--infer", "--quiet"]) == 0
    assert facts.read(spec) == known
    spec.with_suffix(".facts").write_text(json.dumps({title: [] for title in known}))
    assert main(["prove", str(spec), *asked]) == 0
