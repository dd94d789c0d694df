"""Findings about the system clock: whether it is synchronized, and whether it jumps.

Retention counts days by this clock. Within a job, times are measured with a clock that cannot jump.
"""

import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.doctor.check import Check, passed, warned

NAME = "clock"
JUMP_SECONDS = 0.5
"""More than the kernel slews a clock while the doctor runs (at most 0.5 ms a second)."""
EARLIEST_TIME = 1_767_225_600.0
"""2026-01-01 in UNIX time: this program did not exist before."""
UNSYNCHRONIZED = 0x40
"""STA_UNSYNC (adjtimex(2))."""
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""A file that systemd-timesyncd creates when it has set the clock."""
STATUS_OFFSET = 40
"""Offset of ``status`` in struct timex, in bytes, where a long has eight bytes."""

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
    began: ClockReading, now: ClockReading, synchronized: bool | None, last_status_at: float | None
) -> Check:
    """Return a finding from the clocks at two moments and the daemon's last status.

    ``synchronized``: whether NTP or the like sets the clock; None: unknown. ``last_status_at``:
    when the daemon last wrote its status, in UNIX time.
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
    if synchronized is None:
        return passed(NAME, f"{shown}; unknown whether it is synchronized")
    if not synchronized:
        return warned(NAME, f"{shown}, not synchronized", set_ntp)
    return passed(NAME, f"{shown}, synchronized")


def is_synchronized() -> bool | None:
    """Return whether NTP or the like sets the kernel's clock (adjtimex(2), used only to read).

    systemd's ProtectClock= forbids the call. The file of timesyncd then counts; without it, the
    answer is None.
    """
    timex = ctypes.create_string_buffer(512)  # struct timex has 208 bytes
    if ctypes.CDLL(None).adjtimex(timex) < 0:
        return True if TIMESYNCD.exists() else None
    status = int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], sys.byteorder)
    return not status & UNSYNCHRONIZED
