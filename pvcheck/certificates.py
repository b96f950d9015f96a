"""Certificates of proofs for all sizes: the facts of a proof and all its obligations, written and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pvcheck.certificate_folder import (
    check_origin,
    check_solver,
    compare,
    document_of,
    place,
    says_too_little,
)
from pvcheck.model.model import ABOUT_LOCKS, Model
from pvcheck.model.types import Bool
from pvcheck.proof.certificate import NotACertificate, PartFacts, Query, far, files
from pvcheck.proof.prove import PartResult
from pvcheck.proof.settings import fixed_parameters
from pvcheck.proving import axioms

KIND = "every size"


def write(
    folder: Path, model: Model, results: Sequence[PartResult], fixed: Mapping[str, bool]
) -> int:
    """The proof that these are, all at once; how many obligations it has."""
    given = [far(model, number, r.facts, fixed) for number, r in enumerate(results)]
    made = _files(model, given, fixed)
    return place(folder, made, _document(model, given, made, fixed))


def read(
    folder: Path, document: Mapping[str, Any], model: Model
) -> tuple[Mapping[str, Query], Mapping[str, bool]]:
    """What has to be asked so that the certificate is one of this specification, and the parameters.

    Raises:
        NotACertificate: it is none, or of something else.
        UsageError: another version of z3 wrote it.
    """
    check_origin(document, model)
    check_solver(document)
    try:
        fixed = {str(name): value is True for name, value in document["fixed"].items()}
        given = [
            PartFacts(frozenset(map(str, p["facts"])), frozenset(map(int, p["far"])))
            for p in document["parts"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise says_too_little() from None
    if not set(fixed) <= {p.name for p in model.parameters if isinstance(p.type, Bool)}:
        raise NotACertificate("it fixes what is no truth parameter")
    made = _files(model, given, fixed)
    compare(folder, document, made, _document(model, given, made, fixed))
    return made, fixed


def _files(
    model: Model, given: Sequence[PartFacts], fixed: Mapping[str, bool]
) -> Mapping[str, Query]:
    """As ``files``, in a new process: how z3 writes formulas depends on those that it has seen before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(files, model, given, fixed).result()


def _document(
    model: Model, given: Sequence[PartFacts], made: Mapping[str, Query], fixed: Mapping[str, bool]
) -> dict[str, Any]:
    rest = {
        "properties": [str(p) for p in ABOUT_LOCKS],
        "fixed": {**fixed_parameters(model), **fixed},
        "axioms": [{"name": name, "reason": reason} for name, reason in axioms(model, ABOUT_LOCKS)],
        "parts": [{"facts": sorted(p.facts), "far": sorted(p.far)} for p in given],
    }
    return document_of(KIND, model, made, rest)
