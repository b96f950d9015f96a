"""A search that is broken off and goes on ends as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from systems import Watcher, instance
from test_native import COUNTERS

from pvcheck.cli.main import main
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Limits
from pvcheck.engines.native.checkpoint import Checkpoints
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.model.instance import Instance
from pvcheck.model.result import Result


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def run(
    what: Instance, checkpoints: Checkpoints | None, limits: Limits | None = None, workers: int = 2
) -> Result:
    engine = NativeEngine(find(), workers, checkpoints)
    found = engine.check(what, what.model.properties, limits or Limits(), Watcher())
    return replace(found, statistics=replace(found.statistics, seconds=0, bytes_per_state=None))


@pytest.mark.parametrize("workers", [1, 3])
def test_in_pieces(tmp_path: Path, workers: int) -> None:
    what = instance(COUNTERS.replace("<= 50;", "<= 49;"), T=3)
    file = tmp_path / "search"
    whole = run(what, None)
    pieces = [run(what, Checkpoints(file, False, 600), Limits(states=20_000), workers)]
    while file.exists():
        states = pieces[-1].statistics.states
        limits = Limits(states=states + 20_000)
        pieces.append(run(what, Checkpoints(file, True, 600), limits, workers))

    assert len(pieces) > 4
    assert pieces[-1] == whole


def test_in_more_threads_than_fit_in_a_key(tmp_path: Path) -> None:
    what = instance(COUNTERS.replace("50", "9"), T=4)
    file = tmp_path / "search"
    first = run(what, Checkpoints(file, False, 600), Limits(states=3_000))
    rest = run(what, Checkpoints(file, True, 600))

    assert first.statistics.states < rest.statistics.states == 10_000
    assert rest == run(what, None)


def test_other_models_and_options_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "search"
    run(instance(COUNTERS, T=3), Checkpoints(file, False, 600), Limits(states=3_000))

    with pytest.raises(UsageError, match="of another model"):
        run(instance(COUNTERS, T=2), Checkpoints(file, True, 600))
    with pytest.raises(UsageError, match="with other options"):
        NativeEngine(find(), 1, Checkpoints(file, True, 600)).check(
            instance(COUNTERS, T=3), ("small",), Limits(), Watcher()
        )


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_a_part_of_a_checkpoint_is_refused(tmp_path: Path, keep: float) -> None:
    file = tmp_path / "search"
    run(instance(COUNTERS, T=3), Checkpoints(file, False, 600), Limits(states=3_000))
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])

    with pytest.raises(UsageError, match="is no checkpoint"):
        run(instance(COUNTERS, T=3), Checkpoints(file, True, 600))


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "search"
    run(instance(COUNTERS, T=3), Checkpoints(file, False, 600), Limits(states=3_000))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(UsageError, match="is damaged"):
        run(instance(COUNTERS, T=3), Checkpoints(file, True, 600))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pvcheck", "verify", *map(str, arguments), "--no-trace"]


def long_one(tmp_path: Path) -> Path:
    spec = tmp_path / "counters.pv"
    spec.write_text(COUNTERS + "instance four { T = 4; }\n")
    return spec


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    spec, file = long_one(tmp_path), tmp_path / "search"
    arguments = (spec, "--property", "small", "--format", "json", "--quiet")
    running = subprocess.Popen(
        command(*arguments, "--checkpoint", file, "--checkpoint-interval", "100ms"),
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(number)
    status = running.wait()
    rest = subprocess.run(command(*arguments, "--resume", file), capture_output=True, check=True)
    whole = subprocess.run(command(*arguments), capture_output=True, check=True)

    assert status == (130 if number == signal.SIGINT else -9)
    assert rest.stdout == whole.stdout
    assert str(51**4).encode() in rest.stdout
    assert not file.exists()


def test_several_runs_need_several_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = long_one(tmp_path)
    spec.write_text(spec.read_text() + "instance one { T = 1; }\n")
    file = tmp_path / "search"

    assert main(["verify", str(spec), "--all-instances", "--checkpoint", str(file)]) == 2
    assert "choose one with --instance" in capsys.readouterr().err
    assert main(["verify", str(spec), "--instance", "one", "--resume", str(file)]) == 2
    assert "No such file" in capsys.readouterr().err
    assert not os.path.exists(file)
