"""Values as numbers of 31 bits and a sign."""

from __future__ import annotations

from pvcheck.model.encoding import Encoding, Unsupported
from pvcheck.model.types import ArrayOf, Int, ListOf, Optional, SetOf, Struct, Type

MOST_BITS = 31
"""Promela's numbers have 32, with the sign."""


class Codes(Encoding):
    """As the codes of ``Encoding``, but that an integer without bounds is itself."""

    def width(self, type_: Type) -> int:
        width = super().width(type_)
        if width > MOST_BITS:
            raise Unsupported(
                f"a value of type {type_} has {width} bits, and there are {MOST_BITS}"
            )
        return width

    def bounds(self, type_: Int) -> tuple[int, int]:
        return (0, (1 << MOST_BITS) - 1) if is_unbounded(type_) else super().bounds(type_)

    def _top(self, type_: Type) -> int:
        if any(map(is_unbounded, _parts(type_))):
            raise Unsupported(f"a value of type {type_}, which holds integers without bounds")
        return super()._top(type_)


def is_unbounded(type_: Type) -> bool:
    return isinstance(type_, Int) and (type_.low is None or type_.high is None)


def _parts(type_: Type) -> list[Type]:
    """What values of a type are made of."""
    match type_:
        case Optional(of=of) | SetOf(of=of) | ListOf(of=of) | ArrayOf(of=of):
            return [of, *_parts(of)]
        case Struct(fields=fields):
            return [part for _, of in fields for part in (of, *_parts(of))]
    return []
