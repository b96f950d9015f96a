"""What became of the mutants of a specification: which property has killed which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvcheck.model.verdict import Inconclusive, Violated
from pvcheck.report.columns import WIDTH, table
from pvcheck.report.outcome import Run, Standing
from pvcheck.report.run_text import plural


@dataclass(frozen=True, slots=True)
class Judged:
    """A mutant and its runs."""

    name: str
    why: str
    violated: str | None
    """The property that it must violate; ``None``: it must survive."""
    runs: tuple[Run, ...]

    @property
    def killers(self) -> dict[str, int]:
        """The properties that are violated, and the steps of the shortest counterexample to each."""
        steps: dict[str, int] = {}
        for run in self.runs:
            for outcome in run.outcomes:
                if isinstance(outcome.verdict, Violated):
                    length = len(outcome.verdict.trace.steps)
                    steps[outcome.name] = min(length, steps.get(outcome.name, length))
        return steps

    @property
    def standing(self) -> Standing:
        if self.violated in self.killers:
            return Standing.AS_DECLARED
        if self.violated is None and self.killers:
            return Standing.UNEXPECTED
        undecided = any(isinstance(o.verdict, Inconclusive) for r in self.runs for o in r.outcomes)
        if undecided or not self.runs:
            return Standing.UNDECIDED
        return Standing.AS_DECLARED if self.violated is None else Standing.UNEXPECTED


_SAID = {
    Standing.AS_DECLARED: "",
    Standing.UNEXPECTED: "NOT AS DECLARED",
    Standing.UNDECIDED: "inconclusive",
}


def mutants_text(system: str, judged: Sequence[Judged], properties: Sequence[str]) -> str:
    """The table of mutants and killers, and what it comes to.

    ``properties``: all that there are, to name those that kill nothing.
    """
    rows = [
        (
            (mutant.name,),
            (", ".join(dict.fromkeys(run.instance.name for run in mutant.runs)),),
            (_killed_by(mutant),),
            (_SAID[mutant.standing],),
        )
        for mutant in judged
    ]
    lines = table(
        ("mutant", "instance", "killed by (steps)", ""), rows, WIDTH - 2, least=(8, 8, 20, 15)
    )
    return "\n".join([system, *(f"  {line}" for line in lines), *_totals(judged, properties), ""])


def _killed_by(mutant: Judged) -> str:
    killers = mutant.killers
    # First what was declared.
    names = sorted(killers, key=lambda name: (name != mutant.violated, killers[name], name))
    if names:
        return ", ".join(f"{name} {killers[name]}" for name in names)
    return f"nothing; declared: {mutant.violated}" if mutant.violated else "nothing (a control)"


def _totals(judged: Sequence[Judged], properties: Sequence[str]) -> Iterator[str]:
    killed = [m for m in judged if m.killers]
    controls = [m for m in judged if not m.killers and m.standing is Standing.AS_DECLARED]
    others = [m for m in judged if m.standing is not Standing.AS_DECLARED]
    yield (
        f"{plural(len(judged), 'mutant')}: {len(killed)} killed, "
        f"{plural(len(controls), 'control')} survived, {len(others)} not as declared"
    )
    used = {name for mutant in judged for name in mutant.killers}
    idle = [name for name in properties if name not in used]
    if idle:
        yield f"these properties kill nothing: {', '.join(idle)}"


def mutants_json(judged: Sequence[Judged]) -> list[dict[str, object]]:
    """As ``mutants_text``, for programs."""
    return [
        {
            "mutant": mutant.name,
            "why": mutant.why,
            "declared": mutant.violated,
            "instances": [run.instance.name for run in mutant.runs],
            "killers": dict(sorted(mutant.killers.items())),
            "standing": mutant.standing.name.lower().replace("_", " "),
        }
        for mutant in judged
    ]
