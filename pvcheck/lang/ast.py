"""The syntax tree, as written. Spans do not count in comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvcheck.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(Node):
    text: str


# --- expressions ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Integer(Node):
    value: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """``true``, ``false``, ``none``, ``self``."""

    text: str


@dataclass(frozen=True, slots=True)
class Reference(Node):
    name: Name


@dataclass(frozen=True, slots=True)
class Argument(Node):
    name: Name | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Apply(Node):
    name: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Field(Node):
    of: Expr
    name: Name


@dataclass(frozen=True, slots=True)
class Index(Node):
    of: Expr
    indices: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Binder(Node):
    """``name: type`` or ``name in collection``; exactly one of the two is given."""

    name: Name
    type: TypeExpr | None
    within: Expr | None


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    kind: str
    binders: tuple[Binder, ...]
    where: Expr | None
    body: Expr


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    elements: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class SetLiteral(Node):
    elements: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    binder: Binder
    where: Expr | None


Expr = (
    Integer
    | Literal
    | Reference
    | Apply
    | Field
    | Index
    | Unary
    | Binary
    | Conditional
    | Quantified
    | ListLiteral
    | SetLiteral
    | Comprehension
)

# --- types ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoolType(Node):
    pass


@dataclass(frozen=True, slots=True)
class RangeType(Node):
    low: Expr
    high: Expr


@dataclass(frozen=True, slots=True)
class NamedType(Node):
    name: Name


@dataclass(frozen=True, slots=True)
class OptionalType(Node):
    of: TypeExpr


@dataclass(frozen=True, slots=True)
class SetType(Node):
    of: TypeExpr


@dataclass(frozen=True, slots=True)
class ListType(Node):
    of: TypeExpr
    capacity: Expr | None


@dataclass(frozen=True, slots=True)
class ArrayType(Node):
    index: TypeExpr
    of: TypeExpr


TypeExpr = BoolType | RangeType | NamedType | OptionalType | SetType | ListType | ArrayType

# --- statements -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block(Node):
    statements: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Label(Node):
    """Stands before the statement it names."""

    name: Name


@dataclass(frozen=True, slots=True)
class Let(Node):
    name: Name
    type: TypeExpr | None
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Assign(Node):
    target: Expr
    op: str
    """``=``, ``+=``, ``-=``."""
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    call: Expr


@dataclass(frozen=True, slots=True)
class LockStatement(Node):
    action: str
    """``acquire``, ``release``, ``upgrade``, ``downgrade``."""
    mode: str | None
    """``read``, ``write``; only of ``acquire``."""
    lock: Expr


@dataclass(frozen=True, slots=True)
class Try(Node):
    """The condition of an ``if``."""

    negated: bool
    mode: str | None
    """``read``, ``write``, ``upgrade``."""
    lock: Expr


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Expr | Try
    then: Block
    otherwise: Block | If | None


@dataclass(frozen=True, slots=True)
class While(Node):
    condition: Expr
    body: Block


@dataclass(frozen=True, slots=True)
class For(Node):
    name: Name
    domain: Expr
    where: Expr | None
    direction: str | None
    body: Block


@dataclass(frozen=True, slots=True)
class Choose(Node):
    alternatives: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Any(Node):
    binder: Binder
    where: Expr | None


@dataclass(frozen=True, slots=True)
class Goto(Node):
    label: Name


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """``break`` or ``continue``."""

    kind: str


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Condition(Node):
    """``assert``, ``assume``, ``await``."""

    kind: str
    condition: Expr


@dataclass(frozen=True, slots=True)
class Atomic(Node):
    body: Block


@dataclass(frozen=True, slots=True)
class Empty(Node):
    pass


Stmt = (
    Block
    | Label
    | Let
    | Assign
    | Call
    | LockStatement
    | If
    | While
    | For
    | Choose
    | Any
    | Goto
    | Jump
    | Return
    | Condition
    | Atomic
    | Empty
)

# --- declarations -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class System(Node):
    name: Name


@dataclass(frozen=True, slots=True)
class Memory(Node):
    model: Name


@dataclass(frozen=True, slots=True)
class Import(Node):
    path: str


@dataclass(frozen=True, slots=True)
class Sort(Node):
    name: Name
    ordered: bool
    size: Expr | None


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    name: Name
    type: TypeExpr | None
    default: Expr


@dataclass(frozen=True, slots=True)
class Alias(Node):
    name: Name
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class Enum(Node):
    name: Name
    labels: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class FieldDeclaration(Node):
    name: Name
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class Struct(Node):
    name: Name
    fields: tuple[FieldDeclaration, ...]


@dataclass(frozen=True, slots=True)
class Dimension(Node):
    name: Name | None
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class Lock(Node):
    name: Name
    dimensions: tuple[Dimension, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Order(Node):
    """``order a < b < c`` (``direction`` is ``None``) or ``order a ascending``."""

    locks: tuple[Name, ...]
    direction: str | None


@dataclass(frozen=True, slots=True)
class Guard(Node):
    lock: Expr
    binder: Binder | None
    where: Expr | None


@dataclass(frozen=True, slots=True)
class Protection(Node):
    """Empty for ``atomic``."""

    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class Variable(Node):
    name: Name
    dimensions: tuple[Dimension, ...]
    type: TypeExpr
    initial: Expr | None
    protection: Protection


@dataclass(frozen=True, slots=True)
class Counter(Node):
    name: Name
    dimensions: tuple[Dimension, ...]
    protection: Protection


@dataclass(frozen=True, slots=True)
class ParameterDeclaration(Node):
    name: Name
    type: TypeExpr
    inout: bool


@dataclass(frozen=True, slots=True)
class Function(Node):
    name: Name
    parameters: tuple[ParameterDeclaration, ...]
    result: TypeExpr
    body: Expr


@dataclass(frozen=True, slots=True)
class KernelSource(Node):
    file: str
    function: str


@dataclass(frozen=True, slots=True)
class Procedure(Node):
    """A ``proc`` or an ``op``."""

    name: Name
    operation: bool
    parameters: tuple[ParameterDeclaration, ...]
    result: TypeExpr | None
    body: Block
    source: KernelSource | None


@dataclass(frozen=True, slots=True)
class Thread(Node):
    name: Name
    dimensions: tuple[Dimension, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Invariant(Node):
    name: Name
    lemma: bool
    window: Expr | None
    parameters: tuple[ParameterDeclaration, ...]
    condition: Expr


@dataclass(frozen=True, slots=True)
class Progress(Node):
    operation: Name
    fair: tuple[Name, ...] | None
    """What is assumed to be fair; ``None``: nothing is said of it."""
    instances: tuple[Name, ...] | None
    """Where it is promised; ``None``: everywhere."""


@dataclass(frozen=True, slots=True)
class Setting(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Only(Node):
    operations: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Instance(Node):
    name: Name
    default: bool
    settings: tuple[Setting, ...]
    only: Only | None


@dataclass(frozen=True, slots=True)
class Expect(Node):
    properties: tuple[Name, ...]
    instances: tuple[Name, ...] | None
    """``None``: all."""


@dataclass(frozen=True, slots=True)
class LabelPath(Node):
    procedure: Name
    label: Name


@dataclass(frozen=True, slots=True)
class Never(Node):
    """What the specification has, and never happens in it."""

    outcome: bool | None
    """Of the conditions at the labels; ``None``: the statements are not executed."""
    places: tuple[LabelPath, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Delete(Node):
    at: LabelPath


@dataclass(frozen=True, slots=True)
class Replace(Node):
    at: LabelPath
    block: Block


@dataclass(frozen=True, slots=True)
class Insert(Node):
    side: str
    at: LabelPath
    block: Block


@dataclass(frozen=True, slots=True)
class Swap(Node):
    first: LabelPath
    second: LabelPath


@dataclass(frozen=True, slots=True)
class Move(Node):
    what: LabelPath
    side: str
    at: LabelPath


@dataclass(frozen=True, slots=True)
class SetParameter(Node):
    name: Name
    value: Expr


Edit = Delete | Replace | Insert | Swap | Move | SetParameter


@dataclass(frozen=True, slots=True)
class Mutant(Node):
    name: Name
    why: str
    edits: tuple[Edit, ...]
    violated: Name | None
    """The property; ``None`` for ``expect checked``."""
    instance: Name | None


Declaration = (
    System
    | Memory
    | Import
    | Sort
    | Parameter
    | Alias
    | Enum
    | Struct
    | Lock
    | Order
    | Variable
    | Counter
    | Function
    | Procedure
    | Thread
    | Invariant
    | Progress
    | Instance
    | Expect
    | Mutant
    | Never
)


@dataclass(frozen=True, slots=True)
class Specification(Node):
    """The declarations of one file, or of all files of a specification."""

    declarations: tuple[Declaration, ...]


def blocks_of(statement: Stmt) -> tuple[Block, ...]:
    """The blocks directly inside a statement."""
    match statement:
        case Block():
            return (statement,)
        case If(then=then, otherwise=otherwise):
            return (then, *(() if otherwise is None else blocks_of(otherwise)))
        case While(body=body) | For(body=body) | Atomic(body=body):
            return (body,)
        case Choose(alternatives=alternatives):
            return alternatives
    return ()


def labels_of(block: Block) -> list[str]:
    """All labels in the block, wherever they stand."""
    found: list[str] = []
    for statement in block.statements:
        if isinstance(statement, Label):
            found.append(statement.name.text)
        for inside in blocks_of(statement):
            found += labels_of(inside)
    return found


def calls_of(block: Block) -> list[Apply]:
    """All calls of procedures in the block, wherever they stand. Some are of built-in functions."""
    found: list[Apply] = []
    for statement in block.statements:
        match statement:
            case Call(Apply() as call):
                found.append(call)
            case Let(value=Apply() as call) | Assign(value=Apply() as call):
                found.append(call)
        for inside in blocks_of(statement):
            found += calls_of(inside)
    return found
