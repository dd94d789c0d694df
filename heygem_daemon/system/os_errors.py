"""Errors of the operating system that mean a fault of the disk, share or machine; their wording."""

import contextlib
import errno
import os
from pathlib import Path

from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.system.sandbox import HIDING, READ_ONLY, find_fault_inside

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SHARE_UNREACHABLE = frozenset(
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
"""Errors of NFS, CIFS, FUSE and 9p while their server is not reachable."""

_PERMISSION_DENIED = frozenset({errno.EACCES, errno.EPERM})
_DISK_FAILED = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.EUCLEAN})
_RESOURCES_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_OTHERS = frozenset({errno.EROFS, errno.EXDEV, errno.EBUSY, errno.EAGAIN})

FILE_ERRNOS = (
    _DISK_FULL
    | _SHARE_UNREACHABLE
    | _PERMISSION_DENIED
    | _DISK_FAILED
    | _RESOURCES_EXHAUSTED
    | _OTHERS
)
"""Errors of file operations that are not the job's fault, and that a person or a later attempt can
resolve."""

IN_THE_WAY_ERRNOS = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST),
        *(errno.ELOOP, errno.EOPNOTSUPP, errno.ENXIO, errno.EAGAIN, errno.EBUSY, errno.ETXTBSY),
    }
)
"""Errors that somebody can cause who puts something in the way where he may write: a folder, a
link, a pipe, a file that is held or that only he may open."""

MEDIA_ERRNOS = FILE_ERRNOS - {errno.EPERM, errno.EAGAIN}
"""The same for reading and writing media, without two that FFmpeg uses for errors of its own."""


def describe_os_error(error: OSError, root: Path | None = None) -> str:
    """Return what ``error`` means for the disk or share at ``root``, or at the file that it names,
    as a clause for an operator."""
    where = error.filename2 or error.filename or root
    system = error.strerror or str(error)
    if not isinstance(where, str | bytes | os.PathLike):
        return f"{_describe_errno(error.errno, root)} ({system})"
    path = Path(os.fsdecode(where))
    meaning = _describe_sandbox(error.errno, root or path.parent) or _describe_errno(
        error.errno, root or path.parent
    )
    return f"{meaning} ({system}: {os.fspath(path)!a})"


def describe_cause(error: BaseException | None, root: Path) -> str:
    """Return what the error of the operating system means that made something raise ``error``, for
    people who need no path; empty: it was none. ``root``: where the disk or share is."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return "" if error is None else _describe_errno(error.errno, root)


def _describe_sandbox(number: int | None, root: Path) -> str | None:
    """Return which setting of the daemon's own unit causes the error; None: none does."""
    if number not in HIDING | READ_ONLY:
        return None
    fault = find_fault_inside(root)
    return fault.clause if fault is not None and number in fault.errnos else None


def _describe_errno(number: int | None, root: Path | None) -> str:
    for numbers, meaning in (
        (_SHARE_UNREACHABLE, "the share does not answer"),
        (_PERMISSION_DENIED, "the service's user lacks the permission for a step"),
        (_DISK_FAILED, "the disk or share reports an error"),
        (_RESOURCES_EXHAUSTED, "the machine is short of memory or file handles"),
        ({errno.EDQUOT}, "the quota on the disk is used up"),
        ({errno.EROFS}, "the disk or share is mounted read-only"),
        ({errno.EXDEV}, "the folders lie on different file systems"),
        ({errno.ENOENT, errno.ENOTDIR}, "it is not there; is its disk or share mounted?"),
    ):
        if number in numbers:
            return meaning
    return _describe_full_disk(root) if number == errno.ENOSPC else "a step failed"


def _describe_full_disk(root: Path | None) -> str:
    """Return whether blocks or inodes have run out: both raise the same error."""
    with contextlib.suppress(OSError):
        space = read_disk_space(root or Path("/"))
        if root is not None and space.total_inodes and not space.free_inodes:
            return "the disk can take no more files: it is out of inodes"
    return "the disk is full"
