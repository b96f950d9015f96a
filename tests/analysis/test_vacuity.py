"""What never happened."""

from __future__ import annotations

from systems import check, instance

from pvcheck.analysis.vacuity import findings, vacuous

TEXT = """system vacuous_;
sort T;
lock a: mutex;
lock lonely[T]: mutex;
var x: 0..3 = 0 guarded by a;
op runs() {
  acquire a;
  if x > 1 { x = 0; x = 1; }
  if x == 0 { x = 0; } else { x = 2; x = 3; }
  while x < 3 { release a; return; }
  release a;
}
op sticks() { acquire lonely[self]; while true { release lonely[self]; acquire lonely[self]; } }
op sleeps() { acquire a; x = 3; release a; }
thread cpu[T] { choose { { runs(); } or { sticks(); } } if x_is_never() { sleeps(); } }
fn x_is_never(): bool = false;
when x == 2: invariant shut: false;
invariant premise(t: T): x == 3 => false;
invariant open: x == 0;
"""


def test_findings_are_few_and_in_order() -> None:
    what = instance(
        TEXT.replace("x_is_never() ", "size(T) == 9 ").replace(
            "fn x_is_never(): bool = false;\n", ""
        ),
        T=2,
    )

    found = vacuous(what.model, [check(what).coverage])

    assert found == (
        "test.pv:4: lock lonely is never contended",
        "test.pv:8: `x > 1` is never true",
        "test.pv:9: `x == 0` is never false",
        "test.pv:9: `x = 2;` is never executed",
        "test.pv:10: `x < 3` is never false",
        "test.pv:11: `release a;` is never executed",
        "test.pv:13: operation sticks never finishes",
        "test.pv:14: operation sleeps never starts",
        "test.pv:15: `size(T) == 9` is never true",
        "test.pv:16: invariant shut: its window is never open",
        "test.pv:17: invariant premise: its premise never holds",
    )


def test_what_one_instance_meets_is_met() -> None:
    text = TEXT.replace("x_is_never() ", "size(T) == 2 ").replace(
        "fn x_is_never(): bool = false;\n", ""
    )
    small, large = instance(text, T=1), instance(text, T=2)

    alone = findings(small.model, [check(small).coverage])
    together = findings(small.model, [check(small).coverage, check(large).coverage])

    assert any("sleeps never starts" in f.text for f in alone)
    assert not any("sleeps never starts" in f.text for f in together)
    assert {f.text for f in together} < {f.text for f in alone}


NEVER = """system declared;
lock a: mutex;
var x: 0..3 = 0 guarded by a;
op runs() {
  acquire a;
odd:
  if x > 1 { x = 0; }
zero:
  if x == 0 { x = 0; }
dead:
  if x == 3 { x = 1; x = 2; }
body:
  release a;
}
thread cpu { runs(); }
"""


def test_what_is_declared_never_to_happen_is_no_finding() -> None:
    what = instance(
        NEVER
        + 'never true runs.odd, runs.dead because "x stays 0";'
        + 'never false runs.zero because "x stays 0";',
    )

    assert vacuous(what.model, [check(what).coverage]) == ("test.pv:2: lock a is never contended",)


def test_what_is_declared_never_to_happen_and_does_is_one() -> None:
    what = instance(
        NEVER
        + 'never true runs.odd, runs.zero because "wrong";\n'
        + 'never runs.dead, runs.body because "wrong";\n'
    )

    assert vacuous(what.model, [check(what).coverage])[1:] == (
        "test.pv:9: `x == 0` is never false",
        "test.pv:11: `x == 3` is never true",
        "test.pv:16: `x == 0` is true: it was declared that it never is",
        "test.pv:17: `if x == 3 { x = 1; x = 2; }` is executed: it was declared that it never is",
        "test.pv:17: `release a;` is executed: it was declared that it never is",
    )


def test_an_operation_that_is_declared_never_to_do_anything() -> None:
    text = NEVER.replace("runs(); }", "runs(); if size(T) == 9 { sleeps(); } }")
    text += "sort T; op sleeps() { all: { acquire a; release a; } }\n"
    silent = "test.pv:16: operation sleeps never starts"

    what = instance(text, T=1)
    declared = instance(text + 'never sleeps.all because "asleep";', T=1)

    assert silent in vacuous(what.model, [check(what).coverage])
    assert silent not in vacuous(declared.model, [check(declared).coverage])


def test_a_statement_that_is_declared_never_to_be_executed() -> None:
    text = NEVER.replace("x == 3 { x", "x == 3 { last: x")

    what = instance(text + 'never runs.last because "x stays 0"; never true runs.dead because "";')

    assert not any(
        "x == 3" in f or "x = 1" in f for f in vacuous(what.model, [check(what).coverage])
    )
