"""``memory tso``: the litmus tests of x86, and mutexes under it."""

from __future__ import annotations

from pathlib import Path

import pytest
from systems import Watcher, check, instance, run, violations

from pvcheck.cli.main import main
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.engines.symbolic.bmc import BoundedEngine
from pvcheck.engines.symbolic.solver import Z3
from pvcheck.lang.parse import parse
from pvcheck.model.instance import Instance
from pvcheck.source import Source

ROOT = Path(__file__).parent.parent.parent

STORE_BUFFERING = """
system litmus; memory %s;
var x: bool atomic; var y: bool atomic; var a: bool = true atomic; var b: bool = true atomic;
proc mfence() { atomic { x = x; } }
thread one { x = true; %s let n = y; a = n; }
thread two { y = true; %s let n = x; b = n; }
invariant never: a || b;
"""


def litmus(text: str) -> set[str]:
    return set(violations(run(text)))


@pytest.mark.parametrize(
    ("memory", "first", "second", "seen"),
    [
        ("sc", "", "", False),
        ("tso", "", "", True),
        ("tso", "mfence();", "", True),
        ("tso", "", "mfence();", True),
        ("tso", "mfence();", "mfence();", False),
    ],
)
def test_store_buffering(memory: str, first: str, second: str, seen: bool) -> None:
    found = litmus(STORE_BUFFERING % (memory, first, second))

    assert found == ({"never"} if seen else set())


def test_every_engine_sees_it() -> None:
    what = instance(STORE_BUFFERING % ("tso", "", ""))
    properties = what.model.properties

    native = NativeEngine(find(), 1).check(what, properties, Limits(), Watcher())
    bounded = BoundedEngine(10, Z3).check(what, properties, Limits(), Watcher())

    assert violations(check(what)) == violations(native) == violations(bounded)


def test_stores_reach_memory_in_order() -> None:
    text = """
    system litmus; memory tso;
    var x: bool atomic; var y: bool atomic;
    thread one { x = true; y = true; }
    thread two { let n = y; let m = x; assert !n || m; }
    """
    assert litmus(text) == set()


def test_a_thread_sees_its_own_stores() -> None:
    text = """
    system litmus; memory tso; ordered sort T;
    var x[T]: 0..3 = 0 atomic;
    thread one { x[T(0)] = 1; x[T(1)] = 2; x[T(0)] = 3; let n = x[T(0)]; let m = x[T(1)];
                 assert n == 3 && m == 2; }
    """
    assert set(violations(run(text, T=2))) == set()


def test_a_store_that_nobody_else_sees_yet() -> None:
    text = """
    system litmus; memory tso; sort T;
    var x[T]: bool atomic;
    thread cpu[T] { x[self] = true; let n = x[self]; assert n; }
    invariant late(t: T, u: T): x[t] || !x[u] || t == u;
    """
    assert set(violations(run(text, T=2))) == {"late"}


@pytest.mark.parametrize(
    ("between", "overtaken"),
    [
        ("", True),
        ("let n = z;", True),
        ("acquire ghost_; release ghost_;", True),
        ("acquire m; release m;", False),
        ("acquire m; x = true; release m;", False),
        ("if try m { release m; }", False),
        ("bump(g);", False),
        ("atomic { z = !z; }", False),
        ("p.l = true;", False),
    ],
)
def test_locked_instructions_wait_for_the_stores_before_them(between: str, overtaken: bool) -> None:
    """Else the thread can have a store behind them in its buffer, with the one before still in it."""
    what = instance(
        f"""
        system litmus; memory tso; struct Pair {{ l: bool; r: bool; }}
        lock m: mutex; lock ghost_: ghost; gen g atomic;
        var x: bool guarded by m; var y: bool atomic; var z: bool atomic; var p: Pair atomic;
        thread one {{ y = true; {between} y = false; }}
        """
    )

    assert (2 in lengths(what, "stores_one")) == overtaken


def lengths(what: Instance, variable: str) -> set[int]:
    """All that the variable can hold."""
    cell = what.semantics.layout.blocks[variable].start
    todo, met = [what.semantics.initial], {what.semantics.initial}
    for state in todo:
        for _, _, after in what.semantics.successors(state):
            if after is not None and after not in met:
                met.add(after)
                todo.append(after)
    return {state[0][cell] for state in met}


def test_more_stores_than_there_is_room_for_are_a_fault() -> None:
    text = "system s; memory tso; var x: bool atomic; thread t { while true { x = true; } }"

    assert litmus(text) == {"bounds"}


def test_who_has_ended_leaves_no_deadlock() -> None:
    text = "system s; memory tso; sort T; var x: bool atomic; thread t[T] { x = true; }"

    assert set(violations(run(text, T=2))) == set()


def test_a_wait_for_what_nobody_stores_is_a_deadlock() -> None:
    text = "system s; memory tso; var x: bool atomic; thread t { x = false; await x; }"

    assert litmus(text) == {"deadlock"}


def test_nothing_changes_where_nothing_is_stored_plainly() -> None:
    text = "system s; memory %s; var x: 0..3 atomic; thread t { atomic { x = (x + 1) %% 4; } }"
    sc, tso = (instance(text % memory).model for memory in ("sc", "tso"))

    assert [f.name for f in tso.threads] == [f.name for f in sc.threads] == ["t"]
    assert [v.name for v in tso.variables] == [v.name for v in sc.variables] == ["x"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [("memory tos;", "no memory model 'tos'"), ("memory sc; memory tso;", "declared twice")],
)
def test_what_is_no_memory_model(declared: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        instance(f"system s; {declared} thread t {{ }}")

    assert message in error.value.diagnostics[0].message


@pytest.mark.parametrize("mutant", ["NO_FENCE_LOCK", "NO_FENCE_UNLOCK"])
@pytest.mark.parametrize(("memory", "status"), [("sc", 1), ("tso", 0)])
def test_mutants_that_only_break_under_tso(
    mutant: str, memory: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "specs" / "primitives" / "waiter_flag.pv").read_text(encoding="utf-8")
    assert "memory tso;" in text
    spec = tmp_path / "waiter_flag.pv"
    spec.write_text(text.replace("memory tso;", f"memory {memory};"), encoding="utf-8")

    found = main(["verify", str(spec), "--mutant", mutant, "--quiet", "--no-trace"])

    assert found == status
    if memory == "sc":
        assert "checked (expected a violation)" in capsys.readouterr().out


def test_it_is_a_declaration() -> None:
    assert len(parse(Source("s.pv", "memory tso;")).declarations) == 1
