"""A proof of a whole specification: its parts side by side, and what they come to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from pvcheck.engines.base import Progress, Silent
from pvcheck.engines.meter import free_memory
from pvcheck.model.code import Await
from pvcheck.model.model import ABOUT_LOCKS, DEADLOCK, LOCK_ORDER, Model
from pvcheck.model.walk import nodes
from pvcheck.parallel import processes, side_by_side
from pvcheck.proof.parts import parts
from pvcheck.proof.prove import (
    Budget,
    Failed,
    PartResult,
    prove_part,
)
from pvcheck.proof.settings import axioms_of, fixed_parameters
from pvcheck.proof.stepping import awaited_lock, guard_of_elements
from pvcheck.proof.theory import Theory
from pvcheck.report.proof import Open, ProofReport, Property

_LEAST_MEMORY = 1 << 30
"""Bytes that a part has, whatever is free: the system may need less for other things than it says."""


def proved(
    model: Model,
    operations: Sequence[str],
    fixed: Mapping[str, bool],
    workers: int,
    *,
    invariants: Sequence[str] = (),
    known: Mapping[str, Collection[str]] = MappingProxyType({}),
    memory: int | None = None,
    seconds: float = math.inf,
) -> tuple[PartResult, ...]:
    """All parts, made again without what none of them brings along, and without the invariants that
    one of them does not preserve.

    Args:
        invariants: names of those to be proved; each may rest on the others.
        known: by the title of a part: facts to be tried first, see ``prove_part``.
        memory: bytes for each part; ``None``: what there is.
        seconds: for all of them.
        operations: only these; none: all.
        fixed: values of truth parameters; a proof is for all values of the others that an instance sets.

    Raises:
        KeyboardInterrupt: the user wants no more.
    """
    chosen = [p for p in parts(model) if not operations or {p.operation, *p.also} & set(operations)]
    at_once = processes(len(chosen), workers)
    if memory is None:
        memory = max(_LEAST_MEMORY, free_memory() // at_once)
    budget = Budget(memory, time.monotonic() + seconds)
    lost: dict[str, frozenset[str]] = {family.name: frozenset() for family in model.threads}
    assumed = tuple(i for i in model.invariants if i.name in invariants)
    dropped: list[Failed] = []
    guarded = frozenset(v.name for v in model.variables if not v.counter)
    while True:
        tasks = [
            partial(
                prove_part,
                model,
                part,
                lost[part.family],
                fixed,
                invariants=assumed,
                # Shown with invariants only.
                guarded=guarded if assumed else (),
                known=known.get(part.title, ()),
                lacking=known.get(part.title_of_lacking, ()),
                budget=budget,
            )
            for part in chosen
        ]
        results = _side_by_side(tasks, at_once)
        more = {family: _lost_by_all(results, family) for family in lost}
        if any(more.values()):
            lost = {family: names | more[family] for family, names in lost.items()}
            continue
        broken = {f.property for r in results for f in r.failed}
        if unguarded := {name for name in guarded if guard_of_elements(name) in broken}:
            guarded -= unguarded
            continue
        names = {i.name for i in assumed}
        wrong = [f for r in results for f in r.failed if f.property in names]
        if not wrong:
            if not dropped:
                return results
            first, *rest = results
            return (replace(first, failed=(*first.failed, *dropped)), *rest)
        dropped += wrong
        assumed = tuple(i for i in assumed if i.name not in {f.property for f in wrong})


def _side_by_side(
    tasks: Sequence[Callable[[], PartResult]], at_once: int
) -> tuple[PartResult, ...]:
    def shown(_: int) -> AbstractContextManager[Progress]:
        return nullcontext(Silent())

    def task(prove: Callable[[], PartResult]) -> Callable[[Progress], PartResult]:
        return lambda _: prove()

    # Apart: what z3 finds depends on the terms that it has seen before.
    made = side_by_side([task(prove) for prove in tasks], at_once, shown, apart=True)
    results = tuple(made)
    if len(results) < len(tasks):
        raise KeyboardInterrupt
    return results


def _lost_by_all(results: Sequence[PartResult], family: str) -> frozenset[str]:
    each = [r.lost for r in results if r.part.family == family]
    return frozenset.intersection(*each) if each else frozenset()


def report(
    model: Model,
    results: Sequence[PartResult],
    *,
    mutant: str | None,
    properties: Sequence[str],
    only_parts: bool,
    fixed: Mapping[str, bool],
    seconds: float,
    invariants: Sequence[str] = (),
) -> ProofReport:
    """``only_parts``: other parts were left out, so nothing is proved. ``invariants``: those that ``proved``
    was asked for."""
    everything = {name: _property(model, results, name) for name in (*ABOUT_LOCKS, *invariants)}
    if everything[LOCK_ORDER].open:
        # The theorem needs both.
        everything[DEADLOCK] = _but(everything[DEADLOCK], "lock-order is not proved")
    if not results:
        # Nobody has looked at the initial state.
        everything |= {n: _but(everything[n], "there are no threads") for n in invariants}
    if only_parts:
        everything = {n: _but(p, "other operations were left out") for n, p in everything.items()}
    values = {**fixed_parameters(model), **fixed}
    reached = frozenset().union(*(r.reached for r in results))
    statements = {location.span for family in model.threads for location in family.locations}
    unreached = () if only_parts else {model.where(span) for span in statements - reached}
    return ProofReport(
        model.name,
        mutant,
        len(results),
        seconds,
        tuple(everything.get(name) or _only_checked(name) for name in properties),
        tuple(axioms(model, properties, results[0].axioms if results else None)),
        tuple(sorted(values.items())),
        tuple(sorted(unreached)),
    )


def _property(model: Model, results: Sequence[PartResult], name: str) -> Property:
    failed = (f for r in results for f in r.failed if f.property == name)
    open_ = tuple(dict.fromkeys(Open(model.where(f.span), f.what, f.operation) for f in failed))
    return Property(name, sum(r.proved.get(name, 0) for r in results), open_)


def _only_checked(name: str) -> Property:
    return Property(name, 0, (), "cannot be proved for all sizes yet: checked in instances")


def _but(property_: Property, remark: str) -> Property:
    return Property(property_.name, property_.obligations, property_.open, remark)


def axioms(
    model: Model, properties: Sequence[str], assumed: Sequence[tuple[str, str]] | None = None
) -> list[tuple[str, str]]:
    """What a proof of these properties rests on: names and reasons. ``assumed``: what is known of that."""
    found = list(axioms_of(Theory(model)) if assumed is None else assumed)
    found.append(("sorts", "every sort has an element, and finitely many"))
    awaits = sorted(
        {
            model.where(n.span)
            for family in model.threads
            for location in family.locations
            for n in nodes(location.code)
            if isinstance(n, Await) and awaited_lock(n.condition, model.ghosts) is None
        }
    )
    if awaits and DEADLOCK in properties:
        found.append(
            (
                "awaits",
                "deadlock is about locks: whenever a thread waits for a lock, some thread can go on. "
                f"That not all wait for a condition (await at {', '.join(awaits)}) is not shown",
            )
        )
    return found
