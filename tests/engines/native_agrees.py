"""Whether the native engine says exactly what the reference engine says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from systems import Watcher

from pvcheck.engines.base import Engine, Limits
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import UNREDUCED, Reduction
from pvcheck.model.result import Result


def result(
    engine: Engine,
    what: Instance,
    limits: Limits,
    stop: Collection[str],
    reduction: Reduction = UNREDUCED,
) -> Result:
    """Everything but the time and memory it took."""
    found = engine.check(
        what,
        what.model.properties,
        limits,
        Watcher(),
        stop_when_violated=stop,
        reduction=reduction,
    )
    return replace(found, statistics=replace(found.statistics, seconds=0, bytes_per_state=None))


def agreed(
    what: Instance, *, workers: int = 1, depth: int | None = None, stop: Collection[str] = ()
) -> Result:
    """The result, traces and coverage included, on which both agree."""
    limits = Limits(depth=depth)
    expected = result(ExplicitEngine(), what, limits, stop)
    found = result(NativeEngine(find(), workers), what, limits, stop)
    assert found == expected
    return found
