"""Random expressions, well typed by construction; for random specifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[int]], int]

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


class Expressions:
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
                left = sub(type_)
                left = self.literal("S", at) if left == "none" else left
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
                return f"{self.pick(('first', 'last'))}({sub('list')})"
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
