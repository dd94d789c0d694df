"""Waits for a spool whose daemon works, to take over when that one has ended."""

from collections.abc import Callable
from typing import Protocol

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.events.daemon import StandbyWaits, StandbyWakes
from heygem_daemon.spool.lock_trust import lock_doubt
from heygem_daemon.spool.mounts import MountInfo
from heygem_daemon.system.sd_notify import Notifier

ASK_SECONDS = 2.0
"""Between two looks at the lock: of the 30 s within which a standby takes over, most are left for a
start that reads the spool."""


class Locked(Protocol):
    """A spool, as far as its lock is concerned."""

    def lock_holder(self) -> str | None: ...


def require_trusted_lock(mount: MountInfo, path: str) -> None:
    """Raise SpoolUnavailable where a standby could not be sure that the spool's daemon has ended.

    ``mount``: that of the spool; ``path``: how the message names it.
    """
    if (doubt := lock_doubt(mount)) is not None:
        raise SpoolUnavailable(
            f"No standby is possible for the spool {path}: {doubt}, so two daemons could work on"
            " it at the same time. Put it on a local disk, or on NFS 4 without nolock and"
            " local_lock, or start the second daemon by hand when the first one has ended."
        )


def wait_for_end(spool: Locked, notifier: Notifier, sleep: Callable[[float], None]) -> None:
    """Return when no daemon has the lock of ``spool``.

    systemd is told that the process is ready, since waiting is what it is there for, and that it is
    alive. ``sleep`` waits so many seconds.
    """
    waited_for: str | None = None
    while (holder := spool.lock_holder()) is not None:
        if waited_for is None:
            notifier.ready()
        if holder != waited_for:
            StandbyWaits(holder).log()
            notifier.status(f"standby: {holder} works on the spool")
            waited_for = holder
        notifier.watchdog()
        sleep(ASK_SECONDS)
    if waited_for is not None:
        StandbyWakes(waited_for).log()
