"""One thread's body, or two, and what it violates: as read from the language reference."""

# ruff: noqa: E501 (a case is a line)
from __future__ import annotations

import pytest
from compare import front_end, oracle_says, tool_says
from systems import check, violations

PRELUDE = """
system statements;
ordered sort S;
sort U;
enum C { red, green, blue }
struct R { n: 0..2; s: S?; }
param TWO = 2;
lock m: mutex;
lock w: rw;
lock p[S]: mutex;
lock q[S][C]: bit;
order m < w;
order w < p;
order p ascending;
order q descending;
var x: 0..2 guarded by m;
var y: 0..2 guarded by w;
var z: 0..2 guarded by w or m;
var pair[s: S]: 0..2 guarded by p[t] for t: S where t != s;
var a: 0..2 atomic;
var b: bool atomic;
var r: R? atomic;
gen g[S] atomic;
gen h guarded by m;
fn f(n: 0..2): 0..2 = n;
fn minus(i: 0..2, j: 0..2): 0..2 = i - j;
fn both(s: set<0..2>): set<0..2> = s;
fn same(l: list<S>): list<S> = l;
fn other(s: S): S = s == S(0) ? S(1) : S(0);
proc id(n: 0..2): 0..2 { return n; }
proc seven(): 0..2 { return 7; }
proc put(inout n: 0..2, v: 0..2) { n = v; }
proc early(s: S): S { if s == S(0) { return S(1); } return S(0); }
op nop() { }
op take() { acquire m; }
op give() { release m; }
op swap() { release m; acquire p[S(0)]; }
instance two { S = 2; U = 2; }
"""

VALUES = {
    "let d = R(7, none);": "bounds",
    "assert R(7, none) == R(7, none);": "",
    "let d: set<0..2> = {7};": "bounds",
    "assert 7 in both({7});": "",
    "let d = f(7); assert d == 7;": "",
    "let d = id(7);": "bounds",
    "let d = seven();": "bounds",
    "let d = id(1); d = 7;": "bounds",
    "let d = [7, 7]; append(d, 7); assert first(d) == 7;": "",
    "for e in same([S(0), S(0), S(1)]) { }": "bounds",
    "any e in same([S(0), S(0), S(1)]);": "",
    "let e: set<S?> = {none}; assert none in e;": "",
    "let l: list<list<S>[1]> = [[S(0), S(1)]];": "bounds",
    "let l: list<S>[3] = [S(0), S(0), S(0)]; for e in l { }": "",
    "let l: list<S>; append(l, S(0)); append(l, S(0)); prepend(l, S(1));": "bounds",
    "let l: list<S> = [S(0), S(1)]; remove(l, S(0)); assert l == [S(1)]; remove(l, S(0));": "empty-list",
    "let l: list<S>[3] = [S(0), S(1), S(0)]; remove(l, S(0)); assert l == [S(1), S(0)];": "",
    "assert next([S(0), S(1)], S(1)) == none;": "",
    "assert next([S(0)], S(1)) == none;": "empty-list",
    "let e: set<S> = {}; assert min(e) == S(0);": "empty-list",
    "assert min({S(1), S(0)}) == S(0) && max({S(1), S(0)}) == S(1);": "",
    "let e: set<0..2> = {1}; remove(e, 2); add(e, 7);": "bounds",
    "let n: 0..2; n -= 1;": "bounds",
    "let n: 0..2 = 2; n += 1;": "bounds",
    "let n: 1..2; assert n == 1;": "",
    "a = 1; a = 3;": "bounds",
    "assert S(0) + 1 == S(1); assert S(1) + 1 == S(0);": "bounds",
    "assert S(0) - 1 == S(0);": "bounds",
    "assert S(TWO) == S(0);": "bounds",
    "assert 7 / 0 == 1;": "bounds",
    "assert 7 % 0 == 1;": "bounds",
    "assert -7 / -2 == 3 && -7 % -2 == -1 && 7 / -2 == -4 && (7) % -2 == -1;": "",
    "assert 2 - 1 - 1 == 0 && 2 - (1 - 1) == 2 && 7 / 2 / 2 == 1 && 1 + 2 * 2 == 5;": "",
    "assert (false => false => false) && !((false => false) => false);": "",
    "assert (true || 1 / 0 == 1) && !(false && 1 / 0 == 1) && (false => 1 / 0 == 1);": "",
    "assert (true ? 1 : 1 / 0) == 1;": "",
    "let d = true ? 1 : a; d = 9;": "",
    "let c = a; c = 9;": "bounds",
    "let t = (b ? 0 : 1) <= 0; assert !t; let v = S(0) + (b ? 1 : 0); assert v == S(0);": "",
    "let o: S?; assert o == none; acquire p[o];": "none-access",
    "let o: S?; assert o in {S(0)};": "none-access",
    "let o: S?; assert o < S(0);": "none-access",
    "let o: S?; let s: S = o;": "none-access",
    "let o: S?; assert other(o) == o;": "none-access",
    "let o: S? = S(1); assert other(o) == S(0) && o == S(1) && o != none;": "",
    "let o: 0..2? = 1; o += 1; assert o == 2;": "",
    "let o: R?; o.n = 1;": "none-access",
    "atomic { r = R(1, none); r.n = 2; r.s = S(1); assert r == R(s: S(1), n: 2); } atomic { r = none; assert r.n == 2; }": "none-access",
    "let e = R(1, S(1)); e.n = 2; assert e.s == S(1) && e.n == 2; e.s = none; assert e.n == 2; e.n = 3;": "bounds",
    "let e: R; b = true; e.n = 1; b = false; e.s = S(1); b = true; assert e == R(1, S(1));": "",
    "let v: [S] [C] 0..2; v[S(1)][green] = 1; assert v[S(1), green] == 1 && v[S(0)][green] == 0; v[S(0)][blue] = 3;": "bounds",
    "assert (count e: set<S>: size(e) == 1) == 2 && (count e: S?: true) == 3 && (count e: list<S>: true) == 7;": "",
    "assert (exists e: C, t: S where e != red: t == S(0) && e == blue) && !(forall e: C, t: S where e != red: t == S(0));": "",
    "assert {e: C where e != red} == {green, blue} && {green} | {red} == {red, green} && {green} & {red} == {};": "",
}
CONTROL = {
    "if b { assert false; } else if a == 0 { a = 1; } else { assert false; } assert a == 1;": "",
    "let n = 0; while n < 3 { n += 1; if n == 2 { continue; } if n == 3 { break; } } assert n == 3;": "",
    "let n = 0; while n < 9 { n += 1; if n == 2 { break; } } assert n == 2;": "",
    "let n = 0; for s in S descending { if s == S(0) { n = n * 2; } else { n = n + 1; } } assert n == 2;": "",
    "let n = 0; for s in S { if s == S(0) { n = n * 2; } else { n = n + 1; } } assert n == 1;": "",
    "let l: list<C>[4] = []; for c in C where c != green descending { append(l, c); } assert l == [blue, red];": "",
    "let o: U?; let n = 0; for u in U { if o == none { o = u; } n += 1; } assert n == 2; any u2: U; assert o == u2;": "assertion",
    "for u in U { for v in U where v != u { atomic { b = !b; } } }": "",
    "let n = 0; again: n += 1; if n < 3 { goto again; } assert n == 3; goto out; assert false; out: ;": "",
    "let n = 0; while true { while true { n += 1; if n == 2 { goto out; } } } out: assert n == 2;": "",
    "any n: 0..2 where n > 0; assert n != 2;": "assertion",
    "any n: 0..2 where n > 2; assert false;": "deadlock",
    "any n in [1, 2]; assert n != 0; any k in {S(0)}; assert k == S(0);": "",
    "choose { { a = 1; } or { a = 2; } or { assume false; } } assert a != 0;": "",
    "choose { { ; } or { ; } or { assert false; } }": "assertion",
    "assume b; assert false;": "deadlock",
    "let n: 0..2; put(n, 2); assert n == 2; put(n, 1); assert n == 1;": "",
    "let n: 0..2; put(v: 2, n: n); assert n == 2 && minus(j: 1, i: 2) == 1 && R(s: none, n: 1) == R(1, none);": "",
    "let s = early(S(0)); assert s == S(1); s = early(s); assert s == S(0);": "",
    "atomic { for s in S { a = a + int(s); } if a == 1 { b = true; } else { assert false; } } assert b;": "",
    "atomic { any n: 0..2 where n > 0; a = n; } assert a != 2;": "assertion",
    "await b; ||| b = true;": "",
    "await b;": "deadlock",
    "atomic { await b; a = 1; } assert a == 1; ||| b = true; b = false;": "deadlock",
    "b = true; assert a != 1; ||| await b; a = 1;": "assertion",
    "let c = a; a = c + 1; ||| let d = a; a = d + 1; if d == 1 { b = true; }": "",
    "atomic { a = a + 1; } ||| atomic { a = a + 1; } ||| assert a != 1;": "assertion",
    "nop(); assert false;": "assertion",
    "while !b { nop(); } ||| b = true;": "",
}
LAST_USE = {
    "any s: S; b = true; if try p[s] { assert !free(p[S(0)]); }": "assertion",
    "any s: S; b = true; acquire p[s]; assert !free(p[S(0)]);": "assertion",
    "any s: S; acquire p[S(0)]; acquire p[S(1)]; release p[s]; assert free(p[S(0)]);": "assertion",
    "let t = snapshot(g[S(1)]); any s: S; b = true; bump(g[s]); assert !changed(g[S(1)], t);": "assertion",
    "any s: S; b = true; let t = snapshot(g[s]); bump(g[S(1)]); assert !changed(g[s], t);": "assertion",
    "any s: S; b = true; await s == S(1);": "deadlock",
    "any s: S; b = true; atomic { await s == S(1); }": "deadlock",
    "any s: S; b = true; atomic { if s == S(1) { a = 1; } } assert a == 0;": "assertion",
    "any s: S; b = true; if s == S(1) { a = 1; } assert a == 0;": "assertion",
    "any s: S; b = true; while s == S(1) { assert false; }": "assertion",
    "any s: S; b = true; for t in S where t == s { a = int(t); } assert a == 0;": "assertion",
    "any s: S; b = true; any t: S where t == s; assert t == S(0);": "assertion",
    "any l: set<S>; b = true; for t in l { assert t == S(0); }": "assertion",
    "any l: set<S>; b = true; any t in l; assert t == S(0);": "assertion deadlock",
    "let n: 0..2; any k: 0..2; b = true; put(n, k); assert n == 0;": "assertion",
    "any s: S; b = true; let t = early(s); assert t == S(0);": "assertion",
    "any n: 0..2; b = true; a = n; assert a == 0;": "assertion",
    "any n: 0..2; b = true; let k = n; b = false; assert k == 0;": "assertion",
    "any n: 0..2; b = true; n = n; b = false; assert n == 0;": "assertion",
    "any s: S; let v: [S] 0..2; b = true; v[s] = 1; b = false; assert v[S(1)] == 0;": "assertion",
    "let v: [S] 0..2; any s: S; v[s] = 1; b = true; v[S(0)] = 1; b = false; assert v[S(1)] == 0;": "assertion",
    "any n: 0..2; b = true; n += 0; b = false; assert n == 0;": "assertion",
    "let n: 0..2 = 2; while b { let k: 0..2; assert k == 0; k = n; b = false; } ||| b = true; b = true;": "",
}
LOCKS = {
    "release m;": "lock-misuse",
    "acquire m; release m; ||| release m;": "lock-misuse",
    "acquire m; await b; ||| release m;": "lock-misuse",
    "acquire read w; await b; ||| release w;": "lock-misuse",
    "acquire read w; await b; ||| acquire read w; release w; release w;": "lock-misuse",
    "acquire m; acquire m;": "lock-misuse",
    "acquire read w; acquire w;": "lock-misuse",
    "acquire read w; acquire read w;": "lock-misuse",
    "acquire w; if try read w { assert false; } if try w { assert false; } release w;": "",
    "acquire read w; if try read w { assert false; } release w;": "",
    "acquire m; if try m { assert false; } release m;": "",
    "acquire m; release m; ||| if !try m { assert false; } else { release m; }": "assertion",
    "upgrade w;": "lock-misuse",
    "acquire w; upgrade w;": "lock-misuse",
    "acquire w; if try upgrade w { ; }": "lock-misuse",
    "acquire read w; downgrade w;": "lock-misuse",
    "acquire read w; upgrade w; y = 1; downgrade w; assert y == 1; release w; ||| acquire read w; assert y == 0; release w;": "assertion",
    "acquire w; y = 1; downgrade w; y = 1;": "race",
    "acquire read w; upgrade w; release w; ||| acquire read w; upgrade w; release w;": "deadlock",
    "acquire read w; if try upgrade w { y = 1; } release w; ||| acquire read w; if try upgrade w { y = 2; } release w;": "",
    "acquire read w; if !try upgrade w { assert false; } release w; ||| acquire read w; release w;": "assertion",
    "acquire w; downgrade w; b = true; release w; ||| await b; acquire read w; release w;": "",
    "acquire m; ||| acquire m; release m;": "deadlock",
    "acquire read w; ||| acquire read w; release w;": "",
    "acquire read w; ||| acquire w; release w;": "deadlock",
    "acquire m; acquire p[S(0)]; release m; release p[S(0)]; ||| acquire p[S(0)]; release p[S(0)];": "",
    "acquire w; acquire m; release m; release w;": "lock-order",
    "acquire p[S(0)]; acquire w; release w; release p[S(0)];": "lock-order",
    "acquire p[S(0)]; acquire m; release m; release p[S(0)];": "lock-order",
    "acquire m; acquire w; acquire p[S(0)]; acquire p[S(1)]; release p[S(1)]; release p[S(0)]; release w; release m;": "",
    "acquire p[S(1)]; acquire p[S(0)]; release p[S(1)]; release p[S(0)];": "lock-order",
    "acquire q[S(1), red]; acquire q[S(0), blue]; release q[S(1)][red]; release q[S(0)][blue];": "",
    "acquire q[S(1), green]; acquire q[S(1), red]; release q[S(1)][red]; release q[S(1)][green];": "",
    "acquire q[S(1), red]; acquire q[S(1), green]; release q[S(1)][red]; release q[S(1)][green];": "lock-order",
    "acquire q[S(0), blue]; acquire q[S(1), red]; release q[S(0)][blue]; release q[S(1)][red];": "lock-order",
    "acquire m; acquire q[S(0)][red]; release q[S(0)][red]; release m;": "lock-order",
    "acquire p[S(1)]; if try p[S(0)] { release p[S(0)]; } if try m { release m; } release p[S(1)];": "",
    "acquire m; acquire p[S(0)]; release p[S(0)]; release m; ||| acquire p[S(0)]; acquire m; release m; release p[S(0)];": "deadlock lock-order",
    "any s: S; acquire p[s]; b = true; if s == S(0) { release p[S(0)]; } else { release p[s]; }": "",
    "any s: S; b = true; if try p[s] { release p[other(s)]; }": "lock-misuse",
    "take(); release m;": "lock-misuse",
    "acquire m; give();": "lock-misuse",
    "acquire m; swap();": "lock-misuse",
    "acquire m; nop(); release m;": "",
}
GUARDS = {
    "x = 1;": "race",
    "assert x == 0;": "race",
    "acquire m; x = 1; release m; ||| acquire m; assert x == 0; release m;": "assertion",
    "acquire read w; assert y == 0; y = 1;": "race",
    "acquire read w; assert z == 0; release w; acquire m; assert z == 0; z = 1;": "race",
    "acquire m; acquire read w; z = 1;": "race",
    "acquire m; acquire w; z = 1; release w; assert z == 1; release m;": "",
    "acquire p[S(1)]; pair[S(0)] = 1; assert pair[S(0)] == 1; release p[S(1)];": "",
    "acquire p[S(0)]; pair[S(0)] = 1;": "race",
    "acquire p[S(0)]; assert pair[S(0)] == 0;": "race",
    "assert b && x == 1 || true;": "",
    "assert !b && x == 1 || true;": "race",
    "acquire m; let c = x; x = c + 1; release m; ||| acquire m; let d = x; x = d + 1; release m; ||| acquire m; assert x != 1; release m;": "assertion",
    "bump(h);": "race",
    "let s = snapshot(h);": "race",
    "acquire m; let s = snapshot(h); release m; acquire m; assert !changed(h, s); release m; ||| acquire m; bump(h); release m;": "assertion",
    "acquire m; let s = snapshot(h); bump(h); assert changed(h, s); s = snapshot(h); assert !changed(h, s); release m;": "",
    "let s = snapshot(g[S(0)]); bump(g[S(1)]); assert !changed(g[S(0)], s); bump(g[S(0)]); assert changed(g[S(0)], s);": "",
    "let s = snapshot(g[S(0)]); let t = snapshot(g[S(0)]); bump(g[S(0)]); assert changed(g[S(0)], t); assert changed(g[S(0)], s);": "",
    "let s = snapshot(g[S(0)]); if !b { assert changed(g[S(0)], s); } ||| let t = snapshot(g[S(0)]); bump(g[S(0)]); assert changed(g[S(0)], t);": "assertion",
    "let s = snapshot(g[S(0)]); assert changed(g[S(1)], s);": "none-access",
    "goto over; let s = snapshot(g[S(0)]); over: assert changed(g[S(0)], s);": "none-access",
    "acquire m; assert held(m) && !held(w); assert free(w); release m; assert free(m); ||| assert free(m);": "assertion",
}


THREE_THREADS = {
    "acquire m; ||| acquire m; ||| while true { b = true; }": "deadlock",
    "acquire m; acquire w; release w; release m; "
    "||| acquire w; acquire m; release m; release w; "
    "||| while true { b = true; }": "deadlock lock-order",
    "any n: 0..2 where n == a; any k: 0..2; assert k + n < 2;": "assertion",
}


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        case
        for cases in (VALUES, CONTROL, LAST_USE, LOCKS, GUARDS, THREE_THREADS)
        for case in cases.items()
    ],
)
def test_what_it_violates(bodies: str, expected: str) -> None:
    threads = enumerate(bodies.split("|||"))
    tree, instance = front_end(PRELUDE, "".join(f"thread t{i} {{ {t} }}\n" for i, t in threads))

    tool = tool_says(instance, limit=1_000)
    oracle = oracle_says(tree, instance, limit=1_000)

    assert " ".join(sorted(tool.shortest)) == expected
    assert oracle == tool
    assert violations(check(instance)) == tool.shortest
