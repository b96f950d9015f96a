"""Files and an instance's sizes to what engines run: the front end in one call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from pvcheck.lang import ast, lower
from pvcheck.lang.edit import apply_mutant, mutants_of
from pvcheck.lang.imports import read_all
from pvcheck.lang.instances import MAX_SIZE
from pvcheck.lang.parse import parse
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.constant import NotConstant, Number, evaluate
from pvcheck.model.expr import Expr
from pvcheck.model.instance import Instance
from pvcheck.model.model import InstanceDeclaration, Model
from pvcheck.model.types import Bool, Int, Type
from pvcheck.source import Source

CONDITION = "condition"
"""What a condition from the command line is called in messages."""
_CONDITION = "condition__"


@dataclass(frozen=True, slots=True)
class MutantDeclaration:
    name: str
    why: str
    violated: str | None
    """The property it must violate; ``None``: none at all."""
    instance: str | None


@dataclass(frozen=True)
class Specification:
    """The parsed files of a specification."""

    tree: ast.Specification
    sources: tuple[Source, ...]

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
    """Parse ``path`` and all it imports.

    Raises:
        SpecError: with the errors of all files.
        OSError: ``path`` cannot be read.
    """
    tree, sources = read_all(path, root or path.parent)
    return Specification(tree, sources)


def check(specification: Specification) -> None:
    """Return if names and types are right, those in mutants too.

    Raises:
        SpecError: the specification is rejected.
    """
    lower.check(specification.tree, specification.sources)


def load(path: Path, *, root: Path | None = None, mutant: str | None = None) -> Model:
    """The model of a specification, or of one of its mutants.

    Raises:
        SpecError: the specification is rejected.
        UsageError: there is no such mutant.
        OSError: ``path`` cannot be read.
    """
    return model_of(read(path, root), mutant)


def model_of(specification: Specification, mutant: str | None = None) -> Model:
    """As ``load``, from parsed files."""
    tree, sources = specification.tree, specification.sources
    if mutant is not None:
        known = mutants_of(tree)
        if mutant not in known:
            raise UsageError(f"no mutant {mutant!r}", did_you_mean(mutant, known))
        tree = apply_mutant(tree, known[mutant], {s.name: s for s in sources})
    return lower.lower(tree, sources)


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


def instances(
    model: Model,
    *,
    names: Sequence[str] = (),
    all_instances: bool = False,
    settings: Mapping[str, str] | None = None,
) -> tuple[Instance, ...]:
    """The instances asked for: by name, or all, or the default ones, or the first.

    ``settings`` (from the command line) come on top of each.

    Raises:
        UsageError: no such instance, sort or parameter; a value that is none.
        SpecError: a size that is computed comes out wrong.
    """
    chosen = _chosen(model, names, all_instances)
    return tuple(_instance(model, declared, settings or {}) for declared in chosen)


def _chosen(
    model: Model, names: Sequence[str], all_instances: bool
) -> Sequence[InstanceDeclaration]:
    if not model.instances:
        if names:
            raise UsageError(f"no instance {names[0]!r}: the specification declares none")
        nothing = InstanceDeclaration("unnamed", True, (), None, model.threads[0].span)
        return (nothing,)
    if all_instances:
        return model.instances
    by_name = {i.name: i for i in model.instances}
    for name in names:
        if name not in by_name:
            raise UsageError(f"no instance {name!r}", did_you_mean(name, by_name))
    if names:
        return [by_name[name] for name in names]
    return [i for i in model.instances if i.default] or model.instances[:1]


def _instance(model: Model, declared: InstanceDeclaration, settings: Mapping[str, str]) -> Instance:
    values: dict[str, Number] = dict(declared.values)
    values.update({name: _setting(model, name, text) for name, text in settings.items()})
    parameters: dict[str, Number] = {}
    sizes = {s.type.name: int(values[s.type.name]) for s in model.sorts if s.type.name in values}
    errors = []
    for parameter in model.parameters:
        try:
            default = evaluate(parameter.default, sizes, parameters)
        except NotConstant as e:
            message = f"{parameter.name} has no value in {declared.name}: {e}"
            errors.append(Diagnostic(Code.BAD_VALUE, message, Label(parameter.span)))
            continue
        value = values.get(parameter.name, default)
        if not _fits(value, parameter.type, sizes, parameters):
            message = f"{parameter.name} is {value} in {declared.name}, outside of its range"
            errors.append(Diagnostic(Code.BAD_VALUE, message, Label(parameter.span)))
        parameters[parameter.name] = value
    for sort in model.sorts:
        name = sort.type.name
        if sort.size is None and name not in sizes:
            message = f"sort {name!r} has no size"
            hint = f"give it one with -p {name}=2, or declare an instance"
            errors.append(Diagnostic(Code.NO_SIZE, message, Label(sort.span), hint=hint))
        elif sort.size is not None:
            try:
                sizes[name] = int(evaluate(sort.size, sizes, parameters))
            except NotConstant as e:
                message = f"{name} has no size in {declared.name}: {e}"
                errors.append(Diagnostic(Code.NO_SIZE, message, Label(sort.span)))
                continue
            if not 1 <= sizes[name] <= MAX_SIZE:
                message = f"sort {name!r} comes out with {sizes[name]} elements in {declared.name}"
                errors.append(Diagnostic(Code.BAD_SIZE, message, Label(sort.span)))
    if errors:
        raise SpecError(errors, model.source)
    return Instance(model, declared.name, sizes, parameters, declared.only)


def _fits(
    value: Number, type_: Type, sizes: Mapping[str, int], parameters: Mapping[str, Number]
) -> bool:
    """Whether the value is in the declared range; a range that cannot be computed has no values."""
    if not isinstance(type_, Int) or type_.low is None or type_.high is None:
        return True
    try:
        low, high = (evaluate(e, sizes, parameters) for e in (type_.low, type_.high))
    except NotConstant:
        return False
    return low <= value <= high


def _setting(model: Model, name: str, text: str) -> Number:
    """The value of ``-p name=text``."""
    sorts = {s.type.name: s for s in model.sorts}
    parameters = {p.name: p for p in model.parameters}
    if name in sorts:
        if sorts[name].size is not None:
            raise UsageError(f"the size of {name} is computed and cannot be given")
        value = _number(name, text)
        if not 1 <= value <= MAX_SIZE:
            raise UsageError(f"a sort has 1 to {MAX_SIZE} elements, not {value}")
        return value
    if name not in parameters:
        hint = did_you_mean(name, (*sorts, *parameters))
        raise UsageError(f"no sort or parameter {name!r}", hint)
    if isinstance(parameters[name].type, Bool):
        if text not in ("true", "false"):
            raise UsageError(f"{name} is true or false, not {text!r}")
        return text == "true"
    return _number(name, text)


def _number(name: str, text: str) -> int:
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()) or len(text) > 9:
        raise UsageError(f"{name} is a number, not {text!r}")
    return int(text)
