"""Python's search for cycles of garbage, left out where it finds none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """For work that makes millions of objects and no cycles: collecting them would only cost time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def collect_seldom() -> None:
    """For programs that make trees and tables which stay: by default a tenth of their time goes into looking."""
    gc.set_threshold(100_000, 20, 20)
