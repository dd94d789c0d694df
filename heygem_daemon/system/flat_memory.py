"""Keeps the memory of a process that runs for months flat, so that growth means a leak."""

import ctypes
import sys
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Parameters of mallopt(3)."""
LARGE_BYTES = 128 << 10
"""Blocks of at least so many bytes go back to the system when they are freed: the C library's own
default, which it otherwise raises with each large block, up to 32 MiB."""
INTERNED_STRINGS = 50_000
"""How many strings are interned for a moment. With the 30,000 or so that a daemon has loaded, they
make CPython's table of them as large as it gets, with room for 87,000."""


def keep_memory_flat() -> None:
    """Let this process, which should have no other thread yet, grow now and not later.

    Its allocator gives large blocks back, and serves all threads from one heap: the pages and
    reports that a daemon makes again and again leave holes otherwise. And the table of interned
    strings, to which each new path adds, is made as large as it ever gets: else it grows by 2 MB
    after hours. Has no effect with another C library than glibc. Raises nothing.
    """
    with suppress(AttributeError, OSError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, LARGE_BYTES)
        set_option(_M_ARENA_MAX, 1)
    # Kept in a list, since the table drops a string that nobody holds.
    [sys.intern(f"interned {number}") for number in range(INTERNED_STRINGS)]
