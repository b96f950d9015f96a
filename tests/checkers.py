"""SPIN and Rumur, run on what is exported."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from pvcheck.export.murphi import murphi
from pvcheck.export.promela import promela
from pvcheck.model.semantics import Semantics

INSTALL = "apt-get install spin rumur gcc"


@dataclass(frozen=True)
class Finding:
    states: int
    error: str
    """What it says is wrong; empty: nothing."""


def need(*commands: str) -> None:
    """Skip the test where one of these is not installed."""
    missing = [c for c in commands if shutil.which(c) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} ({INSTALL})")


def spin(semantics: Semantics, properties: Collection[str], folder: Path) -> Finding:
    """The states that SPIN stores without reductions, and the first error."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pml").write_text(promela(semantics, properties))
    said = _run(["spin", "-o2", "-a", "model.pml"], folder)
    assert "Error" not in said, said
    _run(["gcc", "-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"], folder)
    ends = [] if "deadlock" in properties else ["-E"]
    said = _run(["./pan", "-m3000000", *ends], folder)
    assert "max search depth too small" not in said, said
    states = re.search(r"^\s*([\d.e+]+) states, stored", said, re.M)
    assert states is not None, said
    error = re.search(r"^pan:1: (.*?)( \(at depth.*)?$", said, re.M)
    return Finding(int(float(states[1])), "" if error is None else error[1])


def rumur(semantics: Semantics, properties: Collection[str], folder: Path) -> Finding:
    """The states that Rumur finds without symmetry reduction, and the first error."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.m").write_text(murphi(semantics, properties))
    deadlock = "stuck" if "deadlock" in properties else "off"
    command = ["rumur", "--symmetry-reduction", "off", "--deadlock-detection", deadlock]
    said = _run([*command, "--threads", "1", "--output", "model.c", "model.m"], folder)
    assert "error" not in said, said
    options = ["-O0", "-w", "-mcx16", "-lpthread"]
    _run(["gcc", "model.c", "-o", "model", *options], folder)
    said = _run(["./model"], folder)
    states = re.search(r"(\d+) states, ", said)
    assert states is not None, said
    error = re.search(r"The following is the error trace for the error:\s+(.*)", said)
    return Finding(int(states[1]), "" if error is None else error[1].strip())


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout + done.stderr
