"""Cells outside the footprint of a step neither matter to it nor change."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from everything import EVERYTHING, SPECIFICATIONS, model_at
from systems import instance

from pvcheck.load import instances
from pvcheck.model.instance import Instance
from pvcheck.model.semantics import Semantics, Shared, State


def walk(semantics: Semantics, length: int, choice: random.Random) -> list[State]:
    state, states = semantics.initial, [semantics.initial]
    for _ in range(length):
        reached = [after for *_, after in semantics.successors(state) if after is not None]
        state = choice.choice(reached) if reached else semantics.initial
        states.append(state)
    return states


def mixed(inside: tuple[int, ...], here: Shared, elsewhere: Shared) -> Shared:
    """``here`` at the cells inside, ``elsewhere`` at the others."""
    return tuple(
        h if c in inside else e for c, (h, e) in enumerate(zip(here, elsewhere, strict=True))
    )


def outside_does_not_matter(what: Instance, length: int) -> int:
    """How often the outside was changed."""
    choice = random.Random(0)
    semantics = Semantics(what)
    states = walk(semantics, length, choice)
    changed = 0
    for shared, locals_ in states:
        other = choice.choice(states)[0]
        for invariant in what.model.invariants:
            view = mixed(semantics.cells_of(invariant.name), shared, other)
            assert semantics.holds(invariant.name, view) == semantics.holds(invariant.name, shared)
            assert semantics.opens(invariant.name, view) == semantics.opens(invariant.name, shared)
        for thread, local in enumerate(locals_):
            cells = semantics.step_cells(local, thread)
            view = mixed(cells, shared, other)
            changed += view != shared
            found = semantics.outcomes(view, local, thread)
            expected = semantics.outcomes(shared, local, thread)
            assert [o._replace(shared=()) for o in found] == [
                o._replace(shared=()) for o in expected
            ]
            for outcome, as_before in zip(found, expected, strict=True):
                assert outcome.shared == mixed(cells, as_before.shared, other)
            want = semantics.want(shared, local, thread)
            assert semantics.want(view, local, thread) == want
            assert semantics.out_of_order(view, local, thread) == semantics.out_of_order(
                shared, local, thread
            )
            if want is not None:
                assert semantics.in_the_way(view, thread, want) == semantics.in_the_way(
                    shared, thread, want
                )
    return changed


def test_on_everything() -> None:
    assert outside_does_not_matter(instance(EVERYTHING, I=2, T=3), 3000) > 1000


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda p: p.stem)
def test_on_a_specification(path: Path) -> None:
    model = model_at(path)
    for what in instances(model, names=[i.name for i in model.instances if i.default]):
        assert outside_does_not_matter(what, 400) > 0
