"""A specification that was read before is the same as one that is read now, or is read again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from native_agrees import result

from pvcheck import cache
from pvcheck.diagnostics import SpecError
from pvcheck.engines.base import Limits
from pvcheck.engines.explicit import ExplicitEngine
from pvcheck.engines.native.compiler import find
from pvcheck.engines.native.engine import NativeEngine
from pvcheck.load import load
from pvcheck.model.instance import Instance
from pvcheck.model.reduction import Reduction
from pvcheck.recall import recall
from pvcheck.reduce import reduction as kept_reduction
from pvcheck.reduce.reduction import reduction
from pvcheck.selection import Selection, prepare

ROOT = Path(__file__).parent.parent.parent
OBM = ROOT / "specs" / "obm.pv"
WRITTEN = [
    path
    for path in sorted((ROOT / "tests" / "specs").glob("*.pv"))
    if path.stem not in ("broken", "large")
]
MAIN = 'system small; import "part.pv"; thread t { p(); }'
PART = "var x: 0..3 = 0 atomic; op p() { x = 1; }"


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "part.pv").write_text(PART)
    main = tmp_path / "small.pv"
    main.write_text(MAIN)
    return main


def known(spec: Path, root: Path | None = None, mutant: str | None = None) -> bool:
    return recall(spec, root or spec.parent, mutant) is not None


def test_it_is_the_same_model(small: Path) -> None:
    (first,) = prepare(small, Selection())
    assert known(small)
    (again,) = prepare(small, Selection())

    assert again == first
    assert again.instance.model is not first.instance.model
    assert again.instance.digest == first.instance.digest


def test_the_gallery_is_the_same_model() -> None:
    first = prepare(OBM, Selection())
    again = prepare(OBM, Selection())

    assert [job.instance.model for job in again] == [load(OBM)] * len(again)
    assert again == first


def edit_main(main: Path) -> None:
    main.write_text(MAIN + " ")


def edit_part(main: Path) -> None:
    (main.parent / "part.pv").write_text(PART.replace("x = 1", "x = 2"))


def remove_part(main: Path) -> None:
    (main.parent / "part.pv").unlink()


def link_elsewhere(main: Path) -> None:
    (main.parent / "part.pv").rename(main.parent / "other.pv")
    (main.parent / "part.pv").symlink_to("other.pv")


def directory_instead(main: Path) -> None:
    (main.parent / "part.pv").unlink()
    (main.parent / "part.pv").mkdir()


@pytest.mark.parametrize(
    "change", [edit_main, edit_part, remove_part, link_elsewhere, directory_instead]
)
def test_what_has_changed_is_read_again(small: Path, change: Callable[[Path], None]) -> None:
    prepare(small, Selection())
    change(small)

    assert not known(small)


def test_what_is_read_again_is_what_is_there(small: Path) -> None:
    prepare(small, Selection())
    edit_part(small)
    (job,) = prepare(small, Selection())

    assert job.instance.model == load(small)
    remove_part(small)
    with pytest.raises(SpecError):
        prepare(small, Selection())


def test_files_with_each_others_names(small: Path) -> None:
    """The same texts in the same order, but another import leads to each."""
    for name, text in {
        "one": "var one: 0..1 = 0 atomic;",
        "two": "var two: 0..1 = 0 atomic;",
    }.items():
        (small.parent / f"{name}.pv").write_text(text)
    (small.parent / "link.pv").symlink_to("one.pv")
    small.write_text(
        'import "link.pv"; var z: 0..1 = 0 atomic; import "two.pv"; system s; thread t {}'
    )
    prepare(small, Selection())
    (small.parent / "link.pv").unlink()
    (small.parent / "link.pv").symlink_to("two.pv")

    (job,) = prepare(small, Selection())

    assert [v.name for v in job.instance.model.variables] == ["two", "z"]


def test_a_narrower_root_is_not_a_matter_of_memory(small: Path) -> None:
    below = small.parent / "below"
    below.mkdir()
    main = below / "main.pv"
    main.write_text(MAIN.replace("part.pv", "../part.pv"))
    prepare(main, Selection(root=small.parent))

    assert known(main, small.parent)
    with pytest.raises(SpecError, match="root"):
        prepare(main, Selection())


def test_the_path_is_shown_as_it_is_given(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(small, Selection())
    monkeypatch.chdir(small.parent)

    (job,) = prepare(Path("small.pv"), Selection())

    assert [s.name for s in job.instance.model.sources] == ["small.pv", "part.pv"]


def test_the_same_name_in_another_directory(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.parent)
    prepare(Path("small.pv"), Selection())
    elsewhere = small.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "small.pv").write_text("system other; thread t {}")
    monkeypatch.chdir(elsewhere)

    (job,) = prepare(Path("small.pv"), Selection())

    assert job.instance.model.name == "other"


def test_mutants_are_kept_apart() -> None:
    prepare(OBM, Selection(mutant="MU03"))
    prepare(OBM, Selection())

    (mutated,) = prepare(OBM, Selection(mutant="MU03"))

    assert mutated.instance.model == load(OBM, mutant="MU03")
    assert mutated.mutant == "MU03"


def test_what_is_rejected_is_not_kept(small: Path) -> None:
    small.write_text(MAIN.replace("p()", "q()"))
    for _ in range(2):
        with pytest.raises(SpecError, match="q"):
            prepare(small, Selection())


def test_an_instance_of_other_sizes_is_another_one() -> None:
    names = ("tiny", "one_page")
    digests = {
        prepare(OBM, Selection(instances=(name,), settings=settings))[0].instance.digest
        for name in names
        for settings in ({}, {"Thread": "1"})
    }

    assert None not in digests
    assert len(digests) == 4


def results(spec: Path, instance: str | None) -> list[object]:
    """What each engine finds in each of its instances, reduced and not."""
    chosen = Selection(
        instances=() if instance is None else (instance,), all_instances=not instance
    )
    return [
        result(engine, job.instance, Limits(), (), how)
        for job in prepare(spec, chosen)
        for engine in (ExplicitEngine(), NativeEngine(find(), 1))
        for how in (Reduction(), reduction(job.instance.semantics))
    ]


@pytest.mark.parametrize(
    ("spec", "instance"),
    [*((path, None) for path in WRITTEN), (OBM, "one_page")],
    ids=lambda x: getattr(x, "stem", x),
)
def test_what_is_kept_behaves_as_what_is_new(
    spec: Path, instance: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = results(spec, instance)

    # Nothing is made a second time.
    monkeypatch.setattr("pvcheck.load.read", pytest.fail)
    monkeypatch.setattr("pvcheck.model.compiled._code", pytest.fail)
    monkeypatch.setattr(kept_reduction, "_found", pytest.fail)
    monkeypatch.setattr("pvcheck.engines.native.generate.generate", pytest.fail)
    monkeypatch.setattr("pvcheck.engines.native.compiler.Compilation._run", pytest.fail)

    assert results(spec, instance) == first


def test_without_a_cache_all_is_made(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "directory", lambda: None)

    (job,) = prepare(small, Selection())

    assert job.instance.model.digest is None
    assert job.instance.digest is None
    assert job.instance.semantics.initial[0] == (0,)


def test_expressions_can_be_evaluated_in_what_was_kept() -> None:
    def value(what: Instance) -> object:
        semantics = what.semantics
        return [
            semantics.evaluate(invariant.condition, semantics.initial[0])
            for invariant in what.model.invariants
            if not invariant.binders
        ]

    (first,) = prepare(OBM, Selection(instances=("tiny",)))
    expected = value(first.instance)
    (again,) = prepare(OBM, Selection(instances=("tiny",)))

    assert expected
    assert value(again.instance) == expected


@pytest.mark.skipif(os.name == "nt", reason="links are others there")
def test_a_ring_of_links(tmp_path: Path) -> None:
    ring = tmp_path / "ring.pv"
    ring.symlink_to(ring)

    with pytest.raises(OSError, match="ring"):
        prepare(ring, Selection())
