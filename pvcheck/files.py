"""The files of a specification: where they are, and what is in them."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Visit:
    """A file that was imported, or is the main one."""

    path: Path
    """Relative to the main file, as it was imported."""
    real: Path
    """What symbolic links lead to."""
    digest: str
    """Of its bytes."""


def resolved(path: Path) -> Path:
    """What symbolic links lead to.

    Raises:
        OSError: to themselves.
    """
    try:
        return path.resolve()
    except RuntimeError as e:
        # As Python before 3.13 says it.
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from e


def contents(path: Path) -> bytes:
    """The bytes of a file, one more than are allowed if it is too large.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "not a file")
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
