"""Bad input of every kind: one message, exit status 2, no traceback, no text that drives the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck.cli.main import main

Refused = Callable[..., str]
"""Runs the command, which must end with status 2; what it said."""
SECONDS = 30
"""For one specification, on a busy machine; without bounds it would be hours, or all memory."""
THREAD = "thread idle { }\n"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command in an empty directory; its status and all it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def execute(*argv: str) -> tuple[int, str]:
        start = time.monotonic()
        status = main(argv)
        out, err = capsys.readouterr()
        assert time.monotonic() - start < SECONDS
        said = out + err
        assert "Traceback" not in said
        assert "internal error" not in said
        assert [c for c in said if not c.isprintable() and c not in "\n\t"] == []
        return status, said

    return execute


@pytest.fixture
def refused(run: Callable[..., tuple[int, str]]) -> Refused:
    def execute(*argv: str) -> str:
        status, said = run(*argv)
        assert status == 2, said
        assert said
        return said

    return execute


@pytest.fixture
def checked(refused: Refused) -> Callable[[str | bytes], str]:
    """``pvcheck verify`` on a specification of this text, which must be refused."""

    def execute(text: str | bytes) -> str:
        data = text.encode() if isinstance(text, str) else text
        Path("spec.pv").write_bytes(data)
        return refused("verify", "spec.pv")

    return execute


Checked = Callable[[str | bytes], str]


# --- what is wrong with a specification ----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system a;\nthread t { acquire pv; }", "spec.pv:2:20: error[PV101]: no lock 'pv'"),
        ("system a;\nthread t { let x: bool = 3; }", "error[PV201]: expected bool, found int"),
        (
            "system a; var x: bool atomic; var y: bool atomic; thread t { x = y; }",
            "error[PV304]: more than one access to atomic variables",
        ),
        ('system a; import "no.pv";' + THREAD, "error[PV005]: cannot read 'no.pv'"),
        ('system a; import "spec.pv";' + THREAD, "spec.pv -> spec.pv"),
        ('system a; import ".";' + THREAD, "error[PV005]: cannot read '.': not a file"),
        ("", "error[PV008]: no 'system NAME;'"),
        ("system a;", "error[PV405]"),
        (bytes(range(256)), "error[PV002]: not UTF-8 text"),
        ("system a; thread t { }".encode("utf-16"), "error[PV002]: not UTF-8 text"),
        ("system a;\0" + THREAD, "error[PV002]: not text: byte 9 is 0"),
        (b" " * 1_000_001, "error[PV003]: larger than 1,000,000 bytes"),
        ("system a; sort S;" + THREAD, "error[PV401]: sort 'S' has no size"),
        ("system a; sort S; instance i { }" + THREAD, "error[PV401]"),
        ("system a; sort S; instance i { S = 0; }" + THREAD, "error[PV402]"),
        ("system a; sort S = 1 - 1;" + THREAD, "error[PV402]"),
        ("system a; sort S = size(S);" + THREAD, "error[PV401]"),
        ("system a; param N = 9999999999;" + THREAD, "error[PV009]"),
        ("system a; param N: 0..3 = 7;" + THREAD, "error[PV403]: N is 7"),
        ("system a; param N = M; param M = N;" + THREAD, "error[PV403]"),
        ("system a; proc p() { q(); } proc q() { p(); }" + THREAD, "p -> q -> p"),
        ("system a; fn f: bool = g; fn g: bool = f;" + THREAD, "f -> g -> f"),
        ("system a; proc p(): bool { }" + THREAD, "error[PV208]"),
        ("system a; thread t { any x: 0..999999999; }", "has 1000000000 values"),
        ("system a; thread t { any x: set<set<set<set<bool>>>>; }", "unboundedly many values"),
        (
            "system a; sort S; var v[S][S][S][S][S]: bool atomic; instance i { S = 64; }" + THREAD,
            "too large",
        ),
    ],
)
def test_a_specification_is_refused(checked: Checked, text: str | bytes, message: str) -> None:
    assert message in checked(text)


def test_all_independent_errors_are_shown_but_no_more_than_can_be_read(checked: Checked) -> None:
    said = checked("system a; thread t {\n" + "acquire pv;\n" * 250 + "}")

    assert said.count("error[PV101]") == 100
    assert said.endswith("and 150 more errors\n")


# --- files -----------------------------------------------------------------------------------------


def test_imports_stay_inside_the_root(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "secret.pv").write_text("lock secret: mutex;")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.pv").symlink_to(tmp_path / "secret.pv")
    (inside / "folder").symlink_to(tmp_path)
    for path in ("../secret.pv", "link.pv", "folder/secret.pv", str(tmp_path / "secret.pv")):
        (inside / "spec.pv").write_text(f'system a; import "{path}"; {THREAD}')

        said = refused("check", "inside/spec.pv")

        assert "error[PV007]: this file lies outside the root" in said
        assert "secret: mutex" not in said
        assert main(["check", "inside/spec.pv", "--root", "."]) == 0


def test_the_main_file_lies_in_the_root(refused: Refused, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    Path("a/spec.pv").write_text(f"system a; {THREAD}")
    Path("b/link.pv").symlink_to(tmp_path / "a" / "spec.pv")

    assert "a/spec.pv lies outside the root b" in refused("check", "a/spec.pv", "--root", "b")
    assert "lies outside the root no" in refused("check", "a/spec.pv", "--root", "no")
    assert "b/link.pv lies outside the root b" in refused("verify", "b/link.pv")
    assert main(["check", "b/link.pv", "--root", "."]) == 0


def test_the_root_is_the_nearest_folder_with_a_marker(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "secret.pv").write_text("lock secret: mutex;")
    history = tmp_path / "specs" / "history"
    history.mkdir(parents=True)
    spec = Path("specs/history/spec.pv")
    spec.write_text(f'system a; import "../pmap.pv"; {THREAD}')
    Path("specs/pmap.pv").write_text("lock pmap: mutex;")

    assert "error[PV007]" in refused("check", str(spec))
    Path("specs/.pvroot").touch()
    assert main(["check", str(spec)]) == 0
    assert main(["verify", str(spec)]) == 0

    spec.write_text(f'system a; import "../../secret.pv"; {THREAD}')
    said = refused("check", str(spec))
    assert "error[PV007]" in said
    assert "secret: mutex" not in said

    spec.write_text(f'system a; import "../pmap.pv"; {THREAD}')
    (history / ".pvroot").touch()
    assert "error[PV007]" in refused("check", str(spec))
    assert main(["check", str(spec), "--root", "specs"]) == 0


def test_a_marker_counts_for_nothing_where_everybody_may_put_one(
    refused: Refused, tmp_path: Path
) -> None:
    for folder in ("shared/inside", "linked/inside"):
        (tmp_path / folder).mkdir(parents=True)
        Path(folder, "spec.pv").write_text(f'system a; import "../pv.pv"; {THREAD}')
        Path(folder, "..", "pv.pv").write_text("lock pv: mutex;")
    Path("shared/.pvroot").touch()
    Path("linked/.pvroot").symlink_to(tmp_path / "shared" / ".pvroot")

    assert main(["check", "shared/inside/spec.pv"]) == 0
    (tmp_path / "shared").chmod(0o777)
    assert "error[PV007]" in refused("check", "shared/inside/spec.pv")
    assert "error[PV007]" in refused("check", "linked/inside/spec.pv")


def test_files_are_named_as_the_user_has_named_the_root(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "specs" / "history").mkdir(parents=True)
    Path("specs/.pvroot").touch()
    Path("specs/pv.pv").write_text("lock pv: mutxe;")
    Path("specs/history/spec.pv").write_text(f'system a; import "../pv.pv"; {THREAD}')

    assert "specs/pv.pv:1:" in refused("check", "specs/history/spec.pv")


def test_links_that_lead_nowhere(refused: Refused) -> None:
    Path("loop.pv").symlink_to("loop.pv")
    Path("spec.pv").write_text(f'system a; import "loop.pv"; {THREAD}')

    assert "symbolic links" in refused("check", "loop.pv")
    assert "error[PV005]: cannot read 'loop.pv'" in refused("check", "spec.pv")


def test_a_cycle_of_imports(refused: Refused) -> None:
    Path("a.pv").write_text('system a; import "b.pv"; thread t { }')
    Path("b.pv").write_text('import "c.pv";')
    Path("c.pv").write_text('import "a.pv";')

    assert "c.pv:1:1: error[PV006]: files import each other: a.pv -> b.pv" in refused(
        "check", "a.pv"
    )


def test_too_many_files(refused: Refused) -> None:
    imports = "".join(f'import "p{i}.pv";\n' for i in range(201))
    Path("a.pv").write_text(f"system a; {imports} {THREAD}")
    for i in range(201):
        Path(f"p{i}.pv").write_text("")

    assert "error[PV404]: more than 200 files" in refused("check", "a.pv")


def test_a_missing_file_and_a_directory(refused: Refused) -> None:
    Path("folder").mkdir()

    assert "no.pv: No such file or directory" in refused("verify", "no.pv")
    assert "folder" in refused("verify", "folder")
    assert "folder" in refused("check", "folder")


@pytest.mark.parametrize("text", ["system a;\r\n%s\r\n", "system a;\r%s\r", "\ufeffsystem a;\n%s"])
def test_line_ends_and_byte_order_marks(checked: Checked, text: str) -> None:
    said = checked(text % "thread t { x = 3; }")

    assert "spec.pv:2:12: error[PV101]: no variable 'x'\n    2 | thread t { x = 3; }\n" in said


# --- size: bounded time, no crash ------------------------------------------------------------------

MANY = 5_000


@pytest.mark.parametrize(
    "garbage",
    [
        "".join(chr(33 + i * 7919 % 90) for i in range(999_000)),
        "a b c { } ;\n" * 80_000,
        "lock a: mutex\n" * 70_000,
        "lock\n" * 190_000,
        "mutant M\nexpect\n" * 60_000,
        '"' * 999_000,
        "/* " * 330_000,
        "{" * 999_000,
        ";\n" * 499_000,
        "system a; " * 50_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_megabyte_of_garbage(checked: Checked, garbage: str) -> None:
    checked(garbage)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fn f: bool = " + "(" * MANY + "true;", "PV001"),
        ("fn f: bool = " + "!" * MANY + "true;", "PV004"),
        ("fn f: 0..9 = " + "-" * MANY + "1;", "PV004"),
        ("fn f: 0..9 = 1" + "+1" * MANY + ";", "PV004"),
        ("fn f: bool = true" + " && true" * MANY + ";", "PV004"),
        ("fn f: bool = true" + " => true" * MANY + ";", "PV004"),
        ("fn f: bool = true" + " ? true : true" * MANY + ";", "PV004"),
        ("fn f: bool = f" + "[1]" * MANY + ";", "PV004"),
        ("fn f: bool = f" + ".g" * MANY + ";", "PV004"),
        ("proc p() " + "{" * MANY + "}" * MANY, "PV004"),
        ("proc p() { if true { } " + "else if true { } " * MANY + "}", "PV004"),
        ("var v: " + "set<" * MANY + "bool" + ">" * MANY + " atomic;", "PV004"),
        ("type T0 = bool;" + "".join(f"type T{i + 1} = set<T{i}>;" for i in range(MANY)), "PV404"),
        (
            "struct T0 { a: bool; }"
            + "".join(f"struct T{i + 1} {{ a: T{i}; b: T{i}; }}" for i in range(200)),
            "PV404",
        ),
        (
            "".join(f"fn f{i}: bool = f{i + 1};" for i in range(MANY))
            + f"fn f{MANY}: bool = true;",
            "PV004",
        ),
        (
            "fn f0(a: bool): bool = a;"
            + "".join(
                f"fn f{i + 1}(a: bool): bool = f{i}(!a) || f{i}(a && a);" for i in range(200)
            ),
            "PV404",
        ),
        (
            "param p0 = 999999999;" + "".join(f"param p{i + 1} = p{i} * p{i};" for i in range(50)),
            "PV403",
        ),
        ("order l0" + "".join(f"< l{i}" for i in range(1, MANY)) + ";", "PV101"),
        ("".join(f"lock l{i}: mutex;" for i in range(300)), "PV404"),
    ],
    ids=lambda text: text[:24],
)
def test_deep_and_large_declarations(checked: Checked, text: str, code: str) -> None:
    assert f"error[{code}]" in checked(f"system a;\n{text}\n{THREAD}")


@pytest.mark.parametrize(
    "body",
    [
        "p99();",
        "r0();",
        "".join(f"let x{i} = true; " for i in range(MANY)),
        "any a: bool; " + "if a { } else { } " * 50,
        "choose { { } or { } } " * 50,
        "let a = v; " + "if a { return; } a = !a; " * 300,
    ],
    ids=lambda text: text[:20],
)
def test_threads_beyond_all_bounds(checked: Checked, body: str) -> None:
    text = (
        "system a; var v: bool atomic;\n"
        "proc p0() { v = true; }\n"
        + "".join(f"proc p{i + 1}() {{ p{i}(); p{i}(); }}\n" for i in range(99))
        + "".join(f"proc r{i}() {{ r{i + 1}(); }}\n" for i in range(MANY))
        + f"proc r{MANY}() {{ v = true; }}\n"
    )

    assert "error[PV" in checked(f"{text} thread t {{ {body} }}")


def test_what_is_large_but_not_too_large_is_read(run: Callable[..., tuple[int, str]]) -> None:
    Path("a.pv").write_text(
        "system a; var x: bool atomic;\n"
        f"fn parentheses: bool = {'(' * MANY}true{')' * MANY};\n"
        f"fn sum: 0..60 = 1{'+1' * 59};\n"
        f"thread t {{ {'x = true;' * 2000} {''.join(f'let y{i} = x; ' for i in range(500))} }}"
    )

    assert run("verify", "a.pv")[0] == 0


# --- the command line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("Pge=2", "error: no sort or parameter 'Pge'\n  hint: did you mean 'Page'?"),
        ("Page=0", "a sort has 1 to 64 elements, not 0"),
        ("Page=65", "a sort has 1 to 64 elements, not 65"),
        ("Page=-1", "a sort has 1 to 64 elements, not -1"),
        ("Page=two", "Page is a number, not 'two'"),
        ("Page=1e3", "Page is a number, not '1e3'"),
        ("Page=99999999999999999999", "Page is a number"),
        ("Page=\u0663", "Page is a number"),
        ("Page", "is not NAME=VALUE"),
        ("Run=2", "the size of Run is computed"),
        ("FLAG=1", "FLAG is true or false, not '1'"),
        ("LIMIT=true", "LIMIT is a number, not 'true'"),
        ("LIMIT=9", "LIMIT is 9 in unnamed, outside of its range"),
        ("HALF=0", "Run has no size in unnamed: division by zero"),
        ("Page=\x1b[31m", "Page is a number"),
    ],
)
def test_settings(refused: Refused, settings: str, message: str) -> None:
    Path("a.pv").write_text(
        "system a; sort Page; sort Run = size(Page) / HALF; param HALF = 1; param FLAG = true;"
        " param LIMIT: 0..3 = 1; thread t { }"
    )
    arguments = (
        ["-p", settings] if settings.startswith("Page") else ["-p", settings, "-p", "Page=2"]
    )

    assert message in refused("verify", "a.pv", *arguments)


# --- traces ----------------------------------------------------------------------------------------------

ABBA = """\
system abba;
lock a: mutex;
lock b: mutex;
op forth() { acquire a; acquire b; release b; release a; }
op back() { acquire b; acquire a; release a; release b; }
thread one { forth(); }
thread two { back(); }
"""


@pytest.fixture
def trace(run: Callable[..., tuple[int, str]]) -> Path:
    Path("abba.pv").write_text(ABBA)
    assert run("verify", "abba.pv", "--property", "deadlock")[0] == 1
    return Path("counterexamples/abba.deadlock.json")


def test_a_trace_file_that_is_none(refused: Refused, trace: Path) -> None:
    whole = trace.read_bytes()
    broken = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "binary": bytes(range(256)),
        "a number": b"3",
        "another object": b"{}",
        "deep": b"[" * 100_000,
        "a specification": ABBA.encode(),
    }
    for data in broken.values():
        trace.write_bytes(data)
        assert str(trace) in refused("trace", "show", str(trace))
        assert str(trace) in refused("trace", "replay", str(trace))
    trace.unlink()
    assert "No such file" in refused("trace", "show", str(trace))
    trace.mkdir()
    assert "directory" in refused("trace", "show", str(trace)).lower()


def test_a_trace_with_a_part_missing_or_of_another_type(refused: Refused, trace: Path) -> None:
    whole = json.loads(trace.read_text())
    for key in whole:
        for value in (None, "\x1b[31m", [3], {"a": {}}):
            trace.write_text(json.dumps({**whole, key: value}))
            if json.loads(trace.read_text()) != whole:
                main(["trace", "show", str(trace)])
        trace.write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
        assert main(["trace", "show", str(trace)]) in (0, 2)
    trace.write_text(json.dumps({**whole, "steps": 3}))
    assert str(trace) in refused("trace", "show", str(trace))


def test_a_trace_of_another_specification(refused: Refused, trace: Path) -> None:
    Path("other.pv").write_text("system other; sort S; thread t { } instance i { S = 1; }")

    assert refused("trace", "replay", str(trace), "--spec", "other.pv")

    Path("abba.pv").unlink()
    assert "--spec PATH" in refused("trace", "replay", str(trace))


def test_a_trace_of_what_has_changed_does_not_replay(
    run: Callable[..., tuple[int, str]], trace: Path
) -> None:
    Path("abba.pv").write_text(ABBA.replace("acquire b; acquire a;", "acquire a; acquire b;"))

    status, said = run("trace", "replay", str(trace))

    assert status == 1
    assert "does not replay" in said


# --- text that must stay text ------------------------------------------------------------------------------


def test_names_of_python_are_names(run: Callable[..., tuple[int, str]]) -> None:
    Path("a.pv").write_text(
        "system __import__;\n"
        "enum E { True, None, print }\n"
        "struct tuple { __class__: E; def: E; }\n"
        "var class: tuple guarded by w; lock w: mutex; var x0: 0..3 atomic; var me: E? atomic;\n"
        "fn exec(eval: E): E = eval;\n"
        "op lambda(import: E) { let s = 3; let x1 = s; let b0 = x1; let frozenset = b0;\n"
        "  acquire w; class = tuple(exec(import), def: None); release w; x0 = frozenset; }\n"
        "thread os { lambda(None); }\n".replace(
            "tuple(exec(import), def: None)", "tuple(exec(import), None)"
        )
        + "invariant raise: x0 == 0 || x0 == 3;\n"
        "invariant pass: me == none;\n"
    )

    assert run("verify", "a.pv")[0] == 0


def test_control_characters_are_not_printed(run: Callable[..., tuple[int, str]]) -> None:
    escape = "\x1b[31m\x07\x9b"
    Path("a.pv").write_text(
        f'system a; @src("{escape}file", "{escape}function") op o() {{ /* {escape} */ assert false; }}'
        f' thread t {{ o(); }} mutant M "{escape}" {{ }} expect checked; // {escape}'
    )
    Path("b.pv").write_text(f"system {escape}; thread t {{ }}")
    Path("c.pv").write_text(f'system c; import "{escape}"; thread t {{ }} // {escape}')
    strange = f"{escape}.pv"
    Path(strange).write_text("system d; thread t { assert false; }")

    assert run("verify", "a.pv")[0] == 1
    assert run("verify", "a.pv", "--format", "json")[0] == 1
    assert run("trace", "show", "counterexamples/a.assertion.json")[0] == 0
    assert run("verify", "a.pv", "--mutant", "M")[0] == 1
    assert run("check", "b.pv")[0] == 2
    assert run("check", "c.pv")[0] == 2
    assert run("verify", strange)[0] == 1
    assert run("check", strange)[0] == 0
    assert run("verify", f"no{strange}")[0] == 2
    assert run("verify", "a.pv", "--property", escape)[0] == 2
    assert run("verify", "a.pv", "--mutant", escape)[0] == 2
    assert run("verify", "a.pv", "--instance", escape)[0] == 2
    assert run("explain", escape)[0] == 2


def test_wrong_usage_says_so(refused: Refused) -> None:
    escape = "\x1b[31m"
    for argv in (
        [escape],
        ["verify"],
        ["verify", "a.pv", escape],
        ["check", f"--{escape}", "a.pv"],
    ):
        assert refused(*argv)
