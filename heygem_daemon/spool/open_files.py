"""Whether other programs keep a file of the inbox from being read, or still write it."""

import errno
import fcntl
import os
import signal
from pathlib import Path

from heygem_daemon.system import paths

_HELD_ERRNOS = {errno.EBUSY, errno.EACCES, errno.EPERM, errno.ETXTBSY, errno.EAGAIN}


def can_open(path: Path) -> bool:
    """Return whether the file can be opened for reading now; False if another program holds it or
    permission is missing (EBUSY, EACCES ...). True for a file that is gone or was replaced by
    something else: the next scan finds that.
    """
    try:
        handle = paths.open_file(path)
    except OSError as error:
        return error.errno not in _HELD_ERRNOS
    os.close(handle)
    return True


def is_open_for_writing(path: Path) -> bool:
    """Return whether a program has the file open for writing now, if the kernel can say.

    The kernel grants a read lease only on a file that no program has open for writing (fcntl(2),
    F_SETLEASE). It requires that this process owns the file or has CAP_LEASE, and that the file is
    on a local disk; otherwise the result is False. On the machine that serves a share this detects
    every upload in progress, no matter how long it pauses.
    """
    try:
        handle = paths.open_file(path)
    except OSError:
        return False
    try:
        # A program that opens the file in this moment breaks the lease. The kernel reports that by
        # a signal; the default, SIGIO, would end this process.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False
