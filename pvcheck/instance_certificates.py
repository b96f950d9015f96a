"""Certificates of an instance: clauses that IC3 has found, and the three questions that show them to be an
invariant, written and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pvcheck.certificate_folder import (
    check_origin,
    compare,
    document_of,
    place,
    says_too_little,
)
from pvcheck.diagnostics import SpecError, UsageError
from pvcheck.engines.symbolic.circuit import TooLargeCircuit
from pvcheck.engines.symbolic.invariant import questions, smtlib
from pvcheck.engines.symbolic.invariant import read as clauses_of
from pvcheck.engines.symbolic.proving import goals
from pvcheck.engines.symbolic.system import system
from pvcheck.instances import instances
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import Model
from pvcheck.model.verdict import Checked
from pvcheck.proof.certificate import NotACertificate, Query
from pvcheck.reduce.lock_facts import situations
from pvcheck.reduce.movers import movers
from pvcheck.report.outcome import Run

KIND = "instance"
FILE = "invariant.smt2"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate says: these clauses show these properties of an instance."""

    instance: str
    settings: Mapping[str, str]
    """What was given on top of what the specification says of the instance."""
    properties: tuple[str, ...]
    transactions: bool
    """Whether a step is a transaction."""
    clauses: tuple[str, ...]


def claim(run: Run, settings: Mapping[str, str]) -> Claim | None:
    """What a run of IC3 shows of all that it was asked; ``None``: not everything."""
    verdicts = run.result.verdicts
    found = {v.certificate if isinstance(v, Checked) else None for v in verdicts.values()}
    clauses = found.pop() if len(found) == 1 else None
    if clauses is None:
        return None
    transactions = "transactions" in run.result.statistics.reductions
    return Claim(run.instance.name, settings, tuple(verdicts), transactions, clauses)


def write(folder: Path, instance: Instance, claimed: Claim) -> int:
    """The questions that show it, all at once; how many there are."""
    made = _asked(instance, claimed)
    return place(folder, made, document_of(KIND, instance.model, made, asdict(claimed)))


def read(
    folder: Path, document: Mapping[str, Any], model: Model
) -> tuple[Mapping[str, Query], Instance, Claim]:
    """What has to be asked so that the certificate is one of this specification, of which instance it is, and
    what it claims.

    Raises:
        NotACertificate: it is none, or of something else.
    """
    check_origin(document, model)
    try:
        claimed = Claim(
            str(document["instance"]),
            {str(name): str(value) for name, value in document["settings"].items()},
            tuple(map(str, document["properties"])),
            document["transactions"] is True,
            tuple(map(str, document["clauses"])),
        )
    except (KeyError, TypeError, AttributeError):
        raise says_too_little() from None
    if unknown := set(claimed.properties) - set(model.safety):
        raise NotACertificate(f"{min(unknown)!r} is no property of states")
    names = [claimed.instance] if model.instances else []
    try:
        (instance,) = instances(model, names=names, settings=claimed.settings)
        made = _asked(instance, claimed)
    except (UsageError, SpecError) as error:
        raise NotACertificate(str(error)) from None
    except ValueError as error:
        raise NotACertificate(f"{str(error)!r} is no bit of a state") from None
    except (Unsupported, TooLargeCircuit) as error:
        raise NotACertificate(f"it cannot be said in bits: {error}") from None
    compare(folder, document, made, document_of(KIND, model, made, asdict(claimed)))
    return made, instance, claimed


def _asked(instance: Instance, claimed: Claim) -> Mapping[str, Query]:
    moving = movers(instance.semantics) if claimed.transactions else None
    made = system(instance, moving, claimed.properties)
    fact, wrong = goals(made, situations)
    circuit, rows = questions(made, fact, wrong, clauses_of(made, claimed.clauses))
    noun = "transaction" if claimed.transactions else "step"
    whats = (
        "the clauses hold initially",
        f"a {noun} from where they hold leads to where they hold",
        f"where they hold nothing is violated, and no {noun} ends in a fault",
    )
    text = smtlib(circuit, list(zip(whats, rows, strict=True)), made.bit_names)
    return {FILE: Query(text, len(whats))}
