"""How a search may be reduced without changing what it finds."""

from __future__ import annotations

from dataclasses import dataclass

from pvcheck.model.symmetry import Group
from pvcheck.model.transactions import Movers


@dataclass(frozen=True)
class Reduction:
    group: Group | None = None
    """Symmetries of the instance: of states that differ only by these, one is visited."""
    movers: Movers | None = None
    """Which steps are taken as one: states inside transactions are not visited."""

    @property
    def key(self) -> str:
        """Equal for equal reductions of an instance, and for no others."""
        return repr((None if self.group is None else self.group.moved, self.movers))

    @property
    def names(self) -> tuple[str, ...]:
        """For reports."""
        kinds = (("transactions", self.movers), ("symmetry", self.group))
        return tuple(name for name, used in kinds if used is not None)


UNREDUCED = Reduction()
