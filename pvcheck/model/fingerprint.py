"""Whether two models do the same: a digest of all that a thread does, and of nothing that only says where."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import fields, is_dataclass

from pvcheck.model.code import Reached
from pvcheck.model.model import Location, Model
from pvcheck.source import Span

_WORDS: dict[type, tuple[str, ...]] = {Location: ("text", "procedure", "source")}
"""Fields that are for reports only."""


def fingerprint(model: Model) -> str:
    """The same for models of one specification whose threads are the same, but for their places in the text."""
    return _Digests().of(model.threads).hex()


class _Digests:
    """Of values and what is in them. Nodes that occur often are digested once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}

    def of(self, value: object) -> bytes:
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        digest = hashlib.sha256(self._content(value)).digest()
        # Kept alive, so that its id stays its own.
        self._known[id(value)] = (value, digest)
        return digest

    def _content(self, value: object) -> bytes:
        match value:
            case Span():
                return b"place"
            case enum.Enum():
                return f"{type(value).__name__}.{value.name}".encode()
            case None | bool() | int() | str():
                return f"{type(value).__name__} {value!r}".encode()
            case tuple():
                kept = (v for v in value if not isinstance(v, Reached))
                return b"tuple" + b"".join(map(self.of, kept))
            case frozenset():
                return b"set" + b"".join(sorted(map(self.of, value)))
        class_ = type(value)
        assert is_dataclass(value), f"a model has no {class_.__name__}"
        left_out = _WORDS.get(class_, ())
        parts = [
            field.name.encode() + self.of(getattr(value, field.name))
            for field in fields(value)
            if field.name not in left_out
        ]
        return class_.__name__.encode() + b"".join(parts)
