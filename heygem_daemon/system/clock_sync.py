"""Whether NTP or the like sets the machine's clock."""

import ctypes
import sys
import time
from pathlib import Path

UNSYNCHRONIZED = 0x40
"""STA_UNSYNC (adjtimex(2)). The kernel sets it whenever a program sets the clock in a step."""
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""A file that systemd-timesyncd touches each time that it has set the clock."""
TIMESYNCD_FRESH_SECONDS = 7200.0
"""A file that is older, or from the future, does not show that the present time was set by NTP:
timesyncd polls every 2048 s at least."""
STATUS_OFFSET = 40
"""Offset of ``status`` in struct timex, in bytes, where a long has eight bytes."""


def is_synchronized() -> bool | None:
    """Return whether NTP or the like sets the kernel's clock (adjtimex(2), used only to read).

    systemd's ProtectClock= forbids the call. A fresh file of timesyncd then counts; without it, the
    answer is None.
    """
    timex = ctypes.create_string_buffer(512)  # struct timex has 208 bytes
    if ctypes.CDLL(None).adjtimex(timex) < 0:
        return True if _is_fresh(TIMESYNCD) else None
    status = int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], sys.byteorder)
    return not status & UNSYNCHRONIZED


def _is_fresh(file: Path) -> bool:
    try:
        return abs(time.time() - file.stat().st_mtime) < TIMESYNCD_FRESH_SECONDS
    except OSError:
        return False
