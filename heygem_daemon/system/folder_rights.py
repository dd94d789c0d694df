"""Closes folders to everybody but the daemon's user, and opens them again.

Both go through descriptors: what is opened is the folder that was looked at, whatever has its name
by then.
"""

import os
import stat
from pathlib import Path

from heygem_daemon.system import paths

CLOSED_MODE = 0o700
"""Permissions of a closed folder: nobody else can reach anything in it, not even by ``..`` from a
folder of his own that lies there."""

_ALL = 0o777
_OTHERS = 0o077
_DEFAULT_UMASK = 0o022
_PROCESS_STATUS = Path("/proc/self/status")


def close_folder(path: Path) -> bool:
    """Take all rights of others from a folder of this user. Return whether it had any. What is
    somebody else's, or no folder, stays as it is."""
    handle = paths.open_folder(path, listed=True)
    try:
        status = os.fstat(handle)
        if status.st_uid != os.geteuid() or not status.st_mode & _OTHERS:
            return False
        os.fchmod(handle, _special_bits(status) | CLOSED_MODE)
    finally:
        os.close(handle)
    return True


def open_to_others(handle: int) -> None:
    """Give an open folder of this user the permissions of a new one: everything that the umask
    leaves; and the sticky bit where the folder around it has that."""
    status = os.fstat(handle)
    if status.st_uid == os.geteuid():
        parent = os.stat("..", dir_fd=handle).st_mode
        mode = _special_bits(status) | (_ALL & ~read_umask())
        os.fchmod(handle, mode | (parent & stat.S_ISVTX))


def inherit_sticky_bit(path: Path, parent: Path) -> None:
    """Give a folder of this user the sticky bit if ``parent``, where it is about to be moved, has
    that: with it, only who owns a file there may rename or delete it."""
    if paths.lstat(parent).st_mode & stat.S_ISVTX:
        handle = paths.open_folder(path, listed=True)
        try:
            os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) | stat.S_ISVTX)
        finally:
            os.close(handle)


def is_closed(status: os.stat_result) -> bool:
    """Return whether ``status`` is that of a closed folder of this user."""
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_own and not status.st_mode & _OTHERS


def read_umask() -> int:
    """Return this process's umask. To ask the kernel with umask(2) would change it, for other
    threads too, until it is put back."""
    try:
        lines = _PROCESS_STATUS.read_text(errors="replace").splitlines()
        found = next(line for line in lines if line.startswith("Umask:"))
        return int(found.split()[1], 8)
    except (OSError, StopIteration, ValueError, IndexError):  # before Linux 4.7, or no /proc
        return _DEFAULT_UMASK


def _special_bits(status: os.stat_result) -> int:
    """Return the bits that hand the group down to what is made in the folder, and the sticky
    bit."""
    return stat.S_IMODE(status.st_mode) & ~_ALL
