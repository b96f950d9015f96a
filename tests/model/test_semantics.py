"""What a step means: faults, guards, locks, snapshots, order; on small specifications."""

from __future__ import annotations

import pytest
from systems import instance, run, trace, truth, violations

from pvcheck.model.instance import Instance
from pvcheck.model.semantics import Semantics, wait_forever
from pvcheck.model.verdict import Checked

FAULTS = [
    ("race", "x = 1;", "x is written without holding a"),
    ("race", "acquire b; x = 1;", "x is written without holding a"),
    ("race", "let y = x;", "x is read without holding a"),
    ("race", "assert x == 0;", "x is read without holding a"),
    ("race", "bump(g);", "g is written without holding a"),
    ("race", "let s = snapshot(g);", "g is read without holding a"),
    ("race", "acquire read r; shared = 1;", "shared is written without holding r for writing"),
    ("race", "acquire a; both = 1;", "both is written without holding b"),
    ("lock-misuse", "acquire a; acquire a;", "a is acquired by its holder"),
    ("lock-misuse", "acquire read r; acquire read r;", "r is acquired by its holder"),
    ("lock-misuse", "acquire read r; acquire write r;", "r is acquired by its holder"),
    ("lock-misuse", "release a;", "a is released by a thread that does not hold it"),
    ("lock-misuse", "upgrade r;", "r is upgraded by a thread that does not share it"),
    ("lock-misuse", "acquire write r; upgrade r;", "r is upgraded by a thread that does not share"),
    ("lock-misuse", "acquire read r; downgrade r;", "r is downgraded by a thread that does not"),
    ("lock-misuse", "keep();", "the operation returns holding a"),
    ("lock-misuse", "acquire a; drop();", "the operation returns having released a"),
    ("assertion", "acquire a; assert x == 1;", "the assertion is false"),
    ("bounds", "acquire a; x = x + 4;", "value 4 is not in 0 to 3"),
    ("bounds", "acquire a; x = x - 1;", "value -1 is not in 0 to 3"),
    ("bounds", "let i = 3; array[I(i)] = true;", "element 3 of a sort with elements 0 to 1"),
    ("bounds", "let i: I = self + 2;", "element"),
    ("bounds", "acquire a; let z = 1 / x;", "division by zero"),
    ("bounds", "acquire a; let z = 1 % x;", "division by zero"),
    ("bounds", "acquire a; append(list, 0); append(list, 0); append(list, 0);", "a list of 3"),
    ("empty-list", "acquire a; let f = first(list);", "first of an empty list"),
    ("empty-list", "acquire a; remove(list, 1);", "an element that is not in the list"),
    ("none-access", "acquire a; let f = some.x;", "the value is none"),
    ("none-access", "acquire a; some.x = 1;", "the value is none"),
]

SYSTEM = """
system faults;
ordered sort I;
lock a: mutex; lock b: mutex; lock r: rw;
struct S {{ x: 0..3; }}
gen g guarded by a;
var x: 0..3 = 0 guarded by a;
var both: 0..3 = 0 guarded by a or b;
var shared: 0..3 = 0 guarded by r;
var list: list<0..3>[2] = [] guarded by a;
var some: S? = none guarded by a;
var array[I]: bool = false atomic;
op keep() {{ acquire a; }}
op drop() {{ release a; }}
thread t[I] {{ if int(self) == 0 {{ {body} }} }}
"""


@pytest.mark.parametrize(("kind", "body", "detail"), FAULTS)
def test_faults(kind: str, body: str, detail: str) -> None:
    result = run(SYSTEM.format(body=body), I=2)

    assert kind in violations(result)
    (why,) = trace(result, kind).why
    assert why.startswith(detail), why
    assert all(step.changes == () for step in trace(result, kind).steps[-1:])


GOOD = [
    "acquire a; x = 3; x = x - 3; release a;",
    "acquire a; let y = both; release a;",
    "acquire b; let y = both; release b;",
    "acquire a; acquire b; both = 1; release b; release a;",
    "acquire read r; let y = shared; release r;",
    "acquire read r; upgrade r; shared = 1; downgrade r; let y = shared; release r;",
    "acquire a; append(list, 1); append(list, 2); remove(list, 1); x = first(list); release a;",
    "acquire a; bump(g); let s = snapshot(g); assert !changed(g, s); release a;",
    "acquire a; some = S(x: 1); some.x = 2; assert some.x == 2; release a;",
    "acquire a; if try a { assert false; } release a;",
    "acquire read r; if try write r { assert false; } release r;",
]


@pytest.mark.parametrize("body", GOOD)
def test_no_faults(body: str) -> None:
    text = SYSTEM.format(body=body).replace("lock a:", "order a < b; lock a:")

    assert violations(run(text, I=2)) == {}


SNAPSHOT = """
system snapshots;
sort I;
lock a: mutex;
gen g[I] guarded by a;
var used: bool = false guarded by a;
thread reader {{
  acquire a;
  let s = snapshot(g[{mine}]);
  release a;
  acquire a;
  assert !changed(g[{mine}], s);
  release a;
}}
thread writer {{ any i: I where {which}; acquire a; bump(g[i]); release a; }}
thread again {{ acquire a; release a; }}
"""


def test_a_bump_between_snapshot_and_look_is_seen() -> None:
    text = SNAPSHOT.format(mine="x", which="true").replace(
        "acquire a;\n  let", "any x: I; acquire a; let"
    )

    assert violations(run(text, I=2)) == {"assertion": 10}
    assert violations(run(text, I=1)) == {"assertion": 10}


def test_a_dead_snapshot_leaves_no_trace_in_the_state() -> None:
    loop = """
        system loop;
        lock a: mutex;
        gen g guarded by a;
        thread t { while true { acquire a; let s = snapshot(g); bump(g); release a; } }
    """
    used = loop.replace("release a;", "release a; acquire a; assert changed(g, s); release a;")

    assert run(loop).verdicts["race"] == Checked(4)
    assert violations(run(used)) == {}


def test_a_snapshot_of_another_element_is_a_none_access() -> None:
    text = SNAPSHOT.format(mine="x", which="false")
    text = text.replace("acquire a;\n  let", "any x: I; any y: I; acquire a; let")
    text = text.replace("assert !changed(g[x]", "assert !changed(g[y]")

    result = run(text, I=2)

    assert violations(result)["none-access"] == 6
    assert trace(result, "none-access").why[0].startswith("the snapshot is of another element")


def test_dead_locals_are_not_part_of_the_state() -> None:
    text = (
        "system s; lock a: mutex; thread t { any x: 0..9; any y: 0..9 where y == x; acquire a; %s }"
    )

    assert run(text % "release a;").statistics.states == 4
    assert run(text % "assert x == y; release a;").statistics.states == 1 + 10 + 1 + 1


def test_a_shared_variable_keeps_nothing_of_a_faulted_step() -> None:
    text = """
        system s; var x: 0..9 = 0 atomic;
        thread t { atomic { x = 5; assert false; } }
        invariant i: x == 0;
    """

    assert violations(run(text)) == {"assertion": 1}


ORDER = """
system order_;
ordered sort I;
enum E {{ p, q }}
lock a: mutex; lock b: mutex; lock c[I, E]: spin; lock r: rw;
order a < b; order b < c; order c {direction};
thread t {{ {body} }}
"""


@pytest.mark.parametrize(
    ("direction", "body", "violated"),
    [
        (
            "ascending",
            "acquire a; acquire b; acquire c[I(0), p]; acquire c[I(0), q]; acquire c[I(1), p];",
            False,
        ),
        ("ascending", "acquire c[I(0), q]; acquire c[I(0), p];", True),
        ("descending", "acquire c[I(1), p]; acquire c[I(0), q];", False),
        ("descending", "acquire c[I(0), q]; acquire c[I(1), p];", True),
        ("ascending", "acquire a; acquire c[I(0), p];", False),
        ("ascending", "acquire b; acquire a;", True),
        ("ascending", "acquire b; if try a { }", False),
        ("ascending", "acquire a; acquire r;", True),
        ("ascending", "acquire read r; upgrade r;", False),
        ("ascending", "acquire read r; if try a { upgrade r; }", True),
        ("ascending", "acquire a; release a; acquire r; release r; acquire a;", False),
    ],
)
def test_lock_order(direction: str, body: str, violated: bool) -> None:
    result = run(ORDER.format(direction=direction, body=body), I=2)

    assert ("lock-order" in violations(result)) == violated


def test_order_is_judged_where_the_thread_is_about_to_acquire() -> None:
    result = run(ORDER.format(direction="ascending", body="acquire b; acquire a;"), I=1)

    found = trace(result, "lock-order")
    assert [s.statement for s in found.steps] == ["acquire b;"]
    assert found.why[0] == "t is about to acquire a while it holds b"


def test_a_guard_with_a_binder_is_many_locks() -> None:
    text = """
        system many;
        sort I;
        lock a[I]: mutex;
        order a ascending;
        var x: bool = false guarded by a[i] for i: I;
        thread t { %s }
    """.replace("sort I", "ordered sort I")

    assert violations(run(text % "acquire a[I(1)]; let y = x; release a[I(1)];", I=2)) == {}
    assert "race" in violations(run(text % "acquire a[I(1)]; x = true;", I=2))
    everything = "acquire a[I(0)]; acquire a[I(1)]; x = true; release a[I(1)]; release a[I(0)];"
    assert violations(run(text % everything, I=2)) == {}


def test_holder_and_held() -> None:
    text = """
        system holders;
        sort T;
        lock a: rw;
        thread cpu[T] {
          assert !held(a);
          acquire write a;
          assert held(a);
          assert holder(a) == self;
          assert !free(a);
          downgrade a;
          assert held(a);
          assert holder(a) == none;
          assert !free(a);
          release a;
        }
        invariant nobody: holder(a) != none => !free(a);
    """

    assert violations(run(text, T=2)) == {}


def test_a_fault_in_an_invariant_is_a_violation_that_says_so() -> None:
    text = """
        system s;
        struct S { n: 0..3; }
        var x: S? = S(n: 1) atomic;
        thread t { x = none; }
        invariant i: x.n == 1;
    """

    result = run(text)

    assert violations(result) == {"i": 1}
    assert trace(result, "i").why == (
        "x.n == 1 cannot be evaluated: the value is none",
        "x = none",
    )


def test_generated_source_holds_no_text_of_the_specification() -> None:
    text = """
        system evil_system;
        enum Evil { evil_one, evil_two }
        struct EvilStruct { evil_field: Evil; }
        lock evil_lock: mutex;
        var evil_variable: EvilStruct = EvilStruct(evil_field: evil_two) guarded by evil_lock;
        op evil_operation(evil_argument: Evil) {
          acquire evil_lock;
          evil_label: evil_variable.evil_field = evil_argument;
          release evil_lock;
        }
        thread evil_thread { any evil_local: Evil; evil_operation(evil_local); }
        invariant evil_invariant: evil_variable.evil_field == evil_two => free(evil_lock);
    """

    source = Semantics(instance(text)).source

    assert "evil" not in source.lower()
    assert "step_0_0" in source


@pytest.mark.parametrize(
    ("waits", "finished", "path"),
    [
        ({}, 0b1, []),
        ({0: 0b10}, 0, []),
        ({0: 0b10, 1: 0b01}, 0, [0, 1]),
        ({0: 0b10, 1: 0b100}, 0b100, [0, 1, 2]),
        ({0: 0b10, 1: 0b100, 2: 0b010}, 0, [1, 2]),
        ({0: 0b110, 2: 0b001}, 0, [0, 2]),
    ],
)
def test_wait_forever(waits: dict[int, int], finished: int, path: list[int]) -> None:
    assert wait_forever(waits, finished) == path


def test_outcomes_are_repeatable_by_their_choices() -> None:
    semantics = Semantics(
        instance(
            SNAPSHOT.format(mine="x", which="true").replace(
                "acquire a;\n  let", "any x: I; acquire a; let"
            ),
            I=3,
        )
    )
    shared, locals_ = semantics.initial

    for thread, local in enumerate(locals_):
        outcomes = semantics.outcomes(shared, local, thread)
        assert len({o.choices for o in outcomes}) == len(outcomes)
        for outcome in outcomes:
            repeated = semantics.run(shared, local, thread, outcome.choices)
            assert repeated is not None
            assert repeated[0] == outcome
        assert semantics.run(shared, local, thread, (99,)) is None
        assert semantics.run(shared, local, thread, (0, 0, 0, 0)) is None


def test_a_list_without_capacity_holds_one_of_each() -> None:
    text = """
        system s; sort I; lock a: mutex; var l: list<I> = [] guarded by a;
        thread t { acquire a; while true { any i: I; append(l, i); } }
    """
    what: Instance = instance(text, I=3)

    result = run(text, I=3)

    known = truth(what)
    assert known is not None
    assert violations(result) == {"bounds": known.shortest["bounds"]}
    assert "it holds at most 3" in trace(result, "bounds").why[0]


def test_a_thread_that_an_assumption_keeps_from_starting_never_moves() -> None:
    text = """
        system s;
        var x: 0..1 = 0 atomic;
        thread t { assume size(T) == 2; x = 1; }
        thread u { while %s { x = 0; } }
        sort T;
        invariant i: x == 0;
    """

    assert violations(run(text % "true", T=2)) == {"i": 1}
    assert violations(run(text % "true", T=1)) == {}
    stuck = run(text % "false", T=1)
    assert violations(stuck) == {"deadlock": 0}
    assert trace(stuck, "deadlock").why == ("nobody can move", "t cannot start")
