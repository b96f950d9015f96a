"""Small specifications that violate a property in a way that a proof has once overlooked."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_all_sizes import proved, violated

from pvcheck.load import instances, load

SPECS = sorted((Path(__file__).parent / "specs").glob("*.pv"))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_what_is_violated_is_not_proved(path: Path) -> None:
    model = load(path)
    wrong = violated(instances(model))

    assert wrong
    assert not proved(model) & wrong
