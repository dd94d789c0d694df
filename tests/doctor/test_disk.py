"""The doctor's findings about folders and disks."""

from pathlib import Path

import pytest

from heygem_daemon.doctor.disk import (
    FOLDERS,
    disk_checks,
    folder_checks,
    is_rotational,
)


def test_folders_that_are_there_are_written_to_and_left_as_they_were(tmp_path: Path) -> None:
    for name in (*FOLDERS, "logs"):
        (tmp_path / name).mkdir()
    checks = folder_checks(tmp_path, tmp_path / "logs")
    assert {check.verdict for check in checks} == {"pass"}
    assert all(not list((tmp_path / name).iterdir()) for name in FOLDERS)


def test_folders_that_are_missing_will_be_made(tmp_path: Path) -> None:
    checks = folder_checks(tmp_path / "spool", tmp_path / "spool/logs")
    assert {check.verdict for check in checks} == {"pass"}
    assert not (tmp_path / "spool").exists()


def test_a_folder_that_refuses_is_a_failure_with_a_remedy(tmp_path: Path) -> None:
    refusing = Path("/proc/self")  # where even root cannot make a file
    log = next(c for c in folder_checks(tmp_path, refusing) if c.name == "log folder")
    assert log.verdict == "fail"
    assert log.remedy


def test_a_file_where_a_folder_should_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("")
    inbox = next(c for c in folder_checks(tmp_path, tmp_path) if c.name == "inbox")
    assert inbox.verdict == "fail"


def test_room_inodes_and_kind_are_told_of_a_spool_that_is_not_there_yet(tmp_path: Path) -> None:
    names = [check.name for check in disk_checks(tmp_path / "not/yet")]
    assert names == ["disk space", "inodes", "disk"]


@pytest.mark.parametrize(("says", "turns"), [("1\n", True), ("0\n", False)])
def test_a_partition_turns_as_its_disk_does(tmp_path: Path, says: str, turns: bool) -> None:
    partition = tmp_path / "sda/sda1"
    partition.mkdir(parents=True)
    (tmp_path / "sda/queue").mkdir()
    (tmp_path / "sda/queue/rotational").write_text(says)
    (tmp_path / "8:1").symlink_to(partition)
    assert is_rotational("8:1", tmp_path) is turns


def test_a_virtual_disk_is_not_believed(tmp_path: Path) -> None:
    disk = tmp_path / "virtio1/block/vda"
    (disk / "queue").mkdir(parents=True)
    (disk / "queue/rotational").write_text("1\n")
    (tmp_path / "254:0").symlink_to(disk)
    assert not is_rotational("254:0", tmp_path)
