"""What ships, and has to be what it says: mutants with their verdicts and counterexamples."""

from __future__ import annotations

from pathlib import Path

from systems import Watcher

from pvcheck import pipeline
from pvcheck.engines.base import Limits
from pvcheck.load import mutants
from pvcheck.model.model import MutantDeclaration
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report import trace_file
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent
"""The current directory of those who use what follows: files are named from there."""
OBM = Path("specs", "obm.pv")
HISTORY = tuple(p.relative_to(ROOT) for p in sorted((ROOT / "specs" / "history").glob("*.pv")))


def counterexample(spec: Path, mutant: MutantDeclaration) -> Path:
    """Where the trace of a mutant is that violates something."""
    return Path("counterexamples", f"{spec.stem}.{mutant.name}.{mutant.violated}.json")


def counterexamples(specs: tuple[Path, ...]) -> set[Path]:
    """The files that have to be there."""
    found = ((s, m) for s in specs for m in mutants(ROOT / s) if m.violated is not None)
    return {counterexample(spec, mutant) for spec, mutant in found}


def does_what_it_declares(spec: Path, mutant: MutantDeclaration, *, update: bool) -> None:
    """The declared verdict; and the shipped counterexample is what the search finds today, so a shortest one."""
    (job,) = prepare(spec, Selection(mutant=mutant.name))
    verdicts = pipeline.run(job, Limits(), Watcher()).result.verdicts
    if mutant.violated is None:
        assert {type(v) for v in verdicts.values()} == {Checked}
        return
    verdict = verdicts[mutant.violated]
    assert isinstance(verdict, Violated)
    path = counterexample(spec, mutant)
    if update:
        trace_file.write(path, verdict.trace)
    assert path.read_text(encoding="utf-8") == trace_file.dumps(verdict.trace)
