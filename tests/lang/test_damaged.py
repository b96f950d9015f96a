"""Specifications with a few tokens changed: refused as data, or run; never anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import examples
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pvcheck.diagnostics import SpecError, render
from pvcheck.engines.base import Limits, Silent
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.lang.lower import lower
from pvcheck.lang.parse import _lark, parse
from pvcheck.load import instances
from pvcheck.model.values import TooLarge
from pvcheck.source import Source

SPECS = [
    *(p.read_text() for p in sorted((Path(__file__).parent.parent / "specs").glob("*.pv"))),
    *(e.text for e in examples("language.md") if "system" in e.text and "import" not in e.text),
]
_TOKEN = re.compile(r"//[^\n]*|\s+|\"[^\"]*\"|\w+|[<=>!&|+\-]{1,3}|\.\.|.", re.DOTALL)


KEYWORDS = {t.pattern.value for t in _lark().terminals if t.pattern.type == "str"}


def kind(token: str) -> str:
    """Tokens of one kind can stand for each other, with luck."""
    if token[0].isdigit():
        return "number"
    if token[0].isalpha():
        return token if token in KEYWORDS else "name"
    return token if token in "(){}[];,:" else "operator"


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A specification that was sound before one or two changes."""
    tokens = _TOKEN.findall(draw(st.sampled_from(SPECS)))
    for _ in range(draw(st.integers(1, 2))):
        solid = [i for i, token in enumerate(tokens) if not token.isspace()]
        at = draw(st.sampled_from(solid))
        other = draw(st.sampled_from(solid))
        alike = [tokens[i] for i in solid if kind(tokens[i]) == kind(tokens[at])]
        match draw(st.sampled_from(["delete", "double", "swap", *["replace"] * 7])):
            case "delete":
                tokens[at] = " "
            case "double":
                tokens[at] += f" {tokens[at]}"
            case "swap":
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case _:
                tokens[at] = draw(st.sampled_from(alike))
    return "".join(tokens)


def fate(text: str) -> str:
    """What becomes of the text."""
    source = Source("damaged.pv", text)
    try:
        model = lower(parse(source), (source,))
        for instance in instances(model):
            limits = Limits(states=100, depth=20)
            ExplicitEngine().check(instance, model.properties, limits, Silent())
    except SpecError as error:
        shown = [render(diagnostic, error.sources) for diagnostic in error.diagnostics]
        return "not in the language" if "PV001" in shown[0] else "refused"
    except TooLarge:
        return "too large"
    return "run"


def test_the_specifications_are_sound_before() -> None:
    fates = [fate(text) for text in SPECS]

    assert len(SPECS) > 20
    assert fates.count("run") > 15


FATES: list[str] = []


@settings(max_examples=200, deadline=None)
@given(damaged())
def test_damaged_text_is_refused_or_run(text: str) -> None:
    found = fate(text)

    event(found)
    FATES.append(found)


def test_the_damage_was_not_always_plain() -> None:
    """Text that never gets past the grammar would show little."""
    if not FATES:
        pytest.skip("nothing was damaged")

    assert FATES.count("not in the language") < 0.7 * len(FATES)
    assert FATES.count("run") > 0.1 * len(FATES)
