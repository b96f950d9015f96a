"""The user's cache directory: what can be computed again, kept between runs.

What is kept is found by a key that covers all it was made from, this program included, so nothing
ever goes stale: it is only no longer asked for, and in the end deleted. What is damaged, or cannot be
read or written, counts as not there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pvcheck.garbage import no_collection

T = TypeVar("T")

MOST_BYTES = 256 * 2**20
"""Of all that is kept; what was used longest ago goes first."""
ABANDONED = 24 * 3600
"""Seconds after which what a killed run has left half done is deleted."""
_SOURCES = (".py", ".lark", ".c", ".h")
_DIGEST_BYTES = hashlib.sha256().digest_size


class Kept(NamedTuple):
    value: Any
    digest: str
    """Of the value's bytes."""


def directory() -> Path | None:
    """``$XDG_CACHE_HOME/pvcheck``, made if needed; ``None`` if there can be none.

    Others must not be able to write there, since what lies in it is trusted.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "pvcheck"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError:
        return None
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return path if mine and not shared and os.access(path, os.W_OK) else None


def room_for(kind: str) -> Path | None:
    """The directory for what is kept of one kind; ``None`` if there can be none."""
    base = directory()
    if base is None:
        return None
    path = base / kind
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return path


def key(*parts: str) -> str:
    """Stands for the parts, in order, and for this program."""
    return digest_of(_program().encode(), *(p.encode("utf-8", "surrogatepass") for p in parts))


def digest_of(*parts: bytes) -> str:
    """SHA-256 of the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}\n".encode() + part)
    return digest.hexdigest()


def kept(kind: str, key: str | None, make: Callable[[], T]) -> T:
    """What ``make`` returned when it was last called for this key, or returns now. ``None``: nothing is kept."""
    if key is None:
        return make()
    found = load(kind, key)
    if found is not None:
        value: T = found.value
        return value
    value = make()
    save(kind, key, value)
    return value


def load(kind: str, key: str) -> Kept | None:
    """What was saved; ``None`` if it is not there, or damaged."""
    room = room_for(kind)
    if room is None:
        return None
    file = room / f"{key}.pickle"
    try:
        data = file.read_bytes()
        digest, content = data[:_DIGEST_BYTES], memoryview(data)[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            return None
        with no_collection():
            value = pickle.loads(content)
        os.utime(file)
    # What a pickle can raise is not said anywhere.
    except Exception:
        return None
    return Kept(value, digest.hex())


def save(kind: str, key: str, value: object) -> str | None:
    """Keep a value that can be pickled, for ``load``; its digest, or ``None`` if it cannot be kept."""
    room = room_for(kind)
    if room is None:
        return None
    try:
        with no_collection():
            content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        digest = hashlib.sha256(content)
        write(room / f"{key}.pickle", digest.digest() + content)
    except (OSError, RecursionError, MemoryError):
        return None
    prune()
    return digest.hexdigest()


def write(file: Path, data: bytes) -> None:
    """Write a file that others see whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    made = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with made.open("xb") as opened:
            opened.write(data)
        made.replace(file)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise


def prune(most: int = MOST_BYTES) -> None:
    """If more than ``most`` bytes are kept, delete a quarter, beginning with what was used longest ago.

    Other runs may do the same, and lose what they are about to use: they make it again.
    """
    base = directory()
    if base is None:
        return
    files = sorted(_files(base), key=lambda file: file.used)
    total = sum(file.bytes for file in files)
    enough = most - most // 4 if total > most else total
    for file in files:
        if total <= enough:
            return
        with suppress(OSError):
            file.path.unlink()
        total -= file.bytes


class _File(NamedTuple):
    path: Path
    used: float
    bytes: int


def _files(base: Path) -> Iterator[_File]:
    """What is kept in directories of its own; deletes what was left half done."""
    long_ago = time.time() - ABANDONED
    for room in _entries(base):
        if not room.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(Path(room.path)):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                if status.st_mtime < long_ago:
                    _remove(Path(entry.path))
                continue
            yield _File(Path(entry.path), status.st_mtime, status.st_size)


def _remove(path: Path) -> None:
    """Delete a directory of files."""
    with suppress(OSError):
        for entry in _entries(path):
            os.unlink(entry.path)
        path.rmdir()


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []


@cache
def _program() -> str:
    """Stands for all that decides what this program makes of the same input."""
    package = Path(__file__).parent
    sources = sorted(p for p in package.rglob("*") if p.suffix in _SOURCES)
    names = (str(p.relative_to(package)).encode() for p in sources)
    python = sys.version.encode(), importlib.util.MAGIC_NUMBER
    return digest_of(*python, *names, *(p.read_bytes() for p in sources))
