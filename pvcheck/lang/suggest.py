"""The nearest known name to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only who misspells needs it

    close = get_close_matches(name, list(islice(known, _LOOKED_AT)), n=1)
    return f"did you mean {close[0]!r}?" if close else None


_LOOKED_AT = 500
"""Names; to compare takes time."""
