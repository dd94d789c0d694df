"""File access that follows no symbolic link, in no component of a path.

Users can write to most folders of the spool. They may replace a file or a folder by a link at any
moment, between a check and the use. So every function opens the folder of its file first, without
following a link, and then works with the name in that folder's descriptor. The kernel resolves the
folder in one step where it has openat2(2) with RESOLVE_NO_SYMLINKS (Linux 5.6); otherwise each
component is opened in turn with O_NOFOLLOW.

A path of the spool starts at the spool's root, which is resolved once and has no link above it.
All functions raise OSError. Where a link is in the way its number is ELOOP, and its file name is
the link.
"""

import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_OPENAT2 = 437  # the same on all architectures but Alpha: linux/syscalls/syscall.tbl
_AT_FDCWD = -100  # fcntl.h
_RESOLVE_NO_SYMLINKS = 0x04  # linux/openat2.h
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_LISTED_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""O_NONBLOCK: the opening of a pipe must not wait for its other end."""

_NO_SYNC_ERRNOS = {errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP}
"""Errors of file systems that cannot sync a folder."""


class _OpenHow(ctypes.Structure):
    """``struct open_how`` of openat2(2)."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_folder(path: Path, *, listed: bool = False) -> int:
    """Return a descriptor of a folder for use as ``dir_fd``; if ``listed``, one that can also be
    listed, synced and changed in its rights. The caller closes it."""
    return _open_folder(path, _LISTED_FOLDER if listed else _FOLDER)


def open_file(path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """Return a descriptor of a regular file. The caller closes it.

    A pipe, a socket or a device raises OSError (EOPNOTSUPP) and is not read.
    """
    with _in_folder(path) as folder:
        try:
            handle = os.open(path.name, flags | _FILE, mode, dir_fd=folder)
        except OSError as error:
            raise _named(error, path) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EOPNOTSUPP, "it is not a regular file", str(path))
    return handle


def reader(path: Path) -> BinaryIO:
    """Open a regular file for reading."""
    return os.fdopen(open_file(path), "rb")


def read(path: Path, limit: int = -1) -> bytes:
    """Return the first ``limit`` bytes of a regular file; by default, all of them."""
    with reader(path) as file:
        return file.read(limit)


def write(
    path: Path, data: bytes, *, temporary_name: str, durable: bool, mode: int = 0o666
) -> None:
    """Put ``data`` at ``path`` as a whole or not at all, replacing what is there.

    It is first written under ``temporary_name`` in the same folder. What has that name already is
    deleted. ``durable``: content and name are on the medium on return. ``mode``: its permissions,
    less the umask.
    """
    with _in_folder(path) as folder:
        write_in(folder, path, data, temporary_name=temporary_name, durable=durable, mode=mode)
    if durable:
        sync_folder(path.parent)


def write_in(
    folder: int, path: Path, data: bytes, *, temporary_name: str, durable: bool, mode: int = 0o666
) -> None:
    """Do the same in a folder with the descriptor ``folder``; errors name the path of ``path`` or
    of the temporary file, whichever cannot be written. The name itself is not synced."""
    try:
        _write_new(folder, temporary_name, data, durable, mode)
        os.replace(temporary_name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary_name, dir_fd=folder)
        if isinstance(error, OSError):
            raise _named(error, path.with_name(error.filename2 or temporary_name)) from error
        raise


def append_line(path: Path, line: bytes) -> None:
    """Append ``line`` and a line feed in one write, with a line feed before it if the file's last
    line lacks one. The file is made if it is not there, readable for its owner alone."""
    handle = open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "wb") as file:
        size = os.fstat(handle).st_size
        is_cut = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        file.write((b"\n" if is_cut else b"") + line + b"\n")


def lstat(path: Path) -> os.stat_result:
    """Return the state of ``path`` itself, which may be a link."""
    with _in_folder(path) as folder:
        try:
            return os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise _named(error, path) from None


def exists(path: Path) -> bool:
    """Return whether there is anything at ``path``, even a link. Nothing is beyond a link."""
    return file_type(path) != 0


def file_type(path: Path) -> int:
    """Return the type of ``path`` by stat.S_IFMT; 0 if nothing is there, or beyond a link."""
    try:
        return stat.S_IFMT(lstat(path).st_mode)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}:
            raise
        return 0


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder. An existing folder is no error."""
    with _in_folder(path) as folder:
        try:
            os.mkdir(path.name, mode, dir_fd=folder)
        except FileExistsError as error:
            status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                raise _named(error, path) from None
        except OSError as error:
            raise _named(error, path) from None


def change_mode(path: Path, mode: int) -> None:
    """Change the permissions of a regular file."""
    handle = open_file(path)
    try:
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Rename a file, replacing the file at ``target``."""
    with _in_folder(source) as old, _in_folder(target) as new:
        try:
            os.replace(source.name, target.name, src_dir_fd=old, dst_dir_fd=new)
        except OSError as error:
            raise _named(error, source, target) from None


def link(source: Path, target: Path) -> None:
    """Make a hard link. Raises FileExistsError."""
    with _in_folder(source) as old, _in_folder(target) as new:
        try:
            os.link(source.name, target.name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
        except OSError as error:
            raise _named(error, source, target) from None


def remove_file(path: Path) -> None:
    """Delete a file, or a link but not its target. Raises FileNotFoundError."""
    with _in_folder(path) as folder:
        try:
            os.unlink(path.name, dir_fd=folder)
        except OSError as error:
            raise _named(error, path) from None


def remove_file_if(path: Path, condition: Callable[[os.stat_result], bool]) -> None:
    """Delete a file if ``condition`` is true for its lstat. Raises FileNotFoundError."""
    with _in_folder(path) as folder:
        try:
            if condition(os.stat(path.name, dir_fd=folder, follow_symlinks=False)):
                os.unlink(path.name, dir_fd=folder)
        except OSError as error:
            raise _named(error, path) from None


def remove_folder(path: Path) -> None:
    """Delete an empty folder."""
    with _in_folder(path) as folder:
        try:
            os.rmdir(path.name, dir_fd=folder)
        except OSError as error:
            raise _named(error, path) from None


def remove_tree(path: Path) -> None:
    """Delete a folder with everything in it."""
    with _in_folder(path) as folder:
        shutil.rmtree(path.name, dir_fd=folder)


def names_in(path: Path) -> list[str]:
    """Return all names in a folder, unsorted."""
    with listing(path) as entries:
        return [entry.name for entry in entries]


@contextmanager
def listing(path: Path) -> Iterator[Iterator["os.DirEntry[str]"]]:
    """Yield the entries of a folder. Their ``path`` is the name alone."""
    handle = _open_folder(path, _LISTED_FOLDER)
    try:
        with os.scandir(handle) as entries:
            yield entries
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Wait until the file's content is on the medium."""
    handle = open_file(path)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the medium, where that can be done."""
    handle = _open_folder(path, _LISTED_FOLDER)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC_ERRNOS:
            raise
    finally:
        os.close(handle)


def _write_new(folder: int, name: str, data: bytes, durable: bool, mode: int) -> None:
    """Write a file that does not exist before: an old one, or a link, is deleted first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
    try:
        handle = os.open(name, flags, mode, dir_fd=folder)
    except FileExistsError:
        os.unlink(name, dir_fd=folder)
        handle = os.open(name, flags, mode, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


class _in_folder:  # noqa: N801 - used as a function
    """A block with a descriptor of the folder of ``path``. A class is faster than a generator."""

    __slots__ = ("_handle", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._handle = _open_folder(self._path.parent, _FOLDER)
        return self._handle

    def __exit__(self, *_error: object) -> None:
        os.close(self._handle)


def _open_folder(path: Path, flags: int) -> int:
    """Open a folder without following a link in any component of its path."""
    try:
        return (_find_openat2() or _walk)(path, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR} and (found := _first_link(path)):
            reason = "it is a link, and links are not followed"
            raise OSError(errno.ELOOP, reason, str(found)) from None
        raise _named(error, path) from None


@cache
def _find_openat2() -> Callable[[Path, int], int] | None:
    """Return openat2(2); None where the kernel, or a container's filter, does not allow it."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (
        ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t,
    )  # fmt: skip
    size = ctypes.sizeof(_OpenHow)
    hows = {flags: _OpenHow(flags, 0, _RESOLVE_NO_SYMLINKS) for flags in (_FOLDER, _LISTED_FOLDER)}

    def openat2(path: Path, flags: int) -> int:
        raw = os.fsencode(path)
        if b"\0" in raw:
            raise ValueError("embedded null byte")
        how = ctypes.addressof(hows[flags])
        while True:
            handle = int(syscall(_OPENAT2, _AT_FDCWD, raw, how, size))
            if handle >= 0:
                return handle
            if (number := ctypes.get_errno()) != errno.EINTR:
                raise OSError(number, os.strerror(number), str(path))

    try:
        os.close(openat2(Path("/"), _FOLDER))
    except OSError:
        return None
    return openat2


def _walk(path: Path, flags: int) -> int:
    """Open a folder component by component, each without following a link."""
    parts = path.parts[1:] if path.anchor else path.parts
    handle = os.open(path.anchor or ".", flags if not parts else _FOLDER)
    for number, part in enumerate(parts, 1):
        folder = handle
        try:
            own = flags if number == len(parts) else _FOLDER
            handle = os.open(part, own | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
    return handle


def _first_link(path: Path) -> Path | None:
    """Return the first component of ``path`` that is a link, for a message; None without one."""
    return next((each for each in (*reversed(path.parents), path) if each.is_symlink()), None)


def _named(error: OSError, path: Path, target: Path | None = None) -> OSError:
    """Return ``error`` with the whole paths: calls with a descriptor know only the names."""
    return OSError(error.errno, error.strerror, str(path), None, target and str(target))
