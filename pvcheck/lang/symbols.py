"""The global names of a specification: what each is, and which are declared twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from pvcheck.diagnostics import Code, Label
from pvcheck.lang import ast
from pvcheck.lang.errors import Errors
from pvcheck.lang.suggest import did_you_mean

Global = (
    ast.Sort
    | ast.Parameter
    | ast.Alias
    | ast.Enum
    | ast.Struct
    | ast.Lock
    | ast.Variable
    | ast.Counter
    | ast.Function
    | ast.Procedure
    | ast.Thread
)

_D = TypeVar("_D", ast.Invariant, ast.Instance, ast.Mutant)

KIND: dict[type, str] = {
    ast.Sort: "sort",
    ast.Parameter: "param",
    ast.Alias: "type",
    ast.Enum: "enum",
    ast.Struct: "struct",
    ast.Lock: "lock",
    ast.Variable: "var",
    ast.Counter: "gen",
    ast.Function: "fn",
    ast.Procedure: "proc or op",
    ast.Thread: "thread",
}

BUILT_IN = frozenset(
    [
        "size",
        "empty",
        "first",
        "last",
        "next",
        "min",
        "max",
        "int",
        "held",
        "free",
        "holder",
        "snapshot",
        "changed",
        "append",
        "prepend",
        "remove",
        "add",
        "bump",
    ]
)
"""Names with a fixed meaning in calls."""

RESERVED = frozenset(
    [
        "acquire",
        "any",
        "ascending",
        "assert",
        "assume",
        "atomic",
        "await",
        "bool",
        "break",
        "choose",
        "continue",
        "count",
        "descending",
        "downgrade",
        "else",
        "exists",
        "false",
        "for",
        "forall",
        "goto",
        "guarded",
        "if",
        "in",
        "inout",
        "let",
        "none",
        "only",
        "or",
        "read",
        "release",
        "return",
        "self",
        "true",
        "try",
        "upgrade",
        "where",
        "while",
        "write",
    ]
)
"""Words that cannot be names, since they could not be told from names everywhere."""


MEMORY_MODELS = ("sc", "tso")
"""What can be said of memory: stores are seen at once, or come out of store buffers as on x86."""


@dataclass
class Symbols:
    """All declarations by name."""

    globals: dict[str, Global] = field(default_factory=dict)
    labels: dict[str, tuple[ast.Enum, int]] = field(default_factory=dict)
    """Enum labels: the enum and the position."""
    invariants: dict[str, ast.Invariant] = field(default_factory=dict)
    instances: dict[str, ast.Instance] = field(default_factory=dict)
    mutants: dict[str, ast.Mutant] = field(default_factory=dict)
    orders: list[ast.Order] = field(default_factory=list)
    expects: list[ast.Expect] = field(default_factory=list)
    nevers: list[ast.Never] = field(default_factory=list)
    progress: list[ast.Progress] = field(default_factory=list)
    systems: list[ast.System] = field(default_factory=list)
    memories: list[ast.Memory] = field(default_factory=list)

    def span_of(self, name: str) -> ast.Name | None:
        """Where the global name or label is declared."""
        if name in self.globals:
            return self.globals[name].name
        if name in self.labels:
            enum, position = self.labels[name]
            return enum.labels[position]
        return None


def collect(tree: ast.Specification, errors: Errors) -> Symbols:
    symbols = Symbols()
    for declaration in tree.declarations:
        match declaration:
            case ast.System():
                symbols.systems.append(declaration)
            case ast.Memory():
                symbols.memories.append(declaration)
            case ast.Order():
                symbols.orders.append(declaration)
            case ast.Expect():
                symbols.expects.append(declaration)
            case ast.Never():
                symbols.nevers.append(declaration)
            case ast.Progress():
                symbols.progress.append(declaration)
            case ast.Invariant():
                _own(symbols.invariants, declaration, errors)
            case ast.Instance():
                _own(symbols.instances, declaration, errors)
            case ast.Mutant():
                _own(symbols.mutants, declaration, errors)
            case ast.Import():
                raise AssertionError("imports were read")
            case _:
                if _fresh(symbols, declaration.name, errors):
                    symbols.globals[declaration.name.text] = declaration
                if isinstance(declaration, ast.Enum):
                    _enum_labels(symbols, declaration, errors)
    _one_system(symbols, tree, errors)
    _one_memory(symbols, errors)
    return symbols


def _own(table: dict[str, _D], declaration: _D, errors: Errors) -> None:
    earlier = table.setdefault(declaration.name.text, declaration)
    if earlier is not declaration:
        _twice(declaration.name, earlier.name, errors)


def _fresh(symbols: Symbols, name: ast.Name, errors: Errors) -> bool:
    earlier = symbols.span_of(name.text)
    if earlier is not None:
        _twice(name, earlier, errors)
    elif name.text in BUILT_IN:
        message = f"{name.text!r} is a built-in function"
        errors.add(Code.DUPLICATE_NAME, message, name.span, "choose another name")
    return earlier is None


def _twice(name: ast.Name, earlier: ast.Name, errors: Errors) -> None:
    message = f"{name.text!r} is declared twice"
    related = (Label(earlier.span, "first here"),)
    errors.add(Code.DUPLICATE_NAME, message, name.span, "again here", related=related)


def _enum_labels(symbols: Symbols, enum: ast.Enum, errors: Errors) -> None:
    for position, label in enumerate(enum.labels):
        if _fresh(symbols, label, errors):
            symbols.labels[label.text] = (enum, position)


def _one_memory(symbols: Symbols, errors: Errors) -> None:
    for declared in symbols.memories:
        name = declared.model
        if name.text not in MEMORY_MODELS:
            hint = did_you_mean(name.text, MEMORY_MODELS) or "it is sc or tso"
            errors.add(Code.UNKNOWN_NAME, f"no memory model {name.text!r}", name.span, hint=hint)
    for other in symbols.memories[1:]:
        message = "the memory model is declared twice"
        related = (Label(symbols.memories[0].span, "first here"),)
        errors.add(Code.DUPLICATE_NAME, message, other.span, "again here", related=related)


def _one_system(symbols: Symbols, tree: ast.Specification, errors: Errors) -> None:
    if not symbols.systems:
        hint = "the file given on the command line says which system it specifies"
        errors.add(Code.NO_SYSTEM, "no 'system NAME;' in the specification", tree.span, hint=hint)
    for other in symbols.systems[1:]:
        _twice(other.name, symbols.systems[0].name, errors)
