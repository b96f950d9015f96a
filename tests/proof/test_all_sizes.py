"""What is proved for all sizes is violated in no instance; what is violated somewhere is not proved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from documents import Example, examples
from hypothesis import HealthCheck, event, given, settings
from strategies import HEAD, specifications
from systems import check
from systems import model as model_of_text

from pvcheck import proving
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.load import instances, load
from pvcheck.model.instance import Instance
from pvcheck.model.model import ABOUT_LOCKS, Model
from pvcheck.model.verdict import Violated
from pvcheck.report.proof import Standing

TESTS = Path(__file__).parent.parent
WRITTEN = [
    path
    for folder in (TESTS / "agreement" / "specs", TESTS / "specs")
    for path in sorted(folder.glob("*.pv"))
    if path.stem != "broken"
]
RUN = [e for e in examples("language.md") if (e.expected or "verify: ").startswith("verify: ")]
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


def proved(model: Model) -> set[str]:
    invariants = [i.name for i in model.invariants]
    report = proving.report(
        model,
        proving.proved(model, (), {}, workers=1, invariants=invariants),
        mutant=None,
        properties=(*ABOUT_LOCKS, *invariants),
        only_parts=False,
        fixed={},
        seconds=0.0,
        invariants=invariants,
    )
    return {p.name for p in report.properties if p.standing is Standing.PROVED}


def violated(chosen: Sequence[Instance]) -> set[str]:
    found = set()
    for instance in chosen:
        asked = (*ABOUT_LOCKS, *(i.name for i in instance.model.invariants))
        verdicts = check(instance, asked, Limits(states=3_000)).verdicts
        found |= {name for name, verdict in verdicts.items() if isinstance(verdict, Violated)}
    return found


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.stem)
def test_written_specifications(path: Path) -> None:
    model = load(path)

    assert not proved(model) & violated(instances(model))


@pytest.mark.parametrize("example", RUN, ids=str)
def test_examples_of_the_language(example: Example, tmp_path: Path) -> None:
    model = load(example.written_to(tmp_path))

    assert not proved(model) & violated(instances(model))


AWAITED = """
system gate; sort Thread; lock a: mutex; lock byte: mutex; lock gate: mutex; lock right: ghost;
order a < gate < byte < right;
op small() {
  acquire a;
again:
  acquire byte;
  if !free(gate) { release byte; await free(gate); goto again; }
  acquire right; release right; release byte; release a;
}
op large() { acquire gate; acquire right; await free(byte); release right; release gate; }
thread cpu[Thread] { while true { choose { { small(); } or { large(); } } } }
"""


def test_who_awaits_a_lock_waits_for_it_as_if_it_took_it() -> None:
    assert "deadlock" in proved(model_of_text(AWAITED))
    backwards = AWAITED.replace("await free(byte)", "await free(a)")
    assert "deadlock" not in proved(model_of_text(backwards))
    either = AWAITED.replace(
        "await free(byte);", "if yes { await free(byte); } else { await never; }"
    )
    either = either.replace("op large() {", "var never: bool atomic; op large(yes: bool) {")
    either = either.replace("{ large(); }", "{ any yes: bool; large(yes); }")
    assert "deadlock" not in proved(model_of_text(either))
    # Who awaits something else may wait for ever.
    assert "deadlock" not in proved(model_of_text(AWAITED.replace("free(byte)", "!!free(byte)")))


def for_each(how: settings, spoil: int) -> None:
    """Random specifications, of which ``spoil`` says how often something is made wrong."""
    number = {"proved": 0, "violated": 0}

    @how
    @given(specifications(spoil))
    def each(text: str) -> None:
        try:
            model = model_of_text(text if text.startswith(HEAD) else HEAD + text)
            chosen = instances(model)
        except SpecError:
            return
        shown, wrong = proved(model), violated(chosen)
        number["proved"] += len(shown)
        number["violated"] += len(wrong)
        for name in wrong:
            event(f"violates {name}")
        assert not shown & wrong, text

    each()
    assert number["proved"]
    assert number["violated"]


def test_random_specifications() -> None:
    for_each(settings(QUIET, max_examples=12, derandomize=True), 5)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [1, 5, 10])
def test_many_random_specifications(spoil: int) -> None:
    for_each(settings(QUIET, max_examples=400), spoil)
