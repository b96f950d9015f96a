"""Runs that do not begin in the initial state, and what they show.

Nobody knows whether a state that a solver has made up can be reached. So what is found from one is a violation
only if a search finds the way there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvcheck.engines.symbolic.reach import Reached, reached
from pvcheck.model import describe
from pvcheck.model.replay import trace_of
from pvcheck.model.semantics import Semantics, State
from pvcheck.model.trace import Move
from pvcheck.model.values import show
from pvcheck.model.verdict import Example, Inconclusive, Verdict, Violated


def verdict_on(
    semantics: Semantics, name: str, begun: State, moves: Sequence[Move], found: str
) -> Verdict:
    """What a run from a made-up state shows of a property.

    ``found``: what the run is, for people.
    """
    way = reached(semantics, begun)
    if isinstance(way, list):
        return Violated(trace_of(semantics, name, [*way, *moves]))
    known = {
        Reached.NEVER: "the state that it begins in cannot be reached: a false alarm",
        Reached.UNKNOWN: "whether the state that it begins in can be reached is not known",
    }[way]
    trace = trace_of(semantics.beginning_in(begun), name, moves)
    return Inconclusive(
        None, f"{found}; {known}", Example(trace, tuple(_threads(semantics, begun)))
    )


def _threads(semantics: Semantics, state: State) -> Iterator[str]:
    """Where threads are that have begun, and what they hold there."""
    shared, locals_ = state
    for thread, local in enumerate(locals_):
        held = describe.held_locks(semantics, shared, thread)
        at = describe.location(semantics, local, thread)
        if local == semantics.initial[1][thread] and not held:
            continue
        family, _ = semantics.instance.threads[thread]
        layout = semantics.layout
        snapshots = layout.snapshot_slots[family.name]
        where = (
            "has ended" if at is None else f"is before {at.text} ({semantics.model.where(at.span)})"
        )
        slots = () if at is None else [s for s in at.live if s not in snapshots]
        known = [
            f"{family.locals[slot].name} = {show(value, family.locals[slot].type)}"
            for slot, value in zip(slots, local[1:], strict=True)
            if "." not in family.locals[slot].name or value
        ]
        holding = f", holding {', '.join(held)}" if held else ""
        with_ = f", with {', '.join(known)}" if known else ""
        yield f"{semantics.instance.thread_name(thread)} {where}{holding}{with_}"
