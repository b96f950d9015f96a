"""Tasks side by side, each in a process of its own that is a copy of this one.

What a task returns must be picklable; it need not be itself. Results come in the order of the tasks. What is
large and known before need not be sent back with them (``common``).
"""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from pvcheck.engines.base import Progress

T = TypeVar("T")


def processes(tasks: int, workers: int) -> int:
    """How many processes so many workers make for so many tasks; 1: none but this one."""
    return max(1, min(tasks, workers)) if _can_fork() else 1


def _can_fork() -> bool:
    return "fork" in multiprocessing.get_all_start_methods()


def side_by_side(
    tasks: Sequence[Callable[[Progress], T]],
    at_once: int,
    progress: Callable[[int], AbstractContextManager[Progress]],
    common: Sequence[object] = (),
    *,
    apart: bool = False,
) -> Iterator[T]:
    """What each of the tasks returns. ``at_once``: how many at a time; 1: here, one after the other.

    ``apart``: each in a process of its own even then, if the system has them: so that none finds what
    another leaves behind.

    ``common``: objects that results may refer to. The results' are these themselves, not copies.

    Ctrl-C is passed on to those that are at work, which are waited for; no more are begun, and after their
    results the iterator ends.

    ``progress``: where to tell how far the task of that number is, while it is its turn.

    Raises:
        ChildProcessError: a process was killed.
        Exception: what a task raises.
    """
    if at_once == 1 and not (apart and _can_fork()):
        for number, task in enumerate(tasks):
            with progress(number) as shown:
                value = task(shown)
            yield value
        return
    team = _Team(tasks, at_once, common)
    try:
        for number in range(len(tasks)):
            with progress(number) as shown:
                result = team.result(number, shown)
            if result is None:
                return
            yield result.value
    finally:
        team.end()


@dataclass(frozen=True, slots=True)
class _Result(Generic[T]):
    value: T


class _Team(Generic[T]):
    """The processes, and what they have returned."""

    def __init__(
        self, tasks: Sequence[Callable[[Progress], T]], at_once: int, common: Sequence[object]
    ) -> None:
        self._waiting = deque(enumerate(tasks))
        self._at_once = at_once
        self._common = common
        self._running: dict[int, _Running] = {}
        self._results: dict[int, _Result[T] | BaseException] = {}

    def result(self, number: int, shown: Progress) -> _Result[T] | None:
        """Of the task of that number; ``None`` if it was interrupted before it had one."""
        while number not in self._results:
            try:
                while self._waiting and len(self._running) < self._at_once:
                    begun, task = self._waiting.popleft()
                    self._running[begun] = _start(task, self._common)
                if not self._running:
                    return None
                self._listen(number, shown)
            except KeyboardInterrupt:
                self._waiting.clear()
                for child in self._running.values():
                    child.interrupt()
        result = self._results.pop(number)
        if isinstance(result, KeyboardInterrupt):
            return None
        if isinstance(result, BaseException):
            raise result
        return result

    def _listen(self, turn: int, shown: Progress) -> None:
        """Take what comes next from the processes."""
        numbers = {child.reader: number for number, child in self._running.items()}
        for reader in wait(list(numbers)):
            assert isinstance(reader, Connection), "only pipes are waited for"
            number = numbers[reader]
            try:
                told = _Receiver(reader.recv_bytes(), self._common).load()
            except EOFError:
                status = self._running[number].status()
                told = ChildProcessError(f"a process ended with status {status}")
            if isinstance(told, dict):
                if number == turn:
                    shown.update(**told)
                continue
            self._results[number] = told
            self._running.pop(number).end()

    def end(self) -> None:
        for child in self._running.values():
            child.end()


@dataclass(frozen=True, slots=True)
class _Running:
    process: BaseProcess
    reader: Connection

    def interrupt(self) -> None:
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)

    def status(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.reader.close()


def _start(task: Callable[[Progress], object], common: Sequence[object]) -> _Running:
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, _Writer(writer, common)), daemon=True)
    process.start()
    writer.close()
    return _Running(process, reader)


class _Sender(pickle.Pickler):
    """Writes objects that both processes have as their numbers."""

    def __init__(self, file: io.BytesIO, common: Sequence[object]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._numbers = {id(thing): number for number, thing in enumerate(common)}

    def persistent_id(self, thing: object) -> int | None:
        return self._numbers.get(id(thing))


class _Receiver(pickle.Unpickler):
    def __init__(self, sent: bytes, common: Sequence[object]) -> None:
        super().__init__(io.BytesIO(sent))
        self._common = common

    def persistent_load(self, number: int) -> object:
        return self._common[number]


@dataclass(frozen=True, slots=True)
class _Writer:
    """To the process that waits for the result."""

    connection: Connection
    common: Sequence[object]

    def send(self, thing: object) -> None:
        """
        Raises:
            BrokenPipeError: it waits no more.
        """
        sent = io.BytesIO()
        _Sender(sent, self.common).dump(thing)
        self.connection.send_bytes(sent.getbuffer())


@dataclass(frozen=True, slots=True)
class _Told:
    """Progress that another process shows."""

    writer: _Writer

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        told = {
            "depth": depth,
            "states": states,
            "transitions": transitions,
            "frontier": frontier,
        }
        try:
            self.writer.send(told)
        except BrokenPipeError:
            # Nobody is left to hear of the result.
            os._exit(1)


def _work(task: Callable[[Progress], object], writer: _Writer) -> None:
    # Ctrl-C on the terminal is for the parent, which passes it on.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    result: _Result[object] | BaseException
    try:
        result = _Result(task(_Told(writer)))
    except BaseException as error:
        result = error
    with suppress(BrokenPipeError):
        writer.send(result)
    # What the parent has open, the parent closes.
    os._exit(0)
