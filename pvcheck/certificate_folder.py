"""Certificates as folders: what says what it is, and files in SMT-LIB that solvers can read.

What is in a folder is only compared, never run: the solvers are given what the specification leads to.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pvcheck.diagnostics import UsageError
from pvcheck.model.model import Model
from pvcheck.model.replay import hash_of
from pvcheck.proof.certificate import NotACertificate, Query
from pvcheck.proof.recheck import solver_version

FORMAT = 3
MANIFEST = "certificate.json"
_MOST_BYTES = 20_000_000
_NAME = re.compile(r"(?:[0-9]+-[0-9]+-(?:near|all)|invariant)\.smt2")


def check_target(folder: Path) -> None:
    """Raises:
    UsageError: something else is there.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UsageError(f"{folder} is there, and no folder", "choose another name")
    names = os.listdir(folder)
    if names and (MANIFEST not in names or any(not _is_ours(n) for n in names)):
        raise UsageError(f"{folder} is no certificate: it is not overwritten")


def _is_ours(name: str) -> bool:
    return name == MANIFEST or _NAME.fullmatch(name) is not None


def document_of(
    kind: str, model: Model, made: Mapping[str, Query], rest: Mapping[str, Any]
) -> dict[str, Any]:
    """What a certificate says of itself, but for the versions of what has written it."""
    return {
        "format": FORMAT,
        "kind": kind,
        "specification": model.name,
        "hash": hash_of(model),
        **rest,
        "files": {name: q.expected for name, q in made.items()},
        "unsat": sum(q.expected for q in made.values()),
    }


def place(folder: Path, made: Mapping[str, Query], document: Mapping[str, Any]) -> int:
    """All at once, in place of an older one; how many obligations it has."""
    versions = {"pvcheck": version("pmap-pvcheck"), "z3": solver_version("z3")}
    text = json.dumps({**document, "versions": versions}, indent=1)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".certificate-") as name:
        new = Path(name, "new")
        new.mkdir()
        for file, query in made.items():
            (new / file).write_text(query.text, encoding="utf-8")
        (new / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        check_target(folder)
        if folder.exists():
            folder.rename(Path(name, "old"))
        new.rename(folder)
    return int(document["unsat"])


def manifest(folder: Path) -> dict[str, Any]:
    """What it says of itself.

    Raises:
        UsageError: it cannot be read.
    """
    found = _bytes(folder / MANIFEST, _MOST_BYTES)
    if found is None:
        raise UsageError(f"{folder} is no certificate: it has no {MANIFEST}")
    if len(found) > _MOST_BYTES:
        raise UsageError(f"{folder}: {MANIFEST} is too large")
    try:
        document = json.loads(found)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "format" not in document:
        raise UsageError(f"{folder}: {MANIFEST} is no manifest")
    if document["format"] != FORMAT:
        raise UsageError(f"{folder}: its format is not {FORMAT}", "another version wrote it")
    return document


def check_origin(document: Mapping[str, Any], model: Model) -> None:
    """Raises:
    NotACertificate: it is of something else.
    """
    if document.get("hash") != hash_of(model):
        raise NotACertificate("it is of another specification, or of another state of this one")


def check_solver(document: Mapping[str, Any]) -> None:
    """Formulas are as z3 writes them.

    Raises:
        NotACertificate: it does not say which version.
        UsageError: it was another.
    """
    try:
        theirs = document["versions"]["z3"].split(".")[0]
    except (KeyError, TypeError, AttributeError):
        raise says_too_little() from None
    if theirs != solver_version("z3").split(".", maxsplit=1)[0]:
        raise UsageError(
            f"it was written with z3 {theirs}, this is {solver_version('z3')}",
            "the files are compared byte by byte; prove again, or install that version",
        )


def says_too_little() -> NotACertificate:
    return NotACertificate(f"{MANIFEST} does not say what it should")


def compare(
    folder: Path,
    document: Mapping[str, Any],
    made: Mapping[str, Query],
    expected: Mapping[str, Any],
) -> None:
    """Raises:
    NotACertificate: what is there is not what the specification leads to.
    """
    if {k: v for k, v in document.items() if k != "versions"} != json.loads(json.dumps(expected)):
        raise NotACertificate(f"{MANIFEST} is not what the specification leads to")
    if unknown := set(os.listdir(folder)) - {MANIFEST, *made}:
        raise NotACertificate(f"{min(unknown)!r} does not belong to it")
    for name, query in made.items():
        wanted = query.text.encode()
        if _bytes(folder / name, len(wanted)) != wanted:
            raise NotACertificate(f"{name} is missing, or not what the specification leads to")


def _bytes(file: Path, most: int) -> bytes | None:
    """At most one more than ``most``."""
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        return opened.read(most + 1)
