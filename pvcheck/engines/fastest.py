"""The interpreter for what is small, the native engine for the rest.

Most instances of a gallery take the interpreter less time than the compiler. So the compiler is started
when the interpreter was not done soon, and who is done first goes on alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from pvcheck.engines.base import Limits, Progress
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.meter import Meter
from pvcheck.engines.native.compiler import Compiler, NoCompiler
from pvcheck.engines.native.engine import Compiled
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result

SOON, SOON_ALONE = 1.5, 4.0
"""Seconds that the interpreter has for itself: about what the compiler takes, and what it takes of the time of
the processors where there is none to spare."""


class _Ready(Exception):
    """The compiler is done."""


@dataclass(frozen=True)
class FastestEngine:
    """Both engines give the same results; small instances are through before they are compiled."""

    compiler: Compiler
    workers: int
    note: Callable[[str], None]
    """Told, in a line, where the interpreter has to do it all."""
    interpreter: ExplicitEngine = field(default_factory=ExplicitEngine)

    @property
    def name(self) -> str:
        return self.interpreter.name

    @property
    def visits_states(self) -> bool:
        return True

    def without_checkpoints(self) -> FastestEngine:
        return self

    def with_workers(self, workers: int) -> FastestEngine:
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
        meter = Meter(limits, progress)
        interpret = partial(
            self.interpreter.check,
            instance,
            properties,
            stop_when_violated=stop_when_violated,
            reduction=reduction,
        )
        try:
            compiled = Compiled(instance, self.compiler, reduction)
            try:
                if not compiled.ready():
                    soon = SOON if self.workers > 1 else SOON_ALONE
                    meanwhile = _Meanwhile(
                        progress, compiled, meter, soon, partial(self._slower, instance)
                    )
                    with suppress(_Ready):
                        return interpret(limits, meanwhile)
                return compiled.check(
                    properties,
                    limits.after(meter.seconds),
                    progress,
                    workers=self.workers,
                    stop=stop_when_violated,
                )
            finally:
                compiled.close()
        except (Unsupported, NoCompiler) as error:
            self._slower(instance, error)
        return interpret(limits.after(meter.seconds), progress)

    def _slower(self, instance: Instance, error: Exception) -> None:
        self.note(f"note: the interpreter runs {instance.name}, slower: {error}")


@dataclass
class _Meanwhile:
    """Progress of the interpreter, which ends as soon as the compiler is done."""

    shown: Progress
    compiled: Compiled
    meter: Meter
    soon: float
    """Seconds until the compiler is started."""
    slower: Callable[[Exception], None]
    """Told why the interpreter has to go on alone."""
    alone: bool = False

    def update(self, *, depth: int, states: int, transitions: int, frontier: int) -> None:
        self.shown.update(depth=depth, states=states, transitions=transitions, frontier=frontier)
        if self.alone:
            return
        if self.meter.seconds > self.soon:
            try:
                self.compiled.start()
            except (Unsupported, NoCompiler) as error:
                self.alone = True
                self.slower(error)
                return
        if self.compiled.ready():
            raise _Ready
