"""The examples of a document, and what becomes of each."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from pvcheck import pipeline, selection
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits, Silent
from pvcheck.load import load, mutants
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report.outcome import Expectation, Standing

DOCS = Path(__file__).parent.parent / "pvcheck" / "docs"
_FENCE = re.compile(r"^```(pv|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMPLETE = re.compile(r"^(system|thread)\b", re.MULTILINE)
_EXPECTATION = re.compile(r"(?://|#) (error|verify): (.+)")


@dataclass(frozen=True)
class Example:
    document: str
    section: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}-{self.section}-{self.number}"

    @property
    def expected(self) -> str | None:
        """What its first line says: ``error: PV101``, ``verify: violated race``."""
        match = _EXPECTATION.match(self.text)
        return None if match is None else f"{match[1]}: {match[2]}"

    def written_to(self, folder: Path) -> Path:
        """A file with the example, completed as the document says."""
        path = folder / "example.pv"
        if self.language == "sh":
            subprocess.run(["/bin/sh", "-c", self.text], cwd=folder, check=True)
        else:
            rest = "" if _COMPLETE.search(self.text) else "system example;\nthread idle { }\n"
            path.write_text(self.text + rest, encoding="utf-8")
        return path


def sections(document: str) -> dict[str, str]:
    """The text of each section by its title."""
    text = (DOCS / document).read_text(encoding="utf-8")
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def examples(document: str) -> list[Example]:
    text = (DOCS / document).read_text(encoding="utf-8")
    introduction = text.partition("\n## ")[0]
    found = []
    for title, body in {"Introduction": introduction, **sections(document)}.items():
        for number, (language, example) in enumerate(_FENCE.findall(body), start=1):
            found.append(Example(document, title.split()[0], number, language, example))
    return found


def outcome(path: Path, expected: str | None) -> str | None:
    """What becomes of the specification, in the words of an expectation; runs it if that does."""
    try:
        load(path)
    except SpecError as error:
        return f"error: {' '.join(sorted({d.code.value for d in error.diagnostics}))}"
    if expected is None or not expected.startswith("verify: "):
        return None
    violated = sorted(violations(path))
    return f"verify: violated {' '.join(violated)}" if violated else "verify: checked"


def violations(path: Path) -> set[str]:
    """The properties that are violated in any instance that ``verify`` runs."""
    found: set[str] = set()
    for job in selection.prepare(path, selection.Selection()):
        # Expecting nothing, so that no violation ends the run early.
        verdicts = pipeline.run(
            replace(job, expectation=Expectation()), Limits(), Silent()
        ).result.verdicts
        violated = {name for name, v in verdicts.items() if isinstance(v, Violated)}
        # A fault ends its run, and leaves the rest open.
        assert violated or all(isinstance(v, Checked) for v in verdicts.values()), verdicts
        found |= violated
    return found


def wrong_mutants(path: Path) -> list[str]:
    """The mutants that do not do what they declare."""
    return [
        mutant.name
        for mutant in mutants(path)
        for job in selection.prepare(path, selection.Selection(mutant=mutant.name))
        for outcome in pipeline.run(job, Limits(), Silent()).outcomes
        if outcome.standing is not Standing.AS_DECLARED
    ]
