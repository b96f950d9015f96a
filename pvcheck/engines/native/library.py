"""A compiled model in this process."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pvcheck.engines.native.generated import Generated

COMPLETE, DEPTH, STOPPED, STATES, MEMORY, VIOLATION, NO_ROOM, LIMITATION, NO_CHECKPOINT = range(9)
"""Why a search ended, as in search.h."""
RUNNING = 9
"""It has not."""


class Hit(ctypes.Structure):
    """Where something was first met; see search.h."""

    _fields_ = (
        ("depth", ctypes.c_int64),
        ("at", ctypes.c_uint64),
        ("thread", ctypes.c_int32),
        ("outcome", ctypes.c_uint32),
    )


class Parent(ctypes.Structure):
    """The step by which a state was first met; see search.h."""

    _fields_ = (
        ("at", ctypes.c_uint64),
        ("thread", ctypes.c_uint16),
        ("renaming", ctypes.c_uint16),
        ("outcome", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Library:
    """The functions of a compiled model. ``Run`` is the structure shared with it."""

    path: Path
    generated: Generated

    @property
    def properties(self) -> tuple[str, ...]:
        return self.generated.properties

    @cached_property
    def run_type(self) -> Any:
        g = self.generated
        properties = len(self.properties)

        class Run(ctypes.Structure):
            _fields_ = (
                ("workers", ctypes.c_uint32),
                ("record", ctypes.c_uint32),
                ("symmetry", ctypes.c_uint32),
                ("transactions", ctypes.c_uint32),
                ("most_states", ctypes.c_uint64),
                ("most_depth", ctypes.c_uint64),
                ("most_bytes", ctypes.c_uint64),
                ("asked", ctypes.c_uint8 * properties),
                ("stop", ctypes.c_uint8 * properties),
                ("resume", ctypes.c_char_p),
                ("halt", ctypes.c_uint32),
                ("pause", ctypes.c_uint32),
                ("paused", ctypes.c_uint32),
                ("search", ctypes.c_void_p),
                ("states", ctypes.c_uint64),
                ("transitions", ctypes.c_uint64),
                ("depth", ctypes.c_uint64),
                ("frontier", ctypes.c_uint64),
                ("bytes", ctypes.c_uint64),
                ("reason", ctypes.c_uint32),
                ("first_fault", ctypes.c_uint32),
                ("fault_depth", ctypes.c_int64),
                ("shared_parts", ctypes.c_uint64),
                ("local_parts", ctypes.c_uint64),
                ("state_bytes", ctypes.c_uint64),
                ("hits", Hit * properties),
                ("edges", Hit * (len(g.edges) + 1)),
                ("covered", ctypes.c_uint8 * (len(g.items) + 2)),
                ("contended", ctypes.c_uint8 * (len(g.classes) + 1)),
                ("open", ctypes.c_uint8 * (len(g.invariants) + 1)),
            )

        return Run

    @cached_property
    def _functions(self) -> ctypes.CDLL:
        library = ctypes.CDLL(str(self.path))
        library.pvcheck_run_bytes.restype = ctypes.c_size_t
        library.pvcheck_search.argtypes = [ctypes.c_void_p]
        library.pvcheck_search.restype = ctypes.c_void_p
        library.pvcheck_parent.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        library.pvcheck_parent.restype = Parent
        library.pvcheck_save.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.pvcheck_save.restype = ctypes.c_int
        library.pvcheck_free.argtypes = [ctypes.c_void_p]
        library.pvcheck_free.restype = None
        assert library.pvcheck_run_bytes() == ctypes.sizeof(self.run_type), "one layout of Run"
        return library

    def search(self, run: Any) -> int | None:
        """Search; returns what ``parent`` and ``free`` want."""
        result: int | None = self._functions.pvcheck_search(ctypes.addressof(run))
        return result

    def parent(self, search: int | None, depth: int, at: int) -> Parent:
        parent: Parent = self._functions.pvcheck_parent(search, depth, at)
        return parent

    def save(self, search: int | None, path: Path) -> None:
        """Write a search that rests or has ended to a file.

        Raises:
            OSError: it cannot be written.
        """
        error = self._functions.pvcheck_save(search, os.fsencode(path))
        if error:
            raise OSError(error, os.strerror(error), str(path))

    def free(self, search: int | None) -> None:
        self._functions.pvcheck_free(search)
