"""Lark's parse tree to the syntax tree: one method per grammar rule, in grammar order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import Token
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

from pvcheck.diagnostics import Code, Diagnostic, Label
from pvcheck.lang import ast
from pvcheck.lang.symbols import RESERVED
from pvcheck.source import Span


@v_args(meta=True, inline=True)
class ToAst(Transformer_NonRecursive[Token, Any]):
    """One method per grammar rule, in grammar order. Builds nodes; checks only that numbers fit."""

    def __init__(self, file: str, offset: int) -> None:
        super().__init__()
        self._file = file
        self._offset = offset
        """Where the parsed text starts in the file."""
        self.errors: list[Diagnostic] = []

    def _span(self, meta: Meta) -> Span:
        if meta.empty:
            return self._nowhere
        return Span(self._file, meta.start_pos + self._offset, meta.end_pos + self._offset)

    @property
    def _nowhere(self) -> Span:
        return Span(self._file, 0, 0)

    def specification(self, meta: Meta, *declarations: ast.Declaration) -> ast.Specification:
        return ast.Specification(declarations, span=self._span(meta))

    def system(self, meta: Meta, name: ast.Name) -> ast.System:
        return ast.System(name, span=self._span(meta))

    def memory(self, meta: Meta, model: ast.Name) -> ast.Memory:
        return ast.Memory(model, span=self._span(meta))

    def import_(self, meta: Meta, path: Token) -> ast.Import:
        return ast.Import(path[1:-1], span=self._span(meta))

    def sort(
        self, meta: Meta, ordered: Token | None, name: ast.Name, size: ast.Expr | None
    ) -> ast.Sort:
        return ast.Sort(name, ordered is not None, size, span=self._span(meta))

    def parameter(
        self, meta: Meta, name: ast.Name, type_: ast.TypeExpr | None, default: ast.Expr
    ) -> ast.Parameter:
        return ast.Parameter(name, type_, default, span=self._span(meta))

    def alias(self, meta: Meta, name: ast.Name, type_: ast.TypeExpr) -> ast.Alias:
        return ast.Alias(name, type_, span=self._span(meta))

    def enum(self, meta: Meta, name: ast.Name, *labels: ast.Name) -> ast.Enum:
        return ast.Enum(name, labels, span=self._span(meta))

    def struct(self, meta: Meta, name: ast.Name, *fields: ast.FieldDeclaration) -> ast.Struct:
        return ast.Struct(name, fields, span=self._span(meta))

    def field_declaration(
        self, meta: Meta, name: ast.Name, type_: ast.TypeExpr
    ) -> ast.FieldDeclaration:
        return ast.FieldDeclaration(name, type_, span=self._span(meta))

    def lock(
        self, meta: Meta, name: ast.Name, dimensions: tuple[ast.Dimension, ...], kind: Token
    ) -> ast.Lock:
        return ast.Lock(name, dimensions, str(kind), span=self._span(meta))

    def order_classes(self, meta: Meta, *parts: ast.Name | Token) -> ast.Order:
        names = tuple(p for p in parts if isinstance(p, ast.Name))
        return ast.Order(names, None, span=self._span(meta))

    def order_within(self, meta: Meta, name: ast.Name, direction: Token) -> ast.Order:
        return ast.Order((name,), str(direction), span=self._span(meta))

    def variable(
        self,
        meta: Meta,
        name: ast.Name,
        dimensions: tuple[ast.Dimension, ...],
        type_: ast.TypeExpr,
        initial: ast.Expr | None,
        protection: ast.Protection,
    ) -> ast.Variable:
        return ast.Variable(name, dimensions, type_, initial, protection, span=self._span(meta))

    def counter(
        self,
        meta: Meta,
        name: ast.Name,
        dimensions: tuple[ast.Dimension, ...],
        protection: ast.Protection,
    ) -> ast.Counter:
        return ast.Counter(name, dimensions, protection, span=self._span(meta))

    def function(
        self,
        meta: Meta,
        name: ast.Name,
        parameters: tuple[ast.ParameterDeclaration, ...] | None,
        result: ast.TypeExpr,
        body: ast.Expr,
    ) -> ast.Function:
        return ast.Function(name, parameters or (), result, body, span=self._span(meta))

    def procedure(
        self,
        meta: Meta,
        source: ast.KernelSource | None,
        name: ast.Name,
        parameters: tuple[ast.ParameterDeclaration, ...],
        result: ast.TypeExpr | None,
        body: ast.Block,
    ) -> ast.Procedure:
        span = self._span(meta)
        return ast.Procedure(name, False, parameters, result, body, source, span=span)

    def operation(
        self,
        meta: Meta,
        source: ast.KernelSource | None,
        name: ast.Name,
        parameters: tuple[ast.ParameterDeclaration, ...],
        body: ast.Block,
    ) -> ast.Procedure:
        return ast.Procedure(name, True, parameters, None, body, source, span=self._span(meta))

    def thread(
        self, meta: Meta, name: ast.Name, dimensions: tuple[ast.Dimension, ...], body: ast.Block
    ) -> ast.Thread:
        return ast.Thread(name, dimensions, body, span=self._span(meta))

    def invariant(
        self,
        meta: Meta,
        window: ast.Expr | None,
        kind: Token,
        name: ast.Name,
        parameters: tuple[ast.ParameterDeclaration, ...] | None,
        condition: ast.Expr,
    ) -> ast.Invariant:
        span = self._span(meta)
        return ast.Invariant(name, kind == "lemma", window, parameters or (), condition, span=span)

    def progress(
        self,
        meta: Meta,
        operation: ast.Name,
        assumed: tuple[ast.Name, ...] | None,
        instances: tuple[ast.Name, ...] | None,
    ) -> ast.Progress:
        return ast.Progress(operation, assumed, instances, span=self._span(meta))

    def assumptions(self, _: Meta, *fair: ast.Name) -> tuple[ast.Name, ...]:
        return fair

    def instance(
        self, meta: Meta, default: Token | None, name: ast.Name, *items: ast.Setting | ast.Only
    ) -> ast.Instance:
        span = self._span(meta)
        settings = tuple(i for i in items if isinstance(i, ast.Setting))
        names = tuple(n for i in items if isinstance(i, ast.Only) for n in i.operations)
        only = ast.Only(names, span=span) if names else None
        return ast.Instance(name, default is not None, settings, only, span=span)

    def setting(self, meta: Meta, name: ast.Name, value: ast.Expr) -> ast.Setting:
        return ast.Setting(name, value, span=self._span(meta))

    def only(self, meta: Meta, *names: ast.Name) -> ast.Only:
        return ast.Only(names, span=self._span(meta))

    def expect(self, meta: Meta, *parts: Any) -> ast.Expect:
        *properties, instances = parts
        return ast.Expect(tuple(properties), instances, span=self._span(meta))

    def places(self, _: Meta, *instances: ast.Name) -> tuple[ast.Name, ...]:
        return instances

    def property(self, meta: Meta, *parts: Token) -> ast.Name:
        return ast.Name("-".join(parts), span=self._span(meta))

    def mutant(self, meta: Meta, name: ast.Name, why: Token, *rest: Any) -> ast.Mutant:
        *edits, violated, instance = rest
        span = self._span(meta)
        return ast.Mutant(name, why[1:-1], tuple(edits), violated, instance, span=span)

    def expectation(self, _: Meta, violated: ast.Name | None = None) -> ast.Name | None:
        return violated

    def never(self, meta: Meta, outcome: bool | None, *rest: Any) -> ast.Never:
        *places, why = rest
        return ast.Never(outcome, tuple(places), why[1:-1], span=self._span(meta))

    def outcome_true(self, _: Meta) -> bool:
        return True

    def outcome_false(self, _: Meta) -> bool:
        return False

    def delete(self, meta: Meta, at: ast.LabelPath) -> ast.Delete:
        return ast.Delete(at, span=self._span(meta))

    def replace(self, meta: Meta, at: ast.LabelPath, block: ast.Block) -> ast.Replace:
        return ast.Replace(at, block, span=self._span(meta))

    def insert(self, meta: Meta, side: Token, at: ast.LabelPath, block: ast.Block) -> ast.Insert:
        return ast.Insert(str(side), at, block, span=self._span(meta))

    def swap(self, meta: Meta, first: ast.LabelPath, second: ast.LabelPath) -> ast.Swap:
        return ast.Swap(first, second, span=self._span(meta))

    def move(self, meta: Meta, what: ast.LabelPath, side: Token, at: ast.LabelPath) -> ast.Move:
        return ast.Move(what, str(side), at, span=self._span(meta))

    def set_parameter(self, meta: Meta, name: ast.Name, value: ast.Expr) -> ast.SetParameter:
        return ast.SetParameter(name, value, span=self._span(meta))

    def label_path(self, meta: Meta, procedure: ast.Name, label: ast.Name) -> ast.LabelPath:
        return ast.LabelPath(procedure, label, span=self._span(meta))

    def dimensions(self, _: Meta, *dimensions: ast.Dimension) -> tuple[ast.Dimension, ...]:
        return dimensions

    def dimension(self, meta: Meta, name: ast.Name | None, type_: ast.TypeExpr) -> ast.Dimension:
        return ast.Dimension(name, type_, span=self._span(meta))

    def guarded(self, meta: Meta, *guards: ast.Guard) -> ast.Protection:
        return ast.Protection(guards, span=self._span(meta))

    def unguarded(self, meta: Meta) -> ast.Protection:
        return ast.Protection((), span=self._span(meta))

    def guard(
        self,
        meta: Meta,
        lock: ast.Expr,
        name: ast.Name | None,
        type_: ast.TypeExpr | None,
        where: ast.Expr | None,
    ) -> ast.Guard:
        binder = ast.Binder(name, type_, None, span=name.span) if name else None
        return ast.Guard(lock, binder, where, span=self._span(meta))

    def parameters(
        self, _: Meta, *parameters: ast.ParameterDeclaration | None
    ) -> tuple[ast.ParameterDeclaration, ...]:
        return tuple(p for p in parameters if p is not None)

    def parameter_declaration(
        self, meta: Meta, inout: Token | None, name: ast.Name, type_: ast.TypeExpr
    ) -> ast.ParameterDeclaration:
        return ast.ParameterDeclaration(name, type_, inout is not None, span=self._span(meta))

    def kernel_source(self, meta: Meta, file: Token, function: Token) -> ast.KernelSource:
        return ast.KernelSource(file[1:-1], function[1:-1], span=self._span(meta))

    def bool_type(self, meta: Meta) -> ast.BoolType:
        return ast.BoolType(span=self._span(meta))

    def range_type(self, meta: Meta, low: ast.Expr, high: ast.Expr) -> ast.RangeType:
        return ast.RangeType(low, high, span=self._span(meta))

    def negative(self, meta: Meta, number: Token) -> ast.Integer:
        return ast.Integer(-self._number(meta, number), span=self._span(meta))

    def named_type(self, meta: Meta, name: ast.Name) -> ast.NamedType:
        return ast.NamedType(name, span=self._span(meta))

    def optional_type(self, meta: Meta, of: ast.TypeExpr) -> ast.OptionalType:
        return ast.OptionalType(of, span=self._span(meta))

    def set_type(self, meta: Meta, of: ast.TypeExpr) -> ast.SetType:
        return ast.SetType(of, span=self._span(meta))

    def list_type(self, meta: Meta, of: ast.TypeExpr, capacity: ast.Expr | None) -> ast.ListType:
        return ast.ListType(of, capacity, span=self._span(meta))

    def array_type(self, meta: Meta, index: ast.TypeExpr, of: ast.TypeExpr) -> ast.ArrayType:
        return ast.ArrayType(index, of, span=self._span(meta))

    def block(self, meta: Meta, *statements: ast.Stmt) -> ast.Block:
        return ast.Block(statements, span=self._span(meta))

    def label(self, meta: Meta, name: ast.Name) -> ast.Label:
        return ast.Label(name, span=self._span(meta))

    def let(
        self, meta: Meta, name: ast.Name, type_: ast.TypeExpr | None, value: ast.Expr | None
    ) -> ast.Let:
        return ast.Let(name, type_, value, span=self._span(meta))

    def assign(self, meta: Meta, target: ast.Expr, op: Token, value: ast.Expr) -> ast.Assign:
        return ast.Assign(target, str(op), value, span=self._span(meta))

    def call(self, meta: Meta, call: ast.Expr) -> ast.Call:
        return ast.Call(call, span=self._span(meta))

    def acquire(self, meta: Meta, mode: Token | None, lock: ast.Expr) -> ast.LockStatement:
        return ast.LockStatement("acquire", _text(mode), lock, span=self._span(meta))

    def release(self, meta: Meta, lock: ast.Expr) -> ast.LockStatement:
        return ast.LockStatement("release", None, lock, span=self._span(meta))

    def upgrade(self, meta: Meta, lock: ast.Expr) -> ast.LockStatement:
        return ast.LockStatement("upgrade", None, lock, span=self._span(meta))

    def downgrade(self, meta: Meta, lock: ast.Expr) -> ast.LockStatement:
        return ast.LockStatement("downgrade", None, lock, span=self._span(meta))

    def if_(
        self,
        meta: Meta,
        condition: ast.Expr | ast.Try,
        then: ast.Block,
        otherwise: ast.Block | ast.If | None,
    ) -> ast.If:
        return ast.If(condition, then, otherwise, span=self._span(meta))

    def try_(self, meta: Meta, mode: Token | None, lock: ast.Expr) -> ast.Try:
        return ast.Try(False, _text(mode), lock, span=self._span(meta))

    def try_not(self, _: Meta, inner: ast.Try) -> ast.Try:
        return replace(inner, negated=True)

    def while_(self, meta: Meta, condition: ast.Expr, body: ast.Block) -> ast.While:
        return ast.While(condition, body, span=self._span(meta))

    def for_(
        self,
        meta: Meta,
        name: ast.Name,
        domain: ast.Expr,
        where: ast.Expr | None,
        direction: Token | None,
        body: ast.Block,
    ) -> ast.For:
        return ast.For(name, domain, where, _text(direction), body, span=self._span(meta))

    def choose(self, meta: Meta, *alternatives: ast.Block) -> ast.Choose:
        return ast.Choose(alternatives, span=self._span(meta))

    def any(self, meta: Meta, binder: ast.Binder, where: ast.Expr | None) -> ast.Any:
        return ast.Any(binder, where, span=self._span(meta))

    def goto(self, meta: Meta, label: ast.Name) -> ast.Goto:
        return ast.Goto(label, span=self._span(meta))

    def break_(self, meta: Meta) -> ast.Jump:
        return ast.Jump("break", span=self._span(meta))

    def continue_(self, meta: Meta) -> ast.Jump:
        return ast.Jump("continue", span=self._span(meta))

    def return_(self, meta: Meta, value: ast.Expr | None) -> ast.Return:
        return ast.Return(value, span=self._span(meta))

    def assert_(self, meta: Meta, condition: ast.Expr) -> ast.Condition:
        return ast.Condition("assert", condition, span=self._span(meta))

    def assume(self, meta: Meta, condition: ast.Expr) -> ast.Condition:
        return ast.Condition("assume", condition, span=self._span(meta))

    def await_(self, meta: Meta, condition: ast.Expr) -> ast.Condition:
        return ast.Condition("await", condition, span=self._span(meta))

    def atomic(self, meta: Meta, body: ast.Block) -> ast.Atomic:
        return ast.Atomic(body, span=self._span(meta))

    def empty(self, meta: Meta) -> ast.Empty:
        return ast.Empty(span=self._span(meta))

    def conditional(
        self, meta: Meta, condition: ast.Expr, then: ast.Expr, otherwise: ast.Expr
    ) -> ast.Conditional:
        return ast.Conditional(condition, then, otherwise, span=self._span(meta))

    def equivalence(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("<=>", left, right, span=self._span(meta))

    def implication(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("=>", left, right, span=self._span(meta))

    def disjunction(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("||", left, right, span=self._span(meta))

    def conjunction(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("&&", left, right, span=self._span(meta))

    def comparison(self, meta: Meta, left: ast.Expr, op: Token, right: ast.Expr) -> ast.Binary:
        return ast.Binary(str(op), left, right, span=self._span(meta))

    def union(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("|", left, right, span=self._span(meta))

    def intersection(self, meta: Meta, left: ast.Expr, right: ast.Expr) -> ast.Binary:
        return ast.Binary("&", left, right, span=self._span(meta))

    def sum(self, meta: Meta, left: ast.Expr, op: Token, right: ast.Expr) -> ast.Binary:
        return ast.Binary(str(op), left, right, span=self._span(meta))

    product = sum

    def unary(self, meta: Meta, op: Token, operand: ast.Expr) -> ast.Unary:
        return ast.Unary(str(op), operand, span=self._span(meta))

    def quantified(self, meta: Meta, kind: Token, *rest: Any) -> ast.Quantified:
        *binders, where, body = rest
        return ast.Quantified(str(kind), tuple(binders), where, body, span=self._span(meta))

    def binder_type(self, meta: Meta, name: ast.Name, type_: ast.TypeExpr) -> ast.Binder:
        return ast.Binder(name, type_, None, span=self._span(meta))

    def binder_in(self, meta: Meta, name: ast.Name, within: ast.Expr) -> ast.Binder:
        return ast.Binder(name, None, within, span=self._span(meta))

    def apply(
        self, meta: Meta, name: ast.Name, *arguments: ast.Argument | ast.Expr | None
    ) -> ast.Apply:
        given = tuple(
            a if isinstance(a, ast.Argument) else ast.Argument(None, a, span=a.span)
            for a in arguments
            if a is not None
        )
        return ast.Apply(name, given, span=self._span(meta))

    def named_argument(self, meta: Meta, name: ast.Name, value: ast.Expr) -> ast.Argument:
        return ast.Argument(name, value, span=self._span(meta))

    def field(self, meta: Meta, of: ast.Expr, name: ast.Name) -> ast.Field:
        return ast.Field(of, name, span=self._span(meta))

    def index(self, meta: Meta, of: ast.Expr, *indices: ast.Expr) -> ast.Index:
        return ast.Index(of, indices, span=self._span(meta))

    def integer(self, meta: Meta, number: Token) -> ast.Integer:
        return ast.Integer(self._number(meta, number), span=self._span(meta))

    def true(self, meta: Meta) -> ast.Literal:
        return ast.Literal("true", span=self._span(meta))

    def false(self, meta: Meta) -> ast.Literal:
        return ast.Literal("false", span=self._span(meta))

    def none(self, meta: Meta) -> ast.Literal:
        return ast.Literal("none", span=self._span(meta))

    def self(self, meta: Meta) -> ast.Literal:
        return ast.Literal("self", span=self._span(meta))

    def reference(self, meta: Meta, name: ast.Name) -> ast.Reference:
        return ast.Reference(name, span=self._span(meta))

    def list_literal(self, meta: Meta, *elements: ast.Expr | None) -> ast.ListLiteral:
        given = tuple(e for e in elements if e is not None)
        return ast.ListLiteral(given, span=self._span(meta))

    def set_literal(self, meta: Meta, *elements: ast.Expr | None) -> ast.SetLiteral:
        given = tuple(e for e in elements if e is not None)
        return ast.SetLiteral(given, span=self._span(meta))

    def comprehension(
        self, meta: Meta, name: ast.Name, type_: ast.TypeExpr, where: ast.Expr | None
    ) -> ast.Comprehension:
        binder = ast.Binder(name, type_, None, span=name.span)
        return ast.Comprehension(binder, where, span=self._span(meta))

    def name(self, meta: Meta, token: Token) -> ast.Name:
        if token in RESERVED:
            label = Label(self._span(meta), "choose another name")
            message = f"{str(token)!r} is a word of the language"
            self.errors.append(Diagnostic(Code.SYNTAX, message, label))
        return ast.Name(str(token), span=self._span(meta))

    def _number(self, meta: Meta, token: Token) -> int:
        if len(token) <= _DIGITS:
            return int(token)
        label = Label(self._span(meta), "too large")
        message = f"numbers have at most {_DIGITS} digits"
        self.errors.append(Diagnostic(Code.NUMBER_TOO_LARGE, message, label))
        return 0


_DIGITS = 9


def _text(token: Token | None) -> str | None:
    return None if token is None else str(token)
