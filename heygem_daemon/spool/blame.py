"""Tells what users have done to one job or batch from a fault of the disk.

A claimed folder keeps its owner, who may change its permissions and those of the files in it as
long as he has it open. And whoever may write in outbox/, done/ and failed/ can put a folder, a link
or the like where the daemon is about to write. What then fails concerns this one job or batch.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.system import paths
from heygem_daemon.system.os_errors import IN_THE_WAY_ERRNOS

_PUBLIC_FOLDERS = ("outbox", "done", "failed")

_OF_RIGHTS = {errno.EACCES, errno.EPERM, errno.EAGAIN, errno.EBUSY, errno.ETXTBSY}
"""These can also come from the machine. They are a user's fault only where something is his."""

_OF_ATTRIBUTES = {errno.EXDEV, errno.ENOKEY, errno.EDQUOT}
"""So can these: whoever owns a folder can give it a project of its own, or encrypt it, and files of
other folders can then not be moved into it."""


def is_users_fault(error: BaseException | None, folder: Path) -> bool:
    """Return whether ``error`` is caused by what users have done to the job or batch with the
    folder ``folder`` in processing/: to something in it that belongs to another user than the
    daemon's, or below outbox/, done/ or failed/.

    ``error`` may be one that another error caused.
    """
    while error is not None and not _is_in_the_way(error):
        error = error.__cause__
    if not isinstance(error, OSError):
        return False
    named = (name for name in (error.filename, error.filename2) if name is not None)
    found = [Path(os.fsdecode(name)) for name in named]
    root = folder.parent.parent
    if any(_is_in_public(path, root, error.errno) for path in found):
        return True
    if _owner(folder) != os.geteuid():
        return False
    return any(_is_foreign(part) for path in found for part in _parts_below(path, folder))


def _is_in_the_way(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in IN_THE_WAY_ERRNOS | _OF_ATTRIBUTES


def _is_in_public(path: Path, root: Path, number: int | None) -> bool:
    """Return whether ``path`` is below outbox/, done/ or failed/, and the error ``number`` a
    user's doing there."""
    for name in _PUBLIC_FOLDERS:
        below = list(_parts_below(path, root / name))
        if below and (number not in _OF_RIGHTS | _OF_ATTRIBUTES or any(map(_is_foreign, below))):
            return True
    return False


def _parts_below(path: Path, folder: Path) -> Iterator[Path]:
    """Yield ``path`` and the folders around it, as far as they are below ``folder``."""
    while path != folder and path.is_relative_to(folder):
        yield path
        path = path.parent


def _is_foreign(path: Path) -> bool:
    """Return whether ``path`` belongs to another user than the daemon's."""
    return _owner(path) not in {None, os.geteuid()}


def _owner(path: Path) -> int | None:
    """Return the user id of a path's owner; None if that cannot be seen."""
    try:
        return paths.lstat(path).st_uid
    except OSError:
        return None
