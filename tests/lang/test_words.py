"""The words of the language that are no names, and that all others are names in every place."""

from __future__ import annotations

import pytest

from pvcheck.diagnostics import SpecError
from pvcheck.lang.parse import _lark, parse
from pvcheck.lang.symbols import RESERVED
from pvcheck.source import Source

KEYWORDS = {t.pattern.value for t in _lark().terminals if t.pattern.type == "str"}
WORDS = {word for word in KEYWORDS if word.isidentifier()}


def parses(text: str) -> bool:
    try:
        parse(Source("words.pv", text))
    except SpecError:
        return False
    return True


@pytest.mark.parametrize(
    "before", ["", "if a { ; }", "choose { { } or { } }", "atomic { ; }", "x = 1;"]
)
def test_where_a_statement_begins_a_word_is_a_name_unless_it_is_reserved(before: str) -> None:
    assert RESERVED < WORDS
    bodies = {word: f"{{ {before} {word}: ; {word} = 1; }}" for word in WORDS}

    in_threads = {w for w, body in bodies.items() if parses(f"thread t {body} sort S;")}
    in_mutants = {
        w
        for w, body in bodies.items()
        if parses(f'mutant M "" {{ replace p.l {body} delete p.k; }} expect checked;')
    }
    assert in_threads == in_mutants == WORDS - RESERVED
