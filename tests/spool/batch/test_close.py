"""The ZIP of a batch."""

import os
import zipfile
from pathlib import Path

import pytest

from heygem_daemon.errors import Interrupted
from heygem_daemon.spool.batch.results_zip import PackedFile, write_zip
from heygem_daemon.spool.job import FileIdentity


def never() -> bool:
    return False


def packed(*files: Path) -> list[PackedFile]:
    """The files, as they are now, for a ZIP."""
    found = []
    for path in files:
        identity = FileIdentity(size=1)
        if path.exists():
            status = path.stat()
            identity = FileIdentity(
                size=status.st_size, inode=status.st_ino, mtime_ns=status.st_mtime_ns
            )
        found.append(PackedFile(path, identity))
    return found


def test_files_are_stored_under_the_batchs_name(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("1.mp4", "\u4e2d\u6587.json", "\U0001f600.png")]
    for path in files:
        path.write_bytes(os.urandom(100) + path.name.encode())
    target = tmp_path / "show.zip"
    assert write_zip(target, packed(*files), "show", never) == []
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [f"show/{path.name}" for path in files]
        assert [archive.read(f"show/{path.name}") for path in files] == [
            path.read_bytes() for path in files
        ]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_missing_files_are_returned_and_the_rest_is_packed(tmp_path: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(b"1")
    files = [tmp_path / "0.mp4", tmp_path / "1.mp4"]
    assert write_zip(tmp_path / "show.zip", packed(*files), "show", never) == ["0.mp4"]
    with zipfile.ZipFile(tmp_path / "show.zip") as archive:
        assert archive.namelist() == ["show/1.mp4"]


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder"])
def test_what_took_the_place_of_a_result_is_not_packed(tmp_path: Path, kind: str) -> None:
    private, result = tmp_path / "private", tmp_path / "1.mp4"
    private.write_bytes(b"secret")
    result.write_bytes(b"result")
    files = packed(result)
    result.rename(tmp_path / "taken.mp4")
    if kind == "file":
        result.write_bytes(b"forged")
    elif kind == "link":
        result.symlink_to(private)
    elif kind == "pipe":
        os.mkfifo(result)
    else:
        result.mkdir()
    assert write_zip(tmp_path / "show.zip", files, "show", never) == ["1.mp4"]
    with zipfile.ZipFile(tmp_path / "show.zip") as archive:
        assert archive.namelist() == []


def test_writing_can_be_interrupted_between_blocks(tmp_path: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(bytes(3 << 20))
    calls: list[bool] = []

    def stop_at_second_call() -> bool:
        calls.append(True)
        return len(calls) == 2

    with pytest.raises(Interrupted):
        write_zip(tmp_path / "show.zip", packed(tmp_path / "1.mp4"), "show", stop_at_second_call)
    assert len(calls) == 2


def test_large_files_use_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)  # 2 GiB in earnest
    files = [tmp_path / f"{number}.mp4" for number in range(3)]
    for path in files:
        path.write_bytes(os.urandom(2500))
    target = tmp_path / "show.zip"
    write_zip(target, packed(*files), "show", never)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert [archive.read(f"show/{path.name}") for path in files] == [
            path.read_bytes() for path in files
        ]
        assert all(info.extract_version >= 45 for info in archive.infolist())
    assert b"PK\x06\x06" in target.read_bytes()  # the ZIP64 end of the central directory
