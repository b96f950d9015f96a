"""What all steps of an exported instance share: names, where locals are, what is judged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from pvcheck.export.codes import Codes, is_unbounded
from pvcheck.export.program import Number
from pvcheck.export.syntax import Dialect
from pvcheck.export.writing import Writing
from pvcheck.model.code import Assign, Bump, Lock, TryLock
from pvcheck.model.expr import LockTest, Read
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, ThreadFamily
from pvcheck.model.semantics import Semantics
from pvcheck.model.walk import nodes
from pvcheck.source import Span

WORDS = """
active alias and array as assert atomic begin bit bool boolean bool break by byte c_code c_decl c_expr
c_state c_track case chan clear const cover d_step d_step2 do elif else elsif empty enabled end endalias
enddo endexists endfor endforall endfunction endif endinvariant endprocedure endrecord endrule endruleset
endstartstate endswitch endwhile enum error eval exists false fi flush for forall from full function
get_priority goto hidden if import in init inline int invariant isundefined len liveness local ltl mtype
multiset nempty never nfull notrace np_ od of or pc_value pid print printf printm priority procedure
proctype provided put real record return rule ruleset run scalarset select set_priority short show skip
startstate switch then timeout to trace true type typedef undefine union unless unsigned until var while
xor xr xs lock want pc next who wanted waiting ended lock_order reach done thread number code
"""
"""What the languages, and the names that are always used, do not leave to others."""


class Names:
    """Gives names that mean something to readers, each once."""

    def __init__(self) -> None:
        self._used = set(WORDS.split())

    def new(self, wish: str) -> str:
        base = re.sub(r"[^A-Za-z0-9]+", "_", wish).strip("_") or "x"
        if not base[0].isalpha() or re.fullmatch(r"t\d+|[A-Z]\w*", base):
            base = f"x_{base}"
        name, n = base[:60], 1
        while name in self._used:
            n += 1
            name = f"{base[:60]}_{n}"
        self._used.add(name)
        return name


class Frame:
    """The names and numbers of an instance's export."""

    def __init__(self, semantics: Semantics, properties: Collection[str], dialect: Dialect) -> None:
        self.semantics = semantics
        self.model = semantics.model
        self.layout = semantics.layout
        self.encoding = Codes(semantics.layout)
        self.properties = properties
        self.waiting = DEADLOCK in properties
        """Whether cycles of threads that wait are looked for."""
        self.ordered = LOCK_ORDER in properties
        self.names = Names()
        self.variables = {v.name: self.names.new(v.name) for v in self.model.variables}
        self.invariants = {
            i.name: self.names.new(f"holds {i.name}")
            for i in self.model.invariants
            if i.name in properties
        }
        """Routines that judge them."""
        self._reads = {
            i.name: set(_touched((i.window, i.condition))) for i in self.model.invariants
        }
        self.registers: dict[str, dict[int, str]] = {}
        """Per family: where its locals are between steps; snapshots excepted."""
        self.banks: dict[str, dict[str, tuple[int, bool]]] = {}
        """Per family: the names of registers, the greatest numbers in them, whether they may be negative."""
        self.snapshots: dict[str, dict[int, str]] = {}
        """Per family: where the stepping thread's are."""
        self.locals: dict[str, dict[int, str]] = {}
        """Per family: names of the locals inside steps."""
        for family in self.families:
            self._family(family, dialect.element(self.threads(family)[0]), dialect.own)

    @property
    def families(self) -> list[ThreadFamily]:
        """Those that have threads."""
        return list(dict.fromkeys(family for family, _ in self.layout.instance.threads))

    def _family(self, family: ThreadFamily, element: str, own: bool) -> None:
        slots = self.layout.snapshot_slots[family.name]
        self.snapshots[family.name] = {
            slot: f"{self.names.new('seen ' + family.locals[slot].name)}[{element}]"
            for slot in slots
        }
        self.locals[family.name] = {
            slot: self.names.new(local.name.removesuffix("()"))
            for slot, local in enumerate(family.locals)
            if slot not in slots
        }
        self.registers[family.name] = {}
        self.banks[family.name] = {}
        for together in _shared(family, self._live(family), self.encoding.width):
            base = family.locals[together[0]].name.rpartition(".")[2]
            name = self.names.new(f"{base} kept")
            most = max(self.encoding.top(family.locals[s].type) for s in together)
            signed = is_unbounded(family.locals[together[0]].type)
            self.banks[family.name][name] = most, signed
            for slot in together:
                self.registers[family.name][slot] = name if own else f"{name}[{element}]"

    def _live(self, family: ThreadFamily) -> list[list[int]]:
        slots = self.layout.snapshot_slots[family.name]
        return [
            [s for s in family.locations[n].live if s not in slots]
            for n in self.semantics.locations(family)
        ]

    def threads(self, family: ThreadFamily) -> list[int]:
        """The numbers of its threads."""
        return [n for n, (f, _) in enumerate(self.layout.instance.threads) if f is family]

    def before(self, terms: Writing, family: ThreadFamily, slot: int) -> str:
        """What a local of the stepping thread holds before the step."""
        code = self.snapshots[family.name].get(slot)
        if code is None:
            code = self.registers[family.name].get(slot, "0")
        return terms.from_code(code, family.locals[slot].type)

    def counted(self, counter: str) -> list[str]:
        """All threads' snapshots of a counter."""
        found: list[str] = []
        for family, slots in self.snapshots.items():
            elements = [e or 0 for f, e in self.layout.instance.threads if f.name == family]
            types = {f.name: f for f in self.model.threads}[family].locals
            for slot, text in slots.items():
                if getattr(types[slot].type, "counter", None) == counter:
                    name = text.partition("[")[0]
                    found += [f"{name}[{e}]" for e in elements]
        return found

    def arrays(self) -> list[Number]:
        """The shared part, with the numbers it begins with."""
        shared = self.semantics.initial[0]
        lock_top = max(
            (self.encoding.lock_top(c.kind == "rw") for c in self.layout.locks.values()), default=0
        )
        locks = tuple(self.encoding.lock_code(c) for c in shared[: self.layout.lock_cells])
        found = [Number("lock", lock_top, locks)] if locks else []
        for variable in self.model.variables:
            if variable.counter:
                continue
            block = self.layout.blocks[variable.name]
            values = shared[block.start : block.start + block.cells]
            codes = tuple(self.encoding.code(v, variable.type) for v in values)
            self.encoding.width(variable.type)
            top = self.encoding.top(variable.type)
            array = bool(variable.binders)
            signed = is_unbounded(variable.type)
            found.append(Number(self.variables[variable.name], top, codes, array, signed))
        for family in self.families:
            threads = self.threads(family)
            for offset, (slot, text) in enumerate(self.snapshots[family.name].items()):
                cells = [self.layout.snapshot_start[t] + offset for t in threads]
                type_ = family.locals[slot].type
                codes = tuple(self.encoding.code(shared[c], type_) for c in cells)
                found.append(Number(text.partition("[")[0], self.encoding.top(type_), codes))
        if self.waiting:
            nobody = (0,) * len(self.layout.instance.threads)
            found.append(Number("want", 3 * self.layout.lock_cells, nobody))
            found.append(Number("done", 1, nobody))
        return found

    def checks(self, code: object) -> tuple[str, ...]:
        """The routines of the invariants that code may violate."""
        touched = set(_written(code))
        return tuple(
            routine for name, routine in self.invariants.items() if self._reads[name] & touched
        )

    def where(self, span: Span) -> str:
        return self.model.where(span)


def _touched(root: object) -> Iterable[str]:
    for node in nodes(root):
        match node:
            case Read(variable=variable):
                yield variable
            case LockTest(lock=lock):
                yield f"lock {lock.lock}"


def _written(code: object) -> Iterable[str]:
    for node in nodes(code):
        match node:
            case Assign(place=place) if place.variable is not None:
                yield place.variable
            case Bump(counter=counter):
                yield counter
            case Lock(lock=lock) | TryLock(lock=lock):
                yield f"lock {lock.lock}"


def _shared(family: ThreadFamily, live: list[list[int]], bits: object) -> list[list[int]]:
    """Locals that are never live at once may share a register, if they are as wide."""
    assert callable(bits), "gives the width of a type"
    together: dict[int, set[int]] = {}
    for slots in live:
        for slot in slots:
            together.setdefault(slot, set()).update(slots)
    groups: list[tuple[tuple[int, bool], list[int]]] = []
    for slot in sorted(together, key=lambda s: (-len(together[s]), s)):
        type_ = family.locals[slot].type
        width = bits(type_), is_unbounded(type_)
        for wide, group in groups:
            if wide == width and not together[slot] & set(group):
                group.append(slot)
                break
        else:
            groups.append((width, [slot]))
    return [group for _, group in groups]
