"""``pvcheck prove``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

SPECS = Path(__file__).parent.parent.parent / "specs"
MUTANTS = {
    "KEEPS": "lock-order",
    "DOWN": "lock-order",
    "WAITS": "lock-order",
    "FORGETS": "race",
    "TWICE": "lock-misuse",
}


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_is_proved(
    workers: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["prove", "specs/pages.pv", "--quiet", "--workers", workers])

    golden("prove-pages.txt", capsys.readouterr().out)
    assert status == 0


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_not_proved_and_the_place_is_named(
    mutant: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prove", "specs/pages.pv", "--quiet", "--mutant", mutant, "--format", "json"]
    assert main(command) == 3

    ((document,),) = ([d] for d in json.loads(capsys.readouterr().out))
    verdicts = {p["property"]: p["verdict"] for p in document["properties"]}
    assert verdicts[MUTANTS[mutant]] == "inconclusive"
    places = {o["where"] for p in document["properties"] for o in p["open"]}
    golden(f"prove-pages-{mutant}.txt", "\n".join(sorted(places)) + "\n")


@pytest.mark.usefixtures("specs")
def test_the_mutants_are_what_they_are_said_to_be() -> None:
    assert main(["mutate", "specs/pages.pv", "--quiet"]) == 0


@pytest.mark.usefixtures("specs")
def test_what_is_violated_is_not_proved(
    golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", "specs/abba.pv", "specs/good.pv", "--quiet"]) == 3

    golden("prove-abba.txt", capsys.readouterr().out)


@pytest.mark.usefixtures("specs")
def test_one_operation_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "specs/pages.pv", "--quiet", "--operation", "promote"]) == 3

    assert "other operations were left out" in capsys.readouterr().out


@pytest.mark.usefixtures("specs")
def test_one_property(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "specs/abba.pv", "--quiet", "--property", "race"]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "1 proved"


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--property", "assertion"], "assertion cannot be proved for all sizes yet"),
        (["--property", "rase"], "has no property 'rase'"),
        (["--operation", "stop"], "has no operation 'stop'"),
        (["-p", "N=true"], "has no truth parameter 'N'"),
    ],
)
def test_what_is_not_there(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "specs/good.pv", *words]) == 2

    assert said in capsys.readouterr().err


def test_no_longer_than_it_may_take(capsys: pytest.CaptureFixture[str]) -> None:
    obm = str(SPECS / "obm.pv")
    command = ["prove", obm, "--format", "json", "--operation", "pmap_remove"]

    assert main([*command, "--time-limit", "1ms"]) == 3
    (document,) = json.loads(capsys.readouterr().out)
    assert all(o["what"] == "out of time" for p in document["properties"] for o in p["open"])
    assert all(p["open"] for p in document["properties"])


def test_no_more_memory_than_it_may_have(capsys: pytest.CaptureFixture[str]) -> None:
    obm = str(SPECS / "obm.pv")
    command = ["prove", obm, "--format", "json", "--operation", "pmap_remove"]

    assert main([*command, "--memory-limit", "20M"]) == 3
    (document,) = json.loads(capsys.readouterr().out)
    assert all(
        o["what"] == "out of memory: z3 wants more than 20 MiB"
        for p in document["properties"]
        for o in p["open"]
    )
    assert all(p["open"] for p in document["properties"])
