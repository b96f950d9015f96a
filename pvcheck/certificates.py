"""Certificates: a folder with the facts of a proof and all its obligations, written and read again.

What is in the folder is only compared, never run: the solvers are given what the specification leads to.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pvcheck.diagnostics import UsageError
from pvcheck.model.model import ABOUT_LOCKS, Model
from pvcheck.model.replay import hash_of
from pvcheck.model.types import Bool
from pvcheck.proof.certificate import NotACertificate, PartFacts, Query, far, files
from pvcheck.proof.prove import PartResult, fixed_parameters
from pvcheck.proof.recheck import solver_version
from pvcheck.proving import axioms

FORMAT = 2
MANIFEST = "certificate.json"
_MOST_BYTES = 20_000_000
_NAME = re.compile(r"[0-9]+-[0-9]+-(near|all)\.smt2")


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


def write(
    folder: Path, model: Model, results: Sequence[PartResult], fixed: Mapping[str, bool]
) -> int:
    """The proof that these are, all at once; how many obligations it has."""
    given = [far(model, number, r.facts, fixed) for number, r in enumerate(results)]
    made = files(model, given, fixed)
    document = _document(model, given, made, fixed)
    document["versions"] = {"pvcheck": version("pmap-pvcheck"), "z3": solver_version("z3")}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".certificate-") as name:
        new = Path(name, "new")
        new.mkdir()
        for file, query in made.items():
            (new / file).write_text(query.text, encoding="utf-8")
        (new / MANIFEST).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        check_target(folder)
        if folder.exists():
            folder.rename(Path(name, "old"))
        new.rename(folder)
    return int(document["unsat"])


def read(folder: Path, model: Model) -> tuple[Mapping[str, Query], Mapping[str, bool]]:
    """What has to be asked so that the certificate is one of this specification, and the parameters.

    Raises:
        NotACertificate: it is none, or of something else.
        UsageError: it cannot be read.
    """
    document = _manifest(folder)
    if document["format"] != FORMAT:
        raise UsageError(f"{folder}: its format is not {FORMAT}", "another version wrote it")
    if document.get("hash") != hash_of(model):
        raise NotACertificate("it is of another specification, or of another state of this one")
    try:
        fixed = {str(name): value is True for name, value in document["fixed"].items()}
        given = [
            PartFacts(frozenset(map(str, p["facts"])), frozenset(map(int, p["far"])))
            for p in document["parts"]
        ]
        theirs = document["versions"]["z3"].split(".")[0]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise NotACertificate(f"{MANIFEST} does not say what it should") from None
    if theirs != solver_version("z3").split(".", maxsplit=1)[0]:
        raise UsageError(
            f"it was written with z3 {theirs}, this is {solver_version('z3')}",
            "the files are compared byte by byte; prove again, or install that version",
        )
    if not set(fixed) <= {p.name for p in model.parameters if isinstance(p.type, Bool)}:
        raise NotACertificate("it fixes what is no truth parameter")
    made = files(model, given, fixed)
    expected = _document(model, given, made, fixed)
    if {k: v for k, v in document.items() if k != "versions"} != json.loads(json.dumps(expected)):
        raise NotACertificate(f"{MANIFEST} is not what the specification leads to")
    if unknown := set(os.listdir(folder)) - {MANIFEST, *made}:
        raise NotACertificate(f"{min(unknown)!r} does not belong to it")
    for name, query in made.items():
        wanted = query.text.encode()
        if _bytes(folder / name, len(wanted)) != wanted:
            raise NotACertificate(f"{name} is missing, or not what the specification leads to")
    return made, fixed


def _document(
    model: Model, given: Sequence[PartFacts], made: Mapping[str, Query], fixed: Mapping[str, bool]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "specification": model.name,
        "hash": hash_of(model),
        "properties": [str(p) for p in ABOUT_LOCKS],
        "fixed": {**fixed_parameters(model), **fixed},
        "axioms": [{"name": name, "reason": reason} for name, reason in axioms(model, ABOUT_LOCKS)],
        "parts": [{"facts": sorted(p.facts), "far": sorted(p.far)} for p in given],
        "files": {name: q.expected for name, q in made.items()},
        "unsat": sum(q.expected for q in made.values()),
    }


def _manifest(folder: Path) -> dict[str, Any]:
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
    return document


def _bytes(file: Path, most: int) -> bytes | None:
    """At most one more than ``most``."""
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        return opened.read(most + 1)
