"""Exact breadth-first search in C generated from the model.

What it finds comes back as numbers; the reference semantics makes moves and traces of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pvcheck import cache
from pvcheck.diagnostics import UsageError
from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.findings import coverage_of, unviolated
from pvcheck.engines.meter import Meter, free_memory
from pvcheck.engines.native import library as native
from pvcheck.engines.native.checkpoint import Checkpoints, Identity, look, save
from pvcheck.engines.native.compiler import Compilation, Compiler
from pvcheck.engines.native.generated import Generated
from pvcheck.engines.native.library import Hit, Library
from pvcheck.model import replay
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.model import DEADLOCK, LOCK_ORDER, Fault
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import LockEdge, Result, Statistics
from pvcheck.model.semantics import Semantics
from pvcheck.model.symmetry import Renaming
from pvcheck.model.trace import Move
from pvcheck.model.transactions import Transactions
from pvcheck.model.unwind import Taken, reached, renamed_edges, tidy, unwound
from pvcheck.model.verdict import Inconclusive, Verdict, Violated

KIND = "c"
"""Of what is kept."""
POLL = 0.05
"""Seconds between looks at a search that runs."""
FAULTS = tuple(Fault)
"""By number in C, less 1."""


@dataclass(frozen=True)
class NativeEngine:
    """Memory: a few bytes per state. ``workers``: threads; with one, states are met in the reference's order."""

    compiler: Compiler
    workers: int = 1
    checkpoints: Checkpoints | None = None
    note: Callable[[str], None] = field(default=lambda _: None)
    """Told, in a line, when a checkpoint cannot be written."""

    @property
    def name(self) -> str:
        return "explicit"

    @property
    def visits_states(self) -> bool:
        return True

    def without_checkpoints(self) -> NativeEngine:
        return replace(self, checkpoints=None)

    def with_workers(self, workers: int) -> NativeEngine:
        return replace(self, workers=workers)

    def check(
        self,
        instance: Instance,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        stop_when_violated: Collection[str] = (),
        reduction: Reduction = UNREDUCED,
    ) -> Result:
        """As ``Engine.check``.

        Raises:
            Unsupported: the instance cannot be represented.
            NoCompiler: the compiler fails.
        """
        compiled = Compiled(instance, self.compiler, reduction)
        try:
            return compiled.check(
                properties,
                limits,
                progress,
                workers=self.workers,
                stop=stop_when_violated,
                checkpoints=self.checkpoints,
                note=self.note,
            )
        finally:
            compiled.close()


class _Begun(NamedTuple):
    generated: Generated
    compilation: Compilation


class Compiled:
    """An instance as a library, which may be there, in the making, or not yet begun.

    Raises:
        Unsupported: the instance has no states.
    """

    def __init__(self, instance: Instance, compiler: Compiler, reduction: Reduction) -> None:
        self._reduction = reduction
        self._semantics = instance.semantics
        self._compiler = compiler
        if self._semantics.initial_fault is not None:
            raise Unsupported("an initial state that does not come about")
        self._key = None if instance.digest is None else cache.key(instance.digest, reduction.key)
        known = None if self._key is None else cache.load(KIND, self._key)
        self._begun = None if known is None else self._begin(known.value)

    def _begin(self, generated: Generated) -> _Begun:
        g = generated
        return _Begun(g, Compilation(g.header, g.steps, g.main, self._compiler))

    def ready(self) -> bool:
        """Whether there is nothing to wait for, or to start."""
        return self._begun is not None and self._begun.compilation.ready()

    def start(self) -> None:
        """Begin to make the library, if that is not done.

        Raises:
            Unsupported: the instance cannot be represented.
            NoCompiler: the compiler does not start.
        """
        self._started().compilation.start()

    def _started(self) -> _Begun:
        if self._begun is None:
            from pvcheck.engines.native.generate import generate  # noqa: PLC0415 - what it makes is kept

            generated = generate(self._semantics, self._reduction)
            if self._key is not None:
                cache.save(KIND, self._key, generated)
            self._begun = self._begin(generated)
        return self._begun

    def check(
        self,
        properties: Collection[str],
        limits: Limits,
        progress: Progress,
        *,
        workers: int,
        stop: Collection[str],
        checkpoints: Checkpoints | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> Result:
        """As ``Engine.check``.

        Raises:
            Unsupported: a number is too large.
            NoCompiler: the compiler fails.
            UsageError: the checkpoint to go on from is of something else.
            OSError: it cannot be read.
        """
        meter = Meter(limits, progress)
        begun = self._started()
        library = Library(begun.compilation.library(), begun.generated)
        saving = None
        if checkpoints is not None:
            identity = Identity.of(library, properties, stop)
            saving = _Saving(checkpoints, library, identity, note)
        check = _Check(
            self._semantics,
            library,
            properties,
            limits,
            reduction=self._reduction,
            meter=meter,
            saving=saving,
        )
        return check.result(workers, stop)

    def close(self) -> None:
        """Stop what is in the making."""
        if self._begun is not None:
            self._begun.compilation.abandon()


class _Saving:
    """Saves a search while it runs and when it ends early."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        library: Library,
        identity: Identity,
        note: Callable[[str], None],
    ) -> None:
        self._checkpoints = checkpoints
        self._library = library
        self._identity = identity
        self._note = note
        self._saved = time.monotonic()
        if checkpoints.resume:
            look(checkpoints.file, identity)

    @property
    def resume(self) -> bytes | None:
        """The file to go on from."""
        return os.fsencode(self._checkpoints.file) if self._checkpoints.resume else None

    def now_and_then(self, run: Any) -> None:
        """Save if it is time to."""
        if time.monotonic() - self._saved < self._checkpoints.seconds:
            return
        run.pause = 1
        try:
            while not run.paused:
                if run.reason != native.RUNNING:
                    return
                time.sleep(0.001)
            self.save(run)
        finally:
            run.pause = 0

    def save(self, run: Any) -> None:
        try:
            save(self._checkpoints.file, self._library, run.search, self._identity)
        except OSError as error:
            self._note(f"note: no checkpoint was written: {error.strerror or error}")
        else:
            self._note(f"note: {run.states} states are in {self._checkpoints.file}")
        self._saved = time.monotonic()

    def done(self) -> None:
        """Nothing is left to go on with."""
        self._checkpoints.file.unlink(missing_ok=True)


class _Check:
    """One check of an instance by its library."""

    def __init__(
        self,
        semantics: Semantics,
        library: Library,
        properties: Collection[str],
        limits: Limits,
        *,
        reduction: Reduction,
        meter: Meter,
        saving: _Saving | None,
    ) -> None:
        self._group = reduction.group
        self._reductions = reduction.names
        self._transactions = (
            None if reduction.movers is None else Transactions(semantics, reduction.movers)
        )
        self._saving = saving
        self._semantics = semantics
        self._library = library
        self._properties = properties
        self._limits = limits
        self._meter = meter
        self._interrupted = False

    def result(self, workers: int, stop: Collection[str]) -> Result:
        run = self._run(workers, stop)
        if self._saving is not None:
            run.resume = self._saving.resume
        reason = self._search(run)
        moves, edges, shown = self._runs(run)
        verdicts: dict[str, Verdict] = {}
        fault = FAULTS[run.first_fault - 1] if run.first_fault else None
        for name in self._semantics.model.safety:
            if name not in self._properties:
                continue
            if name in moves:
                trace = replay.trace_of(self._semantics, name, moves[name])
                verdicts[name] = Violated(trace)
            elif not shown and (name == LOCK_ORDER or name in self._hit(run)):
                verdicts[name] = Inconclusive(
                    run.depth, "out of memory for the runs to what was found"
                )
            else:
                fault_depth = run.fault_depth if run.fault_depth >= 0 else None
                verdicts[name] = unviolated(run.states, run.depth, reason, fault, fault_depth)
        g = self._library.generated
        return Result(
            verdicts=verdicts,
            statistics=Statistics(
                states=run.states,
                transitions=run.transitions,
                depth=run.depth,
                seconds=self._meter.seconds,
                bytes_per_state=run.bytes / max(run.states, 1),
                reductions=self._reductions,
            ),
            coverage=coverage_of(
                [
                    item
                    for group, covered in zip(g.items, run.covered, strict=False)
                    if covered
                    for item in group
                ]
                + self._semantics.items(self._semantics.initial_covered),
                {c for c, contended in zip(g.classes, run.contended, strict=False) if contended},
                {i for i, is_open in zip(g.invariants, run.open, strict=False) if is_open},
            ),
            lock_edges=self._lock_edges(edges),
            interrupted=self._interrupted,
            fault=fault,
        )

    def _run(self, workers: int, stop: Collection[str]) -> Any:
        run = self._library.run_type()
        run.workers = workers
        run.symmetry = self._group is not None
        run.transactions = self._transactions is not None
        run.most_states = self._limits.states or 2**63
        run.most_depth = 2**63 if self._limits.depth is None else self._limits.depth
        run.most_bytes = self._limits.bytes or free_memory()
        for n, name in enumerate(self._library.properties):
            run.asked[n] = name in self._properties
            run.stop[n] = name in stop
        return run

    def _search(self, run: Any) -> str | None:
        """Search while watching the limits; why it ended early."""
        found: list[int | None] = []
        if (reason := self._meter.exceeded(0)) is not None:
            run.halt = 1
        worker = threading.Thread(target=lambda: found.append(self._library.search(run)))
        worker.start()
        while worker.is_alive():
            try:
                worker.join(POLL)
                self._meter.report(
                    depth=run.depth,
                    states=run.states,
                    transitions=run.transitions,
                    frontier=run.frontier,
                )
                if reason is None and (reason := self._meter.exceeded(run.states)) is not None:
                    run.halt = 1
                if self._saving is not None and not run.halt:
                    self._saving.now_and_then(run)
            except KeyboardInterrupt:
                self._interrupted, reason = True, "interrupted"
                run.halt = 1
        if self._saving is not None and run.reason in (
            native.STOPPED,
            native.STATES,
            native.MEMORY,
        ):
            self._saving.save(run)
        elif self._saving is not None and run.reason == native.COMPLETE:
            self._saving.done()
        self._library.free(found[0])
        return self._reason(run, reason)

    def _reason(self, run: Any, halted: str | None) -> str | None:
        match run.reason:
            case native.COMPLETE:
                return None
            case native.DEPTH:
                return f"depth limit {self._limits.depth}"
            case native.STATES:
                return f"state limit {self._limits.states}"
            case native.MEMORY:
                return (
                    f"memory limit {run.most_bytes // 2**20} MiB, with {run.frontier} states not expanded "
                    f"and {run.bytes / max(run.states, 1):.0f} bytes a state"
                )
            case native.STOPPED:
                return halted
            case native.VIOLATION:
                stop = zip(self._library.properties, run.stop, strict=True)
                hit = [name for name, stops in stop if stops and name in self._hit(run)]
                return f"stopped after the violation of {', '.join(hit)}"
            case native.LIMITATION:
                raise Unsupported(
                    "a number without room in its type, or so many choices in one step"
                )
            case native.NO_CHECKPOINT:
                raise UsageError("the checkpoint cannot be read, or there is no memory for it")
        return "out of memory"

    def _hit(self, run: Any) -> list[str]:
        """The properties that were found violated."""
        hits = zip(self._library.properties, run.hits, strict=True)
        return [name for name, hit in hits if hit.depth >= 0]

    def _runs(
        self, run: Any
    ) -> tuple[dict[str, list[Move]], dict[int, tuple[list[Move], int]], bool]:
        """The runs to what was found: to violations by property; to lock edges, with who is about to
        acquire there, by number of the edge; and whether these are all."""
        wanted = [h.depth for h in (*run.hits, *run.edges) if h.depth >= 0]
        if not wanted:
            return {}, {}, True
        again = self._run(1, ())
        again.record = 1
        again.most_states = 2**63
        again.most_depth = max(wanted) + 1
        search = self._library.search(again)
        # It goes a step beyond the last of these, and may meet others there.
        found = self._hit(run)
        try:
            return (
                {
                    name: self._violation(name, search, hit)
                    for name, hit in zip(self._library.properties, again.hits, strict=True)
                    if hit.depth >= 0 and name in found
                },
                {
                    number: (moves, hit.thread if back is None else back.threads[hit.thread])
                    for number, hit in enumerate(again.edges)
                    if hit.depth >= 0 and run.edges[number].depth >= 0
                    for moves, back in (self._path(search, hit, last=False),)
                },
                again.reason in (native.COMPLETE, native.DEPTH),
            )
        finally:
            self._library.free(search)

    def _violation(self, name: str, search: int | None, hit: Hit) -> list[Move]:
        moves, _ = self._path(search, hit, last=hit.thread >= 0)
        if name == DEADLOCK and self._transactions is not None:
            state = reached(self._semantics, moves)
            if not self._semantics.deadlocked(state):
                moves += self._transactions.stopping(state)
        return moves if self._group is None else tidy(self._semantics, self._group, moves)

    def _path(
        self, search: int | None, hit: Hit, *, last: bool
    ) -> tuple[list[Move], Renaming | None]:
        """The run to where something was first met, and what takes the representative of its last state
        there; ``last``: with the step that shows it."""
        steps = [Taken(hit.thread, hit.outcome, 0)] if last else []
        at = hit.at
        for depth in range(hit.depth, 0, -1):
            parent = self._library.parent(search, depth, at)
            steps.append(Taken(parent.thread, parent.outcome, parent.renaming))
            at = parent.at
        stepper = self._transactions or self._semantics
        moves, back = unwound(stepper, self._group, steps[::-1])
        return (moves if self._transactions is None else self._transactions.ordinary(moves)), back

    def _lock_edges(self, runs: dict[int, tuple[list[Move], int]]) -> tuple[LockEdge, ...]:
        names = self._library.generated.edges
        found: dict[tuple[str, str, str], tuple[list[Move], int]] = {}
        for number, (moves, thread) in runs.items():
            before, after, _ = names[number]
            if before != after or self._group is None:
                found[names[number]] = moves, thread
                continue
            for edge, run in renamed_edges(self._semantics, self._group, moves, thread):
                found.setdefault(edge, run)
        return tuple(
            LockEdge(*edge, replay.about_to(self._semantics, *found[edge]))
            for edge in sorted(found)
        )
