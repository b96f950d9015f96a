"""The compiled semantics does what the plain interpreter does, step by step."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import interpreter
import pytest
from everything import EVERYTHING, SPECIFICATIONS, model_at
from systems import instance

from pvcheck.load import instances
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault
from pvcheck.model.semantics import Semantics, State, after

Pair = tuple[State, interpreter.World]


class Twins:
    """States of both, paired as they are met; one of either never stands for two of the other."""

    def __init__(self, what: Instance) -> None:
        self.what = what
        self.semantics = Semantics(what)
        self.initial = (self.semantics.initial, interpreter.initial(what))
        self.twin: dict[State, Any] = {}
        self.keys: set[Any] = set()
        self.new(*self.initial)

    def new(self, state: State, world: interpreter.World) -> bool:
        """Pair them; whether they were not met before."""
        key = world.key()
        if state in self.twin:
            assert self.twin[state] == key
            return False
        assert key not in self.keys, "one state of the interpreter is two of the semantics"
        self.twin[state] = key
        self.keys.add(key)
        return True

    def compare(self, state: State, world: interpreter.World) -> list[Pair]:
        """The next states of both, after all that is known of these was compared."""
        for invariant in self.what.model.invariants:
            expected = interpreter.holds(self.what, world, invariant.name)
            assert self.semantics.holds(invariant.name, state[0]) == expected
        reached: list[Pair] = []
        for thread, local in enumerate(state[1]):
            found = self.semantics.outcomes(state[0], local, thread)
            worlds = list(interpreter.outcomes(self.what, world, thread))
            assert len(found) == len(worlds)
            for outcome, result in zip(found, worlds, strict=True):
                next_state = after(state, thread, outcome)
                if isinstance(result, Fault):
                    assert outcome.fault is not None
                    assert outcome.fault.kind is result
                else:
                    assert next_state is not None
                    reached.append((next_state, result))
        return reached


def agree_on_the_first(what: Instance, most: int) -> int:
    """Compare the first states, breadth-first; how many there were."""
    twins = Twins(what)
    todo = [twins.initial]
    for number, pair in enumerate(todo):
        if number == most:
            return most
        todo.extend(next_ for next_ in twins.compare(*pair) if twins.new(*next_))
    return len(todo)


def agree_on_walks(what: Instance, walks: int, length: int, seed: int = 0) -> None:
    twins = Twins(what)
    choice = random.Random(seed)
    for _ in range(walks):
        pair = twins.initial
        for _ in range(length):
            reached = twins.compare(*pair)
            if not reached:
                break
            pair = choice.choice(reached)
            twins.new(*pair)


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda p: p.stem)
def test_on_a_specification(path: Path) -> None:
    model = model_at(path)
    for what in instances(model, names=[i.name for i in model.instances]):
        agree_on_walks(what, walks=1, length=30)


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda p: p.stem)
def test_on_a_specification_at_length(path: Path) -> None:
    model = model_at(path)
    for what in instances(model, names=[i.name for i in model.instances]):
        agree_on_walks(what, walks=20, length=200, seed=1)


def test_on_everything_the_language_has() -> None:
    what = instance(EVERYTHING, I=2, T=2)

    assert agree_on_the_first(what, 1500) == 1500
    agree_on_walks(what, walks=10, length=100)
