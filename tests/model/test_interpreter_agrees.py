"""The compiled semantics does what the plain interpreter does, step by step."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import interpreter
import pytest
from systems import instance

from pvcheck.load import instances, load
from pvcheck.model.instance import Instance
from pvcheck.model.model import Fault, Model
from pvcheck.model.semantics import Semantics, State, after

SPECS = Path(__file__).parents[2] / "specs"
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


@cache
def model_at(path: Path) -> Model:
    return load(path)


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.pv")), ids=lambda p: p.stem)
def test_on_a_specification(path: Path) -> None:
    model = model_at(path)
    for what in instances(model, names=[i.name for i in model.instances]):
        agree_on_walks(what, walks=1, length=30)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SPECS.glob("*.pv")), ids=lambda p: p.stem)
def test_on_a_specification_at_length(path: Path) -> None:
    model = model_at(path)
    for what in instances(model, names=[i.name for i in model.instances]):
        agree_on_walks(what, walks=20, length=200, seed=1)


EVERYTHING = """
system everything;
ordered sort I;
sort T;
enum E { one, two, three }
struct S { i: I; e: E; n: 0..3; }
lock a[I]: mutex; lock r: rw; lock b: bit;
order a ascending; order a < r;
gen g[I] guarded by a[i] for i: I;
var whole[i: I]: S = S(i: i, e: two, n: 0) guarded by a[i];
var list: list<S>[2] = [] guarded by r;
var maybe[I, E]: S? = none guarded by r;
var seen: set<E> = {two} guarded by r or b;
var flag[T]: bool = false atomic;
fn doubled(n: 0..3): 0..9 = n + n;
fn twice(e: E, s: S): bool = s.e == e && (exists i: I where int(i) >= s.n: i == s.i);

op change(i: I, e: E) {
  acquire a[i];
  whole[i].e = e;
  whole[i].n = (whole[i].n + 1) % 3;
  let n: 0..9 = doubled(whole[i].n);
  if n > 2 && twice(e, whole[i]) { whole[i] = S(i: i, e: one, n: n / 2 - 1); }
  release a[i];
}
op lists(e: E) {
  acquire write r;
  if size(list) < 2 { append(list, S(i: I(0), e: e, n: 0)); }
  else { for s in list { if s.e == one { remove(list, s); } } }
  for x in I descending { maybe[x, e] = S(i: x, e: e, n: 1); maybe[x, e].n = int(x) + 1; }
  if !(exists s in list: s.e == three) { seen = {d: E where d != e}; }
  release r;
}
op looks() {
  acquire read r;
  any s in list;
  let counted = count e: E: e in seen || maybe[s.i, e] != none;
  assert counted >= 0;
  if counted == 3 {
    if try upgrade r { add(seen, s.e); downgrade r; } else { assert held(r); }
  }
  release r;
}
op stamps() {
  any i: I;
  acquire a[i];
  let v = snapshot(g[i]);
  release a[i];
  for x in I ascending { acquire a[x]; }
  if changed(g[i], v) { flag[self] = true; } else { bump(g[i]); }
  for x in I descending { release a[x]; }
}
thread cpu[T] {
  while true {
    choose { { any i: I; any e: E where e != three; change(i, e); } or { any e: E; lists(e); }
      or { looks(); } or { stamps(); } }
  }
}
when free(r): invariant short: size(list) <= 1;
invariant fresh(i: I): whole[i].i == i && (forall e in seen: e != one || e in seen);
invariant defined(i: I, e: E): maybe[i, e].n >= 0;
"""


def test_on_everything_the_language_has() -> None:
    what = instance(EVERYTHING, I=2, T=2)

    assert agree_on_the_first(what, 1500) == 1500
    agree_on_walks(what, walks=10, length=100)
