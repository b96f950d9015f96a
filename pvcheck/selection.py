"""What to run of a specification, as the command line and the specification say together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Start
from pvcheck.files import root_of
from pvcheck.instances import instances
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.instance import Instance
from pvcheck.model.model import Model, MutantDeclaration
from pvcheck.recall import Loaded, recall, remember
from pvcheck.report.outcome import Expectation

if TYPE_CHECKING:
    from pvcheck.load import Specification


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to run of a specification. Empty: what the specification itself says."""

    root: Path | None = None
    mutant: str | None = None
    instances: Sequence[str] = ()
    all_instances: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    properties: Sequence[str] = ()
    start: str | None = None
    """A condition on where runs begin; ``None``: they begin in the initial state."""

    @property
    def everything(self) -> bool:
        """Whether the specification decides alone: only then what never happens is its fault."""
        return not (self.mutant or self.instances or self.settings or self.properties or self.start)


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made."""

    specification: Path
    mutant: str | None
    instance: Instance
    properties: tuple[str, ...]
    """In the order of ``Model.properties``."""
    expectation: Expectation
    start: Start | None = None


def prepare(
    specification: Path, selection: Selection, *, skip_parts: bool = False
) -> tuple[Job, ...]:
    """The runs that ``selection`` asks for. ``skip_parts``: none for a file that is only to be imported.

    Raises:
        SpecError: the specification is rejected.
        UsageError: it has no such mutant, instance, parameter or property.
        OSError: it cannot be read.
    """
    # What a condition means is not known without the text.
    loaded = None if selection.start is not None else _recalled(specification, selection)
    if loaded is not None:
        return _jobs(specification, loaded, selection)
    from pvcheck.load import read  # noqa: PLC0415 - loads the whole front end

    parsed = read(specification, selection.root)
    return () if skip_parts and parsed.is_part else jobs(specification, parsed, selection)


def jobs(path: Path, parsed: Specification, selection: Selection) -> tuple[Job, ...]:
    """As ``prepare``, from parsed files."""
    loaded = _recalled(path, selection) or _loaded(path, parsed, selection)
    made = _jobs(path, loaded, selection)
    if selection.start is None:
        return made
    from pvcheck.load import condition_of  # noqa: PLC0415 - as above

    start = Start(condition_of(parsed, selection.start), selection.start)
    return tuple(replace(job, start=start) for job in made)


def _recalled(path: Path, selection: Selection) -> Loaded | None:
    return recall(path, selection.root or root_of(path), selection.mutant)


def _loaded(path: Path, parsed: Specification, selection: Selection) -> Loaded:
    from pvcheck.load import model_of  # noqa: PLC0415 - as above

    made = Loaded(model_of(parsed, selection.mutant), parsed.mutants)
    root = selection.root or root_of(path)
    return remember(path, root, selection.mutant, parsed.visits, made)


def _jobs(path: Path, loaded: Loaded, selection: Selection) -> tuple[Job, ...]:
    model = loaded.model
    mutant = next((m for m in loaded.mutants if m.name == selection.mutant), None)
    names = selection.instances
    if mutant is not None and mutant.instance is not None and not names:
        names = (mutant.instance,)
    chosen = instances(
        model,
        names=() if selection.all_instances else names,
        all_instances=selection.all_instances,
        settings=selection.settings,
    )
    properties = properties_of(model, selection.properties)
    return tuple(_job(path, mutant, instance, properties, selection) for instance in chosen)


def whole(specification: Path, instance: Instance) -> Job:
    """The run of an instance that the specification itself asks for."""
    return _job(specification, None, instance, instance.model.properties, Selection())


def _job(
    specification: Path,
    mutant: MutantDeclaration | None,
    instance: Instance,
    properties: tuple[str, ...],
    selection: Selection,
) -> Job:
    expectation = _expectation(instance, mutant)
    # Progress may be promised for some instances only: others may be too large to judge it.
    elsewhere = {
        p.name
        for p in instance.model.progress
        if not _in(instance, p.instances)
        and p.name not in (*selection.properties, *expectation.violated)
    }
    judged = tuple(p for p in properties if p not in elsewhere)
    return Job(specification, selection.mutant, instance, judged, expectation)


def _in(instance: Instance, names: tuple[str, ...] | None) -> bool:
    return names is None or instance.name in names


def properties_of(model: Model, names: Collection[str]) -> tuple[str, ...]:
    """The properties of these names, or all, in the order of the model.

    Raises:
        UsageError: there is none of that name.
    """
    for name in names:
        if name not in model.properties:
            known = f"it has {', '.join(model.properties)}"
            hint = did_you_mean(name, model.properties) or known
            raise UsageError(f"{model.name} has no property {name!r}", hint)
    return tuple(p for p in model.properties if not names or p in names)


def _expectation(instance: Instance, mutant: MutantDeclaration | None) -> Expectation:
    if mutant is None:
        expected = instance.model.expected
        return Expectation(frozenset(e.property for e in expected if _in(instance, e.instances)))
    violated = frozenset() if mutant.violated is None else frozenset({mutant.violated})
    return Expectation(violated, others_too=True)
