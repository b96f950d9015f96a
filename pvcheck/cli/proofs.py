"""Proofs, as ``prove`` and ``verify`` make them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from pvcheck import proving
from pvcheck.cli.demands import check_parameters
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.facts import Facts
from pvcheck.model.model import Model
from pvcheck.proof.prove import PartResult
from pvcheck.report.proof import ProofReport, Standing


def proof(
    model: Model,
    *,
    properties: Sequence[str],
    operations: Sequence[str] = (),
    fixed: Mapping[str, bool],
    mutant: str | None,
    workers: int,
    known: Facts,
    memory: int | None,
    seconds: float | None = None,
    then: Callable[[Sequence[PartResult]], None] | None = None,
) -> ProofReport:
    """What can be proved of ``properties``; of those that cannot be for all sizes, the report says so.
    Declared invariants among them are tried together, each resting on the others perhaps, and on lemmas.

    Args:
        known: facts to try first.
        memory: bytes for each part; ``None``: what there is.
        seconds: for all of them; ``None``: as long as it takes.
        then: what is done with the parts.

    Raises:
        UsageError: the specification has no such truth parameter.
        KeyboardInterrupt: the user wants no more.
    """
    check_parameters(model, fixed)
    started = time.monotonic()
    asked = [i.name for i in model.invariants if i.name in properties]
    lemmas = [i.name for i in model.invariants if i.lemma and i.name not in asked and asked]
    results = proving.proved(
        model,
        operations,
        fixed,
        workers,
        invariants=[*asked, *lemmas],
        known=known,
        memory=memory,
        seconds=math.inf if seconds is None else seconds,
    )
    if then is not None:
        then(results)
    return proving.report(
        model,
        results,
        mutant=mutant,
        properties=properties,
        only_parts=bool(operations),
        fixed=fixed,
        seconds=time.monotonic() - started,
        invariants=asked,
    )


def status(report: ProofReport) -> ExitStatus:
    """What the report means for the command."""
    proved = all(p.standing is Standing.PROVED for p in report.properties)
    return ExitStatus.OK if proved else ExitStatus.INCONCLUSIVE
