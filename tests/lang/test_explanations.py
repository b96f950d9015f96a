"""Comments that say why a mutant is no mistake."""

from __future__ import annotations

import pytest

from pvcheck.diagnostics import Code, SpecError, render
from pvcheck.lang.derive import derived
from pvcheck.lang.explanations import explained, explanations
from pvcheck.lang.parse import parse
from pvcheck.source import Source

HEAD = "system s;\nlock a: mutex;\nvar x: 0..1 guarded by a;\n"


def said(text: str, system: str = "s") -> dict[str, str]:
    """What is said of which mutants of a thread with that text."""
    sources = [Source("test.pv", f"{HEAD}thread t {{\n{text}\n}}\n")]
    mutants = derived(parse(sources[0]), sources)
    found = explained(mutants, explanations(sources, system), sources)
    return {name: e.why for name, e in found.items()}


def refused(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        said(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code is Code.BAD_EDIT
    return render(diagnostic, caught.value.sources)


@pytest.mark.parametrize(
    "text",
    [
        "acquire a;\nrelease a; // equivalent drop-release because it ends",
        "acquire a;\n// equivalent drop-release because it ends\nrelease a;",
        "acquire a;\n//   equivalent   drop-release\tbecause   it ends\n\n\nrelease a;",
        "acquire a;\n// equivalent drop-release because it\n// ends\n"
        "// equivalent try-for-wait in u because no\nrelease a;",
        'acquire a; // as "equivalent" to others\n// equivalent drop-release because it ends\n/* so */ release a;',
        "acquire a;\n// equivalent drop-release in s because it ends\nrelease a;",
        "acquire a;\n// equivalent drop-release in u, s because it ends\nrelease a;",
    ],
)
def test_on_the_line_of_the_statement_or_above(text: str) -> None:
    assert said(text) == {"drop-release t: release a": "it ends"}


@pytest.mark.parametrize(
    "text",
    [
        "acquire a;\n// equivalent drop-release because it ends\nlast:\nrelease a;",
        "acquire a;\nlast:\n// equivalent drop-release because it ends\nrelease a;",
        "acquire a;\nlast: // equivalent drop-release because it ends\nrelease a;",
    ],
)
def test_on_the_line_of_its_label_or_above(text: str) -> None:
    assert said(text) == {"drop-release t.last": "it ends"}


def test_all_of_the_kind_that_begin_on_the_line() -> None:
    text = (
        "acquire a;\n// equivalent drop-release because it may\nrelease a; release a;\nrelease a;"
    )

    assert said(text) == {
        "drop-release t: release a": "it may",
        "drop-release t: release a #2": "it may",
    }


@pytest.mark.parametrize(
    "text",
    [
        "// equivalent to a lock\nacquire a; release a;",
        "// equivalent\nacquire a; release a;",
        "/* equivalent drop-release because it is no line */\nacquire a; release a;",
        "/// equivalent drop-release because it is documentation\nacquire a; release a;",
        "// not equivalent drop-release because of this\nacquire a; release a;",
        "// equivalent drop-bump in other because it is not here\nacquire a; release a;",
    ],
)
def test_what_is_none(text: str) -> None:
    assert said(text) == {}


def test_one_that_is_left_over() -> None:
    text = refused("acquire a;\n// equivalent drop-bump because nobody looks\nrelease a;")

    assert text.startswith(
        "test.pv:6:1: error[PV406]: this explains no mutant: there is no drop-bump of the statement here"
    )
    assert "hint: here there is drop-release" in text
    assert "no mutant is made of what is here" in refused("// equivalent drop-bump because no\n;")
    # Behind the last statement there is none.
    assert "no mutant is made" in refused(
        "acquire a; release a;\n// equivalent drop-bump because no"
    )


def test_one_with_a_mistake() -> None:
    kind = refused("acquire a;\nrelease a; // equivalent drop-relase because it ends")
    why = refused("acquire a;\nrelease a; // equivalent drop-release")

    assert "no kind of mutant 'drop-relase'" in kind
    assert "hint: did you mean 'drop-release'?" in kind
    assert "an explanation of drop-release does not say why" in why
    assert "say // equivalent KIND because WHY" in why
    assert "does not say why" in refused("acquire a; release a; // equivalent drop-release because")
