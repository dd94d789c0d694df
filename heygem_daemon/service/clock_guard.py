"""Decides whether the wall clock may be trusted to delete what it makes look old."""

import math
from collections.abc import Callable
from dataclasses import replace

from heygem_daemon.events.daemon import ClockConfirmed, ClockDoubted, ClockWasBehind
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.clock_record import (
    OLDEST_TIME,
    KnownTime,
    describe_doubt,
    find_known_time,
    is_behind,
    write_known_time,
)
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.spool import Spool

JUMP_SECONDS = 600.0
"""A larger step of the wall clock against the monotonic clock means that somebody has set it."""

CONFIRM_SECONDS = 86_400.0
"""How long a clock stays in doubt that nothing confirms, so that a person can check it."""

SYNC_CHECK_SECONDS = 60.0
"""How often the kernel is asked whether a clock in doubt is synchronized."""

RECORD_SECONDS = 600.0
"""How often the time of a trusted clock is recorded."""


class ClockGuard:
    """Compares the wall clock with the daemon's own records, and with the monotonic clock.

    A clock in doubt is trusted again as soon as NTP sets it, when it is set back to where it was,
    or after a day; a clock that is certainly behind only once it no longer is.
    """

    def __init__(
        self,
        spool: Spool,
        retention_days: float,
        clock: Clock,
        is_synchronized: Callable[[], bool | None],
    ) -> None:
        """``is_synchronized`` says whether NTP or the like sets the clock; None: not known."""
        self._spool = spool
        self._days = retention_days
        self._clock = clock
        self._is_synchronized = is_synchronized
        self._offset: float | None = None
        """Wall clock less monotonic clock at the last check; None before the first."""
        self._known = KnownTime()
        self._known_at = 0.0
        """Monotonic time at which the newest known time was read or recorded."""
        self._in_doubt_since = -math.inf
        self._is_synced = False
        """Whether NTP or the like set the clock when that was last asked."""
        self._was_corrected = False
        """Whether a clock that nothing had set before was set forward: it may have been behind."""
        self._sync_checked_at = -math.inf
        self._recorded_at = -math.inf
        self.doubt: str | None = None
        """Why the clock is in doubt; None: it is trusted."""

    def keep_for(self, days: float) -> None:
        """Change the retention time, against which a jump of the clock is judged."""
        self._days = days

    def check(self, now: float) -> bool:
        """Return whether the clock may be trusted at monotonic time ``now``. Raises
        SpoolUnavailable."""
        wall = self._clock.wall()
        if self._offset is None:
            self._known, self._known_at = find_known_time(self._spool), now
            self._judge(describe_doubt(wall, self._known.newest, self._days), now)
        elif abs(step := wall - now - self._offset) > JUMP_SECONDS:
            self._was_corrected = step > 0 and not self._is_synced
            self._judge(self._describe_jump(step, wall, now), now)
        self._offset = wall - now
        if self.doubt is not None and self._is_confirmed(wall, now):
            ClockConfirmed().log()
            self.doubt = None
            if self._was_corrected and self._is_synced:
                self._known = replace(self._known, is_behind=True)
        if self.doubt is None:
            self._record(wall, now)
        elif is_behind(wall, self._known.newest) and not self._known.is_behind:
            self._write(replace(self._known, is_behind=True))
        return self.doubt is None and self._known.may_purge(wall, self._days)

    def _describe_jump(self, step: float, wall: float, now: float) -> str | None:
        """Return why a clock that was set is in doubt; None where it was set back to a time that
        fits the records."""
        if step > 0:
            return f"the clock was set forward by {step / 3600:.1f} h"
        return describe_doubt(wall, self._known.newest, self._days, now - self._known_at)

    def _judge(self, doubt: str | None, now: float) -> None:
        self.doubt, self._in_doubt_since, self._sync_checked_at = doubt, now, -math.inf
        if doubt is not None:
            ClockDoubted(doubt).log()

    def _is_confirmed(self, wall: float, now: float) -> bool:
        if wall < OLDEST_TIME:
            return False
        if now - self._in_doubt_since >= CONFIRM_SECONDS:
            return True
        if now - self._sync_checked_at < SYNC_CHECK_SECONDS:
            return False
        self._sync_checked_at = now
        return self._ask_for_sync()

    def _ask_for_sync(self) -> bool:
        self._is_synced = self._is_synchronized() is True
        return self._is_synced

    def _record(self, wall: float, now: float) -> None:
        """Record that the clock is trusted. If it was behind before, what ended meanwhile is
        recorded with a time long past."""
        counts_from = self._known.counts_from
        if self._known.is_behind:
            counts_from = wall
            ClockWasBehind(self._days).log()
        known = KnownTime(wall, counts_from=counts_from)
        if now - self._recorded_at >= RECORD_SECONDS or self._known.is_behind:
            self._write(known)
            self._recorded_at = now
            self._ask_for_sync()
        self._known, self._known_at = known, now

    def _write(self, known: KnownTime) -> None:
        with translate_os_errors(self._spool.root):
            write_known_time(self._spool, self._spool.files, known)
        self._known = known
