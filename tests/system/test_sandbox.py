"""What the sandbox of a unit does to the daemon's folders."""

import errno
from pathlib import Path

import pytest

from heygem_daemon.doctor import folders as doctor_folders
from heygem_daemon.doctor.folders import sandbox_checks
from heygem_daemon.system import os_errors
from heygem_daemon.system.os_errors import describe_os_error
from heygem_daemon.system.sandbox import find_fault_inside, find_fault_of_unit
from heygem_daemon.system.unit import Unit

STRICT = "36 35 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
"""As ProtectSystem=strict leaves the root: this mount is read-only, its file system is not."""
HIDDEN = "50 36 0:24 /systemd/inaccessible/dir /home ro,nosuid - tmpfs tmpfs rw,size=1k,mode=755\n"
EMPTY = "50 36 0:60 / /home ro,nosuid,nodev - tmpfs tmpfs ro,mode=755\n"
READ_ONLY_HOME = "50 36 8:2 / /home ro,relatime - ext4 /dev/sdb1 rw\n"
ALLOWED = "51 36 8:1 /srv/heygem /srv/heygem rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
PRIVATE = "52 36 8:1 /tmp/systemd-private-1a-heygem.service-x/tmp /tmp rw - ext4 /dev/sda1 rw\n"
READ_ONLY_DISK = "53 36 8:3 / /mnt/disk ro,relatime - ext4 /dev/sdc1 ro\n"
SERVICE = {"INVOCATION_ID": "1"}


def table(folder: Path, *lines: str) -> Path:
    file = folder / "mountinfo"
    file.write_text("".join(lines))
    return file


@pytest.mark.parametrize(
    ("lines", "folder", "cause", "drop_in"),
    [
        ([STRICT], "/srv/heygem", "ProtectSystem= lets", "ReadWritePaths=-/srv/heygem"),
        ([STRICT], "/srv/two words", "ProtectSystem=", 'ReadWritePaths=-"/srv/two words"'),
        ([STRICT, HIDDEN], "/home/anna/s", "ProtectHome= hides /home", "BindPaths=/home/anna/s"),
        ([STRICT, EMPTY], "/home/anna/s", "ProtectHome= hides /home", "ProtectHome=tmpfs"),
        ([STRICT, READ_ONLY_HOME], "/home/a", "ProtectHome= lets", "ReadWritePaths=-/home/a"),
        ([STRICT, PRIVATE], "/tmp/spool", "PrivateTmp= gives", "BindPaths=/tmp/spool"),
    ],
)
def test_each_mistake_is_recognised_in_the_mounts(
    tmp_path: Path, lines: list[str], folder: str, cause: str, drop_in: str
) -> None:
    fault = find_fault_inside(Path(folder), table(tmp_path, *lines), SERVICE)
    assert fault is not None
    assert cause in fault.cause
    assert drop_in in fault.clause
    assert drop_in in fault.remedy.replace("'\"'\"'", "'")
    assert fault.remedy.startswith("mkdir -p /etc/systemd/system/heygem-daemon.service.d && printf")


def test_what_is_no_mistake_of_the_unit_is_not_called_one(tmp_path: Path) -> None:
    mounts = table(tmp_path, STRICT, ALLOWED, READ_ONLY_DISK)
    assert find_fault_inside(Path("/srv/heygem/inbox"), mounts, SERVICE) is None
    assert find_fault_inside(Path("/mnt/disk/spool"), mounts, SERVICE) is None
    assert find_fault_inside(Path("/srv/other"), mounts, {}) is None, "not started by systemd"
    assert find_fault_inside(Path("/srv/other"), tmp_path / "none", SERVICE) is None


def unit(**properties: str) -> Unit:
    shipped = {
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "StateDirectory": "heygem-daemon",
        "LogsDirectory": "heygem-daemon",
    }
    return Unit("heygem-daemon.service", {**shipped, **properties})


@pytest.mark.parametrize(
    ("folder", "properties", "cause"),
    [
        ("/srv/heygem", {}, "ProtectSystem="),
        ("/srv/heygem", {"ReadWritePaths": "-/srv/heygem"}, None),
        ("/srv/heygem/x", {"ReadWritePaths": "/a -/srv/heygem"}, None),
        ("/srv/heygem2", {"ReadWritePaths": "-/srv/heygem"}, "ProtectSystem="),
        ("/var/lib/heygem-daemon/spool", {}, None),
        ("/var/log/heygem-daemon", {}, None),
        ("/home/anna/spool", {"ReadWritePaths": "-/home/anna/spool"}, "ProtectHome="),
        ("/home/anna/spool", {"ProtectHome": "tmpfs", "BindPaths": "/home/anna/spool"}, None),
        ("/home/anna/spool", {"BindPaths": "/data/spool:/home/anna:rbind"}, None),
        ("/srv/data", {"BindPaths": "/srv/data:/elsewhere"}, "ProtectSystem="),
        ("/root/spool", {}, "ProtectHome="),
        ("/tmp/spool", {"ReadWritePaths": "/tmp/spool"}, "PrivateTmp="),
        ("/srv/heygem", {"ProtectSystem": "full"}, None),
    ],
)
def test_a_unit_tells_it_before_the_start(
    folder: str, properties: dict[str, str], cause: str | None
) -> None:
    fault = find_fault_of_unit(Path(folder), unit(**properties))
    assert (fault is None) == (cause is None)
    assert fault is None or (cause or "") in fault.cause


def test_the_doctor_prints_the_drop_in() -> None:
    folders = {"spool": Path("/srv/heygem"), "log folder": Path("/var/log/heygem-daemon")}
    (check,) = sandbox_checks(folders, unit, lambda _folder: None)
    assert (check.name, check.verdict) == ("sandbox", "fail")
    assert "spool /srv/heygem: the unit's ProtectSystem=" in check.detail
    assert "printf '[Service]\\nReadWritePaths=-/srv/heygem\\n'" in check.remedy
    assert sandbox_checks(folders, lambda: None, lambda _folder: None) == []


def test_within_the_service_the_mounts_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_folders, "own_unit_name", lambda: "heygem-daemon.service")
    assert sandbox_checks({"spool": Path("/srv/heygem")}, unit, lambda _folder: None) == []


def test_the_daemon_names_the_setting_and_not_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = table(tmp_path, STRICT, HIDDEN)
    monkeypatch.setattr(
        os_errors,
        "find_fault_inside",
        lambda folder: find_fault_inside(folder, mounts, SERVICE),
    )
    spool = Path("/srv/heygem")
    read_only = OSError(errno.EROFS, "Read-only file system", str(spool / "inbox"))
    assert "ReadWritePaths=-/srv/heygem" in describe_os_error(read_only, spool)
    assert "mounted read-only" not in describe_os_error(read_only, spool)
    private = PermissionError(errno.EACCES, "Permission denied", str(spool / "inbox"))
    assert "lacks the permission" in describe_os_error(private, spool), (
        "a mount is read-only: EROFS"
    )
    denied = PermissionError(errno.EACCES, "Permission denied", "/home/anna/spool")
    assert "ProtectHome= hides /home" in describe_os_error(denied, Path("/home/anna/spool"))
