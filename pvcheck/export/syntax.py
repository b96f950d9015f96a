"""How the languages that are written differ in expressions, and what can be computed while writing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

SHORT = 16
"""Characters of what may be written twice."""
TRUE = "true"
FALSE = "false"
_ATOM = re.compile(r"-?[0-9]+|[A-Za-z_]\w*(\[\w+\])?")
_NUMBER = re.compile(r"-?[0-9]+")


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def is_atom(text: str) -> bool:
    """Whether it costs next to nothing to write it twice."""
    return len(text) <= SHORT or _ATOM.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Syntax:
    """The operators of a language. Conditions and numbers are kept apart; ``%`` is of no negative number."""

    conjunction: str
    disjunction: str
    equal: str
    choice: str
    """With ``{0}`` the condition, ``{1}`` and ``{2}`` the numbers."""

    def all(self, conditions: Iterable[str]) -> str:
        return _chain(self.conjunction, conditions, TRUE, FALSE)

    def any(self, conditions: Iterable[str]) -> str:
        return _chain(self.disjunction, conditions, FALSE, TRUE)

    def negated(self, condition: str) -> str:
        if condition in (TRUE, FALSE):
            return FALSE if condition == TRUE else TRUE
        return condition[1:] if condition.startswith("!") else f"!{condition}"

    def same(self, a: str, b: str) -> str:
        return self._compared(a, self.equal, b, int(a) == int(b) if _both(a, b) else a == b or None)

    def differ(self, a: str, b: str) -> str:
        return self.negated(self.same(a, b)) if _both(a, b) or a == b else f"({a} != {b})"

    def less(self, a: str, b: str) -> str:
        return self._compared(a, "<", b, int(a) < int(b) if _both(a, b) else None)

    def at_most(self, a: str, b: str) -> str:
        return self._compared(a, "<=", b, int(a) <= int(b) if _both(a, b) else None)

    def _compared(self, a: str, operator: str, b: str, known: bool | None) -> str:
        return f"({a} {operator} {b})" if known is None else (TRUE if known else FALSE)

    def chosen(self, condition: str, then: str, otherwise: str) -> str:
        if condition in (TRUE, FALSE):
            return then if condition == TRUE else otherwise
        return then if then == otherwise else self.choice.format(condition, then, otherwise)

    def sum(self, *parts: str) -> str:
        number = sum(int(p) for p in parts if is_number(p))
        texts = [p for p in parts if not is_number(p)]
        if not texts:
            return str(number)
        if number:
            texts.append(str(number))
        if len(texts) == 1:
            return texts[0]
        return "(" + " + ".join(_signed(t) for t in texts) + ")"

    def minus(self, a: str, b: str) -> str:
        if _both(a, b):
            return str(int(a) - int(b))
        return a if b == "0" else f"({a} - {_signed(b)})"

    def times(self, a: str, b: str) -> str:
        if _both(a, b):
            return str(int(a) * int(b))
        if "0" in (a, b):
            return "0"
        return b if a == "1" else a if b == "1" else f"({_signed(a)} * {_signed(b)})"

    def left(self, a: str, by: str) -> str:
        if _both(a, by):
            return str(int(a) << int(by))
        return a if by == "0" or a == "0" else f"({a} << {by})"

    def right(self, a: str, by: str) -> str:
        if _both(a, by):
            return str(int(a) >> int(by))
        return a if by == "0" or a == "0" else f"({a} >> {by})"

    def divided(self, a: str, b: str) -> str:
        """Of a number that is not negative, by one that is not 0."""
        if _both(a, b):
            return str(int(a) // int(b))
        return a if b == "1" else "0" if a == "0" else f"({a} / {b})"

    def remainder(self, a: str, b: str) -> str:
        """Likewise."""
        if _both(a, b):
            return str(int(a) % int(b))
        return "0" if b == "1" or a == "0" else f"({a} % {b})"

    def conjuncts(self, condition: str) -> list[str]:
        """The conditions of which it is the conjunction, as far as that shows."""
        if not condition.startswith("("):
            return [condition]
        parts, depth, begin = list[str](), 0, 1
        for n, character in enumerate(condition):
            depth += (character == "(") - (character == ")")
            if depth == 0 and n < len(condition) - 1:
                return [condition]
            if depth == 1 and condition.startswith(f" {self.conjunction} ", n):
                parts.append(condition[begin:n])
                begin = n + len(self.conjunction) + 2
            elif depth == 1 and condition.startswith(f" {self.disjunction} ", n):
                return [condition]
        return [*parts, condition[begin:-1]] if parts else [condition]

    def low_bits(self, a: str, width: int) -> str:
        """What of a number that is not negative is in its low bits."""
        if width == 0:
            return "0"
        return str(int(a) % (1 << width)) if is_number(a) else f"({a} % {1 << width})"

    def floor_divided(self, a: str, b: str) -> str:
        """Rounded towards minus infinity; both languages round towards 0. By what is more than 0."""
        down = f"({a} / {b})"
        return self.chosen(self.at_most("0", a), down, f"(-(({b} - 1 - {_signed(a)}) / {b}))")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a language says things."""

    syntax: Syntax
    me: Callable[[int], str]
    """The number of the thread that takes a step, by the number of its family's first thread."""
    element: Callable[[int], str]
    """Which of its family that is, likewise."""
    own: bool
    """Whether every thread has registers of its own; else they are arrays."""


PROMELA = Syntax("&&", "||", "==", "({0} -> {1} : {2})")
MURPHI = Syntax("&", "|", "=", "({0} ? {1} : {2})")


def _both(a: str, b: str) -> bool:
    return is_number(a) and is_number(b)


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _chain(operator: str, conditions: Iterable[str], neutral: str, end: str) -> str:
    parts: dict[str, None] = {}
    for condition in conditions:
        if condition == end:
            return end
        if condition != neutral:
            parts[condition] = None
    if not parts:
        return neutral
    return next(iter(parts)) if len(parts) == 1 else "(" + f" {operator} ".join(parts) + ")"


def plain(text: str) -> str:
    """Text of the specification for comments and messages, which it must not end."""
    kept = "".join(c if " " <= c <= "~" and c not in '\\"#' else "?" for c in text)
    return kept.replace("*/", "* /").replace("/*", "/ *")[:160]
