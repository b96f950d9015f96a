"""Runs of ``verify`` as JSON for programs. Unless measured, same run, same bytes; no paths of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pvcheck.model.result import LockEdge
from pvcheck.model.verdict import Checked, Example, Inconclusive, Violated
from pvcheck.report.outcome import Outcome, Run
from pvcheck.report.proof import ProofReport, proof_json
from pvcheck.report.run_text import Saved
from pvcheck.report.trace_file import dumps

FORMAT = "pvcheck-verify-1"


def run_json(
    runs: Sequence[tuple[Run, Mapping[str, Saved]]],
    proofs: Sequence[ProofReport],
    warnings: Sequence[str] | None,
    status: int,
    *,
    measured: bool,
) -> str:
    """Everything that the text report says. ``warnings``: ``None`` where nothing was judged.

    ``measured``: also what differs from run to run.
    """
    document = {
        "format": FORMAT,
        "runs": [_run(run, saved, measured) for run, saved in runs],
        "proofs": [proof_json(proof, quiet=not measured) for proof in proofs],
        "vacuity": None if warnings is None else list(warnings),
        "status": status,
    }
    return json.dumps(document, indent=1) + "\n"


def _run(run: Run, saved: Mapping[str, Saved], measured: bool) -> dict[str, Any]:
    instance, statistics = run.instance, run.result.statistics
    return {
        "specification": run.specification,
        "system": instance.model.name,
        "mutant": run.mutant,
        "instance": instance.name,
        "values": {**instance.sizes, **instance.parameters},
        "engine": run.engine,
        "states": statistics.states,
        "transitions": statistics.transitions,
        "depth": statistics.depth,
        "reductions": list(statistics.reductions),
        "seconds": round(statistics.seconds, 3) if measured else None,
        "bytes_per_state": _rounded(statistics.bytes_per_state) if measured else None,
        "interrupted": run.result.interrupted,
        "properties": [
            {**_outcome(o, saved.get(o.name)), **_assumed(run, o.name)} for o in run.outcomes
        ],
        "lock_order": {
            "classes": [lock.name for lock in instance.model.locks],
            "edges": [_edge(edge) for edge in run.result.lock_edges],
            "cycles": None if run.cycles is None else [_cycle(cycle) for cycle in run.cycles],
        },
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


def _outcome(outcome: Outcome, saved: Saved | None) -> dict[str, Any]:
    return {
        "property": outcome.name,
        **_verdict(outcome, saved),
        "expected": "violated" if outcome.expected else "checked",
        "standing": outcome.standing.name.lower().replace("_", " "),
    }


def _assumed(run: Run, name: str) -> dict[str, Any]:
    """What a property about progress takes for granted."""
    fair = [p.fair for p in run.instance.model.progress if p.name == name]
    return {"fair": list(fair[0])} if fair else {}


def _verdict(outcome: Outcome, saved: Saved | None) -> dict[str, Any]:
    match outcome.verdict:
        case Checked(states, argument, certificate):
            why = {"argument": argument} if argument else {}
            clauses = {"certificate": list(certificate)} if certificate else {}
            return {"verdict": "checked", "states": states, **why, **clauses}
        case Inconclusive(depth, reason, example):
            shown = {} if example is None else {"example": _example(example)}
            return {"verdict": "inconclusive", "depth": depth, "reason": reason, **shown}
        case Violated(trace):
            return {
                "verdict": "violated",
                "steps": len(trace.steps),
                **({} if trace.loop is None else {"loop": trace.loop}),
                "why": list(trace.why),
                "trace": None if saved is None else saved.file,
                "again": None if saved is None else saved.again,
            }


def _example(example: Example) -> dict[str, Any]:
    return {"trace": json.loads(dumps(example.trace)), "threads": list(example.threads)}


def _edge(edge: LockEdge) -> dict[str, Any]:
    return {
        "before": edge.before,
        "after": edge.after,
        "direction": edge.direction,
        "thread": edge.example.thread,
        "statement": edge.example.statement,
        "where": edge.example.where,
    }


def _cycle(cycle: Sequence[LockEdge]) -> list[dict[str, str]]:
    return [{"before": e.before, "after": e.after, "direction": e.direction} for e in cycle]
