"""The symmetries of an instance: renamings under which it does the same.

Source: Ip, Dill, "Better Verification Through Symmetry" (FMSD 9, 1996); Emerson, Sistla, "Symmetry
and Model Checking" (FMSD 9, 1996). The argument is in docs/soundness.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.model import Model, SortDeclaration
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.symmetry import Group, Renaming
from pvcheck.reduce.asymmetry import Asymmetry, asymmetries, unordered
from pvcheck.source import Span

MOST_RENAMINGS = 5040
"""Of a group: 7!. Each state is renamed in so many ways."""
MOST_CELLS = 1_000_000
"""Of the shared part, over all renamings."""


@dataclass(frozen=True)
class Symmetry:
    """Which elements of an instance are alike."""

    group: Group | None
    """All renamings of those; ``None``: there is none but the identity."""
    asymmetries: tuple[Asymmetry, ...]
    """Why other elements of unordered sorts are not."""
    fixed: tuple[str, ...]
    """Sorts that are symmetric, of which some elements stay all the same: the group would be too large."""


def remarks(found: Symmetry, model: Model) -> tuple[str, ...]:
    """Why the search is not reduced more, one line for each reason, with its place."""
    moved = {} if found.group is None else found.group.moved
    return (
        *(f"{model.where(a.span)}: {a.sort} is not symmetric: {a.why}" for a in found.asymmetries),
        *(
            f"{sort} is symmetric, but only {moved.get(sort, 1)} of its elements are permuted:"
            " there would be too many renamings"
            for sort in found.fixed
        ),
    )


def symmetry(semantics: Semantics) -> Symmetry:
    """The symmetries of an instance. The same for the same instance, whatever engine asks."""
    instance = semantics.instance
    found = _asymmetries(semantics)
    refused = {a.sort for a in found}
    sizes: dict[str, int] = {}
    for declaration in instance.model.sorts:
        sort = declaration.type.name
        if sort not in unordered(instance) - refused or semantics.initial_fault is not None:
            continue
        different = _initially_different(semantics, declaration)
        if different is None:
            sizes[sort] = instance.sizes[sort]
        else:
            found = (*found, different)
    moved = _fewer(sizes, min(MOST_RENAMINGS, MOST_CELLS // max(1, semantics.layout.cells)))
    return Symmetry(
        group=Group(semantics.layout, moved) if moved else None,
        asymmetries=found,
        fixed=tuple(sort for sort, size in sizes.items() if moved.get(sort, 1) < size),
    )


def _asymmetries(semantics: Semantics) -> tuple[Asymmetry, ...]:
    try:
        return tuple(asymmetries(semantics))
    except RecursionError:
        why = "an expression is nested too deeply to be looked into"
        names = unordered(semantics.instance)
        sorts = (s for s in semantics.model.sorts if s.type.name in names)
        return tuple(Asymmetry(s.type.name, s.span, why) for s in sorts)


def _fewer(sizes: dict[str, int], most: int) -> dict[str, int]:
    """Per sort, how many of its elements to permute for a group of at most ``most`` renamings."""
    moved: dict[str, int] = {}
    order = 1
    for sort, size in sizes.items():
        count = 1
        while count < size and order * (count + 1) <= most:
            count += 1
            order *= count
        if count > 1:
            moved[sort] = count
    return moved


def _initially_different(semantics: Semantics, declaration: SortDeclaration) -> Asymmetry | None:
    """What the initial state tells the elements of a sort apart by."""
    sort = declaration.type.name
    size = semantics.instance.sizes[sort]
    # Neighbours that change places generate all permutations.
    for element in range(size - 1):
        swapped = (*range(element), element + 1, element, *range(element + 2, size))
        renamed = Renaming(semantics.layout, {sort: swapped}).state(semantics.initial)
        if renamed != semantics.initial:
            name, span = _difference(semantics, renamed) or (sort, declaration.span)
            return Asymmetry(sort, span, f"{name} begins with a value that singles one element out")
    return None


def _difference(semantics: Semantics, renamed: State) -> tuple[str, Span] | None:
    """The variable, or thread with its locals, that is not as in the initial state."""
    instance, layout = semantics.instance, semantics.layout
    shared, locals_ = semantics.initial
    for variable in instance.model.variables:
        block = layout.blocks[variable.name]
        cells = slice(block.start, block.start + block.cells)
        if not variable.counter and renamed[0][cells] != shared[cells]:
            return variable.name, variable.span
    for (family, _), before, after in zip(instance.threads, locals_, renamed[1], strict=True):
        if before != after:
            return family.name, family.span
    return None
