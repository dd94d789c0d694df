"""Which file systems let a standby trust the lock."""

import pytest

from heygem_daemon.spool.lock_trust import lock_doubt
from heygem_daemon.spool.mounts import _parse


@pytest.mark.parametrize(
    "line",
    [
        "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
        "22 1 8:1 / / rw - xfs /dev/sda1 rw",
        "31 30 0:44 / /srv rw - nfs4 server:/export rw,vers=4.2,local_lock=none",
        "31 30 0:44 / /srv rw - nfs server:/export rw,vers=3,local_lock=none",
        "31 30 0:44 / /srv rw - ceph mon:/ rw",
        "31 30 0:44 / /srv rw - lustre mds:/fs rw,flock",
    ],
)
def test_locks_that_reach_all_machines_are_trusted(line: str) -> None:
    mount = _parse(line)
    assert mount is not None
    assert lock_doubt(mount) is None


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("31 30 0:44 / /srv rw - nfs server:/export rw,vers=3,nolock", "nolock"),
        ("31 30 0:44 / /srv rw - nfs server:/export rw,local_lock=flock", "local_lock=flock"),
        ("31 30 0:44 / /srv rw - nfs server:/export rw,local_lock=all", "local_lock=all"),
        ("31 30 0:44 / /srv rw - cifs //server/share rw", "cifs"),
        ("31 30 0:44 / /srv rw - fuse.sshfs host: rw", "fuse.sshfs"),
        ("31 30 0:44 / /srv rw - 9p share rw", "9p"),
        ("31 30 0:44 / /srv rw - lustre mds:/fs rw,localflock", "flock"),
    ],
)
def test_locks_that_stay_on_a_machine_are_doubted(line: str, word: str) -> None:
    mount = _parse(line)
    assert mount is not None
    assert word in str(lock_doubt(mount))
