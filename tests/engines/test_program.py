"""The generated C as a program: what it finds, and what compilers and sanitizers say of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkers import need
from everything import EVERYTHING
from systems import check, instance

from pvcheck.engines.native.compiler import RUNTIME, find
from pvcheck.engines.native.generate import generate
from pvcheck.engines.native.program import program
from pvcheck.load import instances, load
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import Reduction
from pvcheck.model.semantics import Semantics
from pvcheck.model.verdict import Violated
from pvcheck.reduce.movers import movers
from pvcheck.reduce.symmetry import symmetry

SPECS = Path(__file__).parents[2] / "specs"
ABBA = """
system abba;
lock a: mutex; lock b: mutex;
order a < b;
var n: 0..1 = 0 guarded by a;
invariant zero: n == 0;
thread one { acquire a; n = 1; acquire b; release b; release a; }
thread two { acquire b; acquire a; release a; release b; }
"""
WIDE = """
system wide;
ordered sort N;
lock l: rw;
var s[N]: set<N> = {} guarded by l;
var q: list<N>[24] = [] guarded by l;
thread one {
  while true {
    any n: N where n == N(0) || n == N(12);
    acquire write l;
    s[n] = s[n] | {n};
    if !(n in s[N(0)]) && size(q) < 3 { append(q, n); }
    release l;
  }
}
thread two { while true { acquire read l; assert size(q) < 4; release l; } }
"""
COUNTERS = """
system counters;
ordered sort T;
var n[T]: 0..30 = 0 atomic;
thread cpu[T] { while true { atomic { await n[self] < 30; n[self] = n[self] + 1; } } }
invariant small: forall t: T: n[t] <= 30;
"""
"""Levels are wide enough for several threads."""


def compiled(folder: Path, what: Instance, *flags: str, compiler: str = "cc") -> Path:
    source, made = folder / "model.c", folder / "model"
    source.write_text(program(what.semantics, what.model.safety))
    command = [compiler, "-std=gnu11", "-pthread", "-w", *flags, "-o", str(made), str(source)]
    subprocess.run(command, check=True)
    return made


def obm(name: str) -> Instance:
    return next(i for i in instances(load(SPECS / "obm.pv"), all_instances=True) if i.name == name)


def said(what: Instance) -> Iterator[str]:
    """What the program should say, by the interpreter."""
    found = check(what)
    s = found.statistics
    yield f"{s.states} states, {s.transitions} transitions, depth {s.depth}"
    for name, verdict in found.verdicts.items():
        match verdict:
            case Violated(trace):
                yield f"{name}: violated after {len(trace.steps)} steps"
            case _:
                yield f"{name}: not violated"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "what", [instance(EVERYTHING, I=2, T=1), instance(ABBA)], ids=["everything", "abba"]
)
def test_it_finds_what_the_interpreter_finds(tmp_path: Path, what: Instance, threads: int) -> None:
    find()
    made = compiled(tmp_path, what, "-O1")

    ran = subprocess.run([made, str(threads)], capture_output=True, text=True, check=False)

    expected = list(said(what))
    assert sorted(ran.stdout.splitlines()) == sorted(expected)
    assert ran.returncode == any("violated after" in line for line in expected)


def test_how_many_threads_must_be_sensible(tmp_path: Path) -> None:
    find()
    made = compiled(tmp_path, instance(ABBA), "-O0")

    ran = subprocess.run([made, "0"], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (2, f"{made} [threads, at most 256]\n")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "what",
    [instance(EVERYTHING, I=2, T=2), instance(WIDE, N=13), obm("tiny")],
    ids=["everything", "wide", "tiny"],
)
def test_the_search_compiles_without_warnings(
    tmp_path: Path, what: Instance, compiler: str
) -> None:
    need(compiler)
    semantics = what.semantics
    source = tmp_path / "model.c"
    source.write_text(program(semantics, (), whole=False))
    for model in (source, reduced(semantics, tmp_path)):
        command = [compiler, "-std=gnu11", f"-I{RUNTIME}", "-fsyntax-only", str(model)]
        command += ["-Wall", "-Wextra", "-Wconversion"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)

        assert [line for line in ran.stderr.splitlines() if str(RUNTIME) in line] == []


def reduced(semantics: Semantics, folder: Path) -> Path:
    generated = generate(semantics, Reduction(symmetry(semantics).group, movers(semantics)))
    path = folder / "reduced.c"
    path.write_text("\n".join([generated.header, *generated.steps, generated.main]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "what",
    [
        instance(EVERYTHING, I=2, T=1),
        instance(WIDE, N=13),
        instance(COUNTERS, T=4),
        obm("tiny"),
        obm("run_of_one"),
    ],
    ids=["everything", "wide", "counters", "tiny", "run_of_one"],
)
def test_sanitizers_find_nothing(
    tmp_path: Path, what: Instance, compiler: str, sanitizer: str
) -> None:
    need("cc", compiler)
    ordinary = compiled(tmp_path, what, "-O1")
    expected = subprocess.run([ordinary], capture_output=True, text=True, check=False)
    flags = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-g", "-O1")
    made = compiled(tmp_path, what, *flags, compiler=compiler)

    for threads in "1", "2", "4":
        ran = subprocess.run([made, threads], capture_output=True, text=True, check=False)

        assert ran.stderr == ""
        assert ran.stdout == expected.stdout
