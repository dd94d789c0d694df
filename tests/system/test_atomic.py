"""Files appear complete or not at all."""

import errno
import os
from pathlib import Path

import pytest

from heygem_daemon.system.atomic import (
    atomic_file,
    sync_folder,
    write_atomically,
)


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_keeps_the_earlier_version_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyError), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_temporary_name_can_be_chosen(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.mp4", temporary_name=".a.draft.mp4") as temporary:
        temporary.touch()
        assert temporary == tmp_path / ".a.draft.mp4"


def test_by_default_two_processes_use_different_temporary_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for process in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        with atomic_file(tmp_path / "a") as temporary:
            temporary.touch()
            names.append(temporary.name)
    assert len(set(names)) == 2


@pytest.mark.parametrize("data", [b"caf\xc3\xa9", "café"])
def test_bytes_and_text_are_written(tmp_path: Path, data: bytes | str) -> None:
    write_atomically(tmp_path / "a", b"old")
    write_atomically(tmp_path / "a", data, durable=True)
    assert (tmp_path / "a").read_bytes() == b"caf\xc3\xa9"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize(("durable", "syncs"), [(True, 2), (False, 0)])
def test_only_a_durable_write_waits_for_the_medium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, syncs: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomically(tmp_path / "a", b"", durable=durable)
    with atomic_file(tmp_path / "b", durable=durable) as temporary:
        temporary.touch()
    assert len(synced) == 2 * syncs  # the file and its folder, for each of the two


def test_a_write_that_cannot_be_synced_keeps_the_earlier_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    write_atomically(tmp_path / "a", b"first")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a", b"second", durable=True)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_file_systems_without_folder_sync_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)
