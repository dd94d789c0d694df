"""Tells a permission that a user took away from a fault of the disk.

A claimed folder keeps its owner, who may change its permissions and those of the files in it as
long as he has it open. What then fails concerns this one job or batch.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.system import paths


def is_users_fault(error: BaseException | None, folder: Path) -> bool:
    """Return whether ``error`` is a lack of permission for something in ``folder``, the folder of a
    job or batch in processing/, that belongs to another user than the daemon's.

    ``error`` may be one that another error caused.
    """
    while error is not None and not isinstance(error, PermissionError):
        error = error.__cause__
    if error is None or _owner(folder) != os.geteuid():
        return False
    named = (name for name in (error.filename, error.filename2) if name is not None)
    inside = (Path(os.fsdecode(name)) for name in named)
    found = (part for path in inside for part in _parts_below(path, folder))
    return any(_owner(part) not in {None, os.geteuid()} for part in found)


def _parts_below(path: Path, folder: Path) -> Iterator[Path]:
    """Yield ``path`` and the folders around it, as far as they are below ``folder``."""
    while path != folder and path.is_relative_to(folder):
        yield path
        path = path.parent


def _owner(path: Path) -> int | None:
    """Return the user id of a path's owner; None if that cannot be seen."""
    try:
        return paths.lstat(path).st_uid
    except OSError:
        return None
