"""A ZIP is written beside the main loop."""

import os
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.errors import Interrupted, SpoolUnavailable
from heygem_daemon.service import zip_writer
from heygem_daemon.service.zip_writer import ZipWriter
from heygem_daemon.spool.batch.results_zip import PackedFile
from heygem_daemon.spool.job import FileIdentity
from heygem_daemon.system.disk_space import read_disk_space

SECONDS = 60.0


def packed(path: Path) -> PackedFile:
    status = path.stat()
    identity = FileIdentity(size=status.st_size, inode=status.st_ino, mtime_ns=status.st_mtime_ns)
    return PackedFile(path, identity)


@pytest.fixture
def files(tmp_path: Path) -> list[PackedFile]:
    found = [tmp_path / "1.mp4", tmp_path / "2.mp4"]
    for path in found:
        path.write_bytes(path.name.encode() * 1000)
    return [packed(path) for path in found]


def test_it_tells_when_it_is_done(tmp_path: Path, files: list[PackedFile]) -> None:
    done = threading.Event()
    gone = PackedFile(tmp_path / "gone", FileIdentity(size=1))
    packing = ZipWriter(tmp_path / "r.zip", [*files, gone], "show", 0, done.set)
    assert done.wait(SECONDS)
    packing.stop()
    assert packing.poll_missing_files() == ["gone"]
    assert packing.size_bytes == 10_000
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        assert archive.testzip() is None


def test_what_goes_wrong_is_raised_in_the_loop(tmp_path: Path, files: list[PackedFile]) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    done = threading.Event()
    packing = ZipWriter(target, files, "show", 0, done.set)
    assert done.wait(SECONDS)
    packing.stop()
    with pytest.raises(IsADirectoryError):
        packing.poll_missing_files()


def test_it_ends_soon_when_it_is_stopped(tmp_path: Path) -> None:
    endless = tmp_path / "long.mp4"
    with endless.open("wb") as file:
        file.truncate(1 << 40)  # sparse: nobody waits for its end
    target = tmp_path / "r.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _disk_is_full)
        packing = ZipWriter(target, [], "show", 0, lambda: None)
        packing.stop()
    with pytest.raises(OSError, match="No space left"):
        packing.poll_missing_files()
    with pytest.MonkeyPatch.context() as patch:
        no_account = replace(read_disk_space(tmp_path), total_bytes=0)
        patch.setattr(zip_writer, "read_disk_space", lambda _: no_account)
        packing = ZipWriter(target, [packed(endless)], "show", 0, lambda: None)
    packing.stop()
    with pytest.raises(Interrupted):
        packing.poll_missing_files()


def test_without_room_it_does_not_begin(tmp_path: Path, files: list[PackedFile]) -> None:
    with pytest.raises(SpoolUnavailable, match="the ZIP of the batch show needs about 1 MiB"):
        ZipWriter(tmp_path / "r.zip", files, "show", 1 << 60, lambda: None)
    assert not (tmp_path / "r.zip").exists()


def _disk_is_full(_handle: int) -> None:
    raise OSError(28, "No space left on device")
