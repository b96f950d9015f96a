"""Mutants that are derived from the text: which there are, and what each is."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import specifications

from pvcheck.diagnostics import SpecError, render
from pvcheck.lang import ast
from pvcheck.lang.derive import KINDS, Derived, derived, mutated, used
from pvcheck.lang.lower import lower
from pvcheck.lang.parse import parse
from pvcheck.model.fingerprint import fingerprint
from pvcheck.source import Source

HEAD = """system derived;
lock a: mutex;
lock b: mutex;
lock c: rw;
lock g: ghost;
param SWITCH = true;
var x: 0..1 guarded by a;
gen changes guarded by a;
"""


def mutants(body: str, more: str = "") -> dict[str, Derived]:
    """Of a thread with that body."""
    source = Source("test.pv", f"{HEAD}{more}\nthread t {{ {body} }}")
    return {m.name: m for m in derived(parse(source), [source])}


def names(body: str, more: str = "") -> list[str]:
    return list(mutants(body, more))


@pytest.mark.parametrize(
    ("name", "body", "after"),
    [
        ("drop-lock t: a", "acquire a; x = 1; release a;", "x = 1;"),
        (
            "drop-lock t: a",
            "acquire a; if x == 1 { release a; return; } release a; acquire a; release a;",
            "if x == 1 { return; }",
        ),
        (
            "drop-lock t.first",
            "first: acquire a; if x == 1 { release a; return; } release a; acquire a; release a;",
            "first: if x == 1 { return; } acquire a; release a;",
        ),
        (
            "drop-lock t: a",
            "if try a { x = 1; release a; } else { x = 0; }",
            "if true { x = 1; } else { x = 0; }",
        ),
        (
            "drop-lock t: a",
            "if !try a { acquire a; } x = 1; release a;",
            "if false { } x = 1;",
        ),
        (
            "drop-release t.last",
            "acquire a; acquire b; release b; last: release a;",
            "acquire a; acquire b; release b; last:",
        ),
        (
            "drop-release t: release a #2",
            "acquire a; release a; acquire a; release a;",
            "acquire a; release a; acquire a;",
        ),
        (
            "swap-acquires t: acquire a; acquire read c",
            "acquire a; acquire read c; release c; release a;",
            "acquire read c; acquire a; release c; release a;",
        ),
        (
            "wait-for-try t: if try write c",
            "if try write c { release c; } else { x = 1; }",
            "acquire write c; { release c; }",
        ),
        (
            "wait-for-try t: if !try a",
            "if !try a { return; } release a;",
            "acquire a; release a;",
        ),
        (
            "wait-for-try t: if !try a",
            "if x == 1 { } else if !try a { return; } else { release a; }",
            "if x == 1 { } else { acquire a; { release a; } }",
        ),
        (
            "wait-for-try t: if try upgrade c",
            "acquire read c; if try upgrade c { } release c;",
            "acquire read c; upgrade c; { } release c;",
        ),
        (
            "try-for-wait t: acquire read c",
            "acquire read c; release c;",
            "if try read c { } release c;",
        ),
        (
            "try-for-wait t: upgrade c",
            "acquire read c; upgrade c; release c;",
            "acquire read c; if try upgrade c { } release c;",
        ),
        (
            "drop-recheck t: if changed(changes, seen)",
            "let seen = snapshot(changes); if changed(changes, seen) { x = 1; }",
            "let seen = snapshot(changes);",
        ),
        (
            "drop-recheck t: if x == 1",
            "acquire a; let y = x; if x == 1 { release a; return; } release a;",
            "acquire a; let y = x; release a;",
        ),
        (
            "drop-bump t: bump(changes)",
            "acquire a; x = 1; bump(changes); release a;",
            "acquire a; x = 1; release a;",
        ),
        (
            "move-early t.set",
            "acquire a; set: x = 1; x = 0; release a;",
            "x = 1; acquire a; set: x = 0; release a;",
        ),
        (
            "move-late t: if x == 1",
            "acquire a; if x == 1 { x = 0; } release a;",
            "acquire a; release a; if x == 1 { x = 0; }",
        ),
        ("negate-guard t: if x == 1", "if x == 1 { x = 0; }", "if !(x == 1) { x = 0; }"),
        ("negate-guard t: if !(x == 1)", "if !(x == 1) { x = 0; }", "if x == 1 { x = 0; }"),
        ("negate-guard t: while x == 1", "while x == 1 { }", "while !(x == 1) { }"),
        ("negate-guard t: if try a", "if try a { release a; }", "if !try a { release a; }"),
    ],
)
def test_what_it_is(name: str, body: str, after: str) -> None:
    source = Source("test.pv", f"{HEAD}\nthread t {{ {body} }}")
    tree = parse(source)
    (mutant,) = (m for m in derived(tree, [source]) if m.name == name)

    wanted = parse(Source("after.pv", f"{HEAD}\nthread t {{ {after} }}"))

    assert mutated(tree, mutant) == wanted


def test_every_kind_is_tried_above() -> None:
    (mark,) = (m for m in test_what_it_is.pytestmark if m.name == "parametrize")

    assert {name.split()[0] for name, _, _ in mark.args[1]} == set(KINDS)


@pytest.mark.parametrize(
    "body",
    [
        "while true { }",  # no slip anybody makes
        "if SWITCH { x = 1; }",  # another configuration
        "acquire g; release g;",  # in no kernel
        "assert x == 1;",
        "choose { { x = 1; } or { } }",
    ],
)
def test_what_none_is_made_of(body: str) -> None:
    assert names(body) == []


def test_conditions_of_the_specification_are_not_moved() -> None:
    found = names("acquire a; assert x == 1; release a;")

    assert not [name for name in found if name.startswith("move-")]


@pytest.mark.parametrize(
    ("statement", "is_moved"),
    [
        ("let y = 1;", False),
        ("let y = x;", True),
        ("let y = reads();", True),
        ("let seen = snapshot(changes);", True),
        ("let y = held(b);", True),
        ("call();", True),
        ("x = 1;", True),
        ("if x == 1 { call(); }", True),
        ("if x == 1 { acquire b; release b; }", False),
        ("if x == 1 { return; }", False),
        ("if try b { release b; }", False),
        ("await x == 1;", False),
    ],
)
def test_what_needs_the_lock_is_moved(statement: str, is_moved: bool) -> None:
    more = "fn reads: 0..1 = x; proc call() { x = 1; }"
    found = names(f"acquire a; {statement} release a;", more)

    assert [n.split()[0] for n in found if n.startswith("move-")] == (
        ["move-early", "move-late"] if is_moved else []
    )


def test_nothing_is_moved_past_a_place_that_others_jump_to() -> None:
    straight = "acquire a; if x == 1 { goto out; } x = 1; release a;"
    jumping = "acquire a; if x == 1 { goto out; } x = 1; out: release a;"

    assert "move-late t: x = 1" in names(straight)
    assert "move-late t: x = 1" not in names(jumping)


def test_the_same_lock_twice_is_not_swapped() -> None:
    assert not [n for n in names("acquire a; acquire a;") if n.startswith("swap")]


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        ("take(); if x == 1 { return; }", True),
        ("let got = takes(); if got == 1 { return; }", True),
        ("acquire a; assert x == 1; if x == 1 { return; } release a;", True),
        ("if try a { if x == 1 { return; } }", True),
        ("if !try a { } else { if x == 1 { return; } }", True),
        ("if !try a { if x == 1 { return; } }", False),
        ("x = 1; if x == 1 { return; }", False),
        ("idle(); if x == 1 { return; }", False),
        ("acquire a; if x == 1 { return; } else { x = 1; } release a;", False),
        ("acquire a; while x == 1 { } if x == 0 { return; } release a;", False),
        ("acquire a; if x == 1 { x = 0; } release a;", False),
    ],
)
def test_what_a_recheck_is(body: str, is_one: bool) -> None:
    more = """
proc idle() { }
proc inner() { acquire a; release a; }
proc take() { inner(); }
proc takes(): 0..1 { take(); return 0; }
"""
    found = names(body, more)

    assert any(n.startswith("drop-recheck t") for n in found) == is_one


def test_names_stay_when_other_text_changes() -> None:
    body = "acquire a; x = 1; last: release a;"
    before = names(body)

    assert before[0] == "drop-lock t: a"
    assert "drop-release t.last" in before
    assert set(before) < set(names(f"// more\n if x == 0 {{ x = 1; }}\n {body}"))
    assert set(before) < set(names(body, "proc other() { acquire a; release a; }"))


def test_a_long_statement_has_a_short_name_and_its_whole_text() -> None:
    condition = " || ".join(["x == 1"] * 20)
    (mutant,) = mutants(f"if {condition} {{ }}").values()

    assert mutant.name.endswith("...")
    assert len(mutant.name) < 90
    assert mutant.text == f"if {condition}"


def test_names_are_unique_and_in_the_order_of_the_text() -> None:
    body = "acquire a; x = 1; release a; acquire a; x = 1; release a;"
    source = Source("test.pv", f"{HEAD}\nthread t {{ {body} {body} }}")
    found = derived(parse(source), [source])

    assert len({m.name for m in found}) == len(found)
    assert [m.span.start for m in found] == sorted(m.span.start for m in found)


def test_what_is_used() -> None:
    source = Source(
        "test.pv",
        "system s; proc deep() { } op one() { let x: 0..1; deep(); } op two() { } proc idle() { two(); }"
        "thread t { choose { { one(); } or { two(); } } }",
    )
    tree = parse(source)

    assert used(tree) == {"t", "one", "two", "deep"}
    assert used(tree, ("two",)) == {"t", "two"}
    assert used(tree, ()) == {"t"}


# ---- the same model -----------------------------------------------------------------------------


def done(body: str) -> str:
    source = Source("test.pv", f"{HEAD}\nthread t {{ {body} }}")
    return fingerprint(lower(parse(source), (source,)))


def test_places_and_names_of_places_make_no_difference() -> None:
    assert done("acquire a; x = 1; release a;") == done(
        "// now with words\n first:\n acquire a;\n x = 1; ; release a;"
    )


@pytest.mark.parametrize(
    "body",
    [
        "acquire a; x = 0; release a;",
        "acquire a; release a;",
        "x = 1; acquire a; release a;",
        "acquire b; x = 1; release b;",
        "if try a { } x = 1; release a;",
        "acquire a; bump(changes); release a;",
        "acquire a; let y = x; x = 1; release a;",
    ],
)
def test_what_threads_do_makes_one(body: str) -> None:
    assert done(body) != done("acquire a; x = 1; release a;")


@settings(max_examples=30, deadline=None)
@given(specifications(), st.data())
def test_every_mutant_of_any_specification_is_a_model_or_refused_with_reasons(
    text: str, data: st.DataObject
) -> None:
    source = Source("test.pv", text)
    tree = parse(source)
    found = derived(tree, [source])
    tree2 = parse(source)
    again = derived(tree2, [source])
    assert [m.name for m in again] == [m.name for m in found]
    for mutant in found:
        event(mutant.kind)
        assert mutated(tree, mutant) != tree
    some = data.draw(
        st.lists(st.sampled_from(found), max_size=6, unique_by=id) if found else st.just([])
    )
    for mutant in some:
        first = outcome(tree, mutant, source)
        event(first.partition(":")[0])
        assert outcome(tree2, again[found.index(mutant)], source) == first


def outcome(tree: ast.Specification, mutant: Derived, source: Source) -> str:
    """What it does, or why it is refused."""
    try:
        model = lower(mutated(tree, mutant), (source,))
    except SpecError as error:
        return "refused:" + "".join(render(d, error.sources) for d in error.diagnostics)
    return "model:" + fingerprint(model)
