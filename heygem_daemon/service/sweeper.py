"""Deletes expired files in short slices, one in each round, so that no job waits for it."""

import math
from collections.abc import Iterator

from heygem_daemon.events.daemon import MoreNotPurged, NotPurged, Purged
from heygem_daemon.service.clock_guard import ClockGuard
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.retention import ExpiredItem, find_expired, purge
from heygem_daemon.spool.spool import Spool

SLICE_SECONDS = 0.04
"""How long a slice may take at most, apart from its last deletion."""

REST_SECONDS = 3600.0
"""From the end of one sweep through the spool to the start of the next."""


MAX_TOLD = 20
"""How many items that could not be purged the log names after one sweep."""


class Sweeper:
    """Goes through all finished jobs once an hour, in slices."""

    def __init__(
        self,
        spool: Spool,
        retention_days: float,
        clock: Clock,
        guard: ClockGuard,
        faults: ItemFaults,
    ) -> None:
        self._spool = spool
        self._days = retention_days
        self._clock = clock
        self._guard = guard
        self._faults = faults
        self._sweep: Iterator[ExpiredItem | None] | None = None
        self._deleted_count = 0
        self._fault_count = 0
        self._not_before = -math.inf

    def keep_for(self, days: float) -> None:
        """Change the retention time, and begin a new sweep with it."""
        self._days, self._sweep, self._not_before = days, None, -math.inf

    def run_slice(self, oldest_job_started_at: float | None) -> None:
        """Continue where the last slice ended. ``oldest_job_started_at``: when the job that runs
        longest was started (UNIX time); None where none runs. Raises SpoolUnavailable."""
        now = self._clock.monotonic()
        if self._days <= 0 or not self._may_go_on(now):
            return
        if self._sweep is None:
            busy = math.inf if oldest_job_started_at is None else oldest_job_started_at
            now_wall = self._clock.wall()
            found = find_expired(self._spool, now_wall, self._days, busy, self._tell)
            self._sweep = purge(self._spool, found, self._tell)
            self._deleted_count = self._fault_count = 0
        try:
            self._advance(self._sweep, now + SLICE_SECONDS)
        except Exception as error:
            self._sweep = None
            if is_environment_fault(error):
                raise
            self._faults.log("the purge", error)
            self._not_before = self._clock.monotonic() + REST_SECONDS

    def _advance(self, sweep: Iterator[ExpiredItem | None], deadline: float) -> None:
        for item in sweep:
            self._deleted_count += item is not None
            if self._clock.monotonic() >= deadline:
                return
        self._sweep = None
        self._not_before = self._clock.monotonic() + REST_SECONDS
        if self._deleted_count:
            Purged(self._deleted_count).log()
        if self._fault_count > MAX_TOLD:
            MoreNotPurged(self._fault_count - MAX_TOLD).log()

    def _tell(self, name: str, error: Exception) -> None:
        """Log an item that could not be examined or deleted. The next sweep tries it again."""
        self._fault_count += 1
        if self._fault_count > MAX_TOLD:
            return
        if is_environment_fault(error):
            NotPurged(printable(name), str(error)).log()
        else:
            self._faults.log(f"the purge of {printable(name)}", error)

    def _may_go_on(self, now: float) -> bool:
        """Whether a sweep is due. None is while the clock is in doubt, because a wrong clock makes
        everything look old at once."""
        if not self._guard.check(now):
            self._sweep = None
            return False
        return now >= self._not_before
