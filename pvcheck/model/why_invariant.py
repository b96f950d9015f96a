"""Which part of an invariant is false, for which values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pvcheck.model.compile_model import judged
from pvcheck.model.expr import Apply, Bound, Const, Domain, Expr, Kind, Let, Op, Quantifier, Read
from pvcheck.model.expr_text import rebuild, substitute, text
from pvcheck.model.model import Invariant
from pvcheck.model.semantics import Semantics, Shared, StepFault
from pvcheck.model.types import BOOL
from pvcheck.model.values import show
from pvcheck.model.walk import closed, depends_on_state, nodes

WIDTH = 160
MOST_READS = 8
_NEUTRAL = {Op.AND: True, Op.OR: False}


def lines(semantics: Semantics, invariant: Invariant, shared: Shared) -> tuple[str, ...]:
    """For an invariant that is violated by the shared part of a state."""
    search = _Search(semantics, shared)
    for name, binder in invariant.binders:
        search.names[binder.number] = name
    condition = judged(invariant)
    for _, binder in reversed(invariant.binders):
        condition = Quantifier(Kind.FORALL, binder, Domain(binder.type), None, condition, BOOL)
    leaf = search.false_part(condition)
    result = [", ".join(search.bindings)] if search.bindings else []
    premises = [search.text(p) for p in search.premises]
    result.extend(f"{p} holds" for p in [p for p in premises if p != "true"][-2:])
    fault = search.fault
    verdict = "is false" if fault is None else f"cannot be evaluated: {fault.detail}"
    result.append(f"{search.text(leaf)} {verdict}")
    reads = search.reads((*search.premises[-2:], *(() if isinstance(leaf, Read) else (leaf,))))
    if reads:
        result.append(", ".join(reads[:MOST_READS]))
    return tuple(result)


def _short(words: str) -> str:
    return words if len(words) <= WIDTH else words[: WIDTH - 4] + " ..."


@dataclass(slots=True)
class _Search:
    semantics: Semantics
    shared: Shared
    names: dict[int, str] = field(default_factory=dict)
    bindings: list[str] = field(default_factory=list)
    """Of variables that are bound on the way to the false part: ``p = 1``."""
    premises: list[Expr] = field(default_factory=list)
    """Conditions on the way that hold."""
    fault: StepFault | None = None

    def false_part(self, expr: Expr) -> Expr:
        """The innermost part that makes ``expr`` false or undefined."""
        match expr:
            case Apply(op=Op.AND, args=args):
                for part in args:
                    if not self._true(part):
                        return self.false_part(part)
            case Apply(op=Op.IMPLIES, args=(before, then)) if self._true(before):
                self.premises.append(before)
                return self.false_part(then)
            case Apply(op=Op.NOT, args=(Quantifier(kind=Kind.EXISTS) as some,)):
                none = Apply(Op.NOT, (some.body,), BOOL)
                every = Quantifier(Kind.FORALL, some.binder, some.domain, some.where, none, BOOL)
                return self.false_part(every)
            case Apply(op=Op.ITE, args=(condition, yes, no)):
                if not isinstance(which := self._value(condition), StepFault):
                    return self.false_part(yes if which else no)
            case Quantifier(kind=Kind.FORALL):
                return self._counterexample(expr)
            case Let(binder=binder, value=value, body=body):
                number = self._value(value)
                if not isinstance(number, StepFault):
                    return self.false_part(substitute(body, {binder.number: number}))
            case _:
                pass
        value = self._value(expr)
        self.fault = value if isinstance(value, StepFault) else None
        return expr

    def _counterexample(self, forall: Quantifier) -> Expr:
        for value in self._domain(forall.domain):
            bound = {forall.binder.number: value}
            where = substitute(forall.where, bound)
            if where is not None and self._value(where) is False:
                continue
            body: Expr = substitute(forall.body, bound)
            if where is not None and isinstance(self._value(where), StepFault):
                body = where
            if not self._true(body):
                self._bind(forall.binder, value)
                return self.false_part(body)
        self.fault = None
        return forall

    def _bind(self, binder: Bound, value: Any) -> None:
        name = self.names.get(binder.number, str(binder.type).lower())
        self.bindings.append(f"{name} = {show(value, binder.type)}")

    def _domain(self, domain: Domain) -> tuple[Any, ...]:
        value = self.semantics.evaluate(domain, self.shared)
        return () if isinstance(value, StepFault) else tuple(value)

    def _true(self, expr: Expr) -> bool:
        return self._value(expr) is True

    def _value(self, expr: Expr) -> Any:
        return self.semantics.evaluate(expr, self.shared)

    def text(self, part: Expr) -> str:
        """Of a part; what does not depend on the state is worked out."""
        return _short(text(self._simple(part), {}))

    def _simple(self, node: Any) -> Any:
        if isinstance(node, Let):
            value = self._simple(node.value)
            if isinstance(value, Const):
                return self._simple(substitute(node.body, {node.binder.number: value.value}))
        if isinstance(node, Apply) and closed(node):
            if node.op is Op.ITE and not isinstance(which := self._value(node.args[0]), StepFault):
                return self._simple(node.args[1 if which else 2])
            if node.op in _NEUTRAL:
                return self._without_neutral(node)
            if not depends_on_state(node) and not isinstance(value := self._value(node), StepFault):
                return Const(value, node.type)
        return rebuild(node, self._simple)

    def _without_neutral(self, node: Apply) -> Expr:
        """A conjunction or disjunction without the constants that change nothing in it."""
        neutral = Const(_NEUTRAL[node.op], BOOL)
        args = tuple(a for a in map(self._simple, node.args) if a != neutral)
        if not args:
            return neutral
        return args[0] if len(args) == 1 else Apply(node.op, args, BOOL)

    def reads(self, parts: tuple[Expr, ...]) -> list[str]:
        """The shared elements that the parts read, with their values."""
        found: dict[str, str] = {}
        for node in nodes(self._simple(parts)):
            if isinstance(node, Read) and closed(node):
                value = self._value(node)
                if not isinstance(value, StepFault):
                    found[self._element(node)] = show(value, node.type)
        return [f"{name} = {value}" for name, value in found.items()]

    def _element(self, read: Read) -> str:
        indices = tuple(
            Const(value, i.type)
            for i in read.indices
            if not isinstance(value := self._value(i), StepFault)
        )
        return text(Read(read.variable, indices, read.type), {})
