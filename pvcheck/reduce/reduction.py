"""All that an instance's search can be reduced by."""

from __future__ import annotations

from pvcheck import cache
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.semantics import Semantics
from pvcheck.model.symmetry import Group
from pvcheck.model.transactions import Movers


def reduction(semantics: Semantics, *, transactions: bool = True) -> Reduction:
    """The symmetries of the instance, and its transactions if these are wanted too."""
    if semantics.initial_fault is not None:
        return UNREDUCED
    moved, movers = cache.kept("reductions", semantics.instance.digest, lambda: _found(semantics))
    return Reduction(
        group=Group(semantics.layout, moved) if moved else None,
        movers=movers if transactions else None,
    )


def _found(semantics: Semantics) -> tuple[dict[str, int], Movers]:
    # On use: what they find is kept.
    from pvcheck.reduce.movers import movers  # noqa: PLC0415
    from pvcheck.reduce.symmetry import symmetry  # noqa: PLC0415

    group = symmetry(semantics).group
    return {} if group is None else group.moved, movers(semantics)
