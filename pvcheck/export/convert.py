"""An instance as a program that other checkers can run: same states, same steps, same properties."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from itertools import product

from pvcheck.export.body import EXCLUSIVE, SHARED, UPGRADE, Body
from pvcheck.export.frame import Frame
from pvcheck.export.program import (
    Assert,
    Block,
    Export,
    Number,
    Process,
    Routine,
    Set,
    Step,
    Way,
    When,
    targets,
)
from pvcheck.export.syntax import FALSE, TRUE, Dialect
from pvcheck.export.terms import Terms
from pvcheck.export.ways import Split, Splitter
from pvcheck.export.writing import Temporaries
from pvcheck.model.compile_model import judged
from pvcheck.model.encoding import Unsupported
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Invariant, Location, ThreadFamily
from pvcheck.model.semantics import Semantics


def convert(semantics: Semantics, properties: Collection[str], dialect: Dialect) -> Export:
    """The instance of these semantics as a program.

    Raises:
        Unsupported: it cannot be said in numbers of 31 bits, or a step waits in its middle.
    """
    return _Converter(semantics, properties, dialect).export()


class _Converter:
    def __init__(self, semantics: Semantics, properties: Collection[str], dialect: Dialect) -> None:
        if semantics.initial_fault is not None:
            raise Unsupported("an initial state that does not come about")
        self._semantics = semantics
        self._instance = semantics.instance
        self._layout = semantics.layout
        self._dialect = dialect
        self._syntax = dialect.syntax
        self._properties = properties
        self._frame = Frame(semantics, properties, dialect)
        self._temporaries = Temporaries()

    def export(self) -> Export:
        model = self._semantics.model
        processes = tuple(map(self._process, self._frame.families))
        routines = tuple(self._routines())
        shared = self._semantics.initial[0]
        temporaries = [f"t{n + 1}" for n in range(self._temporaries.most)]
        return Export(
            title=f"{model.name}, instance {self._instance.name}",
            threads=len(self._instance.threads),
            state=tuple(self._frame.arrays()),
            temporaries=(
                *temporaries,
                *(n for names in self._frame.locals.values() for n in names.values()),
            ),
            routines=routines,
            processes=processes,
            deadlock=DEADLOCK in self._properties,
            left_out=tuple(p.name for p in model.progress if p.name in self._properties),
            violated_first=tuple(
                name for name in self._frame.invariants if not self._semantics.holds(name, shared)
            ),
        )

    # Steps

    def _process(self, family: ThreadFamily) -> Process:
        threads = self._frame.threads(family)
        locals_ = [self._semantics.initial[1][t] for t in threads]
        starts = {local[0] for local in locals_}
        if len(starts) > 1:
            raise Unsupported(f"threads of {family.name} that start at different places")
        start = starts.pop()
        return Process(
            name=self._frame.names.new(family.name),
            first=threads[0],
            count=len(threads),
            start=start,
            registers=tuple(self._registers(family, start, [local[1:] for local in locals_])),
            steps=tuple(self._steps(family, start)),
        )

    def _steps(self, family: ThreadFamily, start: int) -> list[Step]:
        """Those that the instance can get to, as far as its sizes and parameters tell."""
        steps: dict[int, Step] = {}
        waiting = [start] if start >= 0 else []
        for number in waiting:
            if number not in steps:
                steps[number] = self._step(family, family.locations[number])
                waiting += [
                    t for way in steps[number].ways for t in targets(way.block) if t is not None
                ]
        return [steps[number] for number in sorted(steps)]

    def _registers(
        self, family: ThreadFamily, start: int, values: list[tuple[object, ...]]
    ) -> Iterator[Number]:
        """With what they hold at the start."""
        slots = self._layout.snapshot_slots[family.name]
        live = family.locations[start].live if start >= 0 else ()
        kept = [s for s in live if s not in slots]
        first = {
            self._frame.registers[family.name][slot].partition("[")[0]: tuple(
                self._frame.encoding.code(v[k], family.locals[slot].type) for v in values
            )
            for k, slot in enumerate(kept)
        }
        for name, (most, signed) in self._frame.banks[family.name].items():
            initial = first.get(name, (0,) * len(values))
            yield Number(name, most, initial, not self._dialect.own, signed)

    def _step(self, family: ThreadFamily, location: Location) -> Step:
        parameters = {s: f"{n}_" for s, n in self._frame.locals[family.name].items()}

        def before() -> Terms:
            terms = self._terms(family, None)
            terms.locals = partial(self._frame.before, terms, family)
            return terms

        splitter = Splitter(family, self._syntax, before, parameters.__getitem__)
        ways = [
            way
            for split in splitter.split(location.code)
            for way in (self._way(family, location, split),)
            if way is not None
        ]
        comment = f"{self._frame.where(location.span)} ({location.procedure}): {location.text}"
        return Step(location.number, comment, tuple(ways))

    def _way(self, family: ThreadFamily, location: Location, split: Split) -> Way | None:
        condition = self._syntax.all(split.conditions)
        if condition == FALSE:
            return None
        if split.fault is not None:
            place = self._frame.where(location.span)
            block: Block = [Assert(FALSE, split.fault, place)]
            return Way(split.parameters, condition, self._judged(block))
        block = []
        self._temporaries.used = 0
        Body(self._frame, family, self._terms(family, block), location).write(split.code)
        return Way(split.parameters, condition, self._judged(block))

    def _terms(self, family: ThreadFamily, block: Block | None) -> Terms:
        first = self._frame.threads(family)[0]
        return Terms(
            self._layout,
            self._syntax,
            self._frame.variables,
            me=self._dialect.me(first),
            element=self._dialect.element(first),
            block=block,
            temporaries=self._temporaries,
        )

    def _judged(self, block: Block) -> Block:
        """Without assertions of properties that are not asked for."""
        kept: Block = []
        for instruction in block:
            match instruction:
                case Assert(property=name) if name not in self._properties:
                    continue
                case When(cases=cases, otherwise=otherwise):
                    inner = tuple((c, self._judged(b)) for c, b in cases)
                    kept.append(When(inner, self._judged(otherwise)))
                case _:
                    kept.append(instruction)
        return kept

    # Routines

    def _routines(self) -> Iterator[Routine]:
        for invariant in self._semantics.model.invariants:
            if invariant.name in self._frame.invariants:
                yield self._invariant(invariant)
        if self._frame.ordered:
            yield self._lock_order()
        if self._frame.waiting:
            yield self._waiting()
            yield self._ended()

    def _outside(self, block: Block, me: str | None) -> Terms:
        self._temporaries.used = 0
        return Terms(
            self._layout,
            self._syntax,
            self._frame.variables,
            me=me,
            block=block,
            temporaries=self._temporaries,
        )

    def _invariant(self, invariant: Invariant) -> Routine:
        block: Block = []
        terms = self._outside(block, None)
        terms.blamed, terms.place = invariant.name, self._frame.where(invariant.span)
        binders = [b for _, b in invariant.binders]
        for values in product(*(terms.values(b.type) for b in binders)):
            for binder, value in zip(binders, values, strict=True):
                terms.bind(binder, value)
            condition = terms.condition(judged(invariant))
            if condition != TRUE:
                block.append(Assert(condition, invariant.name, terms.place))
        name = self._frame.invariants[invariant.name]
        return Routine(name, (), block, f"invariant {invariant.name}")

    def _lock_order(self) -> Routine:
        """The lock that a thread comes to want must come after all that it holds."""
        block: Block = []
        terms = self._outside(block, "who")
        cells = self._layout.lock_cells
        cases: list[tuple[str, Block]] = []
        for cell in range(cells):
            early = [h for h in range(cells) if h != cell]
            bad = [h for h in early if h not in self._semantics.may_precede[cell]]
            if bad:
                fine = self._syntax.negated(self._syntax.any(terms.holds(str(h)) for h in bad))
                wanted = [
                    self._syntax.same("wanted", str(cell + 1 + how * cells))
                    for how in self._ways_to_want()
                ]
                cases.append((self._syntax.any(wanted), [Assert(fine, LOCK_ORDER, "")]))
        if cases:
            block.append(When(tuple(cases), []))
        return Routine("lock_order", ("who", "wanted"), block, "the lock wanted comes too early")

    def _ways_to_want(self) -> tuple[int, ...]:
        shared = self._outside([], None).shared_locks
        return (EXCLUSIVE, SHARED, UPGRADE) if shared else (EXCLUSIVE,)

    def _waiting(self) -> Routine:
        """A thread that comes to wait must not wait for itself, or for one that has ended."""
        syntax, threads = self._syntax, range(len(self._instance.threads))
        block: Block = []
        terms = self._outside(block, "who")
        reach = terms.temporaries.name()
        block.append(Set(reach, "0"))
        for round_ in threads:
            for other in threads:
                reached = syntax.same("who", str(other))
                if round_:
                    reached = terms.bit(reach, str(other))
                inner: Block = []
                self._reached(inner, terms, reach, str(other))
                block.append(When(((reached, inner),), []))
        block.append(Assert(syntax.negated(terms.bit(reach, "who")), DEADLOCK, ""))
        for other in threads:
            gone = syntax.all([terms.bit(reach, str(other)), syntax.same(f"done[{other}]", "1")])
            block.append(Assert(syntax.negated(gone), DEADLOCK, ""))
        return Routine("waiting", ("who",), block, "waits for itself, or for one that has ended")

    def _reached(self, block: Block, terms: Terms, reach: str, other: str) -> None:
        """Add the threads that ``other`` waits for to those that are reached."""
        syntax = self._syntax
        for thread in range(len(self._instance.threads)):
            waits = self._waits_for(terms, other, str(thread))
            new = syntax.all([syntax.negated(terms.bit(reach, str(thread))), waits])
            if new != FALSE:
                more = syntax.sum(reach, str(1 << thread))
                block.append(When(((new, [Set(reach, more)]),), []))

    def _waits_for(self, terms: Terms, waiter: str, holder: str) -> str:
        """Whether a thread waits for a lock that another holds in its way."""
        syntax, cells = self._syntax, self._layout.lock_cells
        if waiter == holder:
            return FALSE
        found: list[str] = []
        threads = str(len(self._instance.threads))
        for how in self._ways_to_want():
            base = how * cells
            inside = [
                syntax.less(str(base), f"want[{waiter}]"),
                syntax.at_most(f"want[{waiter}]", str(base + cells)),
            ]
            cell = syntax.minus(f"want[{waiter}]", str(base + 1))
            mine, held = terms.holds(cell, waiter), terms.holds(cell, holder)
            lock = f"lock[{cell}]"
            if how == EXCLUSIVE:
                way = [held, syntax.negated(mine)]
            elif how == SHARED:
                way = [held, syntax.at_most(lock, threads), syntax.negated(mine)]
            else:
                way = [held, syntax.less(threads, lock), mine]
            found.append(syntax.all([*inside, *way]))
        return syntax.any(found)

    def _ended(self) -> Routine:
        """Nobody may wait for a thread that ends."""
        block: Block = []
        terms = self._outside(block, "who")
        block.append(Set("done[who]", "1"))
        for other in range(len(self._instance.threads)):
            waits = self._waits_for(terms, str(other), "who")
            if waits != FALSE:
                block.append(Assert(self._syntax.negated(waits), DEADLOCK, ""))
        return Routine("ended", ("who",), block, "somebody waits for a thread that ends")
