"""Specifications as they were when they were last read, while none of their files has changed.

To parse a specification and make a model of it takes longer than to check a small instance. What
comes out depends on the files alone: which they are, found by following imports from the main one,
and what is in them. So it is kept with the digest of each file, and not used if one has another now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache as once
from importlib.util import find_spec
from pathlib import Path

from pvcheck import cache
from pvcheck.files import Visit, contents, resolved
from pvcheck.model.model import Model, MutantDeclaration

KIND = "models"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What there is to be run of a specification, or of one of its mutants."""

    model: Model
    mutants: tuple[MutantDeclaration, ...]
    """All that it declares."""


@dataclass(frozen=True, slots=True)
class _Record:
    visits: tuple[Visit, ...]
    loaded: Loaded


def recall(path: Path, root: Path, mutant: str | None) -> Loaded | None:
    """What was remembered of the specification; ``None`` if nothing was, or some file has changed."""
    try:
        found = cache.load(KIND, _key(path, root, mutant))
        if found is None or not isinstance(found.value, _Record) or _changed(found.value.visits):
            return None
    except OSError:
        return None
    return _with_digest(found.value.loaded, found.digest)


def remember(
    path: Path, root: Path, mutant: str | None, visits: tuple[Visit, ...], loaded: Loaded
) -> Loaded:
    """Keep what has been loaded from these files; the same, with its digest."""
    if not visits:
        return loaded
    try:
        key = _key(path, root, mutant)
    except OSError:
        return loaded
    return _with_digest(loaded, cache.save(KIND, key, _Record(visits, loaded)))


def _with_digest(loaded: Loaded, digest: str | None) -> Loaded:
    return replace(loaded, model=replace(loaded.model, digest=digest))


def _key(path: Path, root: Path, mutant: str | None) -> str:
    """The path is also as it was given: it is in what is shown of the model."""
    places = (path, resolved(path), resolved(root))
    return cache.key(_parser(), *map(str, places), repr(mutant))


def _changed(visits: tuple[Visit, ...]) -> bool:
    if any(resolved(visit.path) != visit.real for visit in visits):
        return True
    digests = {visit.real: visit.digest for visit in visits}
    return any(cache.digest_of(contents(file)) != digest for file, digest in digests.items())


@once
def _parser() -> str:
    """Stands for the version of lark, without loading it."""
    lark = find_spec("lark")
    if lark is None or lark.origin is None:
        return ""
    return cache.digest_of(Path(lark.origin).read_bytes())
