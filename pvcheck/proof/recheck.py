"""Asks one solver about files in SMT-LIB, in a process of its own.

``python -m pvcheck.proof.recheck SOLVER`` reads a JSON array of texts and writes one of arrays of answers.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version

PACKAGES = {"z3": "z3-solver", "cvc5": "cvc5"}
"""By solver: the distribution it comes from."""
_Z3_OPTIONS = (
    (2, "false", 2_000_000),
    (0, "false", 4_000_000),
    (2, "true", 4_000_000),
)
"""Relevancy, whether models are tried, resources of one question."""
_CVC5_MILLISECONDS = 5000


def available(solver: str) -> bool:
    return importlib.util.find_spec(solver) is not None


def solver_version(solver: str) -> str:
    return version(PACKAGES[solver])


def answers(solver: str, texts: Sequence[str]) -> list[list[str]]:
    """To each ``check-sat`` of each text.

    Raises:
        RuntimeError: the solver did not end well.
    """
    done = subprocess.run(
        # -P: nothing is imported from the folder one is in, which may be somebody else's.
        [sys.executable, "-P", "-m", __name__, solver],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{solver}: {done.stderr.strip()[-300:] or done.returncode}")
    found: list[list[str]] = json.loads(done.stdout)
    return found


def _z3(text: str) -> list[str]:
    import z3  # noqa: PLC0415 - the other solver does without

    best: list[str] = []
    for relevancy, models, resources in _Z3_OPTIONS:
        options = (
            "(set-option :auto_config false)"
            f"(set-option :smt.relevancy {relevancy})"
            f"(set-option :smt.mbqi {models})"
            f"(set-option :rlimit {resources})\n"
        )
        context = z3.Context()
        said = z3.Z3_eval_smtlib2_string(context.ref(), options + text).split("\n")
        now = [line for line in said if line]
        best = [a if a != "unknown" else b for a, b in zip(best or now, now, strict=True)]
        if "unknown" not in best:
            break
    return best


def _cvc5(text: str) -> list[str]:
    import cvc5  # noqa: PLC0415 - an extra

    solver = cvc5.Solver(cvc5.TermManager())
    for name, value in (
        ("incremental", "true"),
        ("enum-inst", "true"),
        ("tlimit-per", str(_CVC5_MILLISECONDS)),
    ):
        solver.setOption(name, value)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "certificate")
    said = []
    while not (command := parser.nextCommand()).isNull():
        if answer := str(command.invoke(solver, parser.getSymbolManager())).strip():
            said.append(answer)
    return said


if __name__ == "__main__":
    ask = {"z3": _z3, "cvc5": _cvc5}[sys.argv[1]]
    print(json.dumps([ask(text) for text in json.load(sys.stdin)]))
