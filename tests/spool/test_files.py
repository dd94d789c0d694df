"""File operations: durable, and never overwriting."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.files import (
    FileOperations,
    rename_no_replace,
    translate_os_errors,
)
from heygem_daemon.system.os_errors import FILE_ERRNOS


def test_a_move_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    with pytest.raises(FileExistsError):
        FileOperations().move(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "old"
    assert (tmp_path / "new").read_text() == "new"


def test_a_move_does_not_replace_an_empty_folder_or_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for target in ("empty", "link"):
        with pytest.raises(FileExistsError):
            rename_no_replace(tmp_path / "job", tmp_path / target)


def test_rule_10_without_renameat2_the_target_is_checked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = {"renameat2": lambda *_arguments: -1}
    monkeypatch.setattr("heygem_daemon.spool.files._libc", lambda: libc)
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.EINVAL)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(FileExistsError):
        rename_no_replace(tmp_path / "a", tmp_path / "b")
    rename_no_replace(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a"


def test_rule_11_a_rename_whose_reply_was_lost_is_a_success(
    tmp_path: Path, forgetful_disk: Callable[[int], FileOperations]
) -> None:
    (tmp_path / "a").write_text("a")
    forgetful_disk(errno.EIO).move(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"


def test_rule_11_a_rename_that_did_not_take_place_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileOperations().move(tmp_path / "nothing", tmp_path / "b")


def test_rule_16_a_write_is_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "job.json"
    FileOperations().write(target, b"first")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        FileOperations().write(target, b"second")
    assert target.read_bytes() == b"first"


def test_a_folder_tree_is_removed_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    link = tmp_path / "link"
    link.symlink_to(outside)
    FileOperations().remove_tree(tree)
    FileOperations().remove_tree(link)
    assert (outside / "precious").exists()
    assert not tree.exists()


def test_a_folder_with_something_in_it_is_not_removed_as_empty(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    assert not FileOperations().remove_empty(tmp_path / "a")
    (tmp_path / "a" / "b").unlink()
    assert FileOperations().remove_empty(tmp_path / "a")
    assert FileOperations().remove_empty(tmp_path / "a")


def test_rule_16_a_result_is_copied_where_it_cannot_be_renamed(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system on this machine")
    source = memory / f"heygem-test-{os.getpid()}"
    source.write_bytes(b"result")
    try:
        FileOperations().move_across(source, tmp_path / "result.mp4")
        assert not source.exists()
    finally:
        source.unlink(missing_ok=True)
    assert (tmp_path / "result.mp4").read_bytes() == b"result"
    assert os.listdir(tmp_path) == ["result.mp4"]  # noqa: PTH208 (hidden ones too)


@pytest.mark.parametrize("number", sorted(FILE_ERRNOS))
def test_rule_15_faults_of_disk_and_share_are_not_taken_for_bugs(
    tmp_path: Path, number: int
) -> None:
    with pytest.raises(SpoolUnavailable, match=os.strerror(number)), translate_os_errors(tmp_path):
        raise OSError(number, os.strerror(number), "file")


def test_rule_15_a_missing_file_is_a_fault_only_if_the_spool_is_gone(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(FileNotFoundError), translate_os_errors(tmp_path):
        (tmp_path / "a").read_bytes()
    (tmp_path / "something").unlink()  # a mount point without its mount
    with pytest.raises(SpoolUnavailable, match="mounted"), translate_os_errors(tmp_path):
        (tmp_path / "a").read_bytes()
    gone = tmp_path / "gone"
    with pytest.raises(SpoolUnavailable), translate_os_errors(gone):
        (gone / "a").read_bytes()
