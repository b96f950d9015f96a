"""What the proof of a part is about: types, a thread, parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import z3

from pvcheck.model.expr import Const
from pvcheck.model.model import Model
from pvcheck.model.types import Bool, Int
from pvcheck.proof.parts import Part
from pvcheck.proof.state import Setting, element_guards
from pvcheck.proof.theory import Theory
from pvcheck.proof.values import Atom, Value


def axioms_of(theory: Theory) -> tuple[tuple[str, str], ...]:
    """Names and reasons."""
    return tuple((axiom.name, axiom.reason) for axiom in theory.axioms)


def fixed_parameters(model: Model) -> dict[str, bool]:
    """Truth parameters that no default instance sets, and their values; a proof is for all values of
    the others, and of numbers."""
    set_somewhere = {name for i in model.instances if i.default for name, _ in i.values}
    return {
        p.name: bool(p.default.value)
        for p in model.parameters
        if p.name not in set_somewhere and isinstance(p.type, Bool) and isinstance(p.default, Const)
    }


def settings(
    model: Model,
    part: Part,
    fixed: Mapping[str, bool],
    guarded: Collection[str] = (),
    *,
    about_data: bool = False,
) -> Setting:
    """``fixed``: values of Boolean parameters. ``guarded``: variables with element guards. ``about_data``:
    whether there are candidates about shared variables."""
    theory = Theory(model)
    theory.marks = about_data
    family = next(f for f in model.threads if f.name == part.family)
    itself = () if family.sort is None else theory.constants("self", family.sort)
    chosen = {**fixed_parameters(model), **fixed}
    parameters: dict[str, Value] = {}
    for parameter in model.parameters:
        name = parameter.name
        if isinstance(parameter.type, Int):
            parameters[name] = Atom(z3.Int(f"param.{name}"))
        elif name in chosen:
            parameters[name] = Atom(z3.BoolVal(chosen[name]))
        else:
            parameters[name] = Atom(z3.Bool(f"param.{name}"))
    guards = {name: g for name, g in element_guards(theory).items() if name in guarded}
    return Setting(
        theory, family, itself, parameters, part.left_out, part.cut, guards, about_data=about_data
    )
