"""Durable file operations. None of them overwrites a file that it did not write itself, and none
follows a link (see system/paths.py)."""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.job import FileIdentity
from heygem_daemon.spool.names import printable
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import open_to_others, read_umask
from heygem_daemon.system.os_errors import FILE_ERRNOS, IN_THE_WAY_ERRNOS, describe_os_error

_RENAME_NOREPLACE = 1  # linux/fs.h

_RENAME_EXCHANGE = 2  # linux/fs.h

_NO_ATOMIC_CHECK = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""Errors of kernels and file systems (NFS) that do not support RENAME_NOREPLACE."""


GONE_ERRNOS = IN_THE_WAY_ERRNOS | {errno.ENOENT}
"""Errors of a file in outbox/, done/ or failed/ that somebody removed, or put something else in its
place or in its way."""


FILE_MODE = 0o644
"""Permissions of the daemon's own files, less the umask: others may read them, not change them."""

FOLDER_MODE = 0o755
"""Permissions of a folder that the daemon makes, less the umask: others may read in it, and nobody
else may add, rename or replace anything, wherever the folder is moved."""

SHARED_MODE = 0o777
"""Permissions of a folder in which users may write, less the umask."""

_OF_OTHERS = 0o077
_WRITABLE_BY_OTHERS = 0o022


class FileOperations:
    """The file operations of a spool.

    They are methods of a class so that a test can make one of them fail or lose its reply.
    """

    def make_folder(self, path: Path, mode: int = FOLDER_MODE) -> None:
        """Make a folder with these permissions, less the umask. An existing folder is no error."""
        paths.make_folder(path, mode)
        paths.sync_folder(path.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Put ``data`` at ``path`` as a whole or not at all, replacing our own earlier version.

        ``path`` is in a folder that only the daemon writes to.
        """
        paths.write(path, data, temporary_name=f".{path.name}.part", durable=True, mode=FILE_MODE)

    def append_line(self, path: Path, line: bytes) -> None:
        """Append ``line`` and a line feed to our own file, which is made if it is not there. What
        a crash left without a line feed stays a line of its own. Not synced."""
        paths.append_line(path, line)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file that is on the medium, replacing our own earlier version of ``target``."""
        paths.replace(source, target)
        paths.sync_folder(target.parent)

    def move(self, source: Path, target: Path) -> None:
        """Rename within the file system, durably. Raises FileExistsError if ``target`` exists."""
        self.move_unsynced(source, target)
        self.sync_parents(target, source)

    def move_unsynced(self, source: Path, target: Path) -> None:
        """Rename as ``move``; a power cut may undo it until ``sync_parents``.

        A rename that took place although it reported an error (a network file system lost the
        reply) counts as a success: the source is gone and the target exists.
        """
        try:
            self.rename(source, target)
        except FileExistsError:
            raise
        except OSError:
            if paths.exists(source) or not paths.exists(target):
                raise

    def sync_parents(self, *names: Path) -> None:
        """Wait until what was renamed to and from ``names`` is on the medium."""
        for folder in dict.fromkeys(name.parent for name in names):
            paths.sync_folder(folder)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, for ``move_unsynced``. The check that ``target`` does not exist is atomic where
        the system supports that."""
        rename_no_replace(source, target)

    def exchange(self, source: Path, target: Path) -> bool:
        """Let two files change their places in one step. Return False if the file system cannot.
        Raises FileNotFoundError if one is missing. Not synced."""
        return exchange_files(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Make a hard link, so that the file stays as long as one of its names is needed."""
        paths.link(source, target)
        paths.sync_folder(target.parent)

    def keep_private(self, path: Path) -> None:
        """Take the permissions of all others from one of the daemon's own files; a file of somebody
        else stays as it is."""
        if paths.lstat(path).st_uid == os.geteuid():
            paths.change_mode(path, 0o600)

    def let_others_read(self, path: Path) -> None:
        """Undo ``keep_private``: give the file the permissions of the daemon's other files."""
        status = paths.lstat(path)
        if status.st_uid == os.geteuid() and not status.st_mode & _OF_OTHERS:
            paths.change_mode(path, FILE_MODE & ~read_umask())

    def protect(self, path: Path) -> None:
        """Take the right to write from all others, for one of the daemon's own files."""
        status = paths.lstat(path)
        if status.st_uid == os.geteuid() and status.st_mode & _WRITABLE_BY_OTHERS:
            paths.change_mode(path, stat.S_IMODE(status.st_mode) & ~_WRITABLE_BY_OTHERS)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file durably; it appears as a whole. ``target`` is in a folder that only the
        daemon writes to."""
        _copy(source, target)
        paths.sync_folder(target.parent)

    def move_across(self, source: Path, target: Path) -> None:
        """Move one of the daemon's own files to ``target`` durably, even to another file system.

        ``target`` is in a folder that only the daemon writes to. A partial copy from an earlier
        attempt is overwritten.
        """
        try:
            paths.sync_file(source)
            paths.replace(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, target)
            paths.remove_file(source)
        paths.sync_folder(target.parent)

    def open_to_others(self, handle: int) -> None:
        """Give an open folder the permissions of a new one."""
        open_to_others(handle)

    def remove_file(self, path: Path) -> None:
        """Delete a file, or a link but not its target. A missing file is no error."""
        with contextlib.suppress(FileNotFoundError):
            paths.remove_file(path)

    def remove_file_if(self, path: Path, condition: Callable[[os.stat_result], bool]) -> None:
        """Delete a file if ``condition`` is true for its lstat. A missing file is no error."""
        with contextlib.suppress(FileNotFoundError):
            paths.remove_file_if(path, condition)

    def remove_tree(self, path: Path) -> None:
        """Delete one of the daemon's own folders with everything in it. Links are not followed; a
        missing folder is no error."""
        if is_folder(path):
            paths.remove_tree(path)

    def remove_empty(self, path: Path) -> bool:
        """Delete a folder if it is empty; return False if it is not.

        The deletion is not synced: one that a power cut undoes is found and repeated.
        """
        try:
            paths.remove_folder(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return False
            raise
        return True


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename. Raises FileExistsError if ``target`` exists; the kernel checks that where it can."""
    old_folder = new_folder = -1
    try:
        old_folder, new_folder = paths.open_folder(source.parent), paths.open_folder(target.parent)
        _rename_in(old_folder, source, new_folder, target)
    finally:
        for handle in (old_folder, new_folder):
            if handle >= 0:
                os.close(handle)


def exchange_files(source: Path, target: Path) -> bool:
    """Let two files change their places. Return False if kernel or file system cannot do that."""
    renameat2 = _find_in_libc("renameat2")
    if renameat2 is None:
        return False
    folders: list[int] = []
    try:
        folders += [paths.open_folder(source.parent), paths.open_folder(target.parent)]
        names = os.fsencode(source.name), os.fsencode(target.name)
        if renameat2(folders[0], names[0], folders[1], names[1], _RENAME_EXCHANGE) == 0:
            return True
    finally:
        number = ctypes.get_errno()
        for handle in folders:
            os.close(handle)
    if number in _NO_ATOMIC_CHECK:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))


def _rename_in(old_folder: int, source: Path, new_folder: int, target: Path) -> None:
    renameat2 = _find_in_libc("renameat2")
    if renameat2 is not None:
        old, new = os.fsencode(source.name), os.fsencode(target.name)
        if renameat2(old_folder, old, new_folder, new, _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NO_ATOMIC_CHECK:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if paths.exists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source.name, target.name, src_dir_fd=old_folder, dst_dir_fd=new_folder)


def _find_in_libc(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None if it has none of that name."""
    try:
        found: Callable[..., int] = _libc()[name]
    except AttributeError:
        return None
    return found


@cache
def _libc() -> ctypes.CDLL:
    """Return the C library. To load it anew takes as long as a rename."""
    return ctypes.CDLL(None, use_errno=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a file durably, so that ``target`` appears as a whole."""
    draft = target.with_name(f".{target.name}.part")
    with contextlib.suppress(FileNotFoundError):
        paths.remove_file(draft)
    handle = paths.open_file(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "wb") as copy, paths.reader(source) as original:
        shutil.copyfileobj(original, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
    paths.replace(draft, target)


def is_folder(path: Path) -> bool:
    """Return whether ``path`` is a folder, not a link to one, and reached through no link."""
    return paths.file_type(path) == stat.S_IFDIR


def is_file(path: Path) -> bool:
    """Return whether ``path`` is a regular file, not a link to one, and reached through no link."""
    return paths.file_type(path) == stat.S_IFREG


def is_unchanged(path: Path, identity: FileIdentity) -> bool:
    """Return whether ``path`` is the file with this identity. What has taken its place is not
    opened, and may be anything."""
    try:
        return identity.matches(paths.lstat(path))
    except OSError as error:
        if error.errno not in GONE_ERRNOS:
            raise
        return False


@contextlib.contextmanager
def translate_os_errors(root: Path) -> Iterator[None]:
    """Raise SpoolUnavailable for errors of the disk or share that holds ``root``, and for a link
    in the way.

    Other errors pass through: they are bugs, and a retry would hide them. A missing file counts as
    an error of the disk only if the whole spool is gone.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SpoolUnavailable(
                f"{printable(str(error.filename))} was replaced by a link, and the daemon follows "
                "no links in its spool. Remove the link, and put the folder or file back"
            ) from error
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
        with paths.listing(root) as entries:
            return any(True for _ in entries)
    except OSError:
        return False
