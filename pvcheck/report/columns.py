"""Text in columns: wrapping, tables, and text that is safe to show on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDTH = 80
_GAP = 2

Cell = tuple[str, ...]
"""Paragraphs, each of which starts on a line of its own."""


def printable(text: str) -> str:
    """``text`` with whatever could drive or confuse a terminal escaped; line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _harmless(c) else _escaped(c) for c in text)


def _harmless(character: str) -> bool:
    # Cc: controls. Cf: invisible, some reverse the direction of writing. Cs: cannot be encoded.
    return character in "\n\t" or unicodedata.category(character) not in {
        *("Cc", "Cf", "Cs", "Zl", "Zp"),
    }


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def wrap(text: str, width: int, *, hanging: int = 0) -> list[str]:
    """The lines of ``text``, at least one; those after the first are indented by ``hanging``."""
    lines: list[str] = []
    line = ""
    margin = text[: len(text) - len(text.lstrip(" "))]
    for word in printable(text).split():
        joined = f"{line} {word}" if line.strip() else f"{line or margin}{word}"
        if len(joined) <= width or not line.strip():
            line = joined
        else:
            lines.append(line)
            line = " " * hanging + word
        while len(line) > width:
            at = _break(line, max(width, hanging + 1), hanging)
            lines.append(line[:at])
            line = " " * hanging + line[at:]
    return [*lines, line] if line.strip() or not lines else lines


def _break(line: str, width: int, hanging: int) -> int:
    """Where to break a word that is too long: after a punctuation mark, else anywhere."""
    marks = [i + 1 for i in range(hanging, width) if line[i] in "([{,/"]
    return marks[-1] if marks else width


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    width: int,
    *,
    least: Sequence[int],
) -> list[str]:
    """The header and the rows in columns, together at most ``width`` wide where possible.

    ``least``: how narrow each column may become, if its text is wider at all.
    """
    cells = [tuple((title,) for title in header), *rows]
    natural = [max(_natural(row[i]) for row in cells) for i in range(len(header))]
    widths = fit(natural, least, width - _GAP * (len(header) - 1))
    return [line for row in cells for line in _row(row, widths)]


def fit(natural: Sequence[int], least: Sequence[int], available: int) -> list[int]:
    """The widths, cut at the widest places until their sum is available; none below its least."""
    widths = list(natural)
    while sum(widths) > available:
        shrinkable = [i for i, w in enumerate(widths) if w > least[i]]
        if not shrinkable:
            break
        widths[max(shrinkable, key=lambda i: widths[i])] -= 1
    return widths


def _natural(cell: Cell) -> int:
    return max((len(printable(paragraph)) for paragraph in cell), default=0)


def _row(row: Sequence[Cell], widths: Sequence[int]) -> list[str]:
    blocks = [
        [line for paragraph in cell for line in wrap(paragraph, width, hanging=2)]
        for cell, width in zip(row, widths, strict=True)
    ]
    return beside(blocks, widths)


def beside(blocks: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Blocks of lines next to each other, filled up with empty lines at the bottom."""
    height = max(len(block) for block in blocks)
    gap = " " * _GAP
    return [
        gap.join(
            (block[i] if i < len(block) else "").ljust(width)
            for block, width in zip(blocks, widths, strict=True)
        ).rstrip()
        for i in range(height)
    ]
