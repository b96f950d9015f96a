"""The fine print of the language, a row each: a specification, and the properties that it violates."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import violations

HEAD = """\
system meaning;
ordered sort P;
sort U;
lock m: mutex; lock n: mutex; lock k[P]: mutex; lock w: rw;
order m < n < k < w; order k ascending;
var x: 0..3 guarded by m;
var y: 0..3 guarded by m or n;
var z: 0..3 guarded by w;
var all: bool guarded by k[p] for p: P where p != P(2);
var f: bool atomic; var c: 0..3 atomic;
gen g[P] guarded by m;
instance i { P = 3; U = 2; }
"""

ROWS = {
    # Locks.
    "try of a lock that the thread holds fails": "thread t { acquire m; if try m { assert false; } release m; }",
    "acquire of a lock that the thread holds": (
        "thread t { acquire m; acquire m; }",
        "lock-misuse",
    ),
    "release of a lock that is free": ("thread t { release m; }", "lock-misuse"),
    "release of the lock of another": (
        "thread t { acquire m; f = true; await !f; } thread s { await f; release m; f = false; }",
        "lock-misuse",
    ),
    "the end with a lock is allowed, if nobody needs it": "thread t { acquire m; }",
    "an op must not keep a lock": ("op o() { acquire m; } thread t { o(); }", "lock-misuse"),
    "an op must not release the lock of its caller": (
        "op o() { release m; } thread t { acquire m; o(); }",
        "lock-misuse",
    ),
    "an op may hold what its caller holds": "op o() { acquire n; release n; } thread t { acquire m; o(); release m; }",
    "two read together": """
        thread t { acquire read w; await f; release w; }
        thread s { acquire read w; f = true; release w; }""",
    "a writer is alone": """
        thread t { acquire w; f = true; f = false; release w; }
        thread s { acquire read w; let seen = f; assert !seen; release w; }""",
    "a reader does not read again": (
        "thread t { acquire read w; acquire read w; }",
        "lock-misuse",
    ),
    "upgrade waits for the other readers": """
        thread t { acquire read w; upgrade w; f = true; f = false; release w; }
        thread s { acquire read w; let seen = f; assert !seen; release w; }""",
    "two upgrades wait for each other": (
        "thread t[U] { acquire read w; upgrade w; release w; }",
        "deadlock",
    ),
    "two try to upgrade": """
        thread t[U] { acquire read w; if try upgrade w { z = 1; } release w; }""",
    "upgrade of a lock that is free": ("thread t { upgrade w; }", "lock-misuse"),
    "downgrade of a lock that is read": (
        "thread t { acquire read w; downgrade w; }",
        "lock-misuse",
    ),
    "downgrade lets readers in": """
        thread t { acquire w; downgrade w; await f; release w; }
        thread s { acquire read w; release w; f = true; }""",
    # The order.
    "upwards by class and index": "thread t { acquire m; acquire k[P(0)]; acquire k[P(2)]; acquire w; }",
    "downwards by class": ("thread t { acquire w; acquire m; }", "lock-order"),
    "downwards by index": ("thread t { acquire k[P(1)]; acquire k[P(0)]; }", "lock-order"),
    "try takes locks in any order": "thread t { acquire w; if try m { release m; } release w; }",
    "what comes after a lock taken out of order": (
        "thread t { acquire w; if try m { acquire n; } }",
        "lock-order",
    ),
    "classes without an order": (
        "lock other: mutex; thread t { acquire other; acquire m; }",
        "lock-order",
    ),
    "indices without an order": (
        "lock other[U]: mutex; thread t { any a: U; any b: U where b != a; acquire other[a]; acquire other[b]; }",
        "lock-order",
    ),
    # Guards.
    "reading without the guard": ("thread t { let a = x; }", "race"),
    "reading without the guard in a condition": ("thread t { if x == 1 { } }", "race"),
    "reading without the guard through a function": (
        "fn one: bool = x == 1; thread t { if one { } }",
        "race",
    ),
    "reading under one of two": "thread t { acquire n; let a = y; release n; }",
    "writing under one of two": ("thread t { acquire n; y = 1; release n; }", "race"),
    "writing under both": "thread t { acquire m; acquire n; y = 1; release n; release m; }",
    "reading shared": "thread t { acquire read w; let a = z; release w; }",
    "writing shared": ("thread t { acquire read w; z = 1; release w; }", "race"),
    "reading under one of many": "thread t { acquire k[P(1)]; let a = all; release k[P(1)]; }",
    "reading under the wrong one": ("thread t { acquire k[P(2)]; let a = all; }", "race"),
    "writing under some of many": ("thread t { acquire k[P(0)]; all = true; }", "race"),
    "writing under all of many": "thread t { acquire k[P(0)]; acquire k[P(1)]; all = true; }",
    "part of a condition that is not evaluated needs no guard": "thread t { if f && x == 1 { } }",
    # Generations.
    "a bump is seen": """
        thread t { acquire m; let s = snapshot(g[P(0)]); bump(g[P(0)]); assert changed(g[P(0)], s); release m; }""",
    "a bump of another element is not": """
        thread t { acquire m; let s = snapshot(g[P(0)]); bump(g[P(1)]); assert !changed(g[P(0)], s); release m; }""",
    "a snapshot is taken again": """
        thread t { acquire m; let s = snapshot(g[P(0)]); bump(g[P(0)]); s = snapshot(g[P(0)]);
                   assert !changed(g[P(0)], s); release m; }""",
    "a copy of a snapshot is one": """
        thread t { acquire m; let s = snapshot(g[P(0)]); let r = s; bump(g[P(0)]); s = snapshot(g[P(0)]);
                   assert changed(g[P(0)], r) && !changed(g[P(0)], s); release m; }""",
    "the snapshot of another element": (
        "thread t { acquire m; let s = snapshot(g[P(0)]); if changed(g[P(1)], s) { } release m; }",
        "none-access",
    ),
    "a snapshot that was never taken": (
        "thread t { goto over; let s = snapshot(g[P(0)]); over: acquire m; if changed(g[P(0)], s) { } release m; }",
        "none-access",
    ),
    "a counter needs its guard": ("thread t { bump(g[P(0)]); }", "race"),
    # Data.
    "locals of type int have no bounds": "thread t { let a = 5; a -= 10; assert a * 1000 == -5000; }",
    "a parameter has bounds": ("proc q(a: 0..3) { } thread t { q(4); }", "bounds"),
    "beyond the last element": ("thread t { let p = P(2); p += 1; }", "bounds"),
    "no such element": ("thread t { let p = P(3); }", "bounds"),
    "division by zero": ("thread t { let a = 0; a = 1 / a; }", "bounds"),
    "a list has a capacity": (
        "thread t { let l: list<bool>[1]; append(l, true); append(l, true); }",
        "bounds",
    ),
    "the successor of what is not there": (
        "thread t { let e = next([P(0)], P(1)); }",
        "empty-list",
    ),
    "the least of nothing": ("thread t { let s: set<P> = {}; let p = min(s); }", "empty-list"),
    "a part of none": (
        "struct R { a: bool; } thread t { let r: R? = none; let a = r.a; }",
        "none-access",
    ),
    "assigning to a part of none": (
        "struct R { a: bool; } thread t { let r: R? = none; r.a = true; }",
        "none-access",
    ),
    "inout parameters are one variable": """
        proc q(inout a: 0..3, inout b: 0..3) { a = 1; assert b == 1; }
        thread t { let v: 0..3; q(v, v); }""",
    "parameters are copies": """
        proc q(a: 0..3) { a = 1; }
        thread t { let v: 0..3; q(v); assert v == 0; }""",
    "the domain of a loop is evaluated once": """
        thread t { let l = [P(0)]; for p in l { l = [P(1), P(2)]; c = 1; } assert l == [P(1), P(2)]; }""",
    "the condition of a loop is evaluated in turn": """
        thread t { let go = true; let rounds = 0;
                   for p in P where go { go = false; rounds += 1; } assert rounds == 1; }""",
    "loops over unordered sorts take every order": (
        "thread t { let a: U? = none; for u in U { if a == none { a = u; } }"
        " let b: U? = none; for v in U { if b == none { b = v; } } assert a == b; }",
        "assertion",
    ),
    "break and continue of the inner loop": """
        thread t { let rounds = 0;
                   for p in P { while true { break; } for q in P { continue; } rounds += 1; } assert rounds == 3; }""",
    # Choices and waiting.
    "an assumption takes back the choice before it": "thread t { any a: bool; assume a; assert a; }",
    "a choice of nothing is the end": ("thread t { any a: bool where false; }", "deadlock"),
    "waiting for ever": ("thread t { await f; }", "deadlock"),
    "an atomic block waits as a whole": """
        thread t[U] { atomic { await c == 0; c = 1; } assert c == 1; c = 0; }""",
    "waiting does not take back a choice": (
        "thread t { choose { { await f; } or { await !f; } } }",
        "deadlock",
    ),
    # Properties.
    "an invariant outside of its window": """
        thread t { acquire m; x = 1; x = 0; release m; }
        when free(m): invariant j: x == 0;""",
    "an invariant in its window": (
        "thread t { acquire m; x = 1; release m; } when free(m): invariant j: x == 0;",
        "j",
    ),
    "an invariant that has no value": (
        "thread t { } invariant j: first(l); var l: list<bool> atomic;",
        "j",
    ),
    "the initial state is judged too": ("thread t { } invariant j: c == 1;", "j"),
    "the holder reads for all": "thread t[U] { acquire m; release m; } invariant j: holder(m) == none || !free(m);",
}


@pytest.mark.parametrize("name", ROWS)
def test_meaning(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    text, expected = (row, "") if isinstance(row, str) else row
    path = tmp_path / "meaning.pv"
    path.write_text(HEAD + text)

    assert violations(path) == set(expected.split())
