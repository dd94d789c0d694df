"""When a file counts as completely written. Bookkeeping only: no clock, no file system.

A file is settled when it has not changed over several scans and a quiet period, both measured by
the caller's monotonic clock; a file's own times are only compared with themselves, never with a
clock. A producer's word (``.ready`` marker) settles at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.inbox import Snapshot


@dataclass(frozen=True, slots=True)
class Settling:
    """What one observation found."""

    settled: frozenset[Path]
    waiting: Mapping[Path, str]
    """Files that are not settled, each with the reason in words."""
    ages: Mapping[Path, float]
    """Seconds since each file was first seen, for every file of the scan."""


class Settler:
    """Remembers files between scans.

    ``quiet_seconds``: how long a file must not change; ``scans``: in how many scans it must have
    been seen unchanged after the first. A file that looks doubtful once it is quiet waits longer,
    and is settled all the same after its patience, so that the job is refused with a reason
    rather than ignored: ``patience`` × quiet_seconds for one that ``looks_complete`` denies,
    ``long_patience`` × quiet_seconds for one that is empty or that ``can_open`` denies.

    ``looks_complete(path)`` may answer None: not known yet (a probe still runs); it is asked at
    most once a quiet period for each file, and only when all else is well.
    """

    def __init__(
        self,
        quiet_seconds: float,
        *,
        scans: int = 2,
        patience: float = 6.0,
        long_patience: float = 12.0,
        can_open: Callable[[Path], bool] = lambda _path: True,
        looks_complete: Callable[[Path], bool | None] = lambda _path: True,
    ) -> None:
        raise NotImplementedError

    def observe(self, snapshot: Snapshot, now: float) -> Settling:
        """Take in a scan made at monotonic time ``now`` (seconds); forget what is gone."""
        raise NotImplementedError
