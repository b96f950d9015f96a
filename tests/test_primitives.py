"""The locks themselves, what surrounds them: small enough to be checked whole, mutants and all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

ROOT = Path(__file__).parent.parent
NAMES = (
    "chunk_list",
    "di_locked",
    "di_lockfree",
    "kernel_mutex",
    "obm_mutex",
    "page_table_page",
    "waiter_flag",
)


LARGE = ("chunk_list", "di_lockfree")
HOLES = {"chunk_list": ["negate-guard reclaim_pv_chunk.tried"]}
"""What no property finds, as docs/coverage.md says."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_all_are_here() -> None:
    files = Path("specs", "primitives").glob("*.pv")

    assert {f.stem for f in files if "\nsystem " in f.read_text()} == {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_and_proves_something(name: str) -> None:
    command = ["verify", f"specs/primitives/{name}.pv", "--all-instances", "--no-trace"]

    assert main([*command, "--strict", "--quiet"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_its_mutants_are_found(
    name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutate", f"specs/primitives/{name}.pv", "--quiet"]) == 0

    golden(f"mutants-{name}.txt", capsys.readouterr().out)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LARGE else ()) for n in NAMES]
)
def test_derived_mutants_are_found_or_explained(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["mutate", "--auto", f"specs/primitives/{name}.pv", "--quiet", "--format", "json"]
    status = main(command)

    (document,) = json.loads(capsys.readouterr().out)
    left = [m["mutant"] for m in document["mutants"] if m["fate"] == "survived"]
    assert left == HOLES.get(name, [])
    assert status == (4 if left else 0)


@pytest.mark.parametrize("name", ["kernel_mutex", "obm_mutex"])
def test_the_mutexes_are_mutexes_with_store_buffers_too(name: str, tmp_path: Path) -> None:
    text = Path("specs", "primitives", f"{name}.pv").read_text(encoding="utf-8")
    system = f"system {name};"
    assert system in text
    for memory in ("sc", "tso"):
        spec = tmp_path / f"{memory}.pv"
        spec.write_text(text.replace(system, f"{system} memory {memory};"), encoding="utf-8")

        command = ["verify", str(spec), "--instance", "three", "--quiet", "--no-trace"]
        assert main(command) == 0
