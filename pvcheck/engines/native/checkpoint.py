"""Searches on disk: written now and then, to go on from after an interruption.

A file is what runtime/checkpoint.c writes, then a line of JSON that says what it is of, with a checksum.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from pvcheck.diagnostics import UsageError
from pvcheck.engines.native.library import Library

FORMAT = "pvcheck-checkpoint-1"
_LINE = 1 << 16
"""More bytes than the last line has."""
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where and when a search is saved."""

    file: Path
    resume: bool
    """Go on from the file."""
    seconds: float
    """Between two times that it is saved."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a search is of; another one cannot go on from its file."""

    model: str
    """The library: model, instance, this program, compiler and machine."""
    properties: tuple[str, ...]
    stop: tuple[str, ...]
    """Properties whose violation ends the search."""

    @staticmethod
    def of(library: Library, properties: Collection[str], stop: Collection[str]) -> Identity:
        return Identity(library.path.stem, tuple(sorted(properties)), tuple(sorted(stop)))


def save(file: Path, library: Library, search: int | None, identity: Identity) -> None:
    """Write a search that rests or has ended; the file is there in whole or as it was.

    Raises:
        OSError: it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        library.save(search, part)
        said = {"format": FORMAT, **asdict(identity), "crc32": _checksum(part, part.stat().st_size)}
        with part.open("ab") as out:
            out.write(b"\n" + json.dumps(said).encode("ascii") + b"\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def look(file: Path, identity: Identity) -> None:
    """Return if a search of this identity can go on from the file.

    Raises:
        OSError: it cannot be read.
        UsageError: it is no checkpoint, is damaged, or is of something else.
    """
    size = file.stat().st_size
    with file.open("rb") as text:
        text.seek(max(0, size - _LINE))
        *_, line = text.read().removesuffix(b"\n").split(b"\n")
    try:
        said = json.loads(line)
        found = Identity(said["model"], tuple(said["properties"]), tuple(said["stop"]))
        checksum = said["crc32"]
        known = said["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is no checkpoint, or only a part of one") from error
    if not known:
        raise UsageError(f"{file} is a checkpoint of another version of pvcheck")
    if found.model != identity.model:
        raise UsageError(
            f"{file} is a checkpoint of another model",
            "specification, instance, -p, --mutant and compiler must be the same; or start anew",
        )
    if found != identity:
        raise UsageError(
            f"{file} is a checkpoint of a run with other options",
            "--property, --fail-fast and what is expected must be the same; or start anew",
        )
    if _checksum(file, size - len(line) - 2) != checksum:
        raise UsageError(f"{file} is damaged: its checksum is wrong")


def _checksum(file: Path, size: int) -> int:
    checksum = 0
    with file.open("rb") as data:
        while size > 0:
            chunk = data.read(min(size, _CHUNK))
            if not chunk:
                return -1
            size -= len(chunk)
            checksum = zlib.crc32(chunk, checksum)
    return checksum
