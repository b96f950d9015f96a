"""The specifications that ship, and one that uses everything the language has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pvcheck.load import load
from pvcheck.model.model import Model

SPECIFICATIONS = sorted((Path(__file__).parents[1] / "specs").glob("*.pv"))


@cache
def model_at(path: Path) -> Model:
    return load(path)


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
