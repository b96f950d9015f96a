"""``pvcheck mutate``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("workers", ["1", "3"])
def test_the_table(
    workers: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["mutate", "specs/mutants.pv", "--quiet", "--workers", workers])

    golden("mutate.txt", capsys.readouterr().out)
    assert status == 4


@pytest.mark.usefixtures("specs")
def test_one_that_does_as_it_declares(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", "specs/mutants.pv", "--mutant", "M03", "--quiet"]) == 0

    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "1 mutant: 1 killed, 0 controls survived, 0 not as declared"


@pytest.mark.usefixtures("specs")
def test_a_limit_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["mutate", "specs/mutants.pv", "--mutant", "M03", "--quiet", "--max-states", "2"]
    assert main(command) == 3

    assert "inconclusive" in capsys.readouterr().out


@pytest.mark.usefixtures("specs")
def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["mutate", "specs/mutants.pv", "--mutant", "M03", "--quiet", "--format", "json"]
    assert main(command) == 0

    ((document,),) = ([d] for d in json.loads(capsys.readouterr().out))
    (mutant,) = document["mutants"]
    assert mutant["mutant"] == "M03"
    assert mutant["standing"] == "as declared"
    assert mutant["declared"] in mutant["killers"]


@pytest.mark.usefixtures("specs")
def test_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", "specs/good.pv"]) == 2
    assert "specs/good.pv declares no mutants" in capsys.readouterr().err

    assert main(["mutate", "specs/mutants.pv", "--mutant", "M33"]) == 2
    assert "specs/mutants.pv has no mutant 'M33'" in capsys.readouterr().err
    assert not Path("counterexamples").exists()
