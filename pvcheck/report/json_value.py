"""Strict reading of JSON: a value has the type that is asked for, or the error names its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Reader = Callable[[object, str], T]
"""Turns a JSON value, found at a place described in words, into what it stands for."""


class JsonError(Exception):
    """The data is not JSON, or not of the expected shape; the message says where."""


def parse(data: str) -> object:
    """The JSON value in ``data``; keys that occur twice and NaN are errors."""
    try:
        return json.loads(data, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        cut = " (is the file cut off?)" if error.pos >= len(data.rstrip()) else ""
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"not JSON at {where}: {error.msg}{cut}") from None
    except RecursionError:
        raise JsonError("nested too deeply") from None
    except ValueError as error:
        # A number of thousands of digits, which int() refuses.
        raise JsonError(f"not JSON: {error}") from None


def text(value: object, at: str) -> str:
    if isinstance(value, str):
        return value
    raise _unexpected(value, "text", at)


def whole_or_bool(value: object, at: str) -> int | bool:
    if isinstance(value, int):
        return value
    raise _unexpected(value, "a whole number or a truth value", at)


def sequence(value: object, at: str, element: Reader[T]) -> tuple[T, ...]:
    if isinstance(value, list):
        return tuple(element(v, f"{at}[{i}]") for i, v in enumerate(value))
    raise _unexpected(value, "a list", at)


class Object:
    """A JSON object and the place where it was found."""

    def __init__(self, value: object, at: str) -> None:
        if not isinstance(value, dict):
            raise _unexpected(value, "an object", at)
        self._members: dict[str, object] = value
        self._at = at

    def only_keys(self, *keys: str) -> None:
        """Refuses any other key: it would be lost."""
        for key in self._members:
            if key not in keys:
                raise JsonError(f"{self._at}: unknown key {key!r}")

    def get(self, key: str) -> object:
        if key not in self._members:
            raise JsonError(f"{self._at}: key {key!r} is missing")
        return self._members[key]

    def has(self, key: str) -> bool:
        return key in self._members

    def text(self, key: str) -> str:
        return text(self.get(key), self._path(key))

    def texts(self, key: str) -> tuple[str, ...]:
        return sequence(self.get(key), self._path(key), text)

    def objects(self, key: str) -> tuple[Object, ...]:
        return sequence(self.get(key), self._path(key), Object)

    def mapping(self, key: str, value: Reader[T]) -> dict[str, T]:
        members = Object(self.get(key), self._path(key))._members
        return {k: value(v, f"{self._path(key)}[{k!r}]") for k, v in members.items()}

    def optional(self, key: str, value: Reader[T]) -> T | None:
        found = self.get(key)
        return None if found is None else value(found, self._path(key))

    def _path(self, key: str) -> str:
        return key if self._at == "the file" else f"{self._at}.{key}"


def _unexpected(value: object, wanted: str, at: str) -> JsonError:
    return JsonError(f"{at}: expected {wanted}, found {_kind(value)}")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            raise JsonError(f"key {key!r} occurs twice in one object")
        members[key] = value
    return members


def _no_constant(name: str) -> object:
    raise JsonError(f"not JSON: {name}")
