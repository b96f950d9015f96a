"""The list of errors of one front-end run, and short ways to add to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pvcheck.diagnostics import Code, Diagnostic, Label
from pvcheck.lang import ast
from pvcheck.lang.suggest import did_you_mean
from pvcheck.source import Span

MANY = 100
"""Errors after which it takes too long to parse more declarations apart, and to look for hints."""


@dataclass
class Errors:
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: Code,
        message: str,
        span: Span,
        remark: str = "",
        *,
        hint: str | None = None,
        related: tuple[Label, ...] = (),
    ) -> None:
        self.found.append(Diagnostic(code, message, Label(span, remark), related, hint))

    def unknown(self, what: str, name: ast.Name, known: Iterable[str], code: Code) -> None:
        hint = did_you_mean(name.text, known) if len(self.found) < MANY else None
        self.add(code, f"no {what} {name.text!r}", name.span, "not declared", hint=hint)
