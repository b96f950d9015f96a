"""Where declarations begin and end in a text that may not parse: each reports its own error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_TOKEN = re.compile(
    r"//[^\n]*|/\*(?:.*?\*/|.*)|\"[^\"\n]*\"|(?P<open>[{(\[])|(?P<close>[})\]])|(?P<end>;)|(?P<word>@?\w+)",
    re.S,
)
_FIRST_WORDS = frozenset(
    [
        "system",
        "memory",
        "import",
        "sort",
        "ordered",
        "param",
        "type",
        "enum",
        "struct",
        "lock",
        "order",
        "var",
        "gen",
        "fn",
        "proc",
        "op",
        "thread",
        "when",
        "invariant",
        "lemma",
        "progress",
        "instance",
        "default",
        "expect",
        "mutant",
        "@src",
    ]
)
_CONTINUED_BY = {
    "@src": frozenset(["proc", "op"]),
    "when": frozenset(["invariant", "lemma"]),
}
"""What belongs to the declaration that one of these words starts, if it comes next."""


def declarations_apart(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of ``text`` that look like one declaration each, as far as they can be told apart.

    A declaration starts at a keyword that starts one, outside all brackets, after a ``;`` or ``}``.
    """
    depth, end, fresh = 0, 0, True
    continued: frozenset[str] = frozenset()
    starts: list[int] = []
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                depth, fresh = depth + 1, False
            case "close":
                depth = max(0, depth - 1)
                fresh = depth == 0
            case "end":
                fresh = fresh or depth == 0
            case "word" if depth == 0:
                # ``expect`` after a mutant's braces belongs to the mutant.
                mutant = bool(starts) and text.startswith("mutant", starts[-1])
                inside = (token[0] == "expect" and mutant) or token[0] in continued
                if token[0] in _FIRST_WORDS:
                    continued = frozenset()
                if fresh and token[0] in _FIRST_WORDS and not inside:
                    _, newline, before = text[end : token.start()].rpartition("\n")
                    if (newline or end == 0) and not before.strip():
                        starts.append(token.start())
                        continued = _CONTINUED_BY.get(token[0], frozenset())
                fresh = False
        end = token.end()
    yield from pairwise((*starts, len(text)))
