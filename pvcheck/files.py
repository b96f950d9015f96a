"""Files: those of a specification, where imports end; writing one as a whole."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 1_000_000
ROOT_MARKER = ".pvroot"
"""A file of this name says: the specifications in this folder and below may import each other."""


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


def root_of(path: Path) -> Path:
    """The folder that imports of a specification may not leave, where the user names none.

    The nearest folder with a marker, from that of the specification upwards; without one, the
    specification's own. A specification cannot say it itself: it may come from somebody else. For
    the same reason a marker counts for nothing where everybody may put one, as in ``/tmp``, nor at
    the top of the file system.

    Raises:
        OSError: the path is a symbolic link to itself.
    """
    own = resolved(path.parent)
    marked = (f for f in (own, *own.parents) if f != f.parent and _is_marked(f))
    return next(marked, path.parent)


def _is_marked(folder: Path) -> bool:
    try:
        marker, mode = (folder / ROOT_MARKER).lstat(), folder.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(marker.st_mode) and not mode & stat.S_IWOTH


def contents(path: Path) -> bytes:
    """The bytes of a file, one more than are allowed if it is too large.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "not a file")
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def write_text(path: Path, text: str) -> None:
    """The file appears complete or not at all, and replaces an older one.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            # Readable by others, as any file the user makes: mkstemp is stricter than that.
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            Path(file.name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(file.name).unlink()
            raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
