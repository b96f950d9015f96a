"""The types of expressions and local variables, for the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle_values import BOOL, INT, NOTHING, SNAPSHOT, Type, Types, Value, path, within

from pvcheck.lang import ast


class Typing(Types):
    def __init__(
        self,
        tree: ast.Specification,
        sizes: Mapping[str, int],
        parameters: Mapping[str, Value],
    ) -> None:
        super().__init__(tree, sizes, parameters)
        threads = [d for d in tree.declarations if isinstance(d, ast.Thread)]
        self.instances = [(d, at) for d in threads for at in self.elements_of(d.dimensions)]
        """Every thread: its declaration and its element."""
        procedures = [d for d in tree.declarations if isinstance(d, ast.Procedure)]
        self.types = {id(o.body): self.local_types(o) for o in (*threads, *procedures)}
        """Per body, its local variables."""

    def called(self, statement: object) -> ast.Procedure | None:
        """The procedure that a statement calls."""
        match statement:
            case ast.Call(call=ast.Apply(name=name)):
                procedure = self.names.get(name.text)
            case ast.Let(value=ast.Apply(name=name)) | ast.Assign(value=ast.Apply(name=name)):
                procedure = self.names.get(name.text)
            case _:
                return None
        return procedure if isinstance(procedure, ast.Procedure) else None

    def passed(self, statement: Any) -> list[tuple[ast.ParameterDeclaration, ast.Expr]]:
        """The parameters of the procedure that a statement calls, with the arguments."""
        procedure = self.called(statement)
        assert procedure is not None
        call = statement.call if isinstance(statement, ast.Call) else statement.value
        return list(zip(procedure.parameters, ordered(procedure.parameters, call), strict=True))

    def local_types(self, owner: Any) -> dict[str, Type]:
        types: dict[str, Type] = {}
        if isinstance(owner, ast.Procedure):
            types = {p.name.text: self.resolved(p.type) for p in owner.parameters}
        else:
            types = {d.name.text: self.resolved(d.type) for d in owner.dimensions if d.name}
        for n in within(owner.body):
            match n:
                case ast.Let(name=name, type=None, value=value):
                    called = self.called(n)
                    found = called.result if called else self.type_of(value, types)
                    types[name.text] = self.resolved(found)
                case ast.Let(name=name, type=t):
                    types[name.text] = self.resolved(t)
                case ast.Any(binder=ast.Binder(name=name, type=t, within=collection)):
                    found = t if t is not None else self.of(self.type_of(collection, types))
                    types[name.text] = self.resolved(found)
                case ast.For(name=name, domain=domain):
                    types[name.text] = self.of(self.type_of(domain, types))
        return types

    def type_of(  # noqa: C901 (only dispatches)
        self, e: Any, locals_: Mapping[str, Type]
    ) -> Type:
        """The type of an expression outside quantifiers."""
        match e:
            case ast.Integer() | ast.Quantified(kind="count"):
                return INT
            case ast.Literal(text=text):
                thread = next(t for t, _ in self.instances if t.dimensions or text != "self")
                if text == "self":
                    return self.resolved(thread.dimensions[0].type)
                return NOTHING if text == "none" else BOOL
            case ast.Reference(name=name) if name.text in locals_:
                return locals_[name.text]
            case ast.Reference(name=name) if name.text in self.labels:
                return self.names[self.labels[name.text].sort]
            case ast.Reference(name=name) | ast.Apply(name=name) if name.text in self.names:
                match self.names[name.text]:
                    case ast.Parameter():
                        return BOOL if isinstance(self.parameters[name.text], bool) else INT
                    case ast.Function(result=result):
                        return unbounded(self.resolved(result))
                    case ast.Variable(type=t):
                        return self.resolved(t)
                    case d:
                        return self.resolved(d)
            case ast.Apply(name=name, arguments=arguments):
                match name.text:
                    case "size" | "int":
                        return INT
                    case "first" | "last" | "min" | "max":
                        return self.of(self.type_of(arguments[0].value, locals_))
                    case "next":
                        t = self.of(self.type_of(arguments[0].value, locals_))
                        return ast.OptionalType(t, span=e.span)
                    case "holder":
                        thread = next(t for t, _ in self.instances if t.dimensions)
                        return ast.OptionalType(thread.dimensions[0].type, span=e.span)
                    case "snapshot":
                        return SNAPSHOT
                return BOOL
            case ast.Field(of=of, name=name):
                struct = self.plain(self.type_of(of, locals_))
                return self.resolved(next(f.type for f in struct.fields if f.name == name))
            case ast.Index():
                root, steps = path(e)
                t = self.type_of(root, locals_)
                if isinstance(root, ast.Reference) and root.name.text not in locals_:
                    steps = steps[len(getattr(self.names.get(root.name.text), "dimensions", ())) :]
                for step in steps:
                    if isinstance(step, ast.Name):
                        t = next(f.type for f in self.plain(t).fields if f.name == step)
                    else:
                        t = self.plain(t).of
                return self.resolved(t)
            case ast.Binary(op="+" | "-" | "|" | "&", left=left):
                t = self.plain(self.type_of(left, locals_))
                return INT if isinstance(t, ast.RangeType) else t
            case ast.Binary(op="*" | "/" | "%") | ast.Unary(op="-"):
                return INT
            case ast.Conditional(then=then, otherwise=otherwise):
                a, b = self.type_of(then, locals_), self.type_of(otherwise, locals_)
                if NOTHING in (a, b):
                    return ast.OptionalType(self.plain(b if a == NOTHING else a), span=e.span)
                return unbounded(b if isinstance(b, ast.OptionalType) else a)
            case ast.ListLiteral(elements=elements):
                return ast.ListType(self.type_of(elements[0], locals_), None, span=e.span)
            case ast.SetLiteral(elements=elements):
                return ast.SetType(self.type_of(elements[0], locals_), span=e.span)
            case ast.Comprehension(binder=binder):
                return ast.SetType(binder.type, span=e.span)
        return BOOL

    def is_unordered(self, t: Type) -> bool:
        """Whether a loop over the elements of this type takes them in any order."""
        t = self.resolved(t)
        if isinstance(t, ast.Sort):
            return not t.ordered
        return not (t in (BOOL, INT) or isinstance(t, ast.RangeType | ast.Enum))


def unbounded(t: Type) -> Type:
    """The type of a computed integer."""
    return INT if isinstance(t, ast.RangeType) else t


def ordered(named: tuple[Any, ...], call: ast.Apply) -> list[ast.Expr]:
    """The arguments in the order of parameters or fields, whether given by position or name."""
    by_name = {a.name.text: a.value for a in call.arguments if a.name is not None}
    return [by_name[n.name.text] for n in named] if by_name else [a.value for a in call.arguments]
