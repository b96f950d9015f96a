"""What is kept between runs: found again, never believed when damaged, never more than a bound."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pvcheck import cache
from pvcheck.model.model import BUILT_IN


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory, empty and of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pvcheck"


def only_file(kept: Path) -> Path:
    (file,) = (path for path in kept.rglob("*") if path.is_file())
    return file


def test_what_was_made_is_not_made_again() -> None:
    assert cache.kept("things", cache.key("a"), lambda: {"made": 1}) == {"made": 1}

    assert cache.kept("things", cache.key("a"), lambda: pytest.fail("made again")) == {"made": 1}


def test_other_keys_and_kinds_are_other_things() -> None:
    cache.save("things", cache.key("a"), 1)

    assert cache.load("things", cache.key("b")) is None
    assert cache.load("others", cache.key("a")) is None


def test_parts_of_a_key_do_not_run_together() -> None:
    assert cache.key("ab", "c") != cache.key("a", "bc")
    assert cache.key("a", "") != cache.key("a")


def test_without_a_key_nothing_is_kept(kept: Path) -> None:
    assert cache.kept("things", None, lambda: 1) == 1

    assert not kept.exists()


def test_the_digest_is_that_of_the_value(kept: Path) -> None:
    saved = cache.save("things", cache.key("a"), BUILT_IN)
    found = cache.load("things", cache.key("a"))

    assert found == (BUILT_IN, saved)
    assert saved != cache.save("things", cache.key("a"), BUILT_IN[1:])


def test_another_version_of_the_program_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.key("a")
    monkeypatch.setattr(cache, "_program", lambda: "another one")

    assert cache.key("a") != before


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.file,)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[:-1],
    "one bit": lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
    "its digest": lambda data: bytes(32) + data[32:],
    "something else": lambda data: b"\0" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_made_again(kept: Path, damage: str) -> None:
    key = cache.key("a")
    cache.save("things", key, [1, 2, 3])
    file = only_file(kept)
    file.write_bytes(DAMAGE[damage](file.read_bytes()))

    assert cache.load("things", key) is None
    assert cache.kept("things", key, lambda: [4]) == [4]
    assert cache.kept("things", key, lambda: pytest.fail("made again")) == [4]


def test_nothing_is_unpickled_that_was_not_saved(kept: Path, tmp_path: Path) -> None:
    key = cache.key("a")
    cache.save("things", key, 1)
    file = only_file(kept)
    sprung = tmp_path / "sprung"
    file.write_bytes(file.read_bytes()[:32] + pickle.dumps(Trap(sprung)))

    assert cache.load("things", key) is None
    assert not sprung.exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_directory_that_others_can_write_to_is_not_trusted(kept: Path) -> None:
    key = cache.key("a")
    cache.save("things", key, 1)
    kept.chmod(0o770)

    assert cache.load("things", key) is None
    assert cache.save("things", key, 2) is None


def test_what_is_kept_is_the_users_own(kept: Path) -> None:
    cache.save("things", cache.key("a"), 1)

    assert kept.stat().st_mode & 0o777 == 0o700
    assert (kept / "things").stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "pvcheck").write_text("")

    assert cache.save("things", cache.key("a"), 1) is None
    assert cache.load("things", cache.key("a")) is None
    cache.prune()


def test_a_value_that_cannot_be_written(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(Path, "replace", full)

    assert cache.kept("things", cache.key("a"), lambda: 1) == 1
    assert not list((kept / "things").iterdir())


def test_a_value_that_is_nested_too_deeply() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]

    assert cache.save("things", cache.key("a"), nested) is None


def aged(kept: Path, seconds: dict[str, int]) -> None:
    """Files of 100 bytes, not used for so many seconds."""
    room = kept / "things"
    room.mkdir(parents=True, mode=0o700, exist_ok=True)
    kept.chmod(0o700)
    for name, age in seconds.items():
        (room / name).write_bytes(bytes(100))
        os.utime(room / name, (time.time() - age,) * 2)


def left(kept: Path) -> list[str]:
    return sorted(path.name for path in (kept / "things").iterdir())


def test_what_was_used_longest_ago_goes_first(kept: Path) -> None:
    aged(kept, {"a": 10, "b": 40, "c": 20, "d": 30})

    cache.prune(390)

    assert left(kept) == ["a", "c"]


def test_as_long_as_there_is_room_everything_stays(kept: Path) -> None:
    aged(kept, {"a": 10, "b": 10**9})

    cache.prune(200)

    assert left(kept) == ["a", "b"]


def test_what_is_found_has_been_used(kept: Path) -> None:
    key = cache.key("a")
    cache.save("things", key, 1)
    file = only_file(kept)
    os.utime(file, (0, 0))
    aged(kept, {"b": 10})

    assert cache.load("things", key) is not None
    cache.prune(110)

    assert left(kept) == [file.name]


def test_saving_keeps_the_bound(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.prune, "__defaults__", (10_000,))
    for number in range(50):
        cache.save("things", cache.key(str(number)), bytes(1000))

    assert sum(file.stat().st_size for file in (kept / "things").iterdir()) <= 10_000
    assert cache.load("things", cache.key("49")) is not None


def test_what_killed_runs_leave_goes_after_a_day(kept: Path) -> None:
    for name, age in {"making-old": 2 * cache.ABANDONED, "making-new": 60}.items():
        directory = kept / "native" / name
        directory.mkdir(parents=True)
        (directory / "half.o").write_bytes(b"half")
        os.utime(directory, (time.time() - age,) * 2)
    kept.chmod(0o700)

    cache.prune()

    assert [path.name for path in (kept / "native").iterdir()] == ["making-new"]


def test_links_are_not_followed(kept: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_bytes(bytes(1000))
    aged(kept, {"a": 10})
    (kept / "link").symlink_to(mine)
    (kept / "things" / "link").symlink_to(mine / "file")

    cache.prune(0)

    assert (mine / "file").exists()


def save_and_load(number: int) -> bool:
    key = cache.key("shared")
    for _ in range(200):
        cache.save("things", key, list(range(1000)))
        cache.prune(10)
        found = cache.load("things", key)
        if found is not None and found.value != list(range(1000)):
            return False
    return True


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the directory is in os.environ"
)
def test_runs_at_the_same_time_do_not_disturb_each_other(kept: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert all(pool.map(save_and_load, range(4)))

    assert not [path for path in (kept / "things").iterdir() if path.suffix != ".pickle"]
