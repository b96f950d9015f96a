"""Files to what engines run: the front end in one call each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pvcheck.diagnostics import UsageError
from pvcheck.files import Visit, root_of
from pvcheck.instances import instances
from pvcheck.lang import ast, lower
from pvcheck.lang.edit import apply_mutant, mutants_of
from pvcheck.lang.imports import read_all
from pvcheck.lang.parse import parse
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.expr import Expr
from pvcheck.model.model import Model, MutantDeclaration
from pvcheck.source import Source

__all__ = (
    "CONDITION",
    "MutantDeclaration",
    "Specification",
    "check",
    "condition_of",
    "instances",
    "load",
    "model_of",
    "mutants",
    "read",
)

CONDITION = "condition"
"""What a condition from the command line is called in messages."""
_CONDITION = "condition__"


@dataclass(frozen=True)
class Specification:
    """The parsed files of a specification."""

    tree: ast.Specification
    sources: tuple[Source, ...]
    visits: tuple[Visit, ...] = ()
    """What tells whether they have changed; none: they are no files."""

    @property
    def counts(self) -> dict[str, int]:
        """How many declarations of each kind that a summary names."""
        all_of = self.tree.declarations
        return {
            "op": sum(isinstance(d, ast.Procedure) and d.operation for d in all_of),
            "lock class": sum(isinstance(d, ast.Lock) for d in all_of),
            "invariant": sum(isinstance(d, ast.Invariant) for d in all_of),
            "instance": sum(isinstance(d, ast.Instance) for d in all_of),
            "mutant": sum(isinstance(d, ast.Mutant) for d in all_of),
        }

    @property
    def is_part(self) -> bool:
        """Whether it is there to be imported only: no file says what system it is."""
        return not any(isinstance(d, ast.System) for d in self.tree.declarations)

    @property
    def mutants(self) -> tuple[MutantDeclaration, ...]:
        return tuple(map(_mutant, mutants_of(self.tree).values()))


def read(path: Path, root: Path | None = None) -> Specification:
    """Parse ``path`` and all it imports, from inside ``root``, or ``root_of(path)``.

    Raises:
        SpecError: with the errors of all files.
        OSError: ``path`` cannot be read.
    """
    return Specification(*read_all(path, root or root_of(path)))


def check(specification: Specification) -> None:
    """Return if names and types are right, those in mutants too.

    Raises:
        SpecError: the specification is rejected.
    """
    lower.check(specification.tree, specification.sources)


def load(
    path: Path, *, root: Path | None = None, mutant: str | None = None, lemmas: bool = False
) -> Model:
    """The model of a specification, or of one of its mutants.

    Args:
        lemmas: a mutant keeps them, for a proof. What a correct protocol is proved with is nothing that
            its callers rely on: nobody asks whether a mutant violates it.

    Raises:
        SpecError: the specification is rejected.
        UsageError: there is no such mutant.
        OSError: ``path`` cannot be read.
    """
    return model_of(read(path, root), mutant, lemmas=lemmas)


def model_of(
    specification: Specification, mutant: str | None = None, *, lemmas: bool = False
) -> Model:
    """As ``load``, from parsed files."""
    tree, sources = specification.tree, specification.sources
    if mutant is not None:
        known = mutants_of(tree)
        if mutant not in known:
            raise UsageError(f"no mutant {mutant!r}", did_you_mean(mutant, known))
        tree = apply_mutant(tree, known[mutant], {s.name: s for s in sources})
        if not lemmas:
            tree = without_lemmas(tree)
    return lower.lower(tree, sources)


def without_lemmas(tree: ast.Specification) -> ast.Specification:
    kept = (d for d in tree.declarations if not (isinstance(d, ast.Invariant) and d.lemma))
    return replace(tree, declarations=tuple(kept))


def condition_of(specification: Specification, text: str) -> Expr:
    """A condition on the shared part of states, in the words of a specification.

    Raises:
        SpecError: it is none, or the specification is rejected.
        UsageError: it is more than one expression.
    """
    source = Source(CONDITION, f"invariant {_CONDITION}: {text};")
    parsed = parse(source).declarations
    if len(parsed) != 1 or not isinstance(parsed[0], ast.Invariant):
        raise UsageError(f"{text!r} is not one condition")
    tree = specification.tree
    whole = replace(tree, declarations=(*tree.declarations, *parsed))
    model = lower.lower(whole, (*specification.sources, source))
    return next(i.condition for i in model.invariants if i.name == _CONDITION)


def mutants(path: Path, root: Path | None = None) -> tuple[MutantDeclaration, ...]:
    return read(path, root).mutants


def _mutant(declared: ast.Mutant) -> MutantDeclaration:
    violated = None if declared.violated is None else declared.violated.text
    instance = None if declared.instance is None else declared.instance.text
    return MutantDeclaration(declared.name.text, declared.why, violated, instance)
