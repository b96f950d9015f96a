"""Pieces of C."""

from __future__ import annotations

from collections.abc import Iterable

from pvcheck.engines.native.values import wide


def table(type_: str, name: str, values: Iterable[object], size: str = "[]") -> str:
    """A constant table; it has at least one entry."""
    items = [wide(int(v)) if isinstance(v, int) else str(v) for v in values]
    constant = f"{type_}const " if type_.endswith("*") else f"const {type_} "
    return f"static {constant}{name}{size} = {{{', '.join(items) or '0'}}};"


def comment(text: str) -> str:
    """Text of the specification, which must not end the comment it stands in."""
    plain = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")[:200]
