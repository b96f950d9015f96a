"""The documents: every example does what it says, and nothing of the language goes without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import DOCS, Example, examples, outcome, sections, wrong_mutants

from pvcheck.cli.main import main
from pvcheck.diagnostics import Code
from pvcheck.lang.parse import _lark
from pvcheck.lang.symbols import BUILT_IN as FUNCTIONS
from pvcheck.lang.symbols import RESERVED
from pvcheck.load import mutants
from pvcheck.model.model import BUILT_IN as PROPERTIES

DIAGNOSTICS = examples("diagnostics.md")
LANGUAGE = examples("language.md")
GUIDE = examples("modelling.md")
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("example", DIAGNOSTICS + LANGUAGE + GUIDE, ids=str)
def test_the_example_does_what_it_says(example: Example, tmp_path: Path) -> None:
    path = example.written_to(tmp_path)

    assert outcome(path, example.expected) == example.expected
    if example.expected is not None and example.expected.startswith("verify: "):
        assert wrong_mutants(path) == []


def test_every_code_has_its_section() -> None:
    assert [title.split()[0] for title in sections("diagnostics.md")] == list(Code)


@pytest.mark.parametrize("code", Code)
def test_a_section_shows_the_error_and_then_the_remedy(code: Code) -> None:
    expected = [e.expected for e in DIAGNOSTICS if e.section == code]

    assert expected == [f"error: {code}", None]


# --- the language reference leaves nothing out -----------------------------------------------


def verified() -> list[str]:
    """The texts of the examples that are run."""
    return [e.text for e in LANGUAGE if e.expected is None or e.expected.startswith("verify: ")]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+(?:-\w+)*|@\w+", re.sub(r"//[^\n]*", "", text)))


def test_every_rule_of_the_grammar_has_an_example() -> None:
    lark = _lark()
    rules = {r.alias or r.origin.name for r in lark.rules if not r.options.expand1}
    used = {node.data for text in verified() for node in lark.parse(text).iter_subtrees()}
    refused = {"import_"}

    assert {str(r) for r in rules if not r.startswith("_")} - refused <= {str(u) for u in used}


def test_every_word_of_the_language_has_an_example() -> None:
    strings = {t.pattern.value for t in _lark().terminals if t.pattern.type == "str"}
    known = {s for s in strings if s.isidentifier()} | FUNCTIONS
    used = set().union(*map(words, verified()))

    assert known - {"import"} <= used


def test_every_property_is_violated_by_an_example() -> None:
    expected = [e.expected.split() for e in LANGUAGE if e.expected is not None]

    assert set(PROPERTIES) <= set().union(*expected)


def test_the_words_that_cannot_be_names_are_listed() -> None:
    listed = re.search(r"These words are no names: `([^`]*)`", sections("language.md")["Files"])

    assert listed is not None
    assert listed[1].split() == sorted(RESERVED)


def test_no_name_could_be_taken_for_a_word_of_the_language() -> None:
    """Where the parser could go on with either, the word is reserved, or a type's."""
    lark = _lark()
    strings = {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"}
    states = lark.parser.parser._parse_table.states.values()
    either = {
        strings[terminal]
        for actions in states
        if "NAME" in actions and actions["NAME"][0].name == "Shift"
        for terminal, (action, _) in actions.items()
        if action.name == "Shift" and strings.get(terminal, "").isidentifier()
    }

    assert either - {"set", "list"} <= RESERVED


# --- the guide ---------------------------------------------------------------------------------


def test_the_counterexample_in_the_guide_is_the_one_found(
    pytestconfig: pytest.Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = DOCS / "modelling.md"
    (example,) = GUIDE
    (tmp_path / "removal.pv").write_text(example.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    status = main(["verify", "removal.pv", "--mutant", "BLIND", "--quiet", "--color", "never"])

    assert status == 0
    found = capsys.readouterr().out
    text = document.read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert shown is not None
    if pytestconfig.getoption("--update-golden"):
        new = f"{text[: shown.start(1)]}{found}{text[shown.end(1) :]}"
        document.write_text(new, encoding="utf-8")
    else:
        assert found == shown[1]


# --- what the documents name, exists -----------------------------------------------------------


@pytest.mark.parametrize("document", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=str)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_shows_the_counterexample_that_its_command_finds() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"verify specs/obm\.pv --mutant (\w+)", readme)
    (mutant,) = [m for m in mutants(ROOT / "specs" / "obm.pv") if m.name == name]

    assert f"trace show counterexamples/obm.{name}.{mutant.violated}.json" in readme
