"""Durable steps on disk, none of which overwrites what it did not write itself."""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.system.os_errors import FILE_ERRNOS, describe_os_error

_RENAME_NOREPLACE = 1  # linux/fs.h
_AT_FDCWD = -100  # fcntl.h

_NO_ATOMIC_CHECK = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""Answers of kernels and file systems (NFS) that know no RENAME_NOREPLACE."""


class FileOperations:
    """The steps. A class, so that a test can fail one of them or lose its reply."""

    def make_folder(self, path: Path) -> None:
        """A new folder; one that is there already is as good."""
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Put ``data`` at ``path`` as a whole or not at all, replacing our own earlier version."""
        temporary = path.with_name(f".{path.name}.part")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)

    def move(self, source: Path, target: Path) -> None:
        """Rename within the file system; FileExistsError if ``target`` exists.

        A rename that reports an error and yet happened (the lost reply of a network file system)
        is a success: the source is gone and the target is there.
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
        """The bare rename behind ``move``; atomic in not replacing where the system can."""
        rename_no_replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file, which keeps both as long as either is needed."""
        target.hardlink_to(source)
        sync_folder(target.parent)

    def move_across(self, source: Path, target: Path) -> None:
        """Move a file of ours durably to ``target``, from another file system if need be.

        ``target`` is a place of ours: a half-copied earlier try there is overwritten.
        """
        try:
            sync_file(source)
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            temporary = target.with_name(f".{target.name}.part")
            shutil.copyfile(source, temporary)
            sync_file(temporary)
            temporary.replace(target)
            source.unlink()
        sync_folder(target.parent)

    def remove_file(self, path: Path) -> None:
        """Delete one file (or link, never what it points to); one that is gone is as good."""
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Delete a folder of ours with all in it, following no link; gone is as good."""
        if is_folder(path):
            shutil.rmtree(path)

    def remove_empty(self, path: Path) -> bool:
        """Delete a folder if nothing is in it; False if something is. Not synced: a deletion that
        a power cut undoes is found and made again."""
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
    """Rename; FileExistsError if ``target`` exists, checked by the kernel where it can."""
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


def sync_file(path: Path) -> None:
    """Have the file's content on the medium."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Have the folder's names on the medium, as far as the file system offers that."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(handle)


def is_folder(path: Path) -> bool:
    """A real folder, no link to one."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """A regular file, no link to one."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    """Type and permissions by lstat; 0 where nothing of that name is or can be."""
    try:
        return os.lstat(path).st_mode
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise
        return 0


@contextlib.contextmanager
def translate_os_errors(root: Path) -> Iterator[None]:
    """Turn what the disk or share below ``root`` does to us into SpoolUnavailable.

    Other errors pass: they are bugs, and retrying would hide them. A missing file counts as the
    spool's fault only if the spool itself is gone.
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
    """A mount point without its mount is an empty folder."""
    try:
        with os.scandir(root) as entries:
            return any(True for _ in entries)
    except OSError:
        return False
