"""The control-flow graph of a thread, all procedures inlined."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from pvcheck.lang import core
from pvcheck.lang.mover import Mover
from pvcheck.model import code as c
from pvcheck.model.expr import (
    TRUE,
    Apply,
    Bound,
    Comprehension,
    Const,
    Domain,
    Expr,
    Local,
    Op,
    OpAllowed,
    Param,
)
from pvcheck.model.model import KernelSource, LocalVariable
from pvcheck.model.parts import walk
from pvcheck.model.types import BOOL, ListOf, LockSet, SetOf
from pvcheck.source import Source, Span

MAX_NODES = 40_000
"""Of one thread with all procedures in place."""


class TooLarge(Exception):
    """A thread has more than ``MAX_NODES`` nodes."""


class Kind(enum.Enum):
    PLAIN = "plain"
    """``code``, then the one successor."""
    BRANCH = "branch"
    """``condition``; successors: true, false."""
    TRY = "try"
    """Successors: success, failure."""
    CHOOSE = "choose"
    """Any successor."""
    HOP = "hop"
    """Nothing; one successor, filled in later."""
    END = "end"
    """The thread has finished."""


@dataclass(eq=False)
class Node:
    """One statement. Mutable only while the graph is built."""

    kind: Kind
    number: int
    span: Span
    text: str
    procedure: str
    source: KernelSource | None
    code: c.Code = ()
    condition: Expr | None = None
    attempt: c.TryLock | None = None
    """Of a TRY, without its blocks."""
    written: bool = True
    """Of a BRANCH: whether it stands in the source and is no matter of configuration."""
    visible: bool = False
    choice: bool = False
    successors: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Graph:
    entry: Node
    locals: tuple[LocalVariable, ...]


def build(
    thread: core.Procedure, procedures: Mapping[str, core.Procedure], sources: Mapping[str, Source]
) -> Graph:
    """The graph of ``thread``.

    Raises:
        TooLarge: inlining goes beyond all bounds.
    """
    builder = _Builder(procedures, sources)
    return builder.thread(thread)


@dataclass(frozen=True)
class _Frame:
    """One inlined procedure: where its slots are, and where its jumps go."""

    procedure: str
    source: KernelSource | None
    slots: tuple[int, ...]
    labels: Mapping[str, Node]
    leave: Node
    result: int | None
    break_to: Node | None = None
    continue_to: Node | None = None


class _Builder:
    def __init__(
        self, procedures: Mapping[str, core.Procedure], sources: Mapping[str, Source]
    ) -> None:
        self._procedures = procedures
        self._sources = sources
        self._numbers = count()
        self._bound_numbers = count(1_000_000)
        self._locals: list[LocalVariable] = []

    def thread(self, thread: core.Procedure) -> Graph:
        end = Node(Kind.END, next(self._numbers), thread.span, "", thread.name, None)
        slots = self._allocate(thread, {}, prefix="")
        frame = _Frame(thread.name, None, slots, self._hops(thread), end, None)
        return Graph(self._body(thread.body, end, frame), tuple(self._locals))

    # --- frames ----------------------------------------------------------------

    def _allocate(
        self, procedure: core.Procedure, given: Mapping[int, int], prefix: str
    ) -> tuple[int, ...]:
        """A slot of the thread for each of the procedure's; ``given``: those that exist already."""
        slots = []
        for slot, local in enumerate(procedure.locals):
            if slot in given:
                slots.append(given[slot])
                continue
            self._locals.append(LocalVariable(prefix + local.name, local.type))
            slots.append(len(self._locals) - 1)
        return tuple(slots)

    def _hops(self, procedure: core.Procedure) -> dict[str, Node]:
        return {
            name: Node(Kind.HOP, next(self._numbers), procedure.span, "", procedure.name, None)
            for name in _label_names(procedure.body)
        }

    def _node(self, kind: Kind, frame: _Frame, span: Span, text: str = "") -> Node:
        number = next(self._numbers)
        if number > MAX_NODES:
            raise TooLarge
        shown = text or self._sources[span.file].snippet(span)
        return Node(kind, number, span, shown, frame.procedure, frame.source)

    def _snippet(self, span: Span) -> str:
        return self._sources[span.file].snippet(span)

    # --- statements --------------------------------------------------------------

    def _body(self, body: core.Body, after: Node, frame: _Frame) -> Node:
        for statement in reversed(body):
            after = self._statement(statement, after, frame)
        return after

    def _statement(  # noqa: C901 (only dispatches)
        self, statement: core.Stmt, after: Node, frame: _Frame
    ) -> Node:
        span = getattr(statement, "span", None)
        match statement:
            case core.Do(instruction, visible, span):
                moved = Mover(frame.slots).instruction(instruction)
                return self._plain(frame, span, (moved,), after, visible=visible)
            case core.DoLock(instruction, span):
                moved = Mover(frame.slots).instruction(instruction)
                return self._plain(frame, span, (moved,), after, visible=True)
            case core.DoPick(instruction, visible, span):
                picked = Mover(frame.slots).pick(instruction)
                return self._plain(frame, span, (picked,), after, visible=visible, choice=True)
            case core.DoAwait(condition, span):
                await_ = c.Await(Mover(frame.slots).expr(condition), span)
                return self._plain(frame, span, (await_,), after, visible=True)
            case core.DoAtomic():
                return self._atomic(statement, after, frame)
            case core.If():
                return self._if(statement, after, frame)
            case core.Try():
                return self._try(statement, after, frame)
            case core.While():
                return self._while(statement, after, frame)
            case core.For():
                return self._for(statement, after, frame)
            case core.Choose(alternatives, span):
                node = self._node(Kind.CHOOSE, frame, span, "choose")
                node.choice = True
                node.successors = [self._body(a, after, frame) for a in alternatives]
                return node
            case core.Label(name):
                hop = frame.labels[name]
                hop.successors = [after]
                return hop
            case core.Goto(label, span):
                return self._plain(frame, span, (), frame.labels[label])
            case core.Jump(kind, span):
                target = frame.break_to if kind == "break" else frame.continue_to
                assert target is not None, "jumps outside loops were refused"
                return self._plain(frame, span, (), target)
            case core.Return():
                return self._return(statement, frame)
            case core.Call():
                return self._call(statement, after, frame)
            case core.Group(body):
                return self._body(body, after, frame)

    def _plain(
        self,
        frame: _Frame,
        span: Span,
        code: c.Code,
        after: Node,
        *,
        visible: bool = False,
        choice: bool = False,
    ) -> Node:
        node = self._node(Kind.PLAIN, frame, span)
        # Lock and Await come first in their step: nothing has happened before they were possible.
        first = isinstance(code[0], c.Lock | c.Await) if code else False
        mark = (c.Reached(span),)
        node.code = (code[0], *mark, *code[1:]) if first else (*mark, *code)
        node.visible, node.choice = visible, choice
        node.successors = [after]
        return node

    def _branch(
        self,
        frame: _Frame,
        condition: Expr,
        span: Span,
        text: str,
        targets: tuple[Node, Node],
        *,
        visible: bool,
        written: bool = True,
    ) -> Node:
        node = self._node(Kind.BRANCH, frame, span, text)
        self._set_branch(node, frame, condition, targets, visible=visible, written=written)
        return node

    def _set_branch(
        self,
        node: Node,
        frame: _Frame,
        condition: Expr,
        targets: tuple[Node, Node],
        *,
        visible: bool,
        written: bool,
    ) -> None:
        node.condition = Mover(frame.slots).expr(condition)
        configuration = all(isinstance(e, Const | Param | Apply) for e in walk(condition))
        node.written = written and not configuration
        node.visible = visible
        node.successors = list(targets)

    def _atomic(self, statement: core.DoAtomic, after: Node, frame: _Frame) -> Node:
        mover = Mover(frame.slots)
        code = mover.code(statement.code)
        if statement.condition is not None:
            code = (c.Await(mover.expr(statement.condition), statement.span), *code)
        return self._plain(frame, statement.span, code, after, visible=True)

    def _if(self, statement: core.If, after: Node, frame: _Frame) -> Node:
        then = self._body(statement.then, after, frame)
        otherwise = self._body(statement.otherwise, after, frame)
        text = f"if {self._snippet(statement.span)}"
        return self._branch(
            frame,
            statement.condition,
            statement.span,
            text,
            (then, otherwise),
            visible=statement.visible,
        )

    def _try(self, statement: core.Try, after: Node, frame: _Frame) -> Node:
        node = self._node(Kind.TRY, frame, statement.span, self._snippet(statement.span))
        lock = Mover(frame.slots).lock(statement.lock)
        node.attempt = c.TryLock(lock, statement.mode, statement.upgrade, (), (), statement.span)
        node.visible = True
        node.successors = [
            self._body(statement.success, after, frame),
            self._body(statement.failure, after, frame),
        ]
        return node

    def _while(self, statement: core.While, after: Node, frame: _Frame) -> Node:
        text = f"while {self._snippet(statement.span)}"
        head = self._node(Kind.BRANCH, frame, statement.span, text)
        inside = replace(frame, break_to=after, continue_to=head)
        body = self._body(statement.body, head, inside)
        visible = statement.visible
        condition = statement.condition
        self._set_branch(head, frame, condition, (body, after), visible=visible, written=True)
        return head

    def _for(self, statement: core.For, after: Node, frame: _Frame) -> Node:
        rest = Local(statement.rest, statement.rest_type)
        text = f"for {self._snippet(statement.span)}"
        head = self._node(Kind.BRANCH, frame, statement.span, text)
        inside = replace(frame, break_to=after, continue_to=head)
        body = self._body(statement.body, head, inside)
        if statement.where is not None:
            where = statement.where
            span = statement.span
            visible = statement.where_visible
            body = self._branch(
                frame, where, span, text, (body, head), visible=visible, written=False
            )
        take = self._take(statement, rest, body, frame)
        done = Apply(Op.EMPTY, (rest,), BOOL)
        self._set_branch(head, frame, done, (after, take), visible=False, written=False)
        everything = self._all_of(statement.domain, rest)
        start = c.Assign(_local(rest), everything, statement.span)
        moved = Mover(frame.slots).instruction(start)
        visible = statement.domain_visible
        node = self._plain(frame, statement.span, (moved,), head, visible=visible)
        node.text = text
        return node

    def _take(self, statement: core.For, rest: Local, body: Node, frame: _Frame) -> Node:
        """The next element becomes the loop variable and leaves the rest."""
        element = statement.rest_type
        assert isinstance(element, SetOf | ListOf), "what a loop keeps"
        variable = Local(statement.slot, element.of)
        span = statement.span
        pick: c.Instruction
        if statement.in_any_order:
            pick = c.Pick(statement.slot, Domain(element.of, rest), None, span)
        else:
            is_list = isinstance(element, ListOf)
            op = Op.FIRST if is_list else Op.MAX if statement.descending else Op.MIN
            pick = c.Assign(_local(variable), Apply(op, (rest,), element.of), span)
        drop = Op.REMOVE if isinstance(element, ListOf) else Op.DISCARD
        shorter = c.Assign(_local(rest), Apply(drop, (rest, variable), element), span)
        mover = Mover(frame.slots)
        node = self._node(Kind.PLAIN, frame, span, f"for {self._snippet(span)}")
        node.code = (mover.instruction(pick), mover.instruction(shorter))
        node.choice = statement.in_any_order
        node.successors = [body]
        return node

    def _all_of(self, domain: Domain, rest: Local) -> Expr:
        if domain.within is not None:
            return domain.within
        binder = Bound(next(self._bound_numbers), domain.type)
        return Comprehension(binder, domain, TRUE, rest.type)

    def _return(self, statement: core.Return, frame: _Frame) -> Node:
        code: c.Code = ()
        if statement.value is not None:
            assert frame.result is not None, "a value is returned to a caller's slot"
            value = Mover(frame.slots).expr(statement.value)
            place = c.Place(frame.result, None, (), (), self._locals[frame.result].type)
            code = (c.Assign(place, value, statement.span),)
        return self._plain(frame, statement.span, code, frame.leave, visible=statement.visible)

    # --- calls --------------------------------------------------------------------

    def _call(self, call: core.Call, after: Node, frame: _Frame) -> Node:
        callee = self._procedures[call.procedure]
        given = {
            slot: frame.slots[argument]
            for slot, argument in enumerate(call.arguments)
            if isinstance(argument, int)
        }
        slots = self._allocate(callee, given, prefix=f"{callee.name}.")
        leave = after
        begin: c.Code = ()
        if callee.operation:
            begin, leave = self._operation(callee, slots, call, after, frame)
        result = None if call.result is None else frame.slots[call.result]
        source = callee.source or frame.source
        inner = _Frame(callee.name, source, slots, self._hops(callee), leave, result)
        body = self._body(callee.body, leave, inner)
        mover = Mover(frame.slots)
        passed = tuple(
            c.Assign(
                c.Place(slots[slot], None, (), (), callee.locals[slot].type),
                mover.expr(argument),
                call.span,
            )
            for slot, argument in enumerate(call.arguments)
            if not isinstance(argument, int)
        )
        allowed = (c.Assume(OpAllowed(callee.name), call.span),) if callee.operation else ()
        node = self._plain(
            frame,
            call.span,
            (*passed, *begin),
            body,
            visible=call.visible,
            choice=callee.operation,
        )
        node.code = (*allowed, *node.code)
        return node

    def _operation(
        self,
        callee: core.Procedure,
        slots: tuple[int, ...],
        call: core.Call,
        after: Node,
        frame: _Frame,
    ) -> tuple[c.Code, Node]:
        """What an op does first, and the node at which it returns."""
        self._locals.append(LocalVariable(f"{callee.name}.held", LockSet()))
        held = len(self._locals) - 1
        arguments = tuple(
            Local(slots[k], type_) for k, (_, type_, _) in enumerate(callee.parameters)
        )
        begin = c.Begin(callee.name, arguments, held, call.span)
        node = self._node(Kind.PLAIN, frame, call.span, f"return from {callee.name}")
        node.code = (c.Finish(callee.name, held, call.span),)
        node.successors = [after]
        return (begin,), node


def _label_names(body: core.Body) -> list[str]:
    names: list[str] = []
    for statement in body:
        match statement:
            case core.Label(name):
                names.append(name)
            case core.If(then=one, otherwise=two) | core.Try(success=one, failure=two):
                names += [*_label_names(one), *_label_names(two)]
            case core.While(body=inside) | core.For(body=inside) | core.Group(inside):
                names += _label_names(inside)
            case core.Choose(alternatives):
                names += [n for a in alternatives for n in _label_names(a)]
    return names


def _local(local: Local) -> c.Place:
    return c.Place(local.slot, None, (), (), local.type)
