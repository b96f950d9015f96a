"""Traces as text: golden pictures, and what must hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvcheck.model.model import KernelSource
from pvcheck.model.trace import Change, Trace, TraceStep, Waiter
from pvcheck.report.columns import fit, printable, wrap
from pvcheck.report.picture import picture
from pvcheck.report.steps import step_table

Row = tuple[str, str | None, str, str, tuple[str, ...]]


def trace_of(rows: list[Row], **members: object) -> Trace:
    """A trace of steps (thread, operation, statement, file:line, locks held after)."""
    held: dict[str, tuple[str, ...]] = {}
    steps = []
    for thread, operation, statement, where, after in rows:
        steps.append(
            TraceStep(
                thread=thread,
                operation=operation,
                statement=statement,
                procedure="p",
                where=where,
                source=None,
                chosen=(),
                held_before=held.get(thread, ()),
                held_after=after,
                waits=(),
                changes=(),
                state=(),
            )
        )
        held[thread] = after
    empty = Trace("specs/s.pv", "00", "two", (("Thread", 2),), None, None, "p", (), (), (), ())
    return replace(empty, steps=tuple(steps), **members)


ENTER = "enter(m=0, v=1, p=0)"
REMOVE = "remove_all(p=0)"
WAITS_1 = Waiter("cpu[1]", "pmap[0]", ("cpu[0]",))
WAITS_0 = Waiter("cpu[0]", "pv[0]", ("cpu[1]", "cpu[2]"))


def deadlock() -> Trace:
    trace = trace_of(
        [
            ("cpu[0]", ENTER, "acquire pmap[m];", "specs/parts/ops.pv:12", ("pmap[0]",)),
            ("cpu[0]", ENTER, "pte[m][v] = p;", "specs/parts/ops.pv:14", ("pmap[0]",)),
            ("cpu[1]", REMOVE, "acquire read pv[index(p)];", "specs/s.pv:7", ("pv[0] (read)",)),
            ("cpu[1]", REMOVE, "upgrade pv[index(p)];", "specs/s.pv:8", ("pv[0]",)),
            ("cpu[1]", None, "any q: Page;", "specs/s.pv:9", ("pv[0]",)),
        ],
        property="deadlock",
        mutant="MU03",
        only=("enter", "remove_all"),
        values=(("Thread", 2), ("RUN", 2), ("FLAG", True)),
        why=(
            "cpu[0] waits for pv[0], held by cpu[1] and cpu[2]",
            "cpu[1] waits for pmap[0], held by cpu[0]",
        ),
        initial=(("pte[0][1]", "none"), ("pv_list[0]", "[]")),
        cycle=(WAITS_0, WAITS_1),
    )
    one, two, three, four, five = trace.steps
    kernel = KernelSource("sys/amd64/amd64/pmap.c", "pmap_enter")
    start = trace.initial
    end = (("pte[0][1]", "0"), ("pv_list[0]", "[{pmap: 0, va: 1}]"))
    changes = tuple(Change(n, b, a) for (n, b), (_, a) in zip(start, end, strict=True))
    steps = (
        replace(one, source=kernel, chosen=(("m", "0"), ("v", "1")), state=start),
        replace(two, source=kernel, changes=changes, state=end),
        replace(three, state=end),
        replace(four, waits=(WAITS_0,), state=end),
        replace(five, waits=(WAITS_0, WAITS_1), state=end),
    )
    return replace(trace, steps=steps)


def test_a_deadlock_as_a_picture(golden: Callable[[str, str], None]) -> None:
    golden("picture-deadlock.txt", picture(deadlock()))


def test_a_deadlock_in_full(golden: Callable[[str, str], None]) -> None:
    golden("picture-deadlock-full.txt", picture(deadlock(), full=True))


def test_a_deadlock_in_little_room(golden: Callable[[str, str], None]) -> None:
    golden("picture-deadlock-narrow.txt", picture(deadlock(), width=50))


def test_a_deadlock_as_a_table(golden: Callable[[str, str], None]) -> None:
    golden("table-deadlock.txt", "\n".join(step_table(deadlock(), 76)) + "\n")


def test_a_property_that_fails_at_once(golden: Callable[[str, str], None]) -> None:
    trace = trace_of([], property="never", why=("x is 0",), initial=(("x", "0"),))

    golden("picture-no-steps.txt", picture(trace))
    assert step_table(trace, 76) == ["the initial state, before any step"]


def test_a_cycle_that_the_reasons_leave_out_is_told() -> None:
    text = picture(replace(deadlock(), why=("they are stuck",)))

    assert text.endswith(
        "they wait for each other:\n"
        "  cpu[0] waits for pv[0], held by cpu[1] and cpu[2]\n"
        "  cpu[1] waits for pmap[0], held by cpu[0]\n"
    )


def test_threads_stand_in_the_order_of_their_numbers() -> None:
    rows: list[Row] = [(f"cpu[{n}]", None, "x = 1;", "s.pv:1", ()) for n in (10, 9, 0)]

    head = next(line for line in picture(trace_of(rows)).splitlines() if "cpu" in line)

    assert head.split() == ["step", "cpu[0]", "cpu[9]", "cpu[10]"]


def test_locks_released_in_any_order_end_their_own_bar() -> None:
    rows: list[Row] = [
        ("cpu", None, "acquire a;", "s.pv:1", ("a",)),
        ("cpu", None, "acquire b;", "s.pv:2", ("a", "b")),
        ("cpu", None, "release a;", "s.pv:3", ("b",)),
    ]

    lines = [line.rstrip() for line in picture(trace_of(rows)).splitlines()]

    assert [line[14:] for line in lines if set(line) & set("│┌└")] == [
        "┌ a",
        "│ acquire b",
        "│┌ b",
        "││ release a",
        "└│ a",
    ]


def test_many_locks_are_counted() -> None:
    locks = tuple(f"pv[{n}]" for n in range(9))
    rows: list[Row] = [
        ("cpu", None, f"acquire {lock};", "s.pv:1", locks[: n + 1]) for n, lock in enumerate(locks)
    ]

    assert "│x8 acquire pv[8]" in picture(trace_of(rows))


def test_what_drives_a_terminal_is_shown_and_not_sent() -> None:
    rows: list[Row] = [("cpu\x1b[2J", None, "x\r\x07 \u202e= 1", "s.pv:1", ())]

    text = picture(trace_of(rows, property="p\x1b]0;title\x07"))

    assert "\\x1b[2J" in text
    assert "\\r\\x07 \\u202e= 1" in text
    assert all(c == "\n" or c.isprintable() for c in text)


@given(st.text())
def test_printable_text_has_no_controls_and_stays(text: str) -> None:
    shown = printable(text)

    assert printable(shown) == shown
    shown.encode("utf-8")
    assert not {"\x1b", "\r", "\x9b", "\u202e", "\u2066"} & set(shown)


@given(st.text("ab (,", max_size=60), st.integers(6, 30), st.integers(0, 4))
def test_wrapped_text_fits_and_loses_only_spaces(text: str, width: int, hanging: int) -> None:
    lines = wrap(text, width, hanging=hanging)

    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line.lstrip(" ")) <= width for line in lines)
    assert all(len(line) <= width for line in lines[1:])
    assert all(line.startswith(" " * hanging) for line in lines[1:])


@pytest.mark.parametrize(
    ("natural", "least", "available", "widths"),
    [
        ([3, 5], [1, 1], 9, [3, 5]),
        ([3, 9], [1, 1], 8, [3, 5]),
        ([9, 9], [1, 8], 12, [4, 8]),
        ([9, 9], [9, 9], 4, [9, 9]),
    ],
)
def test_columns_shrink_at_the_widest(
    natural: list[int], least: list[int], available: int, widths: list[int]
) -> None:
    assert fit(natural, least, available) == widths
