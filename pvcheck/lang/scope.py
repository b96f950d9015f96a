"""Which local names are visible where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pvcheck.diagnostics import Code, Label
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.symbols import Symbols
from pvcheck.model.expr import Bound, Local
from pvcheck.model.model import LocalVariable
from pvcheck.model.types import Type

Binding = Local | Bound


@dataclass
class Scope:
    """The local names in one procedure, thread, function, invariant or declaration."""

    symbols: Symbols
    errors: Errors
    locals: list[LocalVariable] = field(default_factory=list)
    """All locals of the procedure; the position is the slot."""
    _visible: list[dict[str, tuple[ast.Name, Binding]]] = field(default_factory=lambda: [{}])

    def find(self, name: str) -> Binding | None:
        for level in reversed(self._visible):
            if name in level:
                return level[name][1]
        return None

    def names(self) -> Iterator[str]:
        return (name for level in self._visible for name in level)

    @contextmanager
    def block(self) -> Iterator[None]:
        self._visible.append({})
        yield
        self._visible.pop()

    def local(self, name: ast.Name, type_: Type) -> Local:
        """A new local, visible to the end of the block."""
        local = self.hidden(name.text, type_)
        self.bind(name, local)
        return local

    def hidden(self, name: str, type_: Type) -> Local:
        """A new local that the text cannot name; ``name`` is for display."""
        self.locals.append(LocalVariable(name, type_))
        return Local(len(self.locals) - 1, type_)

    def bind(self, name: ast.Name, binding: Binding) -> None:
        earlier = self.symbols.span_of(name.text)
        for level in self._visible:
            if name.text in level:
                earlier = level[name.text][0]
        if earlier is not None:
            message = f"{name.text!r} is declared twice"
            related = (Label(earlier.span, "first here"),)
            self.errors.add(Code.DUPLICATE_NAME, message, name.span, "again here", related=related)
        self._visible[-1][name.text] = (name, binding)
