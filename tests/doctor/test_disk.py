"""The doctor's findings about the disks of spool, cache and log."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.disk import Storage, StorageKind, disk_checks
from heygem_daemon.spool.mounts import MountInfo
from heygem_daemon.system.units import GIB

ROOT = MountInfo(Path("/"), "ext4", is_network=False)
FREE = 100 * GIB


def on(kind: StorageKind) -> Callable[[Path], Storage]:
    return lambda path: Storage(ROOT, kind, ("sda",))


def checks(tmp_path: Path, kind: StorageKind = "solid-state") -> list[Check]:
    return disk_checks(tmp_path / "not/yet", tmp_path / "cache", tmp_path / "logs", on(kind))


def test_one_disk_for_all_is_reported_once(tmp_path: Path) -> None:
    names = [check.name for check in checks(tmp_path)]
    assert names == ["spool disk", "spool room", "spool inodes"]


def test_a_log_on_a_disk_of_its_own_is_reported_too(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()

    def find_storage(path: Path) -> Storage:
        point = logs if path == logs else Path("/")
        return Storage(MountInfo(point, "ext4", is_network=False), "solid-state", ("sda",))

    found = disk_checks(tmp_path, tmp_path / "cache", logs, find_storage)
    assert [check.name for check in found][3:] == ["log disk", "log room", "log inodes"]


@pytest.mark.parametrize(
    ("kind", "verdict", "detail"),
    [
        ("solid-state", "pass", "solid-state (sda)"),
        ("virtual", "pass", "virtual"),
        ("unknown", "pass", "unknown"),
        ("rotating", "warn", "a rotating disk (sda)"),
        ("network", "warn", "network share"),
        ("memory", "warn", "a restart empties it"),
    ],
)
def test_each_kind_of_disk_has_its_verdict(
    tmp_path: Path, kind: StorageKind, verdict: str, detail: str
) -> None:
    found = checks(tmp_path, kind)[0]
    assert found.verdict == verdict
    assert detail in found.detail
    assert bool(found.remedy) == (verdict != "pass")


@pytest.mark.parametrize(
    ("free", "inodes", "room", "nodes"),
    [
        (FREE, 10**6, "pass", "pass"),
        (5 * GIB, 10**6, "warn", "pass"),
        (GIB // 2, 10**6, "fail", "pass"),
        (FREE, 500, "pass", "warn"),
    ],
)
def test_room_and_inodes_that_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, room: str, nodes: str
) -> None:
    block = 4096
    blocks = (2 * FREE // block, free // block, free // block)
    figures = os.statvfs_result((block, block, *blocks, 10**7, inodes, inodes, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: figures)
    assert [check.verdict for check in checks(tmp_path)] == ["pass", room, nodes]
