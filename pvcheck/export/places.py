"""Places in the shared part, and who may use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pvcheck.export.domains import Domains
from pvcheck.export.syntax import FALSE, TRUE
from pvcheck.model.expr import TRUE as HOLDS
from pvcheck.model.expr import Ask, Expr, LockRef, LockTest
from pvcheck.model.layout import Block as Cells
from pvcheck.model.model import Fault
from pvcheck.model.ranges import within_range
from pvcheck.model.types import ArrayOf, Bool, Enum, Optional, Sort, Struct, Type


class Places(Domains):
    """Writes elements of variables and locks, with the checks that they need."""

    @contextmanager
    def granted(self, variable: str, indices: tuple[Expr, ...]) -> Iterator[None]:
        """Within, this element's guard is known to be held for writing."""
        self._granted = variable, indices
        yield
        self._granted = None

    def cell(self, variable: str, position: str) -> str:
        """An element of a variable."""
        name = self.names[variable]
        return f"{name}[{position}]" if self.layout.variables[variable].binders else name

    def index(self, index: Expr, type_: Type) -> str:
        size, number = self.encoding.size(type_), self.number(index)
        if isinstance(index.type, Sort | Enum | Bool) or within_range(
            self.ranges.of(index), 0, size - 1
        ):
            return number
        number = self.once(number)
        inside = [self.syntax.at_most("0", number), self.syntax.less(number, str(size))]
        self.doubt(Fault.BOUNDS, self.syntax.all(inside))
        return number

    def position(self, cells: Cells, indices: tuple[Expr, ...]) -> str:
        """The row-major position of an element."""
        position = "0"
        for index, type_, size in zip(indices, cells.indices, cells.sizes, strict=True):
            position = self.syntax.sum(
                self.syntax.times(position, str(size)), self.index(index, type_)
            )
        return position

    def lock_cell(self, lock: LockRef) -> str:
        cells = self.layout.lock_blocks[lock.lock]
        return self.syntax.sum(self.position(cells, lock.indices), str(cells.start))

    def may_read(self, variable: str, indices: tuple[Expr, ...]) -> str:
        """The position; in a step the thread must hold a guarding lock."""
        position = self.position(self.layout.blocks[variable], indices)
        guard = self.layout.variables[variable].guard
        if self.me is None or guard is None or (variable, indices) == self._granted:
            return position
        position = self.once(position)
        self.doubt(
            Fault.RACE,
            self.syntax.any(
                self.syntax.all([where, self.holds(cell)])
                for where, cell in self._guards(variable, position)
            ),
        )
        return position

    def may_write(self, variable: str, position: str) -> None:
        """The thread must hold all guarding locks exclusively."""
        if self.layout.variables[variable].guard is None:
            return
        syntax = self.syntax
        self.doubt(
            Fault.RACE,
            syntax.all(
                syntax.any([syntax.negated(where), syntax.same(f"lock[{cell}]", self.one_more())])
                for where, cell in self._guards(variable, position)
            ),
        )

    def one_more(self) -> str:
        """What a lock holds that the stepping thread holds exclusively."""
        assert self.me is not None, "asked in steps"
        return self.syntax.sum(self.me, "1")

    def _guards(self, variable: str, position: str) -> list[tuple[str, str]]:
        """The locks that guard an element, each with the condition under which it does."""
        declared = self.layout.variables[variable]
        assert declared.guard is not None, "asked of what is guarded"
        cells = self.layout.blocks[variable]
        stride = cells.cells
        for binder, size in zip(declared.binders, cells.sizes, strict=True):
            stride //= size
            digit = self.syntax.divided(position, str(stride))
            if stride * size < cells.cells:
                digit = self.syntax.remainder(digit, str(size))
            self._bound[binder.number] = digit
        found: list[tuple[str, str]] = []
        me, self.me = self.me, None
        for lock in declared.guard.locks:
            if lock.binder is None:
                found.append((TRUE, self.lock_cell(lock.lock)))
                continue
            for value in self.values(lock.binder.type):
                self._bound[lock.binder.number] = value
                where = self.condition(lock.where or HOLDS)
                with self.under(where):
                    found.append((where, self.lock_cell(lock.lock)))
        self.me = me
        return found

    # Locks

    def holds(self, cell: str, thread: str | None = None) -> str:
        """Whether the thread (by default the stepping one) holds the lock."""
        syntax, thread = self.syntax, thread or self.me
        if thread is None:
            return FALSE
        lock = f"lock[{cell}]"
        alone = syntax.same(lock, syntax.sum(thread, "1"))
        if not self.shared_locks:
            return alone
        threads = str(len(self.instance.threads))
        shares = self.bit(syntax.minus(lock, threads), thread)
        return syntax.any([alone, syntax.all([syntax.less(threads, lock), shares])])

    def shares(self, cell: str) -> str:
        """Whether the stepping thread holds the lock, and not exclusively."""
        assert self.me is not None, "asked in steps"
        if not self.shared_locks:
            return FALSE
        threads, lock = str(len(self.instance.threads)), f"lock[{cell}]"
        bit = self.bit(self.syntax.minus(lock, threads), self.me)
        return self.syntax.all([self.syntax.less(threads, lock), bit])

    def shared_by_me(self) -> str:
        """What a lock holds that only the stepping thread holds, not exclusively."""
        assert self.me is not None, "asked in steps"
        threads = str(len(self.instance.threads))
        return self.syntax.sum(self.syntax.left("1", self.me), threads)

    @property
    def shared_locks(self) -> bool:
        """Whether some lock can be held by several."""
        return any(lock.kind == "rw" for lock in self.layout.locks.values())

    def held(self) -> str:
        """The locks that the stepping thread holds, as bits."""
        return self.syntax.sum(
            *(
                self.syntax.chosen(self.holds(str(cell)), str(1 << cell), "0")
                for cell in range(self.layout.lock_cells)
            )
        )

    def lock_test(self, test: LockTest) -> str:
        cell = self.lock_cell(test.lock)
        if test.ask is Ask.HELD:
            return self.holds(self.once(cell))
        assert test.ask is Ask.FREE, "a holder is no condition"
        return self.syntax.same(f"lock[{cell}]", "0")

    def holder(self, test: LockTest) -> str:
        sort = test.type.of if isinstance(test.type, Optional) else test.type
        lock, result = self.once(f"lock[{self.lock_cell(test.lock)}]"), "0"
        for number, (family, element) in enumerate(self.instance.threads):
            if family.sort == sort and element is not None:
                held = self.syntax.same(lock, str(number + 1))
                result = self.syntax.chosen(held, str(element + 1), result)
        return result

    # Structs and arrays

    def field(self, struct: str, type_: Struct, position: int) -> str:
        of = type_.fields[position][1]
        shifted = self.syntax.right(struct, str(self.encoding.field(type_, position)))
        if position:
            shifted = self.syntax.low_bits(shifted, self.encoding.width(of))
        return self.from_code(shifted, of)

    def shift_of(self, array: ArrayOf, index: Expr) -> str:
        """How far the code of an element is shifted."""
        last = str(self.encoding.size(array.index) - 1)
        distance = self.syntax.minus(last, self.index(index, array.index))
        return self.syntax.times(distance, str(self.encoding.width(array.of)))
