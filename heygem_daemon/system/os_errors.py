"""Which errors of the operating system speak of disk, share or machine, and their plain words."""

import contextlib
import errno
import os
from pathlib import Path

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ANSWER = frozenset(
    {
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.EREMOTEIO,
        errno.ENOLCK,
        errno.EKEYEXPIRED,
        errno.ENOKEY,
        errno.EKEYREVOKED,
    }
)
"""What NFS, CIFS, FUSE and 9p answer while their server is away."""

_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM})
_NO_DISK = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.EUCLEAN})
_NO_MEANS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_OTHERS = frozenset({errno.EROFS, errno.EXDEV, errno.EBUSY, errno.EAGAIN})

OF_FILES = _NO_ROOM | _NO_ANSWER | _NO_PERMISSION | _NO_DISK | _NO_MEANS | _OTHERS
"""Errors of steps on files that a person or time can mend, and that say nothing of the job."""

OF_MEDIA = OF_FILES - {errno.EPERM, errno.EAGAIN}
"""The same for the reading and writing of media: FFmpeg has these two for errors of its own."""


def told(error: OSError, root: Path | None = None) -> str:
    """What ``error`` says of the disk or share at ``root``, or at the file that it names: a clause
    for an operator."""
    where = error.filename2 or error.filename or root
    system = error.strerror or str(error)
    if not isinstance(where, str | bytes | os.PathLike):
        return f"{_meaning(error.errno, root)} ({system})"
    path = Path(os.fsdecode(where))
    return f"{_meaning(error.errno, root or path.parent)} ({system}: {os.fspath(path)!a})"


def _meaning(number: int | None, root: Path | None) -> str:
    for numbers, meaning in (
        (_NO_ANSWER, "the share does not answer"),
        (_NO_PERMISSION, "the service's user lacks the permission for a step"),
        (_NO_DISK, "the disk or share reports an error"),
        (_NO_MEANS, "the machine is short of memory or file handles"),
        ({errno.EDQUOT}, "the quota on the disk is used up"),
        ({errno.EROFS}, "the disk or share is mounted read-only"),
        ({errno.EXDEV}, "the folders lie on different file systems"),
        ({errno.ENOENT, errno.ENOTDIR}, "it is not there; is its disk or share mounted?"),
    ):
        if number in numbers:
            return meaning
    return _full(root) if number == errno.ENOSPC else "a step failed"


def _full(root: Path | None) -> str:
    """Blocks and inodes run out apart, with the same error."""
    with contextlib.suppress(OSError):
        figures = os.statvfs(root or "/")
        if root is not None and figures.f_files and not figures.f_favail:
            return "the disk can take no more files: it is out of inodes"
    return "the disk is full"
