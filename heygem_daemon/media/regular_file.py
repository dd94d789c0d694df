"""Open a user's file for reading, once and by its descriptor.

Whoever can write to the folder of a file may exchange it at any moment, also between a check and
the opening. So a file is opened without following a link, what was opened is checked, and FFmpeg
reads through this opened file: it opens nothing by name.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.system import paths
from heygem_daemon.system.checksum import sha256_of_file

REPLACE_FILE_HINT = (
    "Export or copy the file again, and put it into the inbox together with the other one."
)
_ACCESS_LIST = "system.posix_acl_access"  # acl(5)
_NOT_REGULAR = {errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP, errno.EISDIR}
_HELD = {errno.EAGAIN, errno.EBUSY, errno.ETXTBSY}
"""EAGAIN: a program holds a lease on the file (fcntl(2)), as Samba does for a client that has it
open."""


def open_regular(path: Path) -> FileIO:
    """Return the opened file; its ``name`` is the path, for messages. The caller closes it.

    A link is not followed, and a pipe is not waited for. Raises BadInput for what is not a regular
    file or forbidden by its owner, EnvironmentFault where it cannot be opened.
    """
    try:
        return FileIO(os.fspath(path), "rb", opener=_open_without_following)
    except OSError as error:
        if error.errno == errno.EACCES and _is_withheld(path):
            reason = f"{path.name} cannot be read: its owner's permissions forbid it."
            raise BadInput(reason, "Drop a copy that everybody may read.") from error
        if error.errno not in _NOT_REGULAR or error.filename not in (None, os.fspath(path)):
            raise unreadable(path, error) from error
        what = "folder" if stat.S_ISDIR(paths.file_type(path)) else "link or a device"
        hint = "a media file" if what == "folder" else "a file"
        raise BadInput(f"{path.name} is a {what}, not {hint}.", REPLACE_FILE_HINT) from error


@contextmanager
def reading(path: Path) -> Iterator[FileIO]:
    """Open a file as ``open_regular`` for a block, in which an OSError becomes EnvironmentFault."""
    with open_regular(path) as file:
        try:
            yield file
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> EnvironmentFault:
    """Return the fault of a file that cannot be read."""
    if error.errno in _HELD:
        return EnvironmentFault(f"{path.name} cannot be read now: another program holds it.")
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    return EnvironmentFault(f"{path.name} cannot be read ({code}): {error.strerror}.")


def file_size(path: Path) -> int:
    """Return the size in bytes. Raises as ``open_regular``."""
    with open_regular(path) as file:
        return os.fstat(file.fileno()).st_size


def checksum(path: Path, step: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of the content, as 64 hex digits. ``step`` is called for each block; what
    it raises ends the reading. Raises as ``reading``."""
    with reading(path) as file:
        return sha256_of_file(file, step)


def _is_withheld(path: Path) -> bool:
    """Whether a file's owner, another user, has not given this process the right to read it."""
    try:
        status = paths.lstat(path)
    except OSError:
        return False
    groups = {os.getegid(), *os.getgroups()}
    needed = stat.S_IRGRP if status.st_gid in groups else stat.S_IROTH
    is_forbidden = not status.st_mode & needed or _has_access_list(path)
    return status.st_uid != os.geteuid() and is_forbidden


def _has_access_list(path: Path) -> bool:
    """Whether a file has an access control list, which may forbid what its mode allows."""
    try:
        return bool(os.getxattr(path, _ACCESS_LIST, follow_symlinks=False))
    except OSError:  # there is none, or the file system knows none
        return False


def _open_without_following(path: str, _flags: int) -> int:
    return paths.open_file(Path(path))
