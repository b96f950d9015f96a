"""Random specifications about unordered sorts: threads, locks and data indexed by them, and holding them.

Most are symmetric; now and then one tells elements apart. Guards are respected and locks balanced,
mostly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from strategies_expressions import Draw, T

HEAD = """system symmetric_;
sort T;
sort U;
ordered sort S;
struct E { u: U; t: T?; n: 0..2; }
lock m: spin;
lock k[U]: mutex;
lock w: rw;
lock d[T]: mutex;
var all: set<U> = {u: U} guarded by m;
var some: list<U>[2] guarded by m;
var owner[u: U]: T? guarded by k[u];
var e: E? guarded by w;
var both: 0..1 guarded by k[u] for u: U where u == u;
var mine[T]: U? = none atomic;
var map: [U] T? atomic;
var mark[U][S]: bool atomic;
var seen: set<E> guarded by w or d[t] for t: T;
var n: 0..2 atomic;
gen g[u: U] guarded by k[u];
gen h[T] atomic;
fn free_of(t: T): bool = mine[t] == none;
"""
ORDERS = ("order m < k; order k < w; order k < d;", "order w < m; order d < k;", "")


@dataclass
class Scope:
    """What may be used where the text goes next."""

    units: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    """Names of elements of the two sorts."""
    snapshots: tuple[tuple[str, str], ...] = ()
    """Of which element, and in which local."""
    held: frozenset[str] = frozenset()
    """Locks, and ``read w``."""
    depth: int = 2
    atomic: bool = False
    property: bool = False

    def inside(self, **changes: object) -> Scope:
        return replace(self, depth=self.depth - 1, **changes)


class SymmetricWriter:
    def __init__(self, draw: Draw, spoil: int) -> None:
        self._draw = draw
        self._spoil = spoil
        self._names = 0

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def pick(self, of: Sequence[T]) -> T:
        return of[self.number(0, len(of) - 1)]

    def spoiled(self) -> bool:
        return self.number(1, 100) <= self._spoil

    def name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # ---- conditions -----------------------------------------------------------------------------

    def condition(self, at: Scope) -> str:
        """Looks at lock-free variables once at most, outside ``atomic`` blocks."""
        options = ["true", "n < 2", "2 > n"]
        if at.atomic or at.property:
            options += self.rich()
        for u in at.units:
            options += [f"mark[{u}][S(1)]", f"map[{u}] == none"]
            options += [f"{u} == {self.pick(at.units)}"]
            if f"k[{u}]" in at.held:
                options += [f"owner[{u}] == none", f"held(k[{u}])", "both < 1"]
                options += [f"owner[{u}] == {t}" for t in at.threads]
            if "m" in at.held:
                options += [f"{u} in all", f"{u} in some", f"next([{u}], {u}) == none"]
            if "w" in at.held or "read w" in at.held:
                options += [f"e != none && e.u == {u}", f"e == E({u}, none, 1)"]
                options += [f"E({u}, none, 1) in seen", "(count x in seen: x.t != none) < 1"]
        options += [f"mine[{t}] == none" for t in at.threads]
        options += [f"changed(g[{u}], {s})" for u, s in at.snapshots if f"k[{u}]" in at.held]
        if "m" in at.held:
            options += ["forall x in some: x in all", "empty(some) || first(some) in all"]
        text = self.pick(options)
        return f"!({text})" if self.number(0, 3) == 0 else text

    def rich(self) -> list[str]:
        """Conditions that look at many lock-free variables."""
        options = [
            f"(count x: U: map[x] == none) == {self.number(0, 2)}",
            "forall q: T: free_of(q) || mine[q] != none",
            "exists x: U: forall q: T: mine[q] != none => mine[q] == x",
            "empty({x: U where map[x] != none && mark[mine[map[x]] == none ? x : x][S(0)]})",
        ]
        if self.spoiled():
            options.append("exists q: T: mark[mine[q]][S(0)]")
            options.append(
                "forall x: U: map[x] == none || mine[map[x]] == x || mark[mine[map[x]]][S(1)]"
            )
            options.append("(count q: T: n / (mine[q] == none ? 0 : 1) == 0) > 0")
            options.append("(count q: T: n / (mark[mine[q]][S(1)] ? 0 : 1) == 0) > 0")
        return options

    # ---- statements -----------------------------------------------------------------------------

    def block(self, at: Scope, least: int = 0) -> str:
        inner = replace(at)
        return " ".join(self.statement(inner) for _ in range(self.number(least, 2)))

    def statement(self, at: Scope) -> str:
        simple = [self.unit, self.write, self.write, self.write, self.claim]
        if at.atomic:
            return self.pick([self.write, self.claim])(at)
        if at.depth <= 0:
            return self.pick(simple)(at)
        more = [self.section] * 4 + [self.attempt, self.branch, self.loop, self.atomic, self.choice]
        return self.pick([*simple, self.snapshot, *more])(at)

    def unit(self, at: Scope) -> str:
        """A new name for an element."""
        if self.spoiled():
            name = self.name("u")
            at.units = (*at.units, name)
            return f"let {name}: U;"
        if at.threads and self.number(0, 3) == 0:
            name = self.name("t")
            before = at.threads[0]
            at.threads = (*at.threads, name)
            return f"any {name}: T where {name} != {before};"
        name = self.name("u")
        domain = ": U"
        if "m" in at.held and self.number(0, 1):
            domain = f" in {self.pick(('all', 'some'))}"
        before = at.units
        at.units = (*at.units, name)
        where = f" where {name} != {self.pick(before)}" if before and self.number(0, 1) else ""
        if self.number(0, 5) == 0:
            where = f" where {self.condition(at)}"
        return f"any {name}{domain}{where};"

    def write(self, at: Scope) -> str:
        options: list[str] = []
        for u in at.units:
            options.append(f"mark[{u}][S({self.number(0, 1)})] = true;")
            options += [f"mine[{t}] = {u};" for t in at.threads[:1]]
            if f"k[{u}]" in at.held:
                options += [f"owner[{u}] = none;", f"bump(g[{u}]);"] * 2
                options += [f"owner[{u}] = {t};" for t in at.threads] * 2
            if "m" in at.held:
                options += [f"add(all, {u});", f"remove(all, {u});"]
                options.append(f"if size(some) < 2 {{ append(some, {u}); }}")
                options.append(f"if {u} in some {{ remove(some, {u}); }}")
                if self.spoiled():
                    options += [f"prepend(some, {u});", "both = 1;"]
            if "w" in at.held:
                t = self.pick(("none", *at.threads))
                options += [f"e = E({u}, {t}, {self.number(0, 2)});", "e = none;"]
                if self.spoiled() or any(lock.startswith("d[") for lock in at.held):
                    options.append(f"add(seen, E({u}, {t}, 1));")
        options += [f"bump(h[{t}]);" for t in at.threads]
        options += [f"mine[{t}] = none;" for t in at.threads]
        options.append(f"assert {self.condition(at)}{'' if self.spoiled() else ' || true'};")
        return self.pick(options)

    def claim(self, at: Scope) -> str:
        if not at.units:
            return self.write(at)
        return f"map[{self.pick(at.units)}] = {self.pick(('none', *at.threads))};"

    def snapshot(self, at: Scope) -> str:
        held = [u for u in at.units if f"k[{u}]" in at.held]
        if not held:
            return self.section(at)
        name, u = self.name("s"), self.pick(held)
        at.snapshots = (*at.snapshots, (u, name))
        return f"let {name} = snapshot(g[{u}]);"

    def lock(self, at: Scope) -> tuple[str, str]:
        """A mode and a lock that is not held, as far as one can see."""
        options = [("", "m"), ("write", "w"), ("read", "w")]
        options += [("", f"k[{u}]") for u in at.units] * 2
        options += [("", f"d[{t}]") for t in at.threads[:1]]
        free = [(mode, x) for mode, x in options if not {x, f"read {x}"} & at.held]
        return self.pick(free if free and not self.spoiled() else options)

    def section(self, at: Scope) -> str:
        mode, lock = self.lock(at)
        inside = at.inside(held=at.held | {"read w" if mode == "read" else lock})
        body = self.block(inside, 1)
        if mode == "read" and self.number(0, 2) == 0:
            body += " if try upgrade w { e = none; }"
        end = "" if self.spoiled() else f"release {lock};"
        return f"acquire {mode} {lock}; {body} {end}"

    def attempt(self, at: Scope) -> str:
        mode, lock = self.lock(at)
        inside = at.inside(held=at.held | {"read w" if mode == "read" else lock})
        return (
            f"if try {mode} {lock} {{ {self.block(inside)} release {lock}; }}"
            f" else {{ {self.block(at.inside())} }}"
        )

    def branch(self, at: Scope) -> str:
        then, otherwise = self.block(at.inside(), 1), self.block(at.inside())
        return f"if {self.condition(at)} {{ {then} }} else {{ {otherwise} }}"

    def loop(self, at: Scope) -> str:
        name = self.name("u")
        domain = self.pick(("U", "all", "some") if "m" in at.held else ("U",))
        inside = at.inside(units=(*at.units, name))
        return f"for {name} in {domain} {{ {self.block(inside, 1)} }}"

    def atomic(self, at: Scope) -> str:
        inside = at.inside(atomic=True)
        wait = f"await {self.condition(inside)};" if self.number(0, 2) == 0 else ""
        return f"atomic {{ {wait} {self.block(inside, 1)} }}"

    def choice(self, at: Scope) -> str:
        one, other = self.block(at.inside(), 1), self.block(at.inside())
        return f"choose {{ {{ {one} }} or {{ {other} }} }}"

    # ---- the whole ------------------------------------------------------------------------------

    def body(self, at: Scope) -> str:
        return " ".join(self.statement(at) for _ in range(self.number(1, 3)))

    def invariant(self, name: str) -> str:
        at = Scope(units=("u",), threads=("t",), held=frozenset({"k[u]", "m", "w"}), property=True)
        holds = self.condition(at).replace("held(", "free(")
        window = self.pick(("", f"when {self.condition(at).replace('held(', 'free(')}: "))
        rest = self.pick(("", " || true"))
        return f"{window}invariant {name}(u: U, t: T): {holds}{rest};"

    def specification(self) -> str:
        kind, sizes = self.pick(
            (("cpu[T]", (2, 2)), ("cpu[T]", (2, 2)), ("cpu[T]", (3, 1)), ("lone", (2, 3)))
        )
        mine = ("self",) if kind == "cpu[T]" else ()
        loop = self.pick(("%s", "%s", "while true { %s }"))
        thread = loop % f"any u0: U; work(u0); {self.body(Scope(threads=mine))}"
        more = f"thread more {{ {self.body(Scope(depth=1))} }}" if self.number(0, 3) == 0 else ""
        lines = [
            self.pick(ORDERS),
            f"op work(u: U) {{ {self.body(Scope(units=('u',), threads=mine))} }}",
            f"thread {kind} {{ {thread} }}",
            more,
            self.invariant("first"),
            self.invariant("second"),
            f"instance one {{ T = {sizes[0]}; U = {sizes[1]}; S = 2; }}",
        ]
        return HEAD + "\n".join(lines) + "\n"


@st.composite
def symmetric_specifications(draw: Draw, spoil: int = 4) -> str:
    """The text of a specification with an instance."""
    return SymmetricWriter(draw, spoil).specification()
