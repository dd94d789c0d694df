"""Checks the daemon's own folders: nobody else may write in them, and none may be exchanged."""

import errno
import os
import shlex
import stat
from pathlib import Path

from heygem_daemon.errors import ConfigurationError, SpoolUnavailable
from heygem_daemon.spool.names import printable
from heygem_daemon.system import paths

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def require_private(folder: Path) -> None:
    """Raise ConfigurationError if anybody but this user and root can write in ``folder``: what lies
    there decides what the daemon does."""
    status = paths.lstat(folder)
    shown = printable(str(folder))
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(
            f"{shown} belongs to another user (uid {status.st_uid}), who could make the daemon "
            f"delete and move files. Make it the daemon's own: chown {os.geteuid()} "
            f"{shlex.quote(shown)}"
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigurationError(
            f"Others than the daemon's user can write in {shown} (mode "
            f"{stat.S_IMODE(status.st_mode):04o}), and so could make the daemon delete and move "
            f"files. Close it: chmod go-w {shlex.quote(shown)}"
        )


def require_identity(
    folder: Path, status: os.stat_result, identity: tuple[int, int] | None
) -> None:
    """Raise where ``folder`` is a link (OSError), or is not what it was (SpoolUnavailable).

    ``status``: its lstat. ``identity``: device and inode from before; None: not known.
    """
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
    if identity is not None and (status.st_dev, status.st_ino) != identity:
        raise SpoolUnavailable(
            f"{printable(str(folder))} was replaced by something else while the daemon ran. Put "
            "the former folder back, or restart the daemon to work with the new one"
        )
