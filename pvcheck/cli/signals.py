"""The first Ctrl-C (or SIGTERM) ends a run cleanly, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from pvcheck.cli.exit_status import ExitStatus

_SIGNALS = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}
_SHOW_CURSOR = b"\x1b[?25h\n"


class Interruption:
    """While entered, the first signal raises ``KeyboardInterrupt`` and is remembered."""

    def __init__(self) -> None:
        self.status: ExitStatus | None = None
        """What the signal means as an exit status; ``None``: there was none."""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._handle) for s in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.status is not None:
            if sys.__stderr__ is not None and sys.__stderr__.isatty():
                # The progress line hides the cursor, and nobody else is left to show it again.
                os.write(sys.__stderr__.fileno(), _SHOW_CURSOR)
            os._exit(_SIGNALS[signal.Signals(number)])
        self.status = _SIGNALS[signal.Signals(number)]
        raise KeyboardInterrupt
