"""Findings about the clock: set by somebody, and not jumping.

Retention counts days by it; everything within a job is timed by a clock that cannot jump.
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
"""More than a clock is slewed in the time that the doctor takes (at most 0.5 ms a second)."""
EARLIEST_TIME = 1_767_225_600.0
"""2026-01-01 in UNIX time: before that there was no such program."""
UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of adjtimex(2)."""
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd when it has set the clock."""
STATUS_OFFSET = 40
"""Of ``status`` in struct timex, where a long has eight bytes."""

TimeSource = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ClockReading:
    """UNIX time, and seconds of a clock that nobody sets, read together."""

    wall: float
    steady: float


def read_clocks(wall: TimeSource = time.time, steady: TimeSource = time.monotonic) -> ClockReading:
    """Now."""
    return ClockReading(wall(), steady())


def clock_check(
    began: ClockReading, now: ClockReading, synchronized: bool | None, last_status_at: float | None
) -> Check:
    """What two moments of this examination and the last sign of a daemon say of the clock.

    ``synchronized``: by NTP or the like; None: nobody tells. ``written``: when the daemon wrote
    its status last, UNIX time.
    """
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now.wall))
    jump = (now.wall - began.wall) - (now.steady - began.steady)
    ask_ntp = "Set it, and keep it so: timedatectl set-ntp true."
    if now.wall < EARLIEST_TIME:
        return warned(NAME, f"{shown} is in the past", ask_ntp)
    if abs(jump) > JUMP_SECONDS:
        remedy = "Let one program alone set it (timesyncd, chrony, or the host of a container)."
        return warned(NAME, f"{shown}; it jumped by {jump:+.1f} s just now", remedy)
    if last_status_at is not None and last_status_at > now.wall + JUMP_SECONDS:
        behind = last_status_at - now.wall
        return warned(NAME, f"{shown}, {behind:.0f} s before the daemon's last status", ask_ntp)
    if synchronized is None:
        return passed(NAME, f"{shown}; nobody tells whether it is synchronized")
    if not synchronized:
        return warned(NAME, f"{shown}, not synchronized", ask_ntp)
    return passed(NAME, f"{shown}, synchronized")


def is_synchronized() -> bool | None:
    """Whether the kernel's clock is kept by NTP or the like (adjtimex(2), which only asks here).

    Under systemd's ProtectClock= the kernel is not to be asked; then timesyncd's mark counts, and
    without it None.
    """
    timex = ctypes.create_string_buffer(512)  # struct timex has 208 bytes
    if ctypes.CDLL(None).adjtimex(timex) < 0:
        return True if TIMESYNCD.exists() else None
    status = int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], sys.byteorder)
    return not status & UNSYNCHRONIZED
