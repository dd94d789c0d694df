"""A folder with too many names costs a bounded amount, and hides nobody's files for good."""

import os
from pathlib import Path

import pytest

from heygem_daemon.spool import inbox
from heygem_daemon.spool.crowd import first_of_each
from heygem_daemon.spool.inbox import FolderSnapshot, scan
from heygem_daemon.system import paths

MALLORY, ANNA = 70_003, 70_002
LIMIT, SAMPLED = 60, 20

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SAMPLED", SAMPLED)


def flood(folder: Path, suffix: str = ".wav", count: int = 1000) -> None:
    for number in range(count):
        path = folder / f"m-{number:05}{suffix}"
        path.touch()
        os.chown(path, MALLORY, -1)


def names(snapshot: FolderSnapshot) -> set[str]:
    return {entry.path.name for entry in (*snapshot.entries, *snapshot.sidecars)}


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the entries that are examined, which costs a system call each."""
    found: list[str] = []
    add = inbox._Found.add

    def counted(self: inbox._Found, item: "os.DirEntry[str]") -> None:
        found.append(item.name)
        add(self, item)

    monkeypatch.setattr(inbox._Found, "add", counted)
    return found


@only_root
@pytest.mark.parametrize("suffix", [".wav", ".toml", ".xyz", ".ready", ".part"])
def test_a_file_of_another_owner_is_found_and_kept_in_a_crowd(
    tmp_path: Path, examined: list[str], suffix: str
) -> None:
    flood(tmp_path, suffix)
    snapshot = scan(tmp_path, limit=LIMIT)
    for name in ("talk.wav", "talk.mp4", "talk.toml"):
        (tmp_path / name).write_bytes(b"x")
        os.chown(tmp_path / name, ANNA, -1)
    for _ in range(2000):
        examined.clear()
        snapshot = scan(tmp_path, snapshot, limit=LIMIT)
        assert len(examined) <= 2 * LIMIT + SAMPLED
        assert len(names(snapshot)) <= LIMIT
        assert snapshot.left_out > 0
        assert snapshot.entry_count > LIMIT + SAMPLED
        if names(snapshot) >= {"talk.wav", "talk.mp4", "talk.toml"}:
            break
    for _ in range(3):
        snapshot = scan(tmp_path, snapshot, limit=LIMIT)
        assert names(snapshot) >= {"talk.wav", "talk.mp4", "talk.toml"}


def test_a_flood_that_comes_slowly_is_bounded_too(tmp_path: Path) -> None:
    snapshot = None
    for wave in range(20):
        for number in range(SAMPLED):
            (tmp_path / f"{wave:03}-{number:03}.wav").touch()
        snapshot = scan(tmp_path, snapshot, limit=LIMIT)
        assert len(snapshot.entries) <= LIMIT + SAMPLED
    assert snapshot is not None
    assert snapshot.left_out > 0


def test_a_folder_within_the_limit_is_taken_in_as_it_is_listed(tmp_path: Path) -> None:
    for number in range(LIMIT):
        (tmp_path / f"{number}.wav").touch()
    listed = paths.names_in(tmp_path)
    snapshot = scan(tmp_path, limit=LIMIT)
    assert [entry.path.name for entry in snapshot.entries] == listed
    assert snapshot.left_out == 0
    again = scan(tmp_path, snapshot, limit=LIMIT)
    assert again == snapshot


def test_each_owner_keeps_as_many_as_the_others_the_first_ones() -> None:
    items = [("m", number) for number in range(100)] + [("a", 5), ("b", 1), ("b", 0)]
    kept = first_of_each(items, lambda item: item[0], lambda item: item[1], 9)
    assert kept == {("a", 5), ("b", 0), ("b", 1), *(("m", number) for number in range(6))}
