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
from dataclasses import dataclass
from pathlib import Path

from pvcheck import cache

RUNTIME = Path(__file__).parent / "runtime"
FLAGS = ("-std=gnu11", "-O1", "-fPIC", "-shared", "-pthread", "-w")
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
        return _compiler((sys.executable, "-m", "ziglang", "cc"))
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
    """A library that is there already or being made; a temporary one where there is no cache."""

    def __init__(self, source: str, compiler: Compiler) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        directory = _directory()
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="pvcheck-")
            directory = Path(self._temporary.name)
        self._compiler = compiler
        self._library = directory / f"{_key(source, compiler)}.so"
        if not self._library.exists():
            self._start(source, directory)

    def _start(self, source: str, directory: Path) -> None:
        self._work = Path(tempfile.mkdtemp(prefix="making-", dir=directory))
        text, self._made = self._work / "model.c", self._work / "model.so"
        text.write_text(source, encoding="ascii")
        self._errors = (self._work / "errors").open("w+b")
        files = (f"-I{RUNTIME}", "-o", str(self._made), str(text))
        command = [*self._compiler.command, *FLAGS, *files]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors
            )
        except OSError as error:
            self._clear()
            raise NoCompiler(
                f"{shlex.join(self._compiler.command)} does not run: {error}"
            ) from error

    def running(self) -> bool:
        """Whether the compiler still works."""
        return self._process is not None and self._process.poll() is None

    def library(self) -> Path:
        """The library, waited for.

        Raises:
            NoCompiler: the compiler fails.
        """
        if self._process is None:
            return self._library
        status = self._process.wait()
        self._process = None
        self._errors.seek(0)
        said = self._errors.read(2000).decode(errors="replace").strip()
        if status == 0:
            os.replace(self._made, self._library)
        self._clear()
        if status != 0:
            name = shlex.join(self._compiler.command)
            raise NoCompiler(f"{name} fails with status {status}: {said.partition(chr(10))[0]}")
        return self._library

    def abandon(self) -> None:
        """The library is not needed any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._clear()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _clear(self) -> None:
        self._errors.close()
        shutil.rmtree(self._work, ignore_errors=True)


def _directory() -> Path | None:
    base = cache.directory()
    if base is None:
        return None
    path = base / "native"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return path


def _key(source: str, compiler: Compiler) -> str:
    """Depends on everything that goes into a library."""
    digest = hashlib.sha256()
    runtime = sorted(RUNTIME.glob("*.[ch]"))
    for part in (*(f.read_text(encoding="ascii") for f in runtime), source):
        digest.update(part.encode())
        digest.update(b"\0")
    digest.update(repr((compiler, FLAGS, os.uname().machine)).encode())
    return digest.hexdigest()
