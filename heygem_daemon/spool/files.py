"""Durable file operations. None of them overwrites a file that it did not write itself."""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.system.atomic import atomic_file, sync_file, sync_folder, write_atomically
from heygem_daemon.system.os_errors import FILE_ERRNOS, describe_os_error

_RENAME_NOREPLACE = 1  # linux/fs.h
_AT_FDCWD = -100  # fcntl.h

_NO_ATOMIC_CHECK = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""Errors of kernels and file systems (NFS) that do not support RENAME_NOREPLACE."""


class FileOperations:
    """The file operations of a spool.

    They are methods of a class so that a test can make one of them fail or lose its reply.
    """

    def make_folder(self, path: Path) -> None:
        """Make a folder. An existing folder is no error."""
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Put ``data`` at ``path`` as a whole or not at all, replacing our own earlier version."""
        write_atomically(path, data, durable=True, temporary_name=f".{path.name}.part")

    def move(self, source: Path, target: Path) -> None:
        """Rename within the file system. Raises FileExistsError if ``target`` exists.

        A rename that took place although it reported an error (a network file system lost the
        reply) counts as a success: the source is gone and the target exists.
        """
        try:
            self.rename(source, target)
        except FileExistsError:
            raise
        except OSError:
            if os.path.lexists(source) or not os.path.lexists(target):
                raise
        sync_folder(target.parent)
        if source.parent != target.parent:
            sync_folder(source.parent)

    def rename(self, source: Path, target: Path) -> None:
        """Rename without syncing, for ``move``. The check that ``target`` does not exist is atomic
        where the system supports that."""
        rename_no_replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Make a hard link, so that the file stays as long as one of its names is needed."""
        target.hardlink_to(source)
        sync_folder(target.parent)

    def move_across(self, source: Path, target: Path) -> None:
        """Move one of the daemon's own files to ``target`` durably, even to another file system.

        ``target`` is in a folder that only the daemon writes to. A partial copy from an earlier
        attempt is overwritten.
        """
        try:
            sync_file(source)
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            name = f".{target.name}.part"
            with atomic_file(target, durable=True, temporary_name=name) as temporary:
                shutil.copyfile(source, temporary)
            source.unlink()
        sync_folder(target.parent)

    def remove_file(self, path: Path) -> None:
        """Delete a file, or a link but not its target. A missing file is no error."""
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Delete one of the daemon's own folders with everything in it. Links are not followed; a
        missing folder is no error."""
        if is_folder(path):
            shutil.rmtree(path)

    def remove_empty(self, path: Path) -> bool:
        """Delete a folder if it is empty; return False if it is not.

        The deletion is not synced: one that a power cut undoes is found and repeated.
        """
        try:
            path.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return False
            raise
        return True


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename. Raises FileExistsError if ``target`` exists; the kernel checks that where it can."""
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        old, new = os.fsencode(source), os.fsencode(target)
        if renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NO_ATOMIC_CHECK:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def is_folder(path: Path) -> bool:
    """Return whether ``path`` is a folder, not a link to one."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """Return whether ``path`` is a regular file, not a link to one."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    """Return type and permissions from lstat; 0 if there is no such file."""
    try:
        return os.lstat(path).st_mode
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise
        return 0


@contextlib.contextmanager
def translate_os_errors(root: Path) -> Iterator[None]:
    """Raise SpoolUnavailable for errors of the disk or share that holds ``root``.

    Other errors pass through: they are bugs, and a retry would hide them. A missing file counts as
    an error of the disk only if the whole spool is gone.
    """
    try:
        yield
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError) and not _has_entries(root)
        if gone or error.errno in FILE_ERRNOS:
            raise SpoolUnavailable(
                f"the spool cannot be used: {describe_os_error(error, root)}"
            ) from error
        raise


def _has_entries(root: Path) -> bool:
    """Return whether anything is in ``root``: a mount point without its mount is an empty
    folder."""
    try:
        with os.scandir(root) as entries:
            return any(True for _ in entries)
    except OSError:
        return False
