"""Findings about the system clock: whether it is synchronized, and whether it jumps.

Retention counts days by this clock. Within a job, times are measured with a clock that cannot jump.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from heygem_daemon.doctor.check import Check, passed, warned

NAME = "clock"
JUMP_SECONDS = 0.5
"""More than the kernel slews a clock while the doctor runs (at most 0.5 ms a second)."""
EARLIEST_TIME = 1_767_225_600.0
"""2026-01-01 in UNIX time: this program did not exist before."""

TimeSource = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Two clocks, read together."""

    wall: float
    """UNIX time in seconds."""
    steady: float
    """Seconds of a clock that cannot be set."""


def read_clocks(wall: TimeSource = time.time, steady: TimeSource = time.monotonic) -> ClockReading:
    """Read both clocks."""
    return ClockReading(wall(), steady())


def clock_check(
    began: ClockReading,
    now: ClockReading,
    synchronized: bool | None,
    last_status_at: float | None,
    doubt: str | None = None,
) -> Check:
    """Return a finding from the clocks at two moments and the daemon's last status.

    ``synchronized``: whether NTP or the like sets the clock; None: unknown. ``last_status_at``:
    when the daemon last wrote its status, in UNIX time. ``doubt``: why the daemon's records
    speak against the clock; None: they do not.
    """
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now.wall))
    jump = (now.wall - began.wall) - (now.steady - began.steady)
    set_ntp = "Set it, and keep it synchronized: timedatectl set-ntp true."
    if now.wall < EARLIEST_TIME:
        return warned(NAME, f"{shown} is in the past", set_ntp)
    if abs(jump) > JUMP_SECONDS:
        remedy = "Let only one program set it (timesyncd, chrony, or the host of a container)."
        return warned(NAME, f"{shown}; it jumped by {jump:+.1f} s just now", remedy)
    if last_status_at is not None and last_status_at > now.wall + JUMP_SECONDS:
        behind = last_status_at - now.wall
        return warned(NAME, f"{shown}, {behind:.0f} s before the daemon's last status", set_ntp)
    if doubt is not None and not synchronized:
        remedy = f"{set_ntp} If the time is right: heygem-daemon purge --force deletes at once."
        return warned(NAME, f"{shown}; {doubt}, so that nothing is purged for a day", remedy)
    if synchronized is False:
        return warned(NAME, f"{shown}, not synchronized", set_ntp)
    known = ", synchronized" if synchronized else "; unknown whether it is synchronized"
    return passed(NAME, shown + known)
