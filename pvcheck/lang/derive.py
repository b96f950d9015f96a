"""Mutants that nobody has to think of: small edits, made from the text of a specification alone.

Each is a slip that a programmer could make with locks. Names depend on the procedure, its labels and the text of
the statement only, so they stay what they are when something else changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pvcheck.lang import ast
from pvcheck.lang.rewrite import Edits, rewritten
from pvcheck.lang.sites import Site, leaves, locks_or_jumps, names, sites
from pvcheck.source import Source, Span

KINDS = {
    "drop-lock": "a lock is not taken, and not given back",
    "drop-release": "a lock is not given back",
    "swap-acquires": "two locks are taken in the other order",
    "wait-for-try": "waits for a lock where it only tried",
    "try-for-wait": "goes on without a lock that it does not get at once",
    "drop-recheck": "what was known before a lock was taken is not looked at again",
    "drop-bump": "a change is not counted",
    "move-early": "a statement is executed before the lock is taken",
    "move-late": "a statement is executed after the lock is given back",
    "negate-guard": "a condition is the opposite",
}
"""What kinds there are, in the order in which mutants of one statement are listed; and what each does."""


@dataclass(frozen=True, slots=True)
class Derived:
    """One mutant."""

    kind: str
    """Of ``KINDS``."""
    place: str
    """``procedure.label``, or ``procedure: text``."""
    text: str
    """The statement that it changes, as written."""
    span: Span
    """Of that statement with its labels."""
    statement: Span
    """Without them."""
    markers: tuple[Span, ...]
    """What coverage calls the statements that are changed: where none of them is executed, nothing differs."""
    procedure: ast.Procedure | ast.Thread
    edits: Edits = field(compare=False, repr=False)
    number: int = 1
    """Among those that would have the same name, in the order of the text."""

    @property
    def name(self) -> str:
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.kind} {self.place}{again}"

    @property
    def edited(self) -> ast.Procedure | ast.Thread:
        """What stands in place of the procedure."""
        return replace(self.procedure, body=rewritten(self.procedure.body, self.edits))


def derived(tree: ast.Specification, sources: Sequence[Source]) -> tuple[Derived, ...]:
    """All mutants of all procedures and threads, used or not, in the order of the text."""
    by_name = {s.name: s for s in sources}
    parameters = {d.name.text for d in tree.declarations if isinstance(d, ast.Parameter)}
    shared = {d.name.text for d in tree.declarations if isinstance(d, _SHARED)}
    ghosts = {
        d.name.text for d in tree.declarations if isinstance(d, ast.Lock) and d.kind == "ghost"
    }
    locking = _locking(tree)
    seen: Counter[str] = Counter()
    found: list[Derived] = []
    for declared in tree.declarations:
        if isinstance(declared, ast.Procedure | ast.Thread):
            source = by_name[declared.span.file]
            every = tuple(sites(declared.body))
            deriver = _Deriver(
                declared, source, parameters, ghosts, shared, locking, every, _targets(every)
            )
            order = list(KINDS)
            for mutant in sorted(deriver.all(), key=lambda m: (m.span.start, order.index(m.kind))):
                seen[mutant.name] += 1
                found.append(replace(mutant, number=seen[mutant.name]))
    return tuple(found)


def mutated(tree: ast.Specification, mutant: Derived) -> ast.Specification:
    """The specification with the mutant in it, which has no mutants itself."""
    # What never happens without it may happen now.
    kept = (d for d in tree.declarations if not isinstance(d, ast.Mutant | ast.Never))
    declarations = (mutant.edited if d is mutant.procedure else d for d in kept)
    return replace(tree, declarations=tuple(declarations))


def used(tree: ast.Specification, only: tuple[str, ...] | None = None) -> frozenset[str]:
    """The names of threads and of the procedures that they call, directly or not.

    ``only``: the operations that they may start; ``None``: all.
    """
    bodies = _bodies(tree)
    if only is not None:
        operations = {
            d.name.text for d in tree.declarations if isinstance(d, ast.Procedure) and d.operation
        }
        bodies = {name: body for name, body in bodies.items() if name not in operations - {*only}}
    work = [d.name.text for d in tree.declarations if isinstance(d, ast.Thread)]
    reached = set(work)
    while work:
        called = {c.name.text for c in ast.calls_of(bodies[work.pop()])} & bodies.keys()
        work += called - reached
        reached |= called
    return frozenset(reached)


def _bodies(tree: ast.Specification) -> dict[str, ast.Block]:
    declared = (d for d in tree.declarations if isinstance(d, ast.Procedure | ast.Thread))
    return {d.name.text: d.body for d in declared}


def _locking(tree: ast.Specification) -> frozenset[str]:
    """The names of procedures that take a lock, or call one that does."""
    bodies = _bodies(tree)
    callers: dict[str, set[str]] = {}
    for name, body in bodies.items():
        for call in ast.calls_of(body):
            callers.setdefault(call.name.text, set()).add(name)
    work = [n for n, body in bodies.items() if any(map(_takes, sites(body)))]
    found = set(work)
    while work:
        more = callers.get(work.pop(), set()) - found
        found |= more
        work += more
    return frozenset(found)


def _targets(every: Sequence[Site]) -> frozenset[str]:
    gotos = (site.statement for site in every if isinstance(site.statement, ast.Goto))
    return frozenset(goto.label.text for goto in gotos)


def _takes(site: Site) -> bool:
    match site.statement:
        case ast.LockStatement(action=action):
            return action in ("acquire", "upgrade")
        case ast.If(condition=ast.Try()):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Deriver:
    """The mutants of one procedure."""

    procedure: ast.Procedure | ast.Thread
    source: Source
    parameters: set[str]
    ghosts: set[str]
    """Locks that are in no kernel: operations on them are conditions of the specification, and no code."""
    shared: set[str]
    """What reads or writes more than the locals of the thread."""
    locking: frozenset[str]
    sites: tuple[Site, ...]
    targets: frozenset[str]
    """Labels that a goto leads to."""

    def all(self) -> Iterator[Derived]:
        for site in self.sites:
            for derive in _OF_ONE:
                yield from derive(self, site)
        yield from self._locks()

    # ---- of one statement -----------------------------------------------------------------------

    def drop_release(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.LockStatement(action="release", lock=lock) as release if self._real(lock):
                yield self._made("drop-release", site, {id(release): ()})

    def drop_bump(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.Call(ast.Apply(name=ast.Name("bump"))) as bump:
                yield self._made("drop-bump", site, {id(bump): ()})

    def negate_guard(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.If(condition=ast.Try() as attempt) as old:
                new: ast.Stmt = replace(
                    old, condition=replace(attempt, negated=not attempt.negated)
                )
            case ast.If(condition=condition) | ast.While(condition=condition) as old:
                assert not isinstance(condition, ast.Try), "matched above"
                if self._configuration(condition):
                    return
                new = replace(old, condition=_negated(condition))
            case _:
                return
        yield self._made("negate-guard", site, {id(old): (new,)})

    def wait_for_try(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.If(condition=ast.Try(mode=mode, lock=lock) as attempt) as old:
                action, mode = ("upgrade", None) if mode == "upgrade" else ("acquire", mode)
                wait = ast.LockStatement(action, mode, lock, span=attempt.span)
                goes_on = old.otherwise if attempt.negated else old.then
                rest = () if goes_on is None else (goes_on,)
                yield self._made("wait-for-try", site, {id(old): (wait, *rest)})

    def try_for_wait(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.LockStatement(action="acquire" | "upgrade" as action, mode=mode) as old:
                if not self._real(old.lock):
                    return
                mode = "upgrade" if action == "upgrade" else mode
                attempt = ast.Try(False, mode, old.lock, span=old.span)
                new = ast.If(attempt, ast.Block((), span=old.span), None, span=old.span)
                yield self._made("try-for-wait", site, {id(old): (new,)})

    def drop_recheck(self, site: Site) -> Iterator[Derived]:
        match site.statement:
            case ast.If(condition=ast.Try()):
                return
            case ast.If(condition=condition) as check:
                assert not isinstance(condition, ast.Try), "matched above"
                if _looks_for_change(condition) or (leaves(check) and self._after_lock(site)):
                    yield self._made("drop-recheck", site, {id(check): ()})

    def _after_lock(self, site: Site) -> bool:
        """Whether a lock was taken just before, as far as that can be seen."""
        for before in site.before():
            match before:
                case ast.Let(value=ast.Apply(name=name)) | ast.Assign(value=ast.Apply(name=name)):
                    if name.text in self.locking:
                        return True
                case ast.Call(ast.Apply(name=name)):
                    return name.text in self.locking
                case ast.If(condition=ast.Try()) | ast.LockStatement(action="acquire" | "upgrade"):
                    return True
                case ast.Let() | ast.Assign() | ast.Condition() | ast.Empty():
                    pass
                case ast.If() as check if leaves(check):
                    pass
                case _:
                    return False
        return site.behind_try

    # ---- of two that stand side by side ---------------------------------------------------------

    def swap_acquires(self, site: Site) -> Iterator[Derived]:
        match site.statement, self._next(site):
            case ast.LockStatement(action="acquire") as one, ast.LockStatement("acquire") as two:
                if one != two:
                    edits = {id(one): (two,), id(two): (one,)}
                    yield self._made("swap-acquires", site, edits, also=(two,))

    def move_out(self, site: Site) -> Iterator[Derived]:
        match site.statement, self._next(site):
            case ast.LockStatement(action="acquire") as acquire, first if self._movable(first):
                assert first is not None, "movable"
                edits = {id(acquire): (first, acquire), id(first): ()}
                moved = site.following
                assert moved is not None, "as ``first``"
                yield self._made("move-early", moved, edits, also=(acquire,))
            case last, ast.LockStatement(action="release") as release if self._movable(last):
                edits = {id(last): (), id(release): (release, last)}
                yield self._made("move-late", site, edits, also=(release,))

    def _movable(self, statement: ast.Stmt | None) -> bool:
        """Whether it can stand elsewhere, and needs the lock at all."""
        return _can_move(statement) and bool(names(statement) & self.shared)

    def _next(self, site: Site) -> ast.Stmt | None:
        """What is executed after it, and after nothing else."""
        following = site.following
        if following is None or self.targets & set(following.labels):
            return None
        return following.statement

    # ---- of all that belong to a lock -----------------------------------------------------------

    def _locks(self) -> Iterator[Derived]:
        """For each lock: it is not taken at all; and for each time, if there are several, not that time."""
        of: dict[ast.Expr, list[Site]] = {}
        for site in self.sites:
            lock = _lock_of(site)
            if lock is not None and self._real(lock):
                of.setdefault(lock, []).append(site)
        for lock, own in of.items():
            taken = [s for s in own if _takes(s)]
            if taken and any(_releases(s) for s in own):
                place = f"{self._name}: {self._snippet(lock.span)}"
                yield self._without(taken[0], own, place)
            if len(taken) > 1:
                yield from (self._without(s, pair) for s in taken if (pair := _pair(s, lock)))

    def _without(self, first: Site, own: Sequence[Site], place: str | None = None) -> Derived:
        edits: dict[int, tuple[ast.Stmt, ...]] = {}
        for site in own:
            match site.statement:
                case ast.If(condition=ast.Try(negated=negated) as attempt) as old:
                    got = ast.Literal("false" if negated else "true", span=attempt.span)
                    edits[id(old)] = (replace(old, condition=got),)
                case other:
                    edits[id(other)] = ()
        also = tuple(s.statement for s in own)
        return self._made("drop-lock", first, edits, also=also, place=place)

    # ---- what all have ----------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self.procedure.name.text

    def _made(
        self,
        kind: str,
        site: Site,
        edits: Edits,
        *,
        also: tuple[ast.Stmt, ...] = (),
        place: str | None = None,
    ) -> Derived:
        """``also``: what it changes besides."""
        text = self._head(site.statement)
        if len(also) == 1 and kind == "swap-acquires":
            text = f"{text}; {self._head(also[0])}"
        if place is None:
            at = f".{site.labels[0]}" if site.labels else f": {_short(text)}"
            place = f"{self._name}{at}"
        return Derived(
            kind,
            place,
            text,
            site.span,
            site.statement.span,
            tuple(dict.fromkeys(map(_marker, (site.statement, *also)))),
            self.procedure,
            edits,
        )

    def _real(self, lock: ast.Expr) -> bool:
        match lock:
            case ast.Reference(name=name) | ast.Index(of=ast.Reference(name=name)):
                return name.text not in self.ghosts
        return True

    def _snippet(self, span: Span) -> str:
        return self.source.snippet(span)

    def _head(self, statement: ast.Stmt) -> str:
        """The statement without the blocks in it, and without the semicolon."""
        end = statement.span.end
        match statement:
            case ast.If(then=block) | ast.While(body=block) | ast.For(body=block):
                end = block.span.start
        return self._snippet(replace(statement.span, end=end)).removesuffix(";")

    def _configuration(self, condition: ast.Expr) -> bool:
        """Whether nothing but parameters decides: its opposite is another configuration, and no slip."""
        match condition:
            case ast.Literal() | ast.Integer():
                return True
            case ast.Reference(name=name):
                return name.text in self.parameters
            case ast.Unary(operand=operand):
                return self._configuration(operand)
            case ast.Binary(left=left, right=right):
                return self._configuration(left) and self._configuration(right)
        return False


_OF_ONE: tuple[Callable[[_Deriver, Site], Iterator[Derived]], ...] = (
    _Deriver.drop_release,
    _Deriver.swap_acquires,
    _Deriver.wait_for_try,
    _Deriver.try_for_wait,
    _Deriver.drop_recheck,
    _Deriver.drop_bump,
    _Deriver.move_out,
    _Deriver.negate_guard,
)
_SHARED = (ast.Variable, ast.Counter, ast.Lock, ast.Function, ast.Procedure)
_LONGEST = 60
"""Text in a name; more is in the report."""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3].rstrip()}..."


def _negated(condition: ast.Expr) -> ast.Expr:
    match condition:
        case ast.Unary("!", operand):
            return operand
    return ast.Unary("!", condition, span=condition.span)


def _looks_for_change(condition: ast.Expr) -> bool:
    match condition:
        case ast.Apply(name=name):
            return name.text == "changed"
        case ast.Unary(operand=operand):
            return _looks_for_change(operand)
        case ast.Binary(left=left, right=right):
            return _looks_for_change(left) or _looks_for_change(right)
    return False


def _can_move(statement: ast.Stmt | None) -> bool:
    """Conditions of the specification itself are no code, and jumps and locks are other kinds' business."""
    match statement:
        case ast.Let() | ast.Assign() | ast.Call() | ast.Atomic():
            return True
        case ast.If(condition=condition):
            return not isinstance(condition, ast.Try) and not locks_or_jumps(statement)
        case ast.For() | ast.While() | ast.Block():
            return not locks_or_jumps(statement)
    return False


def _lock_of(site: Site) -> ast.Expr | None:
    match site.statement:
        case ast.LockStatement(lock=lock) | ast.If(condition=ast.Try(lock=lock)):
            return lock
    return None


def _releases(site: Site) -> bool:
    return isinstance(site.statement, ast.LockStatement) and site.statement.action == "release"


def _pair(taken: Site, lock: ast.Expr) -> list[Site]:
    """The site and what gives the lock back before the block ends, or takes it again; none: nothing does."""
    own = [taken]
    for statement in taken.after():
        for site in sites(ast.Block((statement,), span=statement.span)):
            if _lock_of(site) != lock:
                continue
            if _takes(site):
                return []
            own.append(site)
        if _lock_of(Site.of(statement)) == lock and _releases(Site.of(statement)):
            return own
    return []


def _marker(statement: ast.Stmt) -> Span:
    match statement:
        case ast.If(condition=condition) | ast.While(condition=condition):
            return condition.span
    return statement.span
