"""An instance as C: its steps, guards, invariants and tables, around the fixed search core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pvcheck.engines.native.expressions import Expressions
from pvcheck.engines.native.generated import Generated
from pvcheck.engines.native.renamings import Renamings
from pvcheck.engines.native.state import StateLayout
from pvcheck.engines.native.steps import Items, Steps
from pvcheck.engines.native.text import comment, table
from pvcheck.engines.native.values import wide
from pvcheck.model.code import Lock, Mode
from pvcheck.model.compile_model import judged, premise
from pvcheck.model.compiled import first_of, may_wait
from pvcheck.model.encoding import Unsupported
from pvcheck.model.expr import TRUE, Bound, Domain, Expr
from pvcheck.model.model import Guard, Location, Variable
from pvcheck.model.reduction import Reduction
from pvcheck.model.semantics import Semantics
from pvcheck.model.transactions import MOST_STEPS, Kind, Mover

MOST_ITEMS = 60_000
MOST_LOCATIONS = 60_000
MOST_CELLS = 60_000
"""As numbers of cells, words and locations have 16 bits in the tables."""


def generate(semantics: Semantics, reduction: Reduction) -> Generated:
    """The C of the instance, with what it takes to reduce the search.

    Raises:
        Unsupported: it cannot be done in C of this kind.
    """
    return _Generator(semantics, reduction).generated()


class _Generator:
    def __init__(self, semantics: Semantics, reduction: Reduction) -> None:
        self.semantics = semantics
        self.group = reduction.group
        self.movers = reduction.movers
        self.instance = semantics.instance
        self.model = semantics.model
        self.layout = semantics.layout
        self.state = StateLayout(self.layout)
        self.items = Items()
        self.bases: dict[str, int] = {}
        """Per family, the number of its first step in the table of steps."""
        if self.layout.lock_cells > 128:
            raise Unsupported(f"{self.layout.lock_cells} locks")
        if sum(len(f.locations) for f in self.model.threads) > MOST_LOCATIONS:
            raise Unsupported("so many locations")
        if len(self.state.cells) > MOST_CELLS:
            raise Unsupported("so many elements of variables")

    def generated(self) -> Generated:
        functions, steps = self._steps()
        guards = self._guards()
        invariants = self._invariants()
        edges, edge_table = self._edges()
        if len(self.items.all) > MOST_ITEMS:
            raise Unsupported("so many statements")
        classes = tuple(self.layout.locks)
        header = [
            f"/* {comment(self.model.name)}, instance {comment(self.instance.name)} */",
            self._sizes(len(edges), len(classes)),
            self._cells(),
            '#include "values.h"',
            self._holders(),
            self._code_tables(),
            guards,
        ]
        main = [
            invariants,
            Renamings(self.state, self.group).text() if self.group else "#define RENAMINGS 1",
            self._tables(steps),
            self._transactions(),
            edge_table,
            self._first(),
            '#include "search.c"\n',
        ]
        return Generated(
            header="\n\n".join(part for part in header if part),
            steps=tuple(functions),
            main="\n\n".join(part for part in main if part),
            items=tuple(self.items.all),
            edges=edges,
            classes=classes,
            invariants=tuple(i.name for i in self.model.invariants),
        )

    # Parts of the text

    def _sizes(self, edges: int, classes: int) -> str:
        lock_words = {p.word for p in self.state.cells[: self.layout.lock_cells]}
        numbers = {
            "WORDS": self.state.words,
            "LOCAL_WORDS": self.state.local_words,
            "THREADS": len(self.instance.threads),
            "CELLS": len(self.state.cells),
            "LOCK_CELLS": self.layout.lock_cells,
            "LOCK_WORDS": len(lock_words) if lock_words <= {0} else 2,
            "ITEMS": len(self.items.all) + 1,
            "EDGES": edges,
            "CLASSES": classes,
            "INVARIANTS": len(self.model.invariants),
        }
        mask = sum(
            (1 << p.width) - 1 << p.shift
            for p in self.state.cells[: self.layout.lock_cells]
            if p.word == 0
        )
        lines = [f"#define {name} {number}" for name, number in numbers.items()]
        return "\n".join([*lines, f"#define LOCK_MASK {mask:#x}ULL", "#include <stdint.h>"])

    def _cells(self) -> str:
        cells = self.state.cells
        masks = [(1 << p.width) - 1 if p.width <= 64 else 0 for p in cells]
        return "\n".join(
            [
                table("uint16_t", "CELL_WORD", (p.word for p in cells)),
                table("uint8_t", "CELL_SHIFT", (p.shift for p in cells)),
                table("uint64_t", "CELL_MASK", masks),
            ]
        )

    def _holders(self) -> str:
        """What ``holder(L)`` is: from the code of a lock cell to that of an optional element."""
        tables = []
        for number, sort in enumerate(self.model.sorts):
            codes = [0] * (len(self.instance.threads) + 1)
            for thread, (family, element) in enumerate(self.instance.threads):
                if family.sort == sort.type:
                    assert element is not None, "threads of a sort are its elements"
                    codes[thread + 1] = element + 1
            if not any(codes):
                continue
            tables.append(table("u8", f"HOLDERS_{number}", codes))
            tables.append(
                f"static inline u64 holder_{number}(u64 cell)\n"
                f"{{\n    return cell <= THREADS ? HOLDERS_{number}[cell] : 0;\n}}"
            )
        return "\n".join(tables)

    def _code_tables(self) -> str:
        return "\n".join(
            table(
                "u64" if self.state.encoding.width(type_) <= 64 else "u128",
                name,
                self.state.encoding.all(type_),
            )
            for type_, name in self.state.tables.items()
        )

    def _first(self) -> str:
        shared, locals_ = self.semantics.initial
        rows = [self.state.local_row(thread, local) for thread, local in enumerate(locals_)]
        return "\n".join(
            [
                table("u64", "FIRST_SHARED", self.state.shared_row(shared), "[WORDS]"),
                "static const u64 FIRST_LOCAL[THREADS][LOCAL_WORDS] = {"
                + ", ".join("{" + ", ".join(map(wide, row)) + "}" for row in rows)
                + "};",
            ]
        )

    # Steps

    def _steps(self) -> tuple[list[str], list[str]]:
        """The functions, and per location the name of the step (or ``0``)."""
        functions: list[str] = []
        names: list[str] = []
        for number, family in enumerate(self.model.threads):
            self.bases[family.name] = len(names)
            steps = ["0"] * len(family.locations)
            for n in self.semantics.locations(family):
                location, steps[n] = family.locations[n], f"step_{number}_{n}"
                written = Steps(self.state, family, self.items)
                text = written.step(steps[n], location.live, location.code)
                functions.append(f"/* {self._where(location)} */\n{text}")
            names += steps
        return functions, names

    def _where(self, location: Location) -> str:
        place = self.model.where(location.span)
        return comment(f"{place} ({location.procedure}): {location.text}")

    def _tables(self, steps: Sequence[str]) -> str:
        threads = self.instance.threads
        return "\n".join(
            [
                "typedef int Step(X *x);",
                *(f"Step {name};" for name in steps if name != "0"),
                table("Step *", "STEPS", steps),
                table("int", "THREAD_STEP", (self.bases[f.name] for f, _ in threads)),
                table("u64", "THREAD_ELEMENT", (element or 0 for _, element in threads)),
                table("int", "THREAD_SNAPSHOTS", self.layout.snapshot_start),
            ]
        )

    def _transactions(self) -> str:
        """How each step moves; without transactions all stop."""
        classes = list(self.layout.locks)

        def number(class_: str | None) -> int:
            return 0 if class_ is None else 1 + classes.index(class_)

        stop = Mover(Kind.STOP, True)
        moving = [
            stop if self.movers is None else self.movers[family.name][location.number]
            for family in self.model.threads
            for location in family.locations
        ]
        first = [
            first_of(location.code)
            for family in self.model.threads
            for location in family.locations
        ]
        waits = (isinstance(i, Lock) and may_wait(i) for i in first)
        shared = (isinstance(i, Lock) and i.mode is Mode.SHARED for i in first)
        return "\n".join(
            [
                f"enum {{ {', '.join(f'{kind.name} = {kind.value}' for kind in Kind)} }};",
                f"#define MOST_STEPS {MOST_STEPS}",
                table("u8", "STEP_KIND", (mover.kind for mover in moving)),
                table("u8", "STEP_COMMITS", (mover.commits for mover in moving)),
                table("u16", "STEP_TAKES", (number(mover.takes) for mover in moving)),
                table("u16", "STEP_RELEASES", (number(mover.releases) for mover in moving)),
                table("u8", "STEP_WAITS", waits),
                table("u8", "STEP_SHARES", shared),
            ]
        )

    # Guards

    def _guards(self) -> str:
        return "\n\n".join(
            self._guard(number, variable, variable.guard)
            for number, variable in enumerate(self.layout.variables.values())
            if variable.guard is not None
        )

    def _guard(self, number: int, variable: Variable, guard: Guard) -> str:
        known = self.semantics.guards.tables.get(number)
        if known is not None and all(len(cells) == 1 for cells in known):
            locks = table("u16", f"GUARD_{number}", (cells[0] for cells in known))
            return locks + _CHECKS_OF_ONE.format(number=number)
        if known is not None:
            sets = (sum(1 << cell for cell in set(cells)) for cells in known)
            locks = table("lockset", f"GUARDS_{number}", sets)
            function = (
                f"\nstatic lockset guard_{number}(X *x, u64 position)\n"
                f"{{\n    (void)x;\n    return GUARDS_{number}[position];\n}}\n"
            )
            return locks + function + _CHECKS_OF_MANY.format(number=number)
        return self._computed(number, variable, guard) + _CHECKS_OF_MANY.format(number=number)

    def _computed(self, number: int, variable: Variable, guard: Guard) -> str:
        """The guard of an element where it depends on the state."""
        written = Expressions(self.state, inside_step=False)
        block = self.layout.blocks[variable.name]
        lines = ["    lockset set = 0;"]
        for binder, size in reversed(list(zip(variable.binders, block.sizes, strict=True))):
            lines.append(f"    u64 b{binder.number} = position % {size};")
            lines.append(f"    position /= {size};\n    (void)b{binder.number};")
        for lock in guard.locks:
            if lock.binder is None:
                lines.append(f"    set |= (lockset)1 << ({written.lock_cell(lock.lock)});")
                continue
            loop = written.loop(
                f"b{lock.binder.number}", lock.binder.type, Domain(lock.binder.type)
            )
            where = written.expr(lock.where or TRUE)
            cell = written.lock_cell(lock.lock)
            lines.append(f"    {loop.begin}if ({where}) set |= (lockset)1 << ({cell}); {loop.end}")
        lines.append("    if (x->late) x->broken = 1;")
        body = "\n".join([*lines, "    return set;"])
        return f"static lockset guard_{number}(X *x, u64 position)\n{{\n{body}\n}}\n"

    # Invariants

    def _invariants(self) -> str:
        texts: list[str] = []
        masks: list[list[int]] = []
        for number, invariant in enumerate(self.model.invariants):
            binders = [binder for _, binder in invariant.binders]
            texts.append(f"/* {comment(invariant.name)} */")
            texts.append(self._property(f"holds_{number}", binders, judged(invariant), every=True))
            texts.append(
                self._property(f"opens_{number}", binders, premise(invariant), every=False)
            )
            masks.append(self._mask(self.semantics.cells_of(invariant.name)))
        names = range(len(masks))
        rows = ", ".join("{" + ", ".join(map(wide, row)) + "}" for row in masks) or "{0}"
        texts += [
            "typedef int Property(X *x);",
            table("Property *", "INVARIANT_HOLDS", [f"holds_{n}" for n in names]),
            table("Property *", "INVARIANT_OPENS", [f"opens_{n}" for n in names]),
            "/* The bits that an invariant depends on. */",
            f"static const u64 INVARIANT_MASK[][WORDS] = {{{rows}}};",
        ]
        return "\n".join(texts)

    def _property(self, name: str, binders: Sequence[Bound], body: Expr, *, every: bool) -> str:
        """Whether the body holds for every or for some binding; not, where that cannot be said."""
        written = Expressions(self.state, inside_step=False)
        lines: list[str] = []
        ends: list[str] = []
        for binder in binders:
            loop = written.loop(f"b{binder.number}", binder.type, Domain(binder.type))
            lines.append(f"    {loop.begin}")
            ends.append(f"    {loop.end}")
        code = written.expr(body)
        if every:
            lines.append(f"        if (!({code}) || x->fault) return 0;")
        else:
            lines.append(f"        if (({code}) || x->fault) return !x->fault;")
        lines += reversed(ends)
        result = "\n".join([*lines, f"    return {int(every)};"])
        return f"static int {name}(X *x)\n{{\n    (void)x;\n{result}\n}}\n"

    def _mask(self, cells: Iterable[int]) -> list[int]:
        row = [0] * self.state.words
        for cell in cells:
            place = self.state.cells[cell]
            if place.width > 64:
                row[place.word] = row[place.word + 1] = (1 << 64) - 1
            else:
                row[place.word] |= (1 << place.width) - 1 << place.shift
        return row

    # Lock order

    def _edges(self) -> tuple[tuple[tuple[str, str, str], ...], str]:
        edges: dict[tuple[str, str, str], int] = {}
        numbers: list[int] = []
        for before, held in self.layout.lock_of:
            for after, taken in self.layout.lock_of:
                direction = ""
                if before == after:
                    direction = "ascending" if held < taken else "descending"
                numbers.append(edges.setdefault((before, after, direction), len(edges)))
        precede = [sum(1 << cell for cell in cells) for cells in self.semantics.may_precede]
        classes = list(self.layout.locks)
        text = "\n".join(
            [
                table("lockset", "MAY_PRECEDE", precede),
                table("u16", "LOCK_EDGE", numbers),
                table("u16", "CLASS_OF", (classes.index(c) for c, _ in self.layout.lock_of)),
            ]
        )
        return tuple(edges), text


_CHECKS_OF_ONE = """
static inline u64 may_read_{number}(X *x, u64 position)
{{
    u64 cell = GET(x->w, GUARD_{number}[position]);
    return cell && holds(cell, x->thread) ? position : fault_0(x, RACE);
}}
static inline int may_write_{number}(X *x, u64 position)
{{
    return GET(x->w, GUARD_{number}[position]) == (u64)x->thread + 1 || fault_0(x, RACE);
}}"""
_CHECKS_OF_MANY = """
static inline u64 may_read_{number}(X *x, u64 position)
{{
    return guard_{number}(x, position) & held(x) ? position : fault_0(x, RACE);
}}
static inline int may_write_{number}(X *x, u64 position)
{{
    lockset set = guard_{number}(x, position);
    for (int cell = 0; cell < LOCK_CELLS; ++cell)
        if (set >> cell & 1 && GET(x->w, cell) != (u64)x->thread + 1)
            fault(x, RACE);
    return !x->fault;
}}"""
