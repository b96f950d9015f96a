"""Procedures that call each other in a ring cannot be inlined."""

from __future__ import annotations

from pvcheck.diagnostics import Code
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import Symbols


def report_recursion(symbols: Symbols, errors: Errors) -> None:
    """One error per ring, at the call that closes it."""
    procedures = {name: d for name, d in symbols.globals.items() if isinstance(d, ast.Procedure)}
    calls = {
        name: [c for c in ast.calls_of(d.body) if c.name.text in procedures]
        for name, d in procedures.items()
    }
    done: set[str] = set()
    for root in procedures:
        # An explicit stack: a chain of calls may be longer than Python's.
        chain: list[str] = []
        work: list[tuple[str, bool]] = [(root, False)]
        while work:
            name, leaving = work.pop()
            if leaving:
                chain.pop()
                done.add(name)
                continue
            if name in done:
                continue
            chain.append(name)
            work.append((name, True))
            for call in calls[name]:
                target = call.name.text
                if target in chain:
                    ring = " -> ".join((*chain[chain.index(target) :], target))
                    message = f"procedures call each other in a ring: {ring}"
                    hint = "procedures are inlined; write a loop"
                    errors.add(Code.RECURSION, message, call.span, hint=hint)
                else:
                    work.append((target, False))
