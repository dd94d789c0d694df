"""The lock that gives a spool one owner. The kernel releases it when the process ends."""

import contextlib
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.errors import SpoolBusy, SpoolUnavailable
from heygem_daemon.spool.reason import format_time
from heygem_daemon.system import paths

_TRIES = 5
_PAUSE_SECONDS = 0.05
"""Pause between tries. ``lock_holder`` takes the lock for a moment, which must not make a starting
daemon fail."""

_HOLDER = re.compile(r"process (\d{1,9}) on (\S+), since ")


@contextlib.contextmanager
def hold_lock(path: Path, now: float) -> Iterator[int]:
    """Lock the file at ``path`` and write the owner into it. Yields the file's descriptor.

    ``now`` is in seconds since the epoch. Raises SpoolBusy if another process holds the lock, and
    SpoolUnavailable if the file system does not support locks.
    """
    handle = paths.open_file(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+") as file:
        _acquire(handle, path)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {format_time(now)}\n")
        file.flush()
        try:
            yield handle
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


def lock_holder(path: Path) -> str | None:
    """Return a description of the process that holds the lock; None if none does."""
    try:
        with paths.reader(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(path)
    except OSError:
        return None
    return None


def holder_process(description: str) -> int:
    """Return the id of the process in a description by ``lock_holder``; 0 if it is not known, or
    that of another machine or container."""
    found = _HOLDER.match(description)
    return int(found[1]) if found and found[2] == socket.gethostname() else 0


def is_locked_file(path: Path, handle: int) -> bool:
    """Return whether the locked file with descriptor ``handle`` is still the one at ``path``.

    It is not if another disk was mounted over it, if its share was mounted again, or if somebody
    removed it.
    """
    try:
        held = os.fstat(handle)
    except OSError:  # the share is gone for good
        return False
    try:
        return os.path.samestat(held, paths.lstat(path))
    except FileNotFoundError:
        return False


def _acquire(handle: int, path: Path) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if attempt == _TRIES:
                raise SpoolBusy(
                    f"Another daemon works on this spool: {_read_holder(path)}. "
                    "Stop that one first, or use another spool."
                ) from error
            time.sleep(_PAUSE_SECONDS)
        except OSError as error:
            raise SpoolUnavailable(
                f"The file system of the spool does not support locks ({error.strerror}), which "
                "keep two daemons from using it at the same time."
            ) from error
        else:
            return


def _read_holder(path: Path) -> str:
    return paths.read(path, 1000).decode(errors="replace").strip() or "an unknown process"
