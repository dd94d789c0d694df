"""Whether the spool's disk has room for another job, so that the queue waits before it is full."""

import os
from collections.abc import Iterable
from pathlib import Path

from loguru import logger

from heygem_daemon.spool.files import faults_of
from heygem_daemon.spool.job import Job

GIB = 1 << 30
_OVERHEAD = 16 << 20
"""Tracks, reports, pictures: what a job writes beside its video."""


def estimate(job: Job) -> int:
    """Bytes that a job will write, from its inputs alone: about as much as they hold. A worker
    knows lengths and sizes of the pictures, and asks again with those."""
    inputs = (job.audio, job.video)
    return sum(path.lstat().st_size for path in inputs if path.exists()) + _OVERHEAD


class Room:
    """Looks at the disk before each start, and remembers what the queue waits for."""

    def __init__(self, root: Path, keep_bytes: int) -> None:
        """``keep_bytes`` are to stay free below ``root``; 0: nothing is looked at."""
        self._root = root
        self._keep = keep_bytes
        self.hold: str | None = None
        """What is lacking, where nothing could be started for want of it."""

    def lack(self, job: Job, running: Iterable[Job]) -> str | None:
        """Why ``job`` cannot be started now beside those that are ``running``; None if it can.
        Raises SpoolUnavailable."""
        others = [estimate(each) for each in running]
        reason = self._reason(estimate(job), sum(others)) if self._keep else None
        if reason is None and self.hold is not None:
            logger.info("the queue goes on: the disk has room again")
        if reason is not None and not others and self.hold is None:
            logger.warning("jobs wait for room on the disk: {}", reason)
        self.hold = None if others else reason
        return reason

    def _reason(self, need: int, reserved: int) -> str | None:
        with faults_of(self._root):
            figures = os.statvfs(self._root)
        free = figures.f_bavail * figures.f_frsize - reserved
        if figures.f_blocks == 0 or free >= need + self._keep:  # no blocks: it keeps no account
            return None
        return (
            f"the spool's disk has {max(0, free) / GIB:.2f} GiB free; the next job needs about "
            f"{need / GIB:.2f}, and {self._keep / GIB:.2f} are to stay free (free_space_gib)"
        )
