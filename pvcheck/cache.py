"""The user's cache directory: what can be computed again, kept between runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
