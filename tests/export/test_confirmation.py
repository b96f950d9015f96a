"""SPIN and Rumur find the states that we count, and violations where we do.

They share with the engines what a model is and how values are numbered; expressions, steps and the search
are their own. Where a property is violated they stop, so states are compared where none is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from checkers import need, rumur, spin
from everything import EVERYTHING
from hypothesis import HealthCheck, assume, given, settings
from strategies import specifications
from systems import Watcher, instance, model

from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.load import instances, load, mutants
from pvcheck.model.encoding import Unsupported
from pvcheck.model.instance import Instance
from pvcheck.model.verdict import Violated

ROOT = Path(__file__).parents[2]
OBM = ROOT / "specs" / "obm.pv"
WRITTEN = [
    path
    for folder in ("tests/specs", "tests/agreement/specs")
    for path in sorted((ROOT / folder).glob("*.pv"))
    if path.stem not in ("broken", "large")
]
MOST_STATES = 20_000
CHECKERS = {"spin": spin, "rumur": rumur}


def confirmed(what: Instance, folder: Path, checkers: tuple[str, ...] = ("spin", "rumur")) -> int:
    """How many states all agree on; 0 if something is violated, then all find each violation."""
    properties = what.model.properties
    made = ExplicitEngine().check(what, properties, Limits(), Watcher())
    again = NativeEngine(find()).check(what, properties, Limits(), Watcher())
    assert again.statistics.states == made.statistics.states
    violated = [name for name, v in made.verdicts.items() if isinstance(v, Violated)]
    for name in checkers:
        check = CHECKERS[name]
        for property_ in violated:
            assert check(what.semantics, (property_,), folder / name).error, (name, property_)
        if not violated:
            found = check(what.semantics, properties, folder / name)
            assert not found.error, (name, found)
            assert found.states == made.statistics.states, name
    return 0 if violated else made.statistics.states


def named(path: Path, name: str) -> Instance:
    return next(i for i in instances(load(path), all_instances=True) if i.name == name)


def test_spin_counts_what_we_count(tmp_path: Path) -> None:
    need("spin", "gcc")
    good = named(ROOT / "tests/specs/good.pv", "two")

    assert confirmed(good, tmp_path, ("spin",)) == 130


def test_rumur_counts_what_we_count(tmp_path: Path) -> None:
    need("rumur", "gcc")
    good = named(ROOT / "tests/specs/good.pv", "two")

    assert confirmed(good, tmp_path, ("rumur",)) == 130


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_step_may_end_in_a_fault_where_else_it_would_wait(checker: str, tmp_path: Path) -> None:
    need(checker, "gcc")
    broken = named(ROOT / "tests/agreement/specs/ghost.pv", "broken")

    assert confirmed(broken, tmp_path, (checker,)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.stem)
def test_on_what_is_written_for_tests(path: Path, tmp_path: Path) -> None:
    need("spin", "rumur", "gcc")
    for what in instances(load(path), all_instances=True):
        confirmed(what, tmp_path)


@pytest.mark.slow
def test_on_everything_that_the_language_has(tmp_path: Path) -> None:
    need("spin", "rumur", "gcc")
    confirmed(instance(EVERYTHING, I=2, T=1), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "states"), [("tiny", 12_044), ("sequential", 14_686), ("run_of_one", 39_011)]
)
def test_on_the_gallery(name: str, states: int, tmp_path: Path) -> None:
    need("spin", "rumur", "gcc")
    assert confirmed(named(OBM, name), tmp_path) == states


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mapping", "writing", "wired", "one_page", "lifetime"])
def test_spin_on_more_of_the_gallery(name: str, tmp_path: Path) -> None:
    need("spin", "gcc")
    assert confirmed(named(OBM, name), tmp_path, ("spin",)) > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "states"),
    [
        ("global", 8_741),
        ("hybrid", 17_118),
        ("hash256", 13_084),
        ("numa2m", 13_084),
        ("superlock_gate", 15_316),
        ("superlock_mode", 17_590),
    ],
)
def test_spin_on_the_other_schemes(scheme: str, states: int, tmp_path: Path) -> None:
    need("spin", "gcc")
    scheme_model = load(ROOT / "specs" / f"{scheme}.pv")
    # The list of chunks may be shorter: no code of more than 31 bits can be said there.
    settings = {"FREE_PAGES": "2"} if scheme in ("hybrid", "hash256", "numa2m") else {}
    (what,) = instances(scheme_model, names=("tiny",), settings=settings)

    assert confirmed(what, tmp_path, ("spin",)) == states


@pytest.mark.slow
@pytest.mark.parametrize("name", ["obm_mutex", "kernel_mutex", "di_locked", "di_lockfree"])
def test_on_the_primitives(name: str, tmp_path: Path) -> None:
    need("spin", "rumur", "gcc")
    (what,) = instances(load(ROOT / "specs" / "primitives" / f"{name}.pv"))[:1]

    assert confirmed(what, tmp_path) > 100


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [m.name for m in mutants(OBM) if m.instance == "tiny"])
def test_spin_finds_the_mutants_of_the_tiny_instance(mutant: str, tmp_path: Path) -> None:
    need("spin", "gcc")
    (what,) = instances(load(OBM, mutant=mutant), names=("tiny",))
    assert confirmed(what, tmp_path, ("spin",)) == 0


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=specifications(5))
def test_on_random_specifications(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    need("spin", "rumur", "gcc")
    try:
        (what,) = instances(model(text))
        made = ExplicitEngine().check(what, (), Limits(states=MOST_STATES), Watcher())
        assume(made.statistics.states < MOST_STATES)
        confirmed(what, tmp_path_factory.mktemp("random"))
    except (SpecError, Unsupported):
        assume(False)
