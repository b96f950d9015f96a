"""Declared instances: every sort gets a size, every name exists."""

from __future__ import annotations

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.expressions import Expressions
from pvcheck.lang.symbols import KIND
from pvcheck.model import types as t
from pvcheck.model.constant import NotConstant, Number, evaluate
from pvcheck.model.instance import MAX_SIZE
from pvcheck.model.model import InstanceDeclaration


def declared_instance(declared: ast.Instance, e: Expressions) -> InstanceDeclaration | None:
    values: dict[str, Number] = {}
    complete = True
    for setting in declared.settings:
        value = _setting(setting, e)
        if setting.name.text in values:
            message = f"{setting.name.text!r} is given twice"
            e.errors.add(Code.DUPLICATE_NAME, message, setting.name.span)
        if value is None:
            complete = False
        else:
            values[setting.name.text] = value
    given = {s.name.text for s in declared.settings}
    for name, sort in e.symbols.globals.items():
        if isinstance(sort, ast.Sort) and sort.size is None and name not in given:
            message = f"instance {declared.name.text!r} gives sort {name!r} no size"
            hint = f"add '{name} = 2;'"
            e.errors.add(Code.NO_SIZE, message, declared.name.span, hint=hint)
            complete = False
    only = None if declared.only is None else _only(declared.only, e)
    if not complete:
        return None
    name = declared.name.text
    return InstanceDeclaration(name, declared.default, tuple(values.items()), only, declared.span)


def _setting(setting: ast.Setting, e: Expressions) -> Number | None:
    declared = e.symbols.globals.get(setting.name.text)
    match declared:
        case ast.Sort():
            return _size(declared, setting, e)
        case ast.Parameter():
            parameter = e.parameter(declared)
            return None if parameter is None else _value(setting, parameter.type, e)
        case None:
            known = (
                n for n, d in e.symbols.globals.items() if isinstance(d, ast.Sort | ast.Parameter)
            )
            e.errors.unknown("sort or param", setting.name, known, Code.UNKNOWN_NAME)
        case _:
            message = f"{setting.name.text!r} is a {KIND[type(declared)]}, not a sort or param"
            e.errors.add(Code.WRONG_KIND, message, setting.name.span)
    return None


def _size(declared: ast.Sort, setting: ast.Setting, e: Expressions) -> Number | None:
    if declared.size is not None:
        message = f"the size of {declared.name.text} is computed and cannot be given"
        e.errors.add(Code.BAD_SIZE, message, setting.span)
        return None
    value = _value(setting, t.INT, e)
    if value is not None and not 1 <= value <= MAX_SIZE:
        message = f"a sort has 1 to {MAX_SIZE} elements, not {value}"
        e.errors.add(Code.BAD_SIZE, message, setting.span)
        return None
    return value


def _value(setting: ast.Setting, type_: t.Type, e: Expressions) -> Number | None:
    value = e.constant(setting.value, type_)
    if value is None:
        return None
    try:
        return evaluate(value, {}, {})
    except NotConstant as error:
        e.errors.add(Code.NOT_CONSTANT, f"no value: {error}", setting.value.span)
        return None


def _only(only: ast.Only, e: Expressions) -> tuple[str, ...]:
    known = [
        n for n, d in e.symbols.globals.items() if isinstance(d, ast.Procedure) and d.operation
    ]
    for name in only.operations:
        if name.text not in known:
            e.errors.unknown("op", name, known, Code.UNKNOWN_NAME)
    return tuple(n.text for n in only.operations)
