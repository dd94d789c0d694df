"""Prevents two kinds of growth that a process shows after hours and that are no leak."""

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
make CPython enlarge its table of them once more, which then has room for 43,000 at a time."""


def keep_memory_flat() -> None:
    """Make the allocator and the table of interned strings of this process fit for months.

    The allocator gives large blocks back, and serves all threads from one heap: otherwise the pages
    and reports that a daemon makes again and again leave holes. The table of interned strings, to
    which each new path adds, would grow by 2 MB after hours, and does so at once. Call it before
    there are other threads. The allocator is changed with glibc only. Raises nothing.
    """
    with suppress(AttributeError, OSError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, LARGE_BYTES)
        set_option(_M_ARENA_MAX, 1)
    # Kept in a list, since the table drops a string that nobody holds.
    [sys.intern(f"interned {number}") for number in range(INTERNED_STRINGS)]
