"""Whether a daemon is at work on a spool: by its status, its lock, and its process."""

import os

from heygem_daemon.report.status import Status, read_status
from heygem_daemon.spool.mounts import filesystem_of
from heygem_daemon.spool.spool import Spool


def living(spool: Spool, now: float) -> Status | None:
    """What the daemon says of itself; None where none is at work at UNIX time ``now``.

    A status that is seconds old may be that of a daemon which was killed since: its lock is free
    then and its process gone. Both are asked, for a daemon in trouble with its spool may not have
    got the lock yet, and one in another container has a process that is not seen from here. On a
    network mount, where locks may not be seen either, the status alone counts.
    """
    status = read_status(spool.state / "status.json")
    if status is None or not status.is_fresh(now):
        return None
    if filesystem_of(spool.state).is_network or spool.owner() is not None:
        return status
    return status if _runs(status.pid) else None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
