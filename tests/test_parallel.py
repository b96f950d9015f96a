"""Tasks in processes of their own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from systems import Watcher

from pvcheck.cli.main import main
from pvcheck.engines.base import Progress
from pvcheck.parallel import processes, side_by_side

pytestmark = pytest.mark.skipif(processes(2, 2) < 2, reason="there is no fork here")


class Screen:
    """Remembers what was shown, per task."""

    def __init__(self) -> None:
        self.shown: dict[int, Watcher] = {}

    @contextmanager
    def __call__(self, number: int) -> Iterator[Progress]:
        self.shown[number] = Watcher()
        yield self.shown[number]


def after(seconds: float, value: object) -> Callable[[Progress], object]:
    def task(_: Progress) -> object:
        time.sleep(seconds)
        return value

    return task


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_results_come_in_the_order_of_the_tasks(at_once: int) -> None:
    tasks = [after(0.2, "first"), after(0, "second"), after(0.1, "third")]

    assert list(side_by_side(tasks, at_once, Screen())) == ["first", "second", "third"]


def test_processes_are_side_by_side() -> None:
    parent = os.getpid()
    tasks = [lambda _: (os.getpid(), os.getppid(), time.sleep(0.1)) for _ in range(3)]

    ran = list(side_by_side(tasks, 3, Screen()))

    assert len({own for own, _, _ in ran}) == 3
    assert {above for _, above, _ in ran} == {parent}


def test_progress_is_shown_when_it_is_its_turn() -> None:
    def tells(seconds: float) -> Callable[[Progress], object]:
        def task(shown: Progress) -> None:
            time.sleep(seconds)
            shown.update(depth=1, states=2, transitions=3, frontier=4)

        return task

    screen = Screen()
    list(side_by_side([tells(0.1), tells(0), tells(1)], 3, screen))

    told = [{"depth": 1, "states": 2, "transitions": 3, "frontier": 4}]
    assert [screen.shown[n].updates for n in range(3)] == [told, [], told]


def test_what_a_task_raises_is_raised_in_its_turn() -> None:
    def fails(_: Progress) -> object:
        raise ValueError("wrong")

    results = side_by_side([after(0.1, "right"), fails, after(0, "too late")], 2, Screen())

    assert next(results) == "right"
    with pytest.raises(ValueError, match="wrong"):
        next(results)


def test_a_killed_process_is_an_error() -> None:
    def dies(_: Progress) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    with pytest.raises(ChildProcessError, match="status -9"):
        list(side_by_side([dies, after(0, "other")], 2, Screen()))


def test_ctrl_c_is_passed_on_and_results_are_waited_for() -> None:
    def until_interrupted(_: Progress) -> str:
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            return "as far as it came"
        return "slept"

    def does_not_care(_: Progress) -> str:
        time.sleep(30)
        return "slept"

    begin = time.monotonic()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    results = list(side_by_side([until_interrupted, does_not_care, after(0, "new")], 2, Screen()))
    timer.join()

    assert results == ["as far as it came"]
    assert time.monotonic() - begin < 20


def test_nothing_goes_on_when_the_rest_is_not_wanted() -> None:
    results = side_by_side([after(0, "first"), after(30, "second")], 2, Screen())
    begin = time.monotonic()

    assert next(results) == "first"
    results.close()  # type: ignore[attr-defined]

    assert time.monotonic() - begin < 20


@pytest.mark.usefixtures("specs")
@pytest.mark.parametrize("format_", ["text", "json"])
def test_runs_are_reported_the_same(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    specs = ["specs/good.pv", "specs/broken.pv", "specs/hidden_order.pv", "specs/vacuous.pv"]
    command = ["verify", *specs, "--quiet", "--no-trace", "--all-instances", "--format", format_]
    status = main([*command, "--workers", "1"])
    alone = capsys.readouterr()

    assert main([*command, "--workers", "3"]) == status
    assert capsys.readouterr() == alone


def test_what_is_common_comes_back_as_itself() -> None:
    common = [Screen(), ["large"]]

    (ran,) = side_by_side([lambda _: (common[0], {"a": common[1]}, "own")], 2, Screen(), common)

    first, second, own = ran
    assert first is common[0]
    assert second["a"] is common[1]
    assert own == "own"
