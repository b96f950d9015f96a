"""Where the counterexamples of one command go, and the commands that lead back to them."""

from __future__ import annotations

import shlex
from pathlib import Path

from pvcheck.model.verdict import Violated
from pvcheck.report.outcome import Outcome, Run
from pvcheck.report.trace_file import write
from pvcheck.selection import Selection


class Counterexamples:
    """Writes every trace to a file of its own below one directory."""

    def __init__(self, directory: Path | None, selection: Selection) -> None:
        self._directory = directory
        self._selection = selection
        self._written: set[str] = set()

    def save(self, run: Run, outcome: Outcome) -> str | None:
        """Writes the trace of a violation; the name of the file.

        Raises:
            OSError: it cannot be written.
        """
        if not isinstance(outcome.verdict, Violated) or self._directory is None:
            return None
        path = self._directory / self._name(run, outcome)
        write(path, outcome.verdict.trace)
        return str(path)

    def again(self, run: Run, outcome: Outcome) -> str:
        """The command that finds the violation again, and only this one."""
        return shlex.join([*self._words("verify", run), "--property", outcome.name])

    def walk(self, run: Run, outcome: Outcome, seed: int, number: int, steps: int) -> str:
        """The command that takes the walk again that showed the violation."""
        words = [*self._words("simulate", run), "--property", outcome.name, "--seed", str(seed)]
        return shlex.join([*words, "--first", str(number), "--walks", "1", "--steps", str(steps)])

    def _words(self, command: str, run: Run) -> list[str]:
        """The command on the same instance."""
        selection = self._selection
        words = ["pvcheck", command, run.specification]
        if selection.root is not None:
            words += ["--root", str(selection.root)]
        if run.mutant is not None:
            words += ["--mutant", run.mutant]
        if run.instance.model.instances:
            words += ["--instance", run.instance.name]
        for name, value in selection.settings.items():
            words += ["-p", f"{name}={value}"]
        return words

    def _name(self, run: Run, outcome: Outcome) -> str:
        """``SPEC[.MUTANT].PROPERTY.json``, or a longer one where this command used that already."""
        spec = Path(run.specification).stem
        mutant = [] if run.mutant is None else [run.mutant]
        parts = [[spec, *mutant], [spec, *mutant, run.instance.name]]
        candidates = [".".join([*part, outcome.name, "json"]) for part in parts]
        candidates += [
            ".".join([*parts[1], outcome.name, str(n), "json"])
            for n in range(2, len(self._written) + 3)
        ]
        name = next(c for c in candidates if c not in self._written)
        self._written.add(name)
        return name
