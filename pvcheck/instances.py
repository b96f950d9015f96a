"""Sizes and parameters for a model, as the specification and the command line say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pvcheck.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from pvcheck.lang.suggest import did_you_mean
from pvcheck.model.constant import NotConstant, Number, evaluate
from pvcheck.model.instance import MAX_SIZE, Instance
from pvcheck.model.model import InstanceDeclaration, Model
from pvcheck.model.types import Bool, Int, Type


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
