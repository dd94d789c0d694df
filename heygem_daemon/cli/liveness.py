"""Finds out whether a daemon works on a spool, from its status, its lock and its process."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.report.liveness import Evidence, Liveness, is_of, judge
from heygem_daemon.report.status import Status
from heygem_daemon.report.status_file import read_status
from heygem_daemon.spool.lock import holder_process
from heygem_daemon.spool.mounts import find_mount
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.processes import ProcessState, read_process

ANSWER_SECONDS = 5.0
"""How long a disk or share may take to answer a command."""

_ASK = ("stat", "--file-system", "--")


@dataclass(frozen=True, slots=True)
class FoundDaemon:
    """The daemon of a spool."""

    liveness: Liveness

    last: Status | None
    """The status that it wrote last; None: there is none."""

    @property
    def status(self) -> Status | None:
        """Its status now; None: it reports none."""
        return self.last if self.liveness.condition == "works" else None


def find_daemon(spool: Spool, now: float) -> FoundDaemon:
    """Return the daemon of a spool at UNIX time ``now``.

    A status that is seconds old may be that of a daemon that was killed meanwhile: then its lock is
    free and its process gone. Either is enough to prove that it runs, because a daemon whose spool
    has a fault may not hold the lock yet, and the process of a daemon in another container is
    invisible here. On a network mount, where locks may be invisible as well, the status alone
    counts.
    """
    status = read_status(spool.state / "status.json")
    description = spool.lock_holder()
    holder = None if description is None else holder_process(description)
    evidence = Evidence(
        status=status,
        holder=holder,
        process=_find_process(status, holder),
        sees_locks=not find_mount(spool.state).is_network,
        spool_fault=_spool_fault(spool.root),
    )
    return FoundDaemon(judge(evidence, now), status)


def read_live_status(spool: Spool, now: float) -> Status | None:
    """Return the status of the daemon that works on a spool; None where none works at UNIX time
    ``now``."""
    return find_daemon(spool, now).status


def require_answer(
    root: Path, seconds: float = ANSWER_SECONDS, command: Sequence[str] = _ASK
) -> None:
    """Raise SpoolUnavailable where the file system of ``root`` does not answer.

    A child process asks, because whoever asks such a file system cannot be ended.
    """
    silence = subprocess.DEVNULL
    try:
        child = subprocess.Popen(
            [*command, str(root)], stdin=silence, stdout=silence, stderr=silence
        )
    except OSError:
        return  # the question is a courtesy
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.1)
        raise SpoolUnavailable(
            f"the disk or share of {printable(str(root))} has not answered for {seconds:g} s."
            " A daemon that works on it is blocked, too, until it answers"
        ) from None


def _find_process(status: Status | None, holder: int | None) -> ProcessState | None:
    """Return the daemon's process: the one that wrote the status, or that has the lock."""
    if status is not None:
        process = read_process(status.pid)
        # A daemon that is process 1 of a container is another process here, unless it has the lock.
        is_foreign = status.pid == 1 and holder != 1
        if process is not None and is_of(process, status) and not is_foreign:
            return process
    return read_process(holder) if holder else None


def _spool_fault(root: Path) -> str | None:
    try:
        is_read_only = bool(os.statvfs(root).f_flag & os.ST_RDONLY)
    except OSError as error:
        return f"its disk or share says: {error.strerror}"
    return "its disk is mounted read-only" if is_read_only else None
