"""Who waits for a lock that is held for the sake of something else.

A lock protects elements of the sorts that the variables under it are indexed by: a pv lock pages, and runs
of pages. A thread *works on* those elements that its live locals hold, if it gets at the variables by these
locals. Its wait is undeserved if it, and everybody in its way, works on elements of the same sorts, and on
none in common, though the lock protects elements of all of them: with a lock for each element it would not
wait. Where that cannot be said, as between a page and a run of pages, or of a thread that is done with its
element and about to release the lock, the wait counts as deserved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pvcheck.engines.search import Packed, Search
from pvcheck.model import describe, replay
from pvcheck.model.census import Blocking
from pvcheck.model.runtime import Faulted
from pvcheck.model.semantics import Local, Semantics, Shared, State, Want
from pvcheck.model.trace import Trace
from pvcheck.model.types import Snapshot, Sort
from pvcheck.model.work import Work, apart, elements, protected, working_slots


def blocking(search: Search) -> tuple[Blocking, ...]:
    """Of all states that the search has met; each example was followed step by step."""
    look = _Look(search)
    waiting: Counter[str] = Counter()
    undeserved: Counter[str] = Counter()
    first: dict[str, Packed] = {}
    for state in search.parents:
        found = look.waits(state)
        waiting.update(found.keys())
        for lock in (name for name, unearned in found.items() if unearned):
            undeserved[lock] += 1
            first.setdefault(lock, state)
    return tuple(
        Blocking(
            lock,
            waiting[lock],
            undeserved[lock],
            _example(search, look.works, lock, first[lock]) if lock in first else None,
        )
        for lock in look.works.locks
    )


class _Works:
    """What threads work on."""

    def __init__(self, semantics: Semantics) -> None:
        self._semantics = semantics
        model = semantics.model
        variables = protected(model)
        self.locks = tuple(variables)
        sort_of = {
            variable.name: variable.binders[0].type.name
            for variable in model.variables
            if variable.binders and isinstance(variable.binders[0].type, Sort)
        }
        under = {
            variable.name: {guard.lock.lock for guard in variable.guard.locks}
            for variable in model.variables
            if variable.guard is not None
        }
        self._sorts = {
            lock: frozenset(sort_of[name] for name in names) for lock, names in variables.items()
        }
        numbers = {name: number for number, name in enumerate(semantics.layout.variables)}
        self._variables = {
            (lock, sort): [numbers[name] for name in names if sort_of[name] == sort]
            for lock, names in variables.items()
            for sort in self._sorts[lock]
        }
        self._ghostly = {
            lock
            for lock, names in variables.items()
            if all(lock not in under[name] for name in names)
        }
        """Classes whose locks guard variables only by way of ghosts: which ones is not known."""
        self._slots = {
            (lock, family.name): working_slots(family, names)
            for lock, names in variables.items()
            for family in model.threads
        }

    def on(self, local: Local, thread: int, lock: str) -> Work:
        """The elements, of what the locks of the class protect, that the thread works on."""
        if local[0] < 0:
            return frozenset()
        family, _ = self._semantics.instance.threads[thread]
        slots = self._slots[lock, family.name]
        live = [
            slot
            for slot in family.locations[local[0]].live
            if not isinstance(family.locals[slot].type, Snapshot)
        ]
        return frozenset(
            element
            for slot, value in zip(live, local[1:], strict=True)
            if slot in slots
            for element in elements(family.locals[slot].type, value, self._sorts[lock])
        )

    def aliased(self, shared: Shared, cell: int, works: Iterable[Work]) -> bool:
        """Whether the lock protects an element of each of the works."""
        lock, _ = self._semantics.layout.lock_of[cell]
        return lock in self._ghostly or all(
            any(
                self._protects(shared, cell, variable, value)
                for sort, value in work
                for variable in self._variables[lock, sort]
            )
            for work in works
        )

    def _protects(self, shared: Shared, cell: int, variable: int, element: int) -> bool:
        try:
            return cell in self._semantics.guards.cells(shared, variable, element, 0)
        except Faulted:
            return False

    def undeserved(self, state: State, lock: str) -> list[int]:
        """The threads whose wait for a lock of the class is."""
        semantics = self._semantics
        shared, locals_ = state
        found = []
        for thread, in_the_way in semantics.waits_for(state).items():
            want = semantics.want(shared, locals_[thread], thread)
            assert want is not None, "only who wants a lock waits"
            if semantics.layout.lock_of[want.cell][0] != lock:
                continue
            own = self.on(locals_[thread], thread, lock)
            others = [self.on(locals_[t], t, lock) for t in _threads(in_the_way)]
            if apart(own, others) and self.aliased(shared, want.cell, (own, *others)):
                found.append(thread)
        return found


def _threads(bits: int) -> list[int]:
    return [thread for thread in range(bits.bit_length()) if bits >> thread & 1]


class _Look:
    """The waits of many states: what depends on parts of states is found once."""

    def __init__(self, search: Search) -> None:
        self.works = _Works(search.semantics)
        self._search = search
        self._waits: list[dict[Packed, tuple[Want, int] | None]] = [
            {} for _ in range(search.threads)
        ]
        self._work: dict[tuple[Local, int, str], Work] = {}

    def waits(self, state: Packed) -> dict[str, bool]:
        """The classes of locks that somebody waits for, and whether a wait is undeserved."""
        search = self._search
        found: dict[str, bool] = {}
        for thread in range(search.threads):
            wait = self._wait(state, thread)
            if wait is None:
                continue
            want, in_the_way = wait
            lock = search.semantics.layout.lock_of[want.cell][0]
            if lock in self.works.locks:
                own = self._works_on(state, thread, lock)
                others = [self._works_on(state, t, lock) for t in _threads(in_the_way)]
                unearned = apart(own, others) and self.works.aliased(
                    search.unpack(state)[0], want.cell, (own, *others)
                )
                found[lock] = found.get(lock, False) or unearned
        return found

    def _wait(self, state: Packed, thread: int) -> tuple[Want, int] | None:
        key = self._search.key(state, thread)
        known = self._waits[thread]
        if key not in known:
            semantics = self._search.semantics
            shared, locals_ = self._search.unpack(state)
            want = semantics.want(shared, locals_[thread], thread)
            in_the_way = 0 if want is None else semantics.in_the_way(shared, thread, want)
            known[key] = None if want is None or not in_the_way else (want, in_the_way)
        return known[key]

    def _works_on(self, state: Packed, thread: int, lock: str) -> Work:
        key = self._search.local(state, thread), thread, lock
        if key not in self._work:
            self._work[key] = self.works.on(*key)
        return self._work[key]


def _example(search: Search, works: _Works, lock: str, state: Packed) -> Trace:
    """The run to the state, followed again from the start.

    Raises:
        ReplayError: it leads elsewhere: a bug of ours.
    """
    semantics = search.semantics

    def reasons(reached: State) -> tuple[str, ...]:
        threads = works.undeserved(reached, lock)
        return _reasons(semantics, works, reached, threads[0], lock) if threads else ()

    return replay.run_to(semantics, "undeserved blocking", search.path(state), reasons)


def _reasons(
    semantics: Semantics, works: _Works, state: State, thread: int, lock: str
) -> tuple[str, ...]:
    """Who waits for whom, and what each of them works on."""
    in_the_way = semantics.waits_for(state)[thread]
    waiter = describe.waiter(semantics, state, thread, in_the_way)
    holders = " and ".join(waiter.holders)
    return (
        f"{waiter.thread} waits for {waiter.lock}, held by {holders}",
        *(
            f"{semantics.instance.thread_name(t)} works on "
            + " and ".join(f"{sort} {value}" for sort, value in sorted(work))
            for t in (thread, *_threads(in_the_way))
            for work in (works.on(state[1][t], t, lock),)
        ),
    )
