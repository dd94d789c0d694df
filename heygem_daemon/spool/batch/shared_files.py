"""Moves files of a batch that others of its members may use, too."""

import errno
from pathlib import Path

from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.system import paths

MAX_COPIED_BYTES = 1 << 30
"""A longer file is not copied, since that would hold the daemon."""

_NO_LINK_ERRNOS = {
    errno.EPERM,
    errno.EACCES,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
    errno.EINVAL,
}
"""Errors of file systems that do not support hard links (CIFS, exFAT), or allow no more of them."""


def move_or_link(files: FileOperations, source: Path, target: Path, shared: bool = False) -> None:
    """Move a file, or link a ``shared`` one. A file that cannot be linked is copied: the kernel
    lets nobody link a file of somebody else who has not made it writable for him
    (fs.protected_hardlinks). A large one stays in the batch, with which it goes to done/."""
    if paths.exists(target) or not is_file(source):
        return
    if not shared:
        files.move(source, target)
        return
    try:
        files.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK_ERRNOS:
            raise
        if paths.lstat(source).st_size <= MAX_COPIED_BYTES:
            files.copy(source, target)
