"""Renaming the elements of sorts: what it does to states, and states that differ only by names.

Data and pure functions, for every engine. Whether a renaming is a symmetry of an instance is not
decided here (see ``pvcheck.reduce.symmetry``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import permutations, product
from typing import Any, assert_never

from pvcheck.model.layout import Block, Layout
from pvcheck.model.semantics import Local, Shared, State
from pvcheck.model.types import (
    ArrayOf,
    Bool,
    Enum,
    Int,
    ListOf,
    LockSet,
    Optional,
    SetOf,
    Snapshot,
    Sort,
    Struct,
    Type,
)

Permutation = tuple[int, ...]
"""Where each element goes. Shape: one entry per element, each of 0..n-1 once."""
Change = Callable[[Any], Any]
"""From a value to what it is called after a renaming."""


class _Remembered(dict[Any, Any]):
    """Values with what becomes of them; each is computed once."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, value: Any) -> Any:
        self[value] = self._change(value)
        return self[value]


class Renaming:
    """One permutation per sort, with all that follows for the parts of a state."""

    def __init__(self, layout: Layout, elements: Mapping[str, Permutation]) -> None:
        self.elements = dict(elements)
        """By the name of the sort; the elements of other sorts stay."""
        self._layout = layout
        threads = layout.instance.threads
        number = {(family.name, element): t for t, (family, element) in enumerate(threads)}
        self.threads: Permutation = tuple(
            number[family.name, None if element is None else self._element(family.sort, element)]
            for family, element in threads
        )
        """Where each thread goes."""
        self.cells: Permutation = tuple(self._cells())
        """Where each cell of the shared part goes; of lock cells, to lock cells."""
        self._changes: dict[Type, Change | None] = {}
        self._local: list[dict[int, tuple[Change | None, ...] | None]] = [{} for _ in threads]

    @cached_property
    def is_identity(self) -> bool:
        return not any(map(_moves, self.elements.values()))

    def state(self, state: State) -> State:
        shared, locals_ = state
        renamed = sorted(
            (target, self.local(thread, local))
            for (thread, local), target in zip(enumerate(locals_), self.threads, strict=True)
        )
        return self.shared(shared), tuple(local for _, local in renamed)

    def shared(self, shared: Shared) -> Shared:
        if self.is_identity:
            return shared
        renamed = [shared[source] for source in self._sources]
        for cell, change in self._cell_changes:
            renamed[cell] = change[renamed[cell]]
        return tuple(renamed)

    def local(self, thread: int, local: Local) -> Local:
        """The local part that thread ``threads[thread]`` has then."""
        changes = self._local[thread].get(local[0], ())
        if changes == ():
            changes = self._local[thread][local[0]] = self._local_changes(thread, local[0])
        if changes is None:
            return local
        values = zip(changes, local[1:], strict=True)
        return (local[0], *(v if change is None else change(v) for change, v in values))

    def change(self, type_: Type) -> Change | None:
        """What becomes of the values of a type; ``None``: they stay."""
        if type_ not in self._changes:
            self._changes[type_] = self._change(type_)
        return self._changes[type_]

    @cached_property
    def lock_change(self) -> Change | None:
        """What becomes of a lock's cell; ``None``: it stays."""
        return self._lock if _moves(self.threads) else None

    def _lock(self, value: int) -> int:
        if value >= 0:
            return self.threads[value - 1] + 1 if value else 0
        return -sum(1 << target for t, target in enumerate(self.threads) if -value >> t & 1)

    def positions(self, block: Block) -> Permutation:
        """Where each element of a variable, counter or lock class goes, by row-major position."""
        positions = [0]
        for type_, size in zip(block.indices, block.sizes, strict=True):
            targets = [self._element(type_, index) for index in range(size)]
            positions = [before * size + target for before in positions for target in targets]
        return tuple(positions)

    def _element(self, type_: Type | None, element: int) -> int:
        moved = self.elements.get(type_.name) if isinstance(type_, Sort) else None
        return element if moved is None else moved[element]

    def _cells(self) -> Iterator[int]:
        layout = self._layout
        variables = [b for n, b in layout.blocks.items() if not layout.variables[n].counter]
        for block in (*layout.lock_blocks.values(), *variables):
            yield from (block.start + position for position in self.positions(block))
        for (family, _), target in zip(layout.instance.threads, self.threads, strict=True):
            start = layout.snapshot_start[target]
            yield from range(start, start + len(layout.snapshot_slots[family.name]))

    @cached_property
    def _sources(self) -> Permutation:
        """Per cell, the one whose value it gets."""
        return undone(self.cells)

    @cached_property
    def _cell_changes(self) -> list[tuple[int, _Remembered]]:
        """The cells whose values are renamed after they have moved."""
        layout = self._layout
        locks = [self.lock_change] * layout.lock_cells
        variables = [self.change(type_) for _, _, type_ in layout.variable_cells()]
        snapshots = [
            self.change(family.locals[slot].type)
            for family, _ in layout.instance.threads
            for slot in layout.snapshot_slots[family.name]
        ]
        remembered: dict[Change, _Remembered] = {}
        return [
            (cell, remembered.setdefault(change, _Remembered(change)))
            for cell, change in zip(self.cells, (*locks, *variables, *snapshots), strict=True)
            if change is not None
        ]

    def _local_changes(self, thread: int, location: int) -> tuple[Change | None, ...] | None:
        """Per live local, snapshots excepted; ``None``: the local part stays as it is."""
        family = self._layout.instance.threads[thread][0]
        if location < 0:
            return None
        types = (family.locals[slot].type for slot in family.locations[location].live)
        changes = tuple(self.change(t) for t in types if not isinstance(t, Snapshot))
        return changes if any(changes) else None

    def _change(self, type_: Type) -> Change | None:
        match type_:
            case Bool() | Int() | Enum():
                return None
            case Sort(name=name):
                moved = self.elements.get(name, ())
                # Where there is no thread of a sort, ``self`` is ``None`` whatever its type.
                targets: dict[int | None, int | None] = {None: None}
                targets.update(enumerate(moved))
                return targets.__getitem__ if _moves(moved) else None
            case Optional(of=of):
                return _optional(self.change(of))
            case Struct(fields=fields):
                return _each([self.change(t) for _, t in fields])
            case ListOf(of=of):
                return _all(tuple, self.change(of))
            case SetOf(of=of):
                return _all(frozenset, self.change(of))
            case ArrayOf(index=index, of=of):
                return _array(self.change(index), self.change(of))
            case Snapshot(counter=counter):
                positions = self.positions(self._layout.blocks[counter])
                if not _moves(positions):
                    return None
                return lambda v: v if v is None or v < 0 else positions[v]
            case LockSet():
                return lambda v: frozenset(self.cells[cell] for cell in v)
            case _:
                assert_never(type_)


def _optional(inner: Change | None) -> Change | None:
    if inner is None:
        return None
    return lambda v: None if v is None else inner(v)


def _all(make: Callable[[Iterable[Any]], Any], inner: Change | None) -> Change | None:
    if inner is None:
        return None
    return lambda v: make(map(inner, v))


def _each(changes: Sequence[Change | None]) -> Change | None:
    if not any(changes):
        return None
    return lambda v: tuple(
        part if change is None else change(part) for change, part in zip(changes, v, strict=True)
    )


def _array(index: Change | None, element: Change | None) -> Change | None:
    if index is None:
        return _all(tuple, element)

    def change(value: tuple[Any, ...]) -> tuple[Any, ...]:
        parts = value if element is None else map(element, value)
        return tuple(part for _, part in sorted(enumerate(parts), key=lambda p: index(p[0])))

    return change


class Group:
    """All combinations of permutations of the first elements of some sorts."""

    def __init__(self, layout: Layout, moved: Mapping[str, int]) -> None:
        self.layout = layout
        self.moved = dict(moved)
        """Per sort, how many elements are permuted, from element 0 on; the others stay."""
        sizes = layout.instance.sizes
        choices = [
            [(*p, *range(count, sizes[sort])) for p in permutations(range(count))]
            for sort, count in moved.items()
        ]
        self.renamings: tuple[Renaming, ...] = tuple(
            Renaming(layout, dict(zip(moved, chosen, strict=True))) for chosen in product(*choices)
        )
        """The identity comes first."""

    @cached_property
    def inverse(self) -> tuple[int, ...]:
        """Per renaming, the number of the one that undoes it."""
        numbers = {_key(r.elements): n for n, r in enumerate(self.renamings)}
        return tuple(
            numbers[_key({s: undone(p) for s, p in r.elements.items()})] for r in self.renamings
        )

    def combined(self, first: int, then: Renaming) -> Renaming:
        """The renaming of that number, followed by another one."""
        one = self.renamings[first].elements
        return self._by_elements[
            _key({s: tuple(then.elements[s][e] for e in p) for s, p in one.items()})
        ]

    @cached_property
    def _by_elements(self) -> dict[tuple[Permutation, ...], Renaming]:
        return {_key(r.elements): r for r in self.renamings}

    def canonical(self, state: State) -> State:
        """The least state among those symmetric to ``state``, in an arbitrary total order.

        Two states have the same canonical state if and only if they are symmetric.

        Cost: renames the state once per renaming of the group.
        Source: Ip, Dill, "Better Verification Through Symmetry" (FMSD 9, 1996).
        """
        return min((r.state(state) for r in self.renamings), key=comparable)

    def renaming(self, before: State, after: State) -> Renaming:
        """One that takes ``before`` to ``after``, which are symmetric."""
        found = next((r for r in self.renamings if r.state(before) == after), None)
        assert found is not None, "the states are symmetric"
        return found


def _key(elements: Mapping[str, Permutation]) -> tuple[Permutation, ...]:
    return tuple(elements.values())


def _moves(permutation: Permutation) -> bool:
    """Whether it is not the identity."""
    return permutation != tuple(range(len(permutation)))


def undone(permutation: Permutation) -> Permutation:
    """The inverse."""
    return tuple(e for _, e in sorted((target, e) for e, target in enumerate(permutation)))


def comparable(value: Any) -> tuple[Any, ...]:
    """Any two values of one type can be compared by this."""
    if value is None:
        return ()
    if isinstance(value, tuple):
        return (len(value), *map(comparable, value))
    if isinstance(value, frozenset):
        return (len(value), *sorted(map(comparable, value)))
    return (value,)


def sorts_in(type_: Type) -> frozenset[str]:
    """The names of the sorts that values of the type are made of."""
    match type_:
        case Sort(name=name):
            return frozenset({name})
        case Optional(of=of) | SetOf(of=of) | ListOf(of=of):
            return sorts_in(of)
        case ArrayOf(index=index, of=of):
            return sorts_in(index) | sorts_in(of)
        case Struct(fields=fields):
            return frozenset().union(*(sorts_in(t) for _, t in fields))
        case Bool() | Int() | Enum() | Snapshot() | LockSet():
            return frozenset()
        case _:
            assert_never(type_)
