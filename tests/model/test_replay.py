"""Traces: made of moves, refused if they are none, followed in a changed specification."""

from __future__ import annotations

from dataclasses import replace

import pytest
from systems import check, instance, model, run, trace

from pvcheck.model.instance import Instance
from pvcheck.model.replay import Mismatch, ReplayError, follow, hash_of, trace_of
from pvcheck.model.semantics import Semantics
from pvcheck.model.trace import Change, Move, Waiter
from pvcheck.source import Source

SYSTEM = """
system bank;
sort T;
lock a: mutex; lock b: mutex;
order a < b;
var x: 0..9 = 0 guarded by a;
@src("kern.c", "deposit")
op deposit(n: 1..2) { acquire a; x = x + n; release a; }
op both() { acquire b; acquire a; release a; release b; }
thread cpu[T] { while true { choose { { any n: 1..2; deposit(n); } or { both(); } } } }
invariant little: x <= 2;
"""


def made(property_: str) -> tuple[Instance, Semantics, tuple[Move, ...]]:
    what = instance(SYSTEM, T=2)
    found = trace(check(what), property_)
    semantics = Semantics(what)
    moves = follow(semantics, found)
    assert isinstance(moves, tuple)
    return what, semantics, moves


def test_a_trace_in_full() -> None:
    found = trace(run(SYSTEM, T=2), "little")

    assert found.specification == "test.pv"
    assert (found.instance, found.values, found.only) == ("unnamed", (("T", 2),), None)
    assert found.why == ("x <= 2 is false", "x = 3")
    assert found.initial == (("x", "0"),)
    first, taken, added, last = found.steps[0], *found.steps[1:3], found.steps[-1]
    assert (first.thread, first.operation) == ("cpu[0]", "deposit(n=1)")
    assert first.chosen == (("n", "1"),)
    assert (taken.statement, taken.held_before, taken.held_after) == ("acquire a;", (), ("a",))
    assert added.changes == (Change("x", "0", "1"),)
    assert added.state == (("x", "1"),)
    assert added.source is not None
    assert added.source.function == "deposit"
    assert added.where.startswith("test.pv:")
    assert last.changes[0].after == "3"


def test_waiters_and_the_cycle() -> None:
    text = """
        system abba;
        lock a: rw; lock b: mutex; lock c: mutex;
        thread one { acquire read a; acquire b; release b; release a; }
        thread two { acquire b; acquire write a; release a; release b; }
        thread three { acquire c; acquire read a; release a; release c; }
        thread four { while true { acquire c; release c; } }
    """

    found = trace(run(text), "deadlock")

    one, two = Waiter("one", "b", ("two",)), Waiter("two", "a", ("one",))
    assert found.cycle == (one, two)
    assert found.steps[-1].waits == (one, two)
    assert found.why == ("one waits for b, held by two", "two waits for a, held by one")
    assert found.steps[0].held_after == ("a (read)",)


def test_moves_and_traces_are_the_same_thing() -> None:
    what, semantics, moves = made("little")
    found = trace(check(what), "little")

    assert trace_of(semantics, "little", moves) == found
    assert follow(semantics, found) == moves


def test_moves_that_are_no_run_are_refused() -> None:
    _, semantics, moves = made("little")

    with pytest.raises(ReplayError, match="step 1: thread 7"):
        trace_of(semantics, "little", [Move(7, ())])
    with pytest.raises(ReplayError, match="step 2: thread 0"):
        trace_of(semantics, "little", [moves[0], Move(0, (5,))])
    with pytest.raises(ReplayError, match="step 3: little is not violated"):
        trace_of(semantics, "little", moves[:3])
    with pytest.raises(ReplayError, match="race is not violated"):
        trace_of(semantics, "race", moves)


def test_nothing_follows_a_fault() -> None:
    what = instance("system s; lock a: mutex; thread t { release a; acquire a; }")
    semantics = Semantics(what)

    assert trace_of(semantics, "lock-misuse", [Move(0, ())]).steps[0].statement == "release a;"
    with pytest.raises(ReplayError, match="the run has ended in a lock-misuse fault"):
        trace_of(semantics, "deadlock", [Move(0, ()), Move(0, ())])


def changed(old: str, new: str) -> Semantics:
    text = SYSTEM.replace(old, new)
    assert text != SYSTEM
    return Semantics(instance(text, T=2))


@pytest.mark.parametrize(
    ("old", "new", "step", "reason"),
    [
        ("x = x + n;", "x = x + 1;", 3, None),
        ("acquire a; x", "acquire b; x", 2, "cpu[0] cannot do `acquire a;` here"),
        ("x <= 2", "x <= 3", None, "little is not violated at the end"),
        ("invariant little", "invariant small", 0, "no property little"),
        ("0..9 = 0", "0..9 = 1", 0, "the initial state is x = 1"),
        ("op deposit(n:", "op deposit(m: bool, n:", 1, "in deposit(n=1): it is in"),
        ("cpu[T]", "core[T]", 1, "there is no thread cpu[0]"),
    ],
)
def test_following_in_a_changed_specification(
    old: str, new: str, step: int | None, reason: str | None
) -> None:
    found = trace(run(SYSTEM, T=2), "little")
    text = SYSTEM.replace(old, new)
    if "bool" in new:
        text = text.replace("deposit(n);", "deposit(true, n);")
    if new == "x = x + 1;":
        text = text.replace("op deposit", "op deposit")

    mismatch = follow(Semantics(instance(text, T=2)), found)

    assert isinstance(mismatch, Mismatch)
    assert mismatch.step == (len(found.steps) + 1 if step is None else step)
    assert reason is None or reason in mismatch.reason


def test_following_keeps_all_states_that_agree() -> None:
    text = """
        system hidden;
        sort T;
        var x: 0..3 = 0 atomic;
        thread t { any secret: 0..3; x = 0; x = secret; }
        invariant i: x != 3;
    """
    found = trace(run(text, T=1), "i")
    forgetful = replace(found, steps=tuple(replace(s, chosen=()) for s in found.steps))

    moves = follow(Semantics(instance(text, T=1)), forgetful)

    assert isinstance(moves, tuple)
    assert moves[0].choices == (3,)


def test_the_hash_is_of_texts_and_their_order_not_of_names() -> None:
    first = model(SYSTEM)
    other = replace(first, sources=(Source("elsewhere.pv", SYSTEM),))
    more = replace(first, sources=(*first.sources, Source("more.pv", "")))

    assert hash_of(first) == hash_of(other)
    assert hash_of(first) != hash_of(more)
    assert len(hash_of(first)) == 64


def test_why_of_an_invariant_names_what_is_false() -> None:
    text = """
        system why;
        sort P; enum C { red, blue }
        struct E { p: P; c: C; }
        lock l[P]: mutex;
        var list[P]: list<E> = [] atomic;
        fn blues(p: P): 0..9 = count e in list[p]: e.c == blue;
        thread t { any p: P; list[p] = [E(p: p, c: blue)]; }
        when free(l[p]):
        invariant none_blue(p: P): forall e in list[p]: e.p == p => e.p != p || blues(p) == 0;
    """

    assert trace(run(text, P=1), "none_blue").why == (
        "p = 0, e = {p: 0, c: blue}",
        "free(l[0]) holds",
        "(count e: in list[0]: e.c == blue) == 0 is false",
        "list[0] = [{p: 0, c: blue}]",
    )
