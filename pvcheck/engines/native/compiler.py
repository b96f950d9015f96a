"""The user's C compiler, and the libraries it made, kept by content."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pvcheck import cache

RUNTIME = Path(__file__).parent / "runtime"
FLAGS = ("-std=gnu11", "-fPIC", "-pthread", "-w")
USUAL, MANY_STEPS = "-O1", "-Og"
"""More than -O1 gains nothing, in the search as in the steps, and takes longer. -Og takes two thirds of the
time, for a search that is a twelfth slower: better where there are many steps."""
MANY = 500_000
"""Characters of C that are many."""
LINK = ("-shared", "-pthread")
LEAST_SHARE = 50_000
"""Characters of C that are worth a process of their own."""
FAMILIAR = ("cc", "gcc", "clang")


class NoCompiler(Exception):
    """There is no C compiler, or it fails; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Compiler:
    command: tuple[str, ...]
    version: str
    """What it says of itself."""


def find() -> Compiler:
    """``$CC``, else cc, gcc or clang, else that of the ``ziglang`` package.

    Raises:
        NoCompiler: there is none.
    """
    if given := os.environ.get("CC", "").split():
        # Set on purpose: that another one would do is not for us to say.
        if shutil.which(given[0]) is None:
            raise NoCompiler(f"no C compiler {given[0]!r} (from $CC)")
        return _compiler(tuple(shlex.split(os.environ["CC"])))
    for name in FAMILIAR:
        if shutil.which(name) is not None:
            return _compiler((name,))
    if importlib.util.find_spec("ziglang") is not None:
        # -P: not what a folder that one happens to be in calls by that name.
        return _compiler((sys.executable, "-P", "-m", "ziglang", "cc"))
    raise NoCompiler("no C compiler (cc, gcc, clang; set $CC, or install the package ziglang)")


def _compiler(command: tuple[str, ...]) -> Compiler:
    try:
        said = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompiler(f"{shlex.join(command)} does not run: {error}") from error
    return Compiler(command, said.stdout.partition("\n")[0])


class Compilation:
    """A library that is there already or can be made; a temporary one where there is no cache.

    The steps are compiled in as many files as there are processors, side by side.
    """

    def __init__(self, header: str, steps: Sequence[str], main: str, compiler: Compiler) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self._compiler = compiler
        directory = cache.room_for("native")
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="pvcheck-")
            directory = Path(self._temporary.name)
        key = _key("\0".join((header, *steps, main)), compiler)
        self._library = directory / f"{key}.so"
        self._directory = directory
        self._header = header
        self._sources = [main, *_shares(steps)]
        self._steps = MANY_STEPS if sum(map(len, steps)) > MANY else USUAL

    def start(self) -> None:
        """Begin to make the library, if that is not done.

        Raises:
            NoCompiler: the compiler does not start.
        """
        if self._running or self._library.exists():
            return
        self._work = Path(tempfile.mkdtemp(prefix="making-", dir=self._directory))
        (self._work / "model.h").write_text(self._header, encoding="ascii")
        self._objects: list[str] = []
        self._errors = (self._work / "errors").open("w+b")
        for number, source in enumerate(self._sources):
            text, object_ = self._work / f"{number}.c", self._work / f"{number}.o"
            text.write_text(f'#include "model.h"\n\n{source}', encoding="ascii")
            self._objects.append(str(object_))
            try:
                level = self._steps if number else USUAL
                self._running.append(self._run(*FLAGS, level, "-c", "-o", str(object_), str(text)))
            except NoCompiler:
                self._stop()
                raise

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [*self._compiler.command, f"-I{RUNTIME}", f"-I{self._work}", *arguments]
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors
            )
        except OSError as error:
            name = shlex.join(self._compiler.command)
            raise NoCompiler(f"{name} does not run: {error}") from error

    def ready(self) -> bool:
        """Whether there is nothing to wait for, or to start."""
        if self._running:
            return all(process.poll() is not None for process in self._running)
        return self._library.exists()

    def library(self) -> Path:
        """The library, waited for.

        Raises:
            NoCompiler: the compiler fails.
        """
        # Others delete what was not used for long: from now on it has been, or is not there.
        with suppress(OSError):
            os.utime(self._library)
        self.start()
        if not self._running:
            return self._library
        made = str(self._work / "model.so")
        try:
            for process in self._running:
                self._succeeds(process)
            self._succeeds(self._run(*LINK, "-o", made, *self._objects))
            os.replace(made, self._library)
        finally:
            self._stop()
        cache.prune()
        return self._library

    def _succeeds(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        if status != 0:
            self._errors.seek(0)
            said = self._errors.read(2000).decode(errors="replace").strip()
            name = shlex.join(self._compiler.command)
            raise NoCompiler(f"{name} fails with status {status}: {said.partition(chr(10))[0]}")

    def abandon(self) -> None:
        """The library is not needed any more."""
        if self._running:
            self._stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        self._running = []
        self._errors.close()
        shutil.rmtree(self._work, ignore_errors=True)


def _shares(steps: Sequence[str]) -> list[str]:
    """About equal shares, one per processor and not too small."""
    size = sum(map(len, steps))
    count = max(1, min(os.cpu_count() or 1, size // LEAST_SHARE))
    shares: list[list[str]] = [[] for _ in range(count)]
    done = 0
    for step in steps:
        shares[done * count // (size + 1)].append(step)
        done += len(step)
    return ["\n".join(share) for share in shares]


def _key(source: str, compiler: Compiler) -> str:
    """Depends on everything that goes into a library."""
    digest = hashlib.sha256()
    runtime = sorted(RUNTIME.glob("*.[ch]"))
    for part in (*(f.read_text(encoding="ascii") for f in runtime), source):
        digest.update(part.encode())
        digest.update(b"\0")
    digest.update(repr((compiler, FLAGS, USUAL, MANY_STEPS, MANY, os.uname().machine)).encode())
    return digest.hexdigest()
