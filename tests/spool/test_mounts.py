"""Mounts: the type of file system, missing mounts, attribute caches."""

from pathlib import Path

import pytest

from heygem_daemon.spool.mounts import (
    MountInfo,
    effective_quiet_seconds,
    find_missing_mount,
    find_mount,
)

TABLE = r"""22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw shared:7 - tmpfs tmpfs rw
31 30 0:44 / /srv/share rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2
32 22 0:45 / /srv/my\040share rw - cifs //server/share rw
33 22 0:46 / /srv/hidden rw - cifs //server/other rw
34 22 8:2 / /srv/hidden rw - xfs /dev/sdb1 rw
nonsense
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(TABLE)
    return file


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/", "ext4", False),
        ("/home/spool", "ext4", False),
        ("/srv/spool", "tmpfs", False),
        ("/srv/share", "nfs4", True),
        ("/srv/share/spool/inbox", "nfs4", True),
        ("/srv/shared", "tmpfs", False),
        ("/srv/my share/inbox", "cifs", True),
        ("/srv/hidden", "xfs", False),
    ],
)
def test_rule_2_the_mount_table_gives_the_type_of_file_system(
    table: Path, path: str, kind: str, network: bool
) -> None:
    mount = find_mount(Path(path), table)
    assert (mount.type, mount.is_network) == (kind, network)


@pytest.mark.parametrize(
    ("kind", "network"),
    [("fuse.sshfs", True), ("fuse.mergerfs", False), ("fuseblk", False), ("9p", True)],
)
def test_rule_2_fuse_counts_as_remote_unless_it_is_known_to_be_local(
    tmp_path: Path, kind: str, network: bool
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:1 / / rw - {kind} source rw\n")
    assert find_mount(Path("/x"), table).is_network is network


def test_the_mount_point_and_the_number_of_the_device_are_known(table: Path) -> None:
    mount = find_mount(Path("/srv/my share/inbox"), table)
    assert (mount.point, mount.device) == (Path("/srv/my share"), "0:45")


def test_without_a_mount_table_the_type_is_unknown(tmp_path: Path) -> None:
    assert find_mount(Path("/x"), tmp_path / "none").type == "unknown"


def test_this_machines_table_can_be_read(tmp_path: Path) -> None:
    assert find_mount(tmp_path).type != "unknown"


def test_rule_7_the_quiet_period_exceeds_a_network_mounts_attribute_cache() -> None:
    local = MountInfo(Path("/"), "ext4", is_network=False)
    share = MountInfo(Path("/"), "nfs4", is_network=True)
    assert effective_quiet_seconds(5.0, local) == 5.0
    assert effective_quiet_seconds(5.0, share) > 60.0
    assert effective_quiet_seconds(300.0, share) == 300.0


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/srv/share/spool", None),
        ("/srv/data/spool", Path("/srv/data")),
        ("/srv/data", Path("/srv/data")),
        ("/srv/database", None),
        ("/srv/two words/spool", Path("/srv/two words")),
        ("/srv/later/spool", None),
    ],
)
def test_rule_18_a_mount_of_fstab_that_is_missing_is_found(
    table: Path, tmp_path: Path, path: str, missing: Path | None
) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(
        "# /dev/sdc1 /srv/later ext4 defaults\n"
        "UUID=1 / ext4 errors=remount-ro 0 1\n"
        "server:/export /srv/share nfs4 _netdev 0 0\n"
        "server:/data /srv/data nfs4 _netdev 0 0\n"
        "//server/x /srv/two\\040words cifs guest\n"
        "nonsense\n"
    )
    assert find_missing_mount(Path(path), fstab, table) == missing


def test_without_tables_nothing_is_missing(table: Path, tmp_path: Path) -> None:
    assert find_missing_mount(Path("/srv/data"), tmp_path / "none", table) is None
    fstab = tmp_path / "fstab"
    fstab.write_text("server:/data /srv/data nfs4 _netdev 0 0\n")
    assert find_missing_mount(Path("/srv/data"), fstab, tmp_path / "none") is None


@pytest.mark.parametrize(
    ("options", "quiet"),
    [
        ("rw,vers=4.2,hard", 65.0),
        ("rw,actimeo=3", 8.0),
        ("rw,vers=3.1.1,actimeo=1,closetimeo=1", 6.0),
        ("rw,acregmax=120,acdirmin=10,acdirmax=600", 605.0),
        ("rw,noac", 5.0),
    ],
)
def test_rule_7_the_attribute_cache_comes_from_the_mount_options(
    tmp_path: Path, options: str, quiet: float
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"31 22 0:44 / /srv/share rw,relatime shared:9 - nfs4 server:/x {options}\n")
    assert effective_quiet_seconds(5.0, find_mount(Path("/srv/share"), table)) == quiet
    assert effective_quiet_seconds(900.0, find_mount(Path("/srv/share"), table)) == 900.0
