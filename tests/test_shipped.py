"""All specifications that ship, by the one command that the documentation names for it."""

from __future__ import annotations

import pytest
from shipped import ROOT

from pvcheck.cli.main import main


@pytest.mark.slow
def test_each_has_its_declared_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed: pvcheck verify specs/*.pv specs/*/*.pv. What is a part of others is left out."""
    monkeypatch.chdir(ROOT)
    files = [*sorted(ROOT.glob("specs/*.pv")), *sorted(ROOT.glob("specs/*/*.pv"))]

    names = [str(file.relative_to(ROOT)) for file in files]
    assert main(["verify", *names, "--no-trace", "--quiet"]) == 0
