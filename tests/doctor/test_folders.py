"""The doctor's findings about the spool's folders and its sentinel."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.disk import disk_checks
from heygem_daemon.doctor.folders import FOLDERS, folder_checks
from heygem_daemon.spool.spool import Spool

NOBODY = 65534
NAMES = ("share", "folders", "one file system", "log folder")


def checked(spool: Path, log_folder: Path | None = None, fstab: str = "") -> dict[str, Check]:
    table = spool.parent / "fstab"
    table.write_text(fstab)
    found = {check.name: check for check in folder_checks(spool, log_folder or spool, table)}
    assert tuple(found) == NAMES
    return found


def verdicts(found: dict[str, Check]) -> list[str]:
    assert all(check.remedy for check in found.values() if check.verdict != "pass")
    return [check.verdict for check in found.values()]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    root = tmp_path / "spool"
    Spool(root).prepare()
    return root


def test_a_spool_is_written_to_and_left_as_it_was(spool: Path) -> None:
    before = sorted(spool.rglob("*"))
    assert verdicts(checked(spool, spool / "logs")) == ["pass"] * 4
    assert sorted(spool.rglob("*")) == before


def test_what_is_missing_will_be_created(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    found = checked(root, root / "logs")
    assert verdicts(found) == ["pass"] * 4
    assert "will be created" in found["folders"].detail
    assert not root.exists()


def test_a_log_folder_that_refuses_is_a_failure(spool: Path) -> None:
    refusing = Path("/proc/self")  # where even root cannot create a file
    assert verdicts(checked(spool, refusing)) == ["pass", "pass", "pass", "fail"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_where_a_folder_should_be_is_a_failure(spool: Path, name: str) -> None:
    (spool / name).rmdir()
    (spool / name).write_text("")
    found = checked(spool, spool / "logs")
    assert found["folders"].verdict == "fail"
    assert name in found["folders"].detail


def test_a_spool_without_its_sentinel_may_be_a_share_that_is_gone(spool: Path) -> None:
    (spool / ".state/spool-id").unlink()
    assert checked(spool)["share"].verdict == "warn"


def test_a_share_that_fstab_names_and_nobody_mounted_is_a_failure(spool: Path) -> None:
    found = checked(spool, fstab=f"server:/share {spool} nfs4 defaults 0 0\n")
    assert found["share"].verdict == "fail"
    assert f"mount {spool}" in found["share"].remedy


def test_an_inbox_of_somebody_else_with_the_sticky_bit_is_a_failure(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon could not take other users' files out of it."""
    (spool / "inbox").chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    found = {each.name: each for each in folder_checks(spool, spool, spool.parent / "fstab")}
    assert found["inbox"].verdict == "fail"
    assert f"chown {NOBODY} " in found["inbox"].remedy
    (spool / "inbox").chmod(0o777)
    assert "inbox" not in checked(spool)


def test_folders_on_two_file_systems_are_a_failure(spool: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == spool.stat().st_dev or not os.access(other, 2):
        pytest.skip("no second file system to be had here")
    (spool / "done").rmdir()
    (spool / "done").symlink_to(other)
    assert checked(spool)["one file system"].verdict == "fail"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only root may read, inside one that everybody may read."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user, to whom the folder is closed")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        inside = Path(folder) / "home"
        (inside / "spool").mkdir(parents=True)
        inside.chmod(0o700)
        yield inside


def test_a_spool_in_a_folder_that_is_closed_to_us_is_a_failure(closed: Path) -> None:
    fstab = closed.parent / "fstab"
    os.seteuid(NOBODY)
    try:
        checks = folder_checks(closed / "spool", closed / "spool/logs", fstab)
        disks = disk_checks(closed / "spool", closed / "spool/.cache", closed / "spool/logs")
    finally:
        os.seteuid(0)
    found = {check.name: check for check in [*checks, *disks]}
    assert found["folders"].verdict == found["log folder"].verdict == "fail"
    assert str(closed) in found["folders"].remedy
    assert "spool disk" in found
