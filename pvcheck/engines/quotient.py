"""Packed states up to symmetry: each has one representative, found by adding up table entries.

The representative's shared part is the one of its orbit that was numbered first. So for each shared
part it is known which renamings lead there (several, if the part is symmetric in itself), and for
each of them what becomes of a local part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pvcheck.model.semantics import Local, Shared
from pvcheck.model.symmetry import Group, Renaming

Packed = int


class _Moved(dict[int, Packed]):
    """What a thread's local part, by number, adds to a packed state after a renaming."""

    def __init__(self, compute: Callable[[int], Packed]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, local: int) -> Packed:
        self[local] = self._compute(local)
        return self[local]


_Ways = tuple[tuple[int, tuple[_Moved, ...]], ...]
"""The renamings that take a shared part to its representative: its number, and a table per thread."""


class Quotient:
    def __init__(
        self,
        group: Group,
        shifts: Sequence[int],
        masks: tuple[int, int],
        local: Callable[[int], Local],
        number: Callable[[Local], int],
    ) -> None:
        """``shifts``: of each thread's local part in a state; ``masks``: of a shared and a local part;
        ``local``, ``number``: from numbers to local parts and back."""
        self._group = group
        self._shifts = tuple(shifts)
        self._shared_mask, self._local_mask = masks
        self._local = local
        self._number = number
        self._tables = [
            tuple(self._table(renaming, thread) for thread in range(len(shifts)))
            for renaming in group.renamings
        ]
        self._ways: dict[int, _Ways] = {}
        """Without those shared parts that are their own representatives by the identity alone."""

    def members(self, shared: Shared, number: int, number_of: Callable[[Shared], int]) -> None:
        """Make ``shared`` the representative of its orbit, whose members are numbered by ``number_of``."""
        members: dict[Shared, list[int]] = {}
        for renaming, undone in zip(self._group.renamings, self._group.inverse, strict=True):
            members.setdefault(renaming.shared(shared), []).append(undone)
        for member, back in members.items():
            if member != shared or len(back) > 1:
                ways = tuple((number, self._tables[r]) for r in back)
                self._ways[number_of(member)] = ways

    def representative(self, state: Packed) -> Packed:
        """The same for all states that are symmetric to each other; one of them."""
        ways = self._ways.get(state & self._shared_mask)
        if ways is None:
            return state
        mask = self._local_mask
        locals_ = [state >> shift & mask for shift in self._shifts]
        least = -1
        for shared, tables in ways:
            found = shared
            for table, local in zip(tables, locals_, strict=True):
                found += table[local]
            if found < least or least < 0:
                least = found
        return least

    def forget(self) -> None:
        """Give the memory of the tables back."""
        for tables in self._tables:
            for table in tables:
                table.clear()

    def _table(self, renaming: Renaming, thread: int) -> _Moved:
        shift = self._shifts[renaming.threads[thread]]
        return _Moved(
            lambda local: self._number(renaming.local(thread, self._local(local))) << shift
        )
