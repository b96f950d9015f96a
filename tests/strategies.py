"""Random specifications, well typed by construction, that try every construct of the language.

Guards are respected and locks are balanced, but now and then not: ``spoil`` says how often in a
hundred. The state spaces are small: two threads, sorts of two elements, ranges of three numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import strategies as st
from strategies_expressions import LOCKS, RANGES, SHARED, Draw, Expressions, Place

HEAD = """system random_;
ordered sort S;
sort U;
enum C { red, green }
struct R { s: S; c: C?; }
param TWO = 2;
lock k[S]: mutex;
lock w: rw;
var y[s: S]: 0..1 = int(s) guarded by k[s];
var p: 0..1 guarded by k[s] for s: S where int(s) < TWO;
var z: S? guarded by w;
var r: R guarded by w;
var u: set<U> guarded by w or m;
var v: [S] C guarded by m or k[S(0)];
var a: 0..2 atomic;
gen g[s: S] guarded by k[s];
gen h atomic;
fn other(o: S): S = o == S(0) ? S(1) : S(0);
fn wrap(n: 0..9): 0..2 = n % (TWO + 1);
"""
"""How every specification begins."""
VARIED = """lock m: %s;
var x: 0..TWO = %d guarded by m;
var l: list<S> = %s guarded by m;
var b[S]: bool = %s atomic;
fn at_rest: bool = %s;
"""
ORDERS = ("order w < m < k;", "order m < w; order m < k;", "order k < m; order w < m;", "")


class Writer(Expressions):
    # ---- statements -----------------------------------------------------------------------------

    def block(self, at: Place, least: int = 0) -> str:
        """Statements; what they declare ends with them."""
        inner = replace(at)
        count = self.number(least, 2 if at.depth > 0 else 1)
        return " ".join(self.statement(inner) for _ in range(count))

    def statement(self, at: Place) -> str:
        at.accesses = [1]
        simple = [
            self.assign,
            self.assign,
            self.let,
            self.assertion,
            self.change_list,
            self.change_set,
            self.access,
        ]
        control = [self.condition, self.repeat, self.choice, self.loop, self.any]
        if at.atomic:
            return self.pick(simple if at.depth <= 0 else [*simple, self.condition, self.any])(at)
        locking = [self.section] * 5 + [self.attempt, self.modes, self.count_up]
        more = [self.atomic, self.wait, self.call, self.jump, self.leave, self.snapshot]
        if at.depth <= 0:
            return self.pick([*simple, self.count_up])(at)
        return self.pick([*simple, *control, *locking, *more])(at)

    def condition(self, at: Place) -> str:
        text = f"if {self.expr('bool', at)} {{ {self.block(at.inside(), 1)} }}"
        if self.number(0, 2) == 0:
            text += f" else if {self.local_bool(at)} {{ {self.block(at.inside())} }}"
        return text + (f" else {{ {self.block(at.inside())} }}" if self.number(0, 1) else "")

    def local_bool(self, at: Place) -> str:
        """A condition of locals only."""
        return self.expr("bool", replace(at, held={}, accesses=[0], atomic=False), 1)

    def repeat(self, at: Place) -> str:
        name = self.name("n")
        body = self.block(at.inside(constant=(*at.constant, (name, "int")), loop=True))
        extra = self.pick(("", f" && {self.expr('bool', at)}"))
        place = self.pick((f"{body} {name} += 1;", f"{name} += 1; {body}"))
        return f"let {name}: 0..2 = 0; while {name} < 2{extra} {{ {place} }}"

    def loop(self, at: Place) -> str:
        name, type_ = self.name("e"), self.pick(("S", "U", "C", "list", "set"))
        of = {"list": "S", "set": "U"}.get(type_, type_)
        domain = type_ if type_ in ("S", "U", "C") else self.expr(type_, at, 1)
        inner = at.inside(constant=(*at.constant, (name, of)), loop=True)
        inner.accesses = [0 if domain not in ("S", "U", "C") else 1]
        where = f" where {self.expr('bool', inner, 1)}" if self.number(0, 2) == 0 else ""
        direction = ""
        if domain in ("S", "C"):
            direction = self.pick(("", " ascending", " descending"))
        return f"for {name} in {domain}{where}{direction} {{ {self.block(inner)} }}"

    def choice(self, at: Place) -> str:
        count = self.number(2, 3)
        return (
            "choose { "
            + " or ".join(f"{{ {self.block(at.inside())} }}" for _ in range(count))
            + " }"
        )

    def any(self, at: Place) -> str:
        name, type_ = self.name("v"), self.pick(("S", "U", "int", "C", "bool"))
        domain = f": {RANGES[type_]}"
        inner = replace(at, constant=(*at.constant, (name, type_)))
        if type_ in "SU" and self.number(0, 2) == 0:
            collection = self.expr("list" if type_ == "S" else "set", at, 0)
            domain = f" in {collection}" if collection[0] not in "[{" else domain
        where = f" where {self.expr('bool', inner, 1)}" if self.number(0, 1) else ""
        at.constant = inner.constant
        return f"any {name}{domain}{where};"

    def let(self, at: Place) -> str:
        type_ = self.pick(("int", "bool", "S", "C", "S?", "R"))
        name, value = self.name("n"), self.expr(type_, at)
        before = len(at.locals)
        at.new(name, type_)
        assert len(at.locals) == before + 1
        how = self.number(0, 5)
        return f"let {name}: {RANGES[type_]}{';' if how == 0 else f' = {value};'}"

    def assign(self, at: Place) -> str:
        places = [(n, t) for n, t in at.locals if t in RANGES]
        places += [p for n, t in at.locals if t == "R" for p in ((f"{n}.s", "S"), (f"{n}.s", "S"))]
        for name, (type_, _, locks) in SHARED.items():
            if all(at.held.get(lock) == "write" for lock in locks) or (
                self.spoil and self.number(0, 80) == 0
            ):
                places += [(name, type_)] * 2
        if not places:
            return self.access(at)
        name, type_ = self.pick(places)
        if type_ == "int" and self.number(0, 2) == 0:
            if self.spoiled():
                return f"{name} {self.pick('+-')}= 1;"
            return f"{name} = 1 - {name} % 2;" if name in SHARED else f"{name} = 1;"
        value = self.expr(type_, at)
        if type_ == "int" and (name[0] in "yp" or "%" in value) and not self.spoiled():
            value = f"{value} % 2" if value.isalnum() else f"({value}) % 2"
        return f"{name} = {value};"

    def access(self, at: Place) -> str:
        """Write a lock-free variable."""
        if not self.may_access(at):
            return ";"
        name, type_ = self.pick((("a", "int"), ("b[S(0)]", "bool"), ("b[S(1)]", "bool")))
        quiet = at if at.atomic else replace(at, accesses=[0])
        if self.number(0, 6) == 0:
            return "bump(h);"
        if self.number(0, 3) == 0 and type_ == "bool":
            name = f"b[{self.expr('S', quiet, 1)}]"
        return f"{name} = {self.expr(type_, quiet)};"

    def assertion(self, at: Place) -> str:
        if self.number(0, 3) == 0:
            return f"assume {self.expr('bool', at)} || {self.pick(('true', 'false'))};"
        rest = "true" if not self.spoiled() else "false"
        return f"assert {self.expr('bool', at)} || {rest};"

    def change_list(self, at: Place) -> str:
        if at.held.get("m") != "write":
            return self.let(at)
        element = self.literal("S", at)
        if self.spoiled():
            return f"{self.pick(('append', 'prepend', 'remove'))}(l, {element});"
        return self.pick(
            (
                f"if size(l) < 2 {{ {self.pick(('append', 'prepend'))}(l, {element}); }}",
                f"if {element} in l {{ remove(l, {element}); }}",
                "if !empty(l) { remove(l, first(l)); }",
                "l = [];",
            )
        )

    def change_set(self, at: Place) -> str:
        units = [n for n, t in (*at.constant, *at.locals) if t == "U"]
        if not units or {at.held.get("m"), at.held.get("w")} != {"write"}:
            return self.let(at)
        return f"{self.pick(('add', 'remove'))}(u, {self.pick(units)});"

    @contextmanager
    def holding(self, at: Place, lock: str, mode: str) -> Iterator[Place]:
        inner = at.inside()
        inner.held[lock] = mode
        yield inner

    def element(self, at: Place, lock: str) -> str:
        """Perhaps another way to say which of the ``k`` it is, or another of them."""
        elements = [n for n, t in (*at.constant, *at.locals) if t == "S" and n.isidentifier()]
        if not elements or self.number(0, 2) == 0:
            opposite = "S(1)" if lock == "k[S(0)]" else "S(0)"
            return self.pick((lock, f"k[other({opposite})]"))
        name = self.pick(elements)
        del at.held[lock]
        at.held[f"k[{name}]"] = "write"
        if (name, "S") in at.constant:
            at.locals = (*at.locals, (f"y[{name}]", "int"))
        return f"k[{name}]"

    def section(self, at: Place) -> str:
        free = [lock for lock in LOCKS if lock not in at.held]
        lock = self.pick(free) if free and not self.spoiled() else self.pick(LOCKS)
        mode = self.pick(("read", "write", "")) if lock == "w" else ""
        with self.holding(at, lock, mode or "write") as inner:
            if lock[0] == "k":
                lock = self.element(inner, lock)
            body = self.block(inner, 1)
        end = f"release {lock};" if not self.spoiled() else ""
        begin = f"acquire {mode} {lock};" if not self.spoiled() else ""
        return f"{begin} {body} {end}"

    def attempt(self, at: Place) -> str:
        free = [lock for lock in LOCKS if lock not in at.held]
        lock = self.pick(free) if free and not self.spoiled() else self.pick(LOCKS)
        mode = self.pick(("read", "write", "")) if lock == "w" else ""
        with self.holding(at, lock, mode or "write") as inner:
            if lock[0] == "k":
                lock = self.element(inner, lock)
            body = self.block(inner)
        failed = self.block(at.inside())
        if self.number(0, 2) == 0:
            return f"if !try {mode} {lock} {{ {failed} }} else {{ {body} release {lock}; }}"
        rest = f" else {{ {failed} }}" if self.number(0, 1) else ""
        return f"if try {mode} {lock} {{ {body} release {lock}; }}{rest}"

    def modes(self, at: Place) -> str:
        if "w" in at.held and not self.spoiled():
            return self.let(at)
        with self.holding(at, "w", "read") as reading:
            before = self.block(reading)
        with self.holding(at, "w", "write") as writing:
            body = self.block(writing)
        if self.number(0, 1):
            return f"acquire read w; {before} if try upgrade w {{ {body} }} release w;"
        return f"acquire read w; upgrade w; {body} downgrade w; {before} release w;"

    def count_up(self, at: Place) -> str:
        for s in ("S(0)", "S(1)"):
            if at.held.get(f"k[{s}]") == "write" and self.number(0, 1):
                return f"bump(g[{s}]);"
        return self.let(at)

    def snapshot(self, at: Place) -> str:
        name, s = self.name("s"), self.pick(("S(0)", "S(1)"))
        if f"k[{s}]" in at.held or self.number(0, 2) == 0:
            body = self.block(at.inside(), 1)
            after = self.block(at.inside())
            return f"let {name} = snapshot(h); {body} if changed(h, {name}) {{ {after} }}"
        at.held[f"k[{s}]"] = "write"
        after = self.block(at.inside())
        del at.held[f"k[{s}]"]
        again = f"acquire k[{s}]; if changed(g[{s}], {name}) {{ {after} }} release k[{s}];"
        between = self.block(at.inside())
        return f"acquire k[{s}]; let {name} = snapshot(g[{s}]); release k[{s}]; {between} {again}"

    def atomic(self, at: Place) -> str:
        inner = at.inside(atomic=True, loop=False)
        begin = f"await {self.expr('bool', inner)};" if self.number(0, 2) == 0 else ""
        return f"atomic {{ {begin} {self.block(inner, 1)} }}"

    def wait(self, at: Place) -> str:
        return f"await {self.expr('bool', at)} || {self.pick(('true', 'true', 'false'))};"

    def jump(self, at: Place) -> str:
        label, name = self.name("again"), self.name("n")
        body = self.block(at.inside(constant=(*at.constant, (name, "int"))))
        back = f"if {name} < {self.number(1, 2)} {{ goto {label}; }}"
        if self.number(0, 3) == 0:
            skip = f"if {self.local_bool(at)} {{ goto {label}; }}"
            return f"{skip} {self.block(at.inside())} {label}: ;"
        return f"let {name}: 0..2 = 0; {label}: {name} = wrap({name} + 1); {body} {back}"

    def leave(self, at: Place) -> str:
        kinds = ["break;", "continue;"] if at.loop else []
        if at.routine in ("op", "proc") and not at.held:
            kinds.append("return;")
        if not kinds:
            return self.pick((";", "{ ; }"))
        return f"if {self.expr('bool', at)} {{ {self.pick(kinds)} }}"

    def call(self, at: Place) -> str:
        if at.routine in ("value", "proc"):
            return ";"
        quiet = replace(at, accesses=[0])
        numbers = [n for n, t in at.locals if t == "int" and n.isidentifier()]
        if self.number(0, 1) or not numbers:
            name = self.name("n")
            value = f"compute({self.expr('S', at, 1)}, {self.expr('bool', quiet, 1)});"
            at.new(name, "int")
            return f"let {name} = {value}"
        if self.number(0, 2) == 0:
            return f"{self.pick(numbers)} = compute({self.literal('S', at)}, true);"
        return f"advance({self.pick(numbers)}, {self.expr('S', at, 1)});"

    # ---- the whole ------------------------------------------------------------------------------

    def routine(
        self, kind: str, parameters: tuple[tuple[str, str], ...] = (), depth: int = 2
    ) -> str:
        inout = tuple(p for p in parameters if p[1] == "int")
        rest = tuple(p for p in parameters if p not in inout)
        at = Place(routine=kind, locals=inout, constant=rest, depth=depth)
        return " ".join(self.statement(at) for _ in range(self.number(1, 3)))

    def specification(self) -> str:
        declared = VARIED % (
            self.pick(("mutex", "spin", "bit")),
            self.number(0, 2),
            self.pick(("[]", "[S(0)]", "[S(1), S(0)]")),
            self.pick(("false", "true")),
            self.expr("bool", Place(property=True), 1) if self.number(0, 1) else "true",
        )
        order = self.pick(ORDERS) + self.pick((" order k ascending;", " order k descending;", ""))
        compute = self.routine("value", (("s", "S"), ("on", "bool")), 1)
        advance = self.routine("proc", (("n", "int"), ("s", "S")), 1)
        lines = [
            declared + order,
            f"proc compute(s: S, on: bool): 0..2 {{ {compute} return int(s); }}",
            f"proc advance(inout n: 0..2, s: S) {{ {advance} n = wrap(n + 1); }}",
            f"op work(s: S) {{ {self.routine('op', (('s', 'S'),))} }}",
            f"op rest() {{ {self.routine('op')} }}",
            *self.threads(),
            self.invariant("first"),
            self.invariant("second"),
            f"instance two {{ S = 2; U = 2; {self.pick(('', '', 'only work;'))} }}",
        ]
        return HEAD + "\n".join(lines) + "\n"

    def threads(self) -> Iterator[str]:
        work = self.pick(
            ("work(S(0));", "any c: S; work(c);", "choose { { rest(); } or { work(S(1)); } }")
        )
        loop = self.pick(("%s", "%s", "while true { %s }"))
        if self.number(0, 2) == 0:
            mine = loop % work.replace("S(0)", "self")
            yield f"thread cpu[S] {{ {mine} {self.routine('thread', (), 1)} }}"
            return
        yield f"thread one {{ {loop % work} }}"
        calm = "" if self.number(0, 2) else "rest();"
        yield f"thread two {{ {calm} {self.routine('thread')} }}"

    def invariant(self, name: str) -> str:
        at = Place(property=True, constant=(("i", "S"),))
        window = f"when {self.expr('bool', at, 1)}: " if self.number(0, 1) else ""
        holds = f"{self.expr('bool', at)} || {self.pick(('false', 'at_rest'))}"
        return f"{window}invariant {name}(i: S): {holds};"


@st.composite
def specifications(draw: Draw, spoil: int = 4) -> str:
    """The text of a specification with an instance."""
    return Writer(draw, spoil).specification()
