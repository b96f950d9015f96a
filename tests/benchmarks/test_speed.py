"""How fast the native engine is beside SPIN and Rumur, in one run, on one processor, in CPU time.

pytest -m slow -s tests/benchmarks
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import pytest
from checkers import need
from systems import Watcher

from pvcheck.engines.base import Limits
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.engines.native.program import program
from pvcheck.export.murphi import murphi
from pvcheck.export.promela import promela
from pvcheck.load import instances, load
from pvcheck.model.instance import Instance

OBM = Path(__file__).parents[2] / "specs" / "obm.pv"
STATES = 5_170_275
RUNS = 5
LEAST = 4
"""Times SPIN, compiled with -O1 in a minute (-O2 takes seven, and gives a quarter more)."""
LEAST_OF_RUMUR = 20


@pytest.fixture
def one_processor() -> Iterator[None]:
    """For this process and its children."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processes cannot be bound to a processor here")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture(scope="module")
def bench() -> Instance:
    return next(i for i in instances(load(OBM), all_instances=True) if i.name == "bench")


@pytest.mark.slow
@pytest.mark.usefixtures("one_processor")
def test_states_a_second_beside_spin(bench: Instance, tmp_path: Path) -> None:
    need("spin", "gcc")
    (tmp_path / "model.pml").write_text(promela(bench.semantics, bench.model.safety))
    _run(["spin", "-o2", "-a", "model.pml"], tmp_path)
    _run(["gcc", "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"], tmp_path)
    model = compiled(bench, tmp_path)

    ours = [of_children(lambda: at_once(["1"], model)) for _ in range(RUNS)]
    theirs = [of_children(lambda: spin(tmp_path)) for _ in range(RUNS)]

    ratio = median(theirs) / median(ours)
    print(f"\nnative {STATES / median(ours) / 1e6:.2f} M states/s, ", end="")
    print(f"SPIN {STATES / median(theirs) / 1e6:.2f} M states/s: {ratio:.1f} times")
    assert ratio >= LEAST


@pytest.mark.slow
@pytest.mark.usefixtures("one_processor")
def test_states_a_second_beside_rumur(bench: Instance, tmp_path: Path) -> None:
    need("rumur", "gcc")
    (tmp_path / "model.m").write_text(murphi(bench.semantics, bench.model.safety))
    options = ["--symmetry-reduction", "off", "--deadlock-detection", "stuck", "--threads", "1"]
    _run(["rumur", *options, "--output", "rumur.c", "model.m"], tmp_path)
    # With all rules put into its one loop over them, the compiler takes longer than ten minutes.
    command = ["gcc", "-O1", "-fno-inline-functions-called-once", "-w", "-mcx16"]
    _run([*command, "-o", "rumur", "rumur.c", "-lpthread"], tmp_path)
    model = compiled(bench, tmp_path)

    ours = STATES / median(of_children(lambda: at_once(["1"], model)) for _ in range(RUNS))
    states: list[int] = []
    seconds = of_children(lambda: states.append(rumur_for_a_while(tmp_path)))
    theirs = states[0] / seconds

    ratio = ours / theirs
    print(f"\nnative {ours / 1e6:.2f} M states/s, Rumur {theirs / 1e6:.3f}: {ratio:.0f} times")
    assert ratio >= LEAST_OF_RUMUR


@pytest.mark.slow
def test_bytes_a_state(bench: Instance) -> None:
    assert native(bench) <= 20


@pytest.mark.slow
def test_two_workers(bench: Instance, tmp_path: Path) -> None:
    """Beside two searches of one worker at the same time, which is what the machine can give."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one processor")
    model = compiled(bench, tmp_path)
    times: dict[str, list[float]] = {"one": [], "two": [], "twice": []}
    for _ in range(RUNS):
        times["one"].append(wall(lambda: at_once(["1"], model)))
        times["two"].append(wall(lambda: at_once(["2"], model)))
        times["twice"].append(wall(lambda: at_once(["1", "1"], model)))

    one, two, twice = (median(t) for t in times.values())
    print(f"\ntwo workers: {one / two:.2f} times one; two searches at once: {2 * one / twice:.2f}")
    assert twice / two >= 1.5, (
        "on a machine that may be busy, which then does not do two at once either"
    )


def native(what: Instance) -> float:
    """Bytes a state."""
    found = NativeEngine(find()).check(what, what.model.safety, Limits(), Watcher())
    assert found.statistics.states == STATES
    assert found.statistics.bytes_per_state is not None
    return found.statistics.bytes_per_state


def compiled(what: Instance, folder: Path) -> Path:
    (folder / "model.c").write_text(program(what.semantics, what.model.safety))
    _run(["gcc", "-O2", "-w", "-pthread", "-o", "model", "model.c"], folder)
    return folder / "model"


def at_once(workers: Sequence[str], model: Path) -> None:
    """Searches at the same time, each with so many workers."""
    searches = [subprocess.Popen([model, n], stdout=subprocess.PIPE, text=True) for n in workers]
    for search in searches:
        said, _ = search.communicate()
        assert f"{STATES} states" in said


def spin(folder: Path) -> None:
    said = _run(["./pan", "-m3000000", "-w24"], folder)
    states = re.search(r"^\s*(\d+) states, stored", said, re.M)
    assert states is not None
    assert int(states[1]) == STATES


def rumur_for_a_while(folder: Path) -> int:
    """How many of the first states it has found when it is stopped: some 400 000, which are enough to know its pace."""
    log = folder / "rumur.log"
    with log.open("wb") as said, subprocess.Popen(["./rumur"], cwd=folder, stdout=said) as process:
        # It writes when it has said enough to fill a block.
        while process.poll() is None and not log.stat().st_size:
            time.sleep(0.1)
        process.kill()
    found = re.findall(r"(\d+) states", log.read_text())
    assert found, "it says how far it is, every ten thousand states"
    return int(found[-1])


def of_children(work: Callable[[], object]) -> float:
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def wall(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
