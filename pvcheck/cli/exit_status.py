"""The exit statuses, and which one counts when several apply."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum


class ExitStatus(IntEnum):
    OK = 0
    """Every selected property has its declared verdict."""
    UNEXPECTED = 1
    """At least one has not."""
    USAGE = 2
    """Usage, parse, type or configuration error; nothing was selected."""
    INCONCLUSIVE = 3
    """A limit was met before an answer. Not a success."""
    QUALITY = 4
    """The properties are fine; a quality gate is not."""
    INTERNAL = 70
    """A bug of ours, or a certificate that does not recheck."""
    INTERRUPTED = 130
    TERMINATED = 143

    @classmethod
    def worst(cls, statuses: Iterable[ExitStatus]) -> ExitStatus:
        """The one status of a run to which all of ``statuses`` apply. None: nothing was selected.

        An interrupted run is called that, whatever it found until then: it did not finish.
        """
        return min(statuses, key=_PRECEDENCE.index, default=cls.USAGE)


def worst_of_mutants(statuses: Collection[ExitStatus]) -> ExitStatus:
    """As ``ExitStatus.worst``, of mutants: one that is not found is worse than one that is open."""
    decided = [status for status in statuses if status is not ExitStatus.INCONCLUSIVE]
    return ExitStatus.worst(decided if ExitStatus.QUALITY in statuses else statuses)


_PRECEDENCE = (
    ExitStatus.INTERNAL,
    ExitStatus.TERMINATED,
    ExitStatus.INTERRUPTED,
    ExitStatus.USAGE,
    ExitStatus.UNEXPECTED,
    ExitStatus.INCONCLUSIVE,
    ExitStatus.QUALITY,
    ExitStatus.OK,
)
