"""Sizes for the sorts and values for the parameters of a model: what makes it finite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pvcheck import cache
from pvcheck.model.model import Model, ThreadFamily

if TYPE_CHECKING:
    from pvcheck.model.semantics import Semantics


MAX_SIZE = 64
"""Elements of a sort. Anything near it is beyond every finite engine."""


@dataclass(frozen=True)
class Instance:
    """A model with every size known."""

    model: Model
    name: str
    sizes: dict[str, int]
    """Number of elements of each sort, at least 1."""
    parameters: dict[str, int | bool]
    only: tuple[str, ...] | None
    """The operations that threads may start; ``None``: all."""

    @cached_property
    def threads(self) -> tuple[tuple[ThreadFamily, int | None], ...]:
        """Every thread, as its family and its element; the position is the thread's number."""
        return tuple(
            (family, element)
            for family in self.model.threads
            for element in (range(self.sizes[family.sort.name]) if family.sort else (None,))
        )

    @cached_property
    def digest(self) -> str | None:
        """Of all that it is; ``None`` if what follows from it is not to be kept between runs."""
        if self.model.digest is None:
            return None
        values = self.sizes, self.parameters, self.only
        return cache.key(self.model.digest, self.name, *map(repr, values))

    @cached_property
    def semantics(self) -> Semantics:
        """What it does, compiled once for all who ask.

        Raises:
            TooLarge: see ``Semantics``.
        """
        from pvcheck.model.semantics import Semantics  # noqa: PLC0415 - it needs instances

        return Semantics(self)

    def __getstate__(self) -> dict[str, object]:
        # Functions made from the model cannot go to another process, nor need they.
        return {name: value for name, value in vars(self).items() if name != "semantics"}

    def thread_name(self, number: int) -> str:
        family, element = self.threads[number]
        return family.name if element is None else f"{family.name}[{element}]"

    def allows(self, operation: str) -> bool:
        return self.only is None or operation in self.only
