"""Random specifications, well typed by construction, that try every construct of the language.

Guards are respected and locks are balanced, but now and then not: ``spoil`` says how often in a
hundred. The state spaces are small: two threads, sorts of two elements, ranges of three numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[int]], int]

HEAD = """system random_;
ordered sort S;
sort U;
enum C { red, green }
struct R { s: S; c: C?; }
param TWO = 2;
lock m: %s;
lock k[S]: mutex;
lock w: rw;
var x: 0..TWO = %d guarded by m;
var l: list<S> = %s guarded by m;
var y[s: S]: 0..1 = int(s) guarded by k[s];
var p: 0..1 guarded by k[s] for s: S where int(s) < TWO;
var z: S? guarded by w;
var r: R guarded by w;
var u: set<U> guarded by w or m;
var v: [S] C guarded by m or k[S(0)];
var a: 0..2 atomic;
var b[S]: bool = %s atomic;
gen g[s: S] guarded by k[s];
gen h atomic;
fn other(o: S): S = o == S(0) ? S(1) : S(0);
fn wrap(n: 0..9): 0..2 = n %% (TWO + 1);
fn at_rest: bool = %s;
"""
ORDERS = ("order w < m < k;", "order m < w; order m < k;", "order k < m; order w < m;", "")
RANGES = {"int": "0..2", "bool": "bool", "S": "S", "U": "U", "C": "C", "S?": "S?", "R": "R"}
SHARED = {
    # name: type, the locks that let one read, the locks that let one write
    "x": ("int", ("m",), ("m",)),
    "l": ("list", ("m",), ("m",)),
    "y[S(0)]": ("int", ("k[S(0)]",), ("k[S(0)]",)),
    "y[S(1)]": ("int", ("k[S(1)]",), ("k[S(1)]",)),
    "p": ("int", ("k[S(0)]", "k[S(1)]"), ("k[S(0)]", "k[S(1)]")),
    "z": ("S?", ("w",), ("w",)),
    "r": ("R", ("w",), ("w",)),
    "r.s": ("S", ("w",), ("w",)),
    "u": ("set", ("w", "m"), ("w", "m")),
    "v[S(0)]": ("C", ("m", "k[S(0)]"), ("m", "k[S(0)]")),
    "v[S(1)]": ("C", ("m", "k[S(0)]"), ("m", "k[S(0)]")),
}
ATOMIC = {"a": "int", "b[S(0)]": "bool", "b[S(1)]": "bool"}
LOCKS = ("m", "k[S(0)]", "k[S(1)]", "w")


@dataclass
class Place:
    """What may be used where the text goes next."""

    locals: tuple[tuple[str, str], ...] = ()
    """Name and type."""
    constant: tuple[tuple[str, str], ...] = ()
    """Those that are only read: loop variables, binders, parameters."""
    held: dict[str, str] = field(default_factory=dict)
    """Lock and mode."""
    depth: int = 2
    atomic: bool = False
    """Inside ``atomic``."""
    loop: bool = False
    """Inside a loop (and no ``atomic``)."""
    routine: str = "thread"
    property: bool = False
    accesses: list[int] = field(default_factory=lambda: [0])
    """How many accesses to lock-free variables this statement may still make."""

    def new(self, name: str, type_: str) -> None:
        self.locals = (*self.locals, (name, type_))

    def inside(self, **changes: object) -> Place:
        inner = replace(self, held=dict(self.held), depth=self.depth - 1, **changes)
        return inner


class Writer:
    def __init__(self, draw: Draw, spoil: int) -> None:
        self.draw = draw
        self.spoil = spoil
        self.names = 0

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def pick(self, of: Sequence[T]) -> T:
        return of[self.number(0, len(of) - 1)]

    def spoiled(self) -> bool:
        return self.number(1, 100) <= self.spoil

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    # ---- expressions ----------------------------------------------------------------------------

    def readable(self, type_: str, at: Place) -> list[str]:
        found = [n for n, t in (*at.locals, *at.constant) if t == type_]
        for name, (t, locks, _) in SHARED.items():
            allowed = at.property or any(lock in at.held for lock in locks)
            if t == type_ and (allowed or (self.spoil > 0 and self.number(0, 60) == 0)):
                found.append(name)
        return found + [n for n, t in ATOMIC.items() if t == type_ and self.may_access(at)]

    def may_access(self, at: Place) -> bool:
        return at.property or at.atomic or at.accesses[0] > 0

    def use(self, name: str, at: Place) -> str:
        if name in ATOMIC and not (at.property or at.atomic):
            at.accesses[0] -= 1
        return name

    def expr(self, type_: str, at: Place, depth: int = 2) -> str:
        names = self.readable(type_, at)
        if names and (depth <= 0 or self.number(0, 2)):
            return self.use(self.pick(names), at)
        if depth <= 0:
            return self.literal(type_, at)
        return getattr(self, "expr_" + type_.strip("?"))(at, depth - 1, type_)

    def literal(self, type_: str, at: Place) -> str:
        match type_:
            case "int":
                return str(self.number(0, 2))
            case "bool":
                return self.pick(("true", "false"))
            case "S":
                return self.pick(("S(0)", "S(1)"))
            case "C":
                return self.pick(("red", "green"))
            case "S?":
                return self.pick(("none", "S(1)"))
            case "R":
                return f"R({self.literal('S', at)}, {self.pick(('none', 'red', 'green'))})"
            case "set":
                return self.pick(("{e: U}", "{e: U where false}"))
            case "list":
                return self.pick(("[S(0)]", "[S(1), S(0)]"))
        raise AssertionError(type_)

    def expr_int(self, at: Place, depth: int, _: str) -> str:
        def sub(t: str) -> str:
            return self.expr(t, at, depth)

        match self.number(0, 8):
            case 0:
                return self.literal("int", at)
            case 1:
                return f"({sub('int')} + {sub('int')}) % {self.pick(('2', '3', 'TWO'))}"
            case 2:
                return f"int({sub('S')})"
            case 3:
                return f"size({sub(self.pick(('set', 'list')))})"
            case 4:
                return f"wrap({sub('int')} * {sub('int')})"
            case 5:
                return f"({sub('bool')} ? {sub('int')} : {sub('int')})"
            case 6:
                return f"(count {self.quantified(at, depth)})"
            case 7:
                divisor = "1" if not self.spoiled() else sub("int")
                return f"({sub('int')} {self.pick(('/', '%'))} {divisor})"
        return f"({sub('int')} - {sub('int') if self.spoiled() else '0'})"

    def quantified(self, at: Place, depth: int) -> str:
        name = self.name("q")
        type_ = self.pick(("S", "U", "C", "bool", "int"))
        bound = f"{name}: {RANGES[type_]}"
        if type_ in "SU" and self.number(0, 1):
            collection = self.expr("list" if type_ == "S" else "set", at, 0)
            bound = f"{name} in {collection}" if collection[0] not in "[{" else bound
        inner = self.many_times(replace(at, constant=(*at.constant, (name, type_))))
        where = f" where {self.expr('bool', inner, depth)}" if self.number(0, 2) == 0 else ""
        return f"{bound}{where}: {self.expr('bool', inner, depth)}"

    def many_times(self, at: Place) -> Place:
        """A place that is evaluated again and again: one access is too many."""
        return replace(at, accesses=[0])

    def expr_bool(self, at: Place, depth: int, _: str) -> str:
        def sub(t: str) -> str:
            return self.expr(t, at, depth)

        match self.number(0, 10):
            case 0:
                return f"!({sub('bool')})"
            case 1 | 2:
                return f"({sub('bool')} {self.pick(('&&', '||', '=>', '<=>'))} {sub('bool')})"
            case 3:
                type_ = self.pick(("S", "C", "int", "S?", "R", "set"))
                left = sub(type_).replace("none", "S(1)", type_ == "S?")
                return f"({left} {self.pick(('==', '!='))} {sub(type_)})"
            case 4:
                type_ = self.pick(("S", "int"))
                return f"({sub(type_)} {self.pick(('<', '<=', '>', '>='))} {sub(type_)})"
            case 5:
                return f"({self.pick(('forall', 'exists'))} {self.quantified(at, depth)})"
            case 6:
                return f"({sub('S')} in {sub('list')})"
            case 7:
                return f"empty({sub(self.pick(('set', 'list')))})"
            case 8:
                return f"({sub('S?')} == none)".replace("(none", "(S(0)")
            case 9 if at.property:
                return f"free({self.pick(LOCKS)})"
            case 9:
                return f"held({self.pick(LOCKS)})"
        units = [n for n, t in at.constant + at.locals if t == "U"]
        if units:
            return f"({self.pick(units)} in {sub('set')})"
        return self.literal("bool", at)

    def expr_S(self, at: Place, depth: int, _: str) -> str:
        def sub(t: str) -> str:
            return self.expr(t, at, depth)

        match self.number(0, 7):
            case 0:
                return f"other({sub('S')})"
            case 1:
                return f"({sub('bool')} ? {sub('S')} : {sub('S')})"
            case 2:
                return f"{sub('R')}.s" if not at.property else "S(0)"
            case 3 if self.spoiled() and not at.property:
                return f"({sub('S')} {self.pick('+-')} 1)"
            case 4 if self.spoiled() and not at.property:
                return f"{self.pick(('first', 'last', 'min'))}({sub('list')})".replace(
                    "min([", "first(["
                )
            case 5 if self.spoiled() and not at.property:
                return f"S({sub('int')})"
            case 6:
                return f"S({sub('int')} % 2)"
        return self.literal("S", at)

    def expr_C(self, at: Place, depth: int, type_: str) -> str:
        chosen = f"({self.expr('bool', at, depth)} ? {self.literal('C', at)} : green)"
        return chosen if self.number(0, 1) else self.literal(type_, at)

    def expr_R(self, at: Place, depth: int, _: str) -> str:
        return f"R(c: {self.pick(('none', 'red'))}, s: {self.expr('S', at, depth)})"

    def expr_set(self, at: Place, depth: int, _: str) -> str:
        if self.number(0, 1):
            name = self.name("q")
            inner = self.many_times(replace(at, constant=(*at.constant, (name, "U"))))
            return f"{{{name}: U where {self.expr('bool', inner, depth)}}}"
        left, right = self.expr("set", at, depth), self.expr("set", at, depth)
        return f"({left} {self.pick('|&-')} {right})"

    def expr_list(self, at: Place, depth: int, _: str) -> str:
        many = self.number(1, 3 if self.spoiled() else 2)
        return "[" + ", ".join(self.expr("S", at, depth) for _ in range(many)) + "]"

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

    def section(self, at: Place) -> str:
        free = [lock for lock in LOCKS if lock not in at.held]
        lock = self.pick(free) if free and not self.spoiled() else self.pick(LOCKS)
        mode = self.pick(("read", "write", "")) if lock == "w" else ""
        with self.holding(at, lock, mode or "write") as inner:
            body = self.block(inner, 1)
        if lock[0] == "k" and self.number(0, 2) == 0:
            index = f"S({lock[4]} + 0)"
            lock = f"k[{index}]"
        end = f"release {lock};" if not self.spoiled() else ""
        begin = f"acquire {mode} {lock};" if not self.spoiled() else ""
        return f"{begin} {body} {end}"

    def attempt(self, at: Place) -> str:
        free = [lock for lock in LOCKS if lock not in at.held]
        lock = self.pick(free) if free and not self.spoiled() else self.pick(LOCKS)
        mode = self.pick(("read", "write", "")) if lock == "w" else ""
        with self.holding(at, lock, mode or "write") as inner:
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
        numbers = [n for n, t in at.locals if t == "int"]
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
        declared = HEAD % (
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
        return "\n".join(lines) + "\n"

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
        window = window.replace("i in", "S(0) in") if "(i: S)" not in window else window
        return f"{window}invariant {name}(i: S): {self.expr('bool', at)} || {self.pick(('false', 'at_rest'))};"


@st.composite
def specifications(draw: Draw, spoil: int = 4) -> str:
    """The text of a specification with an instance."""
    return Writer(draw, spoil).specification()
