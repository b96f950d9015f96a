"""Every row of the table of exit statuses, by running the program."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from pvcheck.cli import check
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.cli.main import main

SRC = Path(__file__).parent.parent.parent
PROGRAM = [sys.executable, "-m", "pvcheck"]

SIGNAL_WHILE_RUNNING = """
import os, signal, sys
from contextlib import contextmanager
from pvcheck.cli import runs
from pvcheck.cli.main import main

class Signalling:
    def update(self, **_):
        for _ in range({times}):
            os.kill(os.getpid(), signal.{signal})

@contextmanager
def progress(*_):
    try:
        yield Signalling()
    except KeyboardInterrupt:
        assert False, "the engine did not end the search cleanly"

runs.progress = progress
sys.exit(main(["verify", "specs/large.pv"]))
"""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(SRC), "NO_COLOR": "1"}


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["verify", "specs/good.pv"], 0),
        (["verify", "specs/declared.pv"], 0),
        (["verify", "specs/mutants.pv", "--mutant", "M03"], 0),
        (["verify", "specs/mutants.pv", "--mutant", "M04"], 0),
        (["verify", "specs/vacuous.pv"], 0),
        (["check", "specs/good.pv"], 0),
        (["--help"], 0),
        (["verify", "specs/abba.pv"], 1),
        (["verify", "specs/mutants.pv", "--mutant", "M05"], 1),
        (["verify", "specs/abba.pv", "specs/good.pv", "--max-depth", "4"], 1),
        (["verify", "specs/broken.pv"], 2),
        (["verify", "specs/missing.pv"], 2),
        (["verify", "specs"], 2),
        (["verify", "specs/good.pv", "--property", "nothing"], 2),
        (["verify"], 2),
        (["verify", "specs/good.pv", "--time-limit", "soon"], 2),
        (["verify", "specs/good.pv", "--time-limit", "0s"], 2),
        (["verify", "specs/good.pv", "--memory-limit", "much"], 2),
        (["verify", "specs/good.pv", "--max-states", "-1"], 2),
        (["verify", "specs/good.pv", "-p", "Thread"], 2),
        (["verify", "specs/good.pv", "--stri"], 2),
        (["check", "specs/good.pv", "specs/broken.pv"], 2),
        (["explain", "PV999"], 2),
        (["trace", "show", "specs/good.pv"], 2),
        ([], 2),
        (["verify", "specs/good.pv", "--max-depth", "2"], 3),
        (["verify", "specs/good.pv", "--max-states", "3"], 3),
        (["verify", "specs/large.pv", "--time-limit", "100ms"], 3),
        (["verify", "specs/large.pv", "--memory-limit", "1M"], 3),
        (["verify", "specs/declared.pv", "--max-depth", "2"], 3),
        (["verify", "specs/vacuous.pv", "--strict"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_status(argv: list[str], status: int) -> None:
    assert main(argv) == status


@pytest.mark.parametrize(
    "error",
    [AssertionError("2 is not 3"), RecursionError("maximum recursion depth"), KeyError("pte")],
)
def test_a_bug_of_ours_is_one_line_and_status_70(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(check, "read", fail)
    monkeypatch.delenv("PVCHECK_DEBUG", raising=False)

    assert main(["check", "any.pv"]) == 70
    err = capsys.readouterr().err
    assert err.startswith(f"internal error: {type(error).__name__}: {error}\n")
    assert "Traceback" not in err

    monkeypatch.setenv("PVCHECK_DEBUG", "1")
    assert main(["check", "any.pv"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_out_of_memory_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(check, "read", fail)

    assert main(["check", "any.pv"]) == 3
    assert "out of memory" in capsys.readouterr().err


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize(
    ("signal", "status"), [("SIGINT", 130), ("SIGTERM", 143)], ids=["ctrl-c", "terminated"]
)
def test_the_first_signal_ends_a_run_with_its_statistics(signal: str, status: int) -> None:
    code = SIGNAL_WHILE_RUNNING.format(signal=signal, times=1)

    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )

    assert ended.returncode == status
    assert "inconclusive  interrupted" in ended.stdout
    assert "Traceback" not in ended.stderr


@pytest.mark.usefixtures("specs")
def test_the_second_signal_ends_it_at_once() -> None:
    # The first is raised inside the engine; nothing may run between the two.
    code = SIGNAL_WHILE_RUNNING.format(signal="SIGINT", times=1).replace(
        "            os.kill(os.getpid(), signal.SIGINT)\n",
        "            try:\n"
        "                signal.raise_signal(signal.SIGINT)\n"
        "            except KeyboardInterrupt:\n"
        "                signal.raise_signal(signal.SIGINT)\n",
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (130, "")


@pytest.mark.usefixtures("specs")
def test_a_reader_that_goes_away_changes_nothing() -> None:
    with subprocess.Popen(
        [*PROGRAM, "verify", "specs/abba.pv", "specs/good.pv"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()

    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert Path("counterexamples/abba.deadlock.json").exists()


@pytest.mark.usefixtures("specs")
def test_closed_standard_streams_do_no_harm() -> None:
    command = " ".join([*PROGRAM, "verify", "specs/abba.pv", ">&-", "2>&-"])

    ended = subprocess.run(["/bin/sh", "-c", command], env=environment(), check=False)

    assert ended.returncode == 1


@pytest.mark.usefixtures("specs")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, "check", "specs/good.pv"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (2, "error: No space left on device\n")


def test_the_order_of_statuses() -> None:
    order = [70, 143, 130, 2, 1, 3, 4, 0]

    for worse, better in pairwise(order):
        assert ExitStatus.worst([ExitStatus(better), ExitStatus(worse)]) == worse
    assert set(order) == set(ExitStatus)
    assert ExitStatus.worst([]) is ExitStatus.USAGE
