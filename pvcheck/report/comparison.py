"""Specifications side by side: what all states of an instance of each say about its locks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvcheck.model.census import Blocking, Census, LocksTaken
from pvcheck.model.result import LockEdge
from pvcheck.model.verdict import Checked, Violated
from pvcheck.report.columns import WIDTH, Cell, table, wrap
from pvcheck.report.outcome import Run, Standing
from pvcheck.report.run_text import plural
from pvcheck.report.steps import step_table


@dataclass(frozen=True, slots=True)
class Compared:
    """A run, and what else all its states say."""

    run: Run
    census: Census | str
    """The reason if there is none."""


_NO_BOUND = "∞"

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    header: tuple[str, ...]
    rows: list[Row]
    least: tuple[int, ...]


def comparison_text(compared: Sequence[Compared], width: int = WIDTH) -> str:
    """The tables, and below them how undeserved blocking comes about."""
    lines: list[str] = []
    for shown in _tables(compared):
        lines += [*table(shown.header, shown.rows, width, least=shown.least), ""]
    for one in compared:
        for blocking in one.census.blocking if isinstance(one.census, Census) else ():
            lines += _example(one, blocking, width)
    return "".join(f"{line}\n" for line in lines[:-1])


def comparison_markdown(compared: Sequence[Compared]) -> str:
    """The tables."""
    parts = []
    for shown in _tables(compared):
        rows = [[_markdown(cell) for cell in row] for row in shown.rows]
        marks = [["---"] * len(shown.header)]
        lines = [list(shown.header), *marks, *rows]
        parts.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return "\n".join(parts)


def _markdown(cell: Cell) -> str:
    return "<br>".join(part.replace("|", "\\|") for part in cell)


def comparison_json(compared: Sequence[Compared]) -> list[dict[str, object]]:
    """As ``comparison_text``, for programs."""
    return [_json(one) for one in compared]


def _tables(compared: Sequence[Compared]) -> Iterator[_Table]:
    header = ("system", "instance", "verdict", "states", "transitions")
    header_of_locks = ("lock order", "most held", "undeserved blocking")
    least = (8, 8, 14, 6, 11, 12, 4, 14)
    yield _Table((*header, *header_of_locks), [_overview(one) for one in compared], least)
    names = dict.fromkeys(
        taken.operation
        for one in compared
        if isinstance(one.census, Census)
        for taken in one.census.taken
    )
    if names:
        systems = [one.run.instance.model.name for one in compared]
        rows: list[Row] = [
            ((name,), *((_taken_by(one, name),) for one in compared)) for name in names
        ]
        yield _Table(("locks taken", *systems), rows, (11, *[10] * len(systems)))


def _overview(one: Compared) -> Row:
    instance = one.run.instance
    first = (instance.model.name,), (instance.name,), (_verdicts(one.run),)
    match one.census:
        case str(reason):
            # What was seen until then is not all that there is.
            return *first, (), (), (), (), (f"inconclusive: {reason}",)
        case Census(most_held=most_held, blocking=blocking):
            statistics = one.run.result.statistics
            numbers = (statistics.states, statistics.transitions)
            order = tuple(_edges(one.run.result.lock_edges)) or ("none",)
            held = (str(most_held),)
            return (
                *first,
                *((_digits(n),) for n in numbers),
                order,
                held,
                _blocked(blocking),
            )


def _verdicts(run: Run) -> str:
    """Which properties are not checked, and how many are."""
    parts = [f"{o.name} {o.word}" for o in run.outcomes if isinstance(o.verdict, Violated)]
    kinds = Counter(type(outcome.verdict) for outcome in run.outcomes)
    # Where what was declared is violated nobody needs the rest.
    undecided = sum(o.standing is Standing.UNDECIDED for o in run.outcomes)
    parts += [f"{kinds[Checked]} checked"] if kinds[Checked] else []
    parts += [f"{undecided} inconclusive"] if undecided else []
    return ", ".join(parts)


def _edges(edges: Sequence[LockEdge]) -> list[str]:
    return [
        f"{edge.before} < {edge.after}" + (f" ({edge.direction})" if edge.direction else "")
        for edge in edges
    ]


def _blocked(blocking: Sequence[Blocking]) -> Cell:
    """Per class that was waited for, the states."""
    return tuple(
        f"{b.lock}: {_digits(b.undeserved)} of {_digits(b.waiting)}" for b in blocking if b.waiting
    ) or ("nobody waits",)


def _taken_by(one: Compared, operation: str) -> str:
    if isinstance(one.census, str):
        return "inconclusive"
    return next((_taken(t) for t in one.census.taken if t.operation == operation), "")


def _taken(taken: LocksTaken) -> str:
    """For example ``2 to 5 (7)``: from two to five if nobody disturbs it, at most seven if somebody does."""
    most = _NO_BOUND if taken.most is None else str(taken.most)
    alone = _NO_BOUND if taken.most_alone is None else str(taken.most_alone)
    usual = alone if alone == str(taken.fewest) else f"{taken.fewest} to {alone}"
    return usual if most == alone else f"{usual} ({most})"


def _example(one: Compared, blocking: Blocking, width: int) -> list[str]:
    trace = blocking.example
    if trace is None:
        return []
    head = (
        f"{one.run.instance.model.name}: undeserved blocking by {blocking.lock} "
        f"after {plural(len(trace.steps), 'step')}"
    )
    why = [f"  {line}" for reason in trace.why for line in wrap(reason, width - 2, hanging=2)]
    steps = [f"  {row}" for row in step_table(trace, width - 2)]
    return [*wrap(head, width, hanging=2), *why, *steps, ""]


def _digits(number: int) -> str:
    """In groups of three."""
    return f"{number:,}".replace(",", " ")


def _json(one: Compared) -> dict[str, object]:
    result = one.run.result
    counted: dict[str, object]
    match one.census:
        case str(reason):
            counted = {"inconclusive": reason}
        case Census(most_held=most_held, taken=taken, blocking=blocking):
            counted = {
                "most_held": most_held,
                "taken": {
                    t.operation: {
                        "fewest": t.fewest,
                        "most": t.most,
                        "most_alone": t.most_alone,
                    }
                    for t in taken
                },
                "blocking": {
                    b.lock: {
                        "waiting": b.waiting,
                        "undeserved": b.undeserved,
                        "example": _steps(b),
                    }
                    for b in blocking
                },
            }
    return {
        "system": one.run.instance.model.name,
        "specification": one.run.specification,
        "instance": one.run.instance.name,
        "states": result.statistics.states,
        "transitions": result.statistics.transitions,
        "verdicts": {o.name: o.word for o in one.run.outcomes},
        "lock_edges": _edges(result.lock_edges),
        "census": counted,
    }


def _steps(blocking: Blocking) -> list[str] | None:
    if blocking.example is None:
        return None
    return [f"{step.thread}: {step.statement}" for step in blocking.example.steps]


def undecided(one: Compared) -> bool:
    """Whether something is not known of it."""
    return isinstance(one.census, str) or any(
        o.standing is Standing.UNDECIDED for o in one.run.outcomes
    )
