"""Landlock: the calling thread gives up access to files, TCP, other processes (landlock(7)).

The kernel checks every open, create, rename and delete by path against rules for folders and files.
Restrictions stay until the thread ends, its later children and threads inherit them, and a further
ruleset can only restrict more. Descriptors that are already open keep what they could do.

What each version of the interface (ABI) restricts beyond the one before:

    1  (Linux 5.13)  open, create, delete, execute      4  (6.7)   TCP bind and connect
    2  (5.19)        rename and link between folders    5  (6.10)  ioctl of devices
    3  (6.2)         truncate                           6  (6.12)  signals, abstract UNIX sockets

Version 7 and later add nothing that is used here. With version 1 or 2 a file that may be read can
also be truncated. No version restricts stat, chmod, chown, utime or extended attributes, nor who
may see that a name exists; ``system/syscall_filter.py`` denies those of them that change something.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import IntFlag
from pathlib import Path

NEWEST_ABI = 6
"""The newest version that restricts something more."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on all architectures."""
_GET_VERSION = 1
"""LANDLOCK_CREATE_RULESET_VERSION"""
_PATH_BENEATH = 1
"""LANDLOCK_RULE_PATH_BENEATH"""
_TCP = 0b11
"""LANDLOCK_ACCESS_NET_BIND_TCP and _CONNECT_TCP"""
_SCOPES = 0b11
"""LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and _SIGNAL"""
_PR_SET_NO_NEW_PRIVS = 38


class Access(IntFlag):
    """Rights on files and folders, LANDLOCK_ACCESS_FS_* in linux/landlock.h."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_FIRST_ABI_RIGHTS = Access(Access.REFER - 1)
_ADDED_RIGHTS = {2: Access.REFER, 3: Access.TRUNCATE, 5: Access.IOCTL_DEV}

READ = Access.READ_FILE | Access.READ_DIR
"""Read files and list folders."""
WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.MAKE_REG
    | Access.MAKE_DIR
    | Access.REMOVE_FILE
    | Access.REMOVE_DIR
)
"""Also make, change and delete files and folders: no links, devices, FIFOs or sockets."""
_RIGHTS_OF_A_FILE = (
    Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
)
"""What a rule for something that is no folder may grant."""


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # the only one with ``_pack_`` that Python 3.14 takes without a warning
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi_version() -> int:
    """Return the version of Landlock that the kernel offers; 0 if it has none or it is off."""
    with suppress(OSError):
        return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_GET_VERSION))
    return 0


def forbid_new_privileges() -> None:
    """Make set-user-ID programs start without their privileges, in this thread and its children.

    The kernel demands it before ``restrict_thread`` and before a filter. Raises OSError.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")


def handled_rights(abi: int) -> Access:
    """Return the rights on files that version ``abi`` (1 or more) can restrict."""
    rights = _FIRST_ABI_RIGHTS
    for version, added in _ADDED_RIGHTS.items():
        if abi >= version:
            rights |= added
    return rights


def restrict_thread(
    read: Iterable[Path],
    write: Iterable[Path],
    read_without_links: Iterable[Path] = (),
    *,
    execute: Iterable[Path] = (),
    network: bool = False,
) -> int:
    """Confine the calling thread, and the threads and processes that it starts from now on.

    ``read`` and ``write`` are files, or folders with all that is below; what does not exist, or
    what this user cannot reach anyway, is left out. A path of ``read_without_links`` counts only if
    it is a regular file itself and no link to one. Nothing else can be opened,
    and only programs of ``execute``, which can be read too, can be started. ``network`` leaves TCP
    as it is. Returns the version of the interface whose restrictions hold. Raises OSError, with
    nothing changed but ``forbid_new_privileges``.
    """
    forbid_new_privileges()
    with _ruleset(network) as (ruleset, abi):
        for path in read:
            _allow(ruleset, abi, path, READ)
        for path in execute:
            _allow(ruleset, abi, path, READ | Access.EXECUTE)
        for path in write:
            _allow(ruleset, abi, path, WRITE)
        for path in read_without_links:
            _allow(ruleset, abi, path, READ, os.O_NOFOLLOW)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    return abi


@contextmanager
def _ruleset(network: bool) -> Iterator[tuple[int, int]]:
    """Yield the descriptor of a new ruleset that restricts all it can, and the version it is of.

    Some kernels of distributions announce a version whose features they lack (RHEL 9 says 6 without
    the scope of signals) and answer EINVAL, hence the steps down.
    """
    for abi in range(min(abi_version(), NEWEST_ABI), 0, -1):
        attributes = _RulesetAttributes(
            handled_access_fs=handled_rights(abi),
            handled_access_net=_TCP if abi >= 4 and not network else 0,
            scoped=_SCOPES if abi >= 6 else 0,
        )
        size = 8 * (1 + (abi >= 4) + (abi >= 6))
        try:
            ruleset = _syscall(
                _CREATE_RULESET,
                ctypes.byref(attributes),
                ctypes.c_size_t(size),
                ctypes.c_uint32(0),
            )
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            continue
        try:
            yield ruleset, abi
        finally:
            os.close(ruleset)
        return
    raise OSError(errno.EOPNOTSUPP, "this kernel offers no Landlock")


def _allow(ruleset: int, abi: int, path: Path, rights: Access, flags: int = 0) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        mode = os.fstat(handle).st_mode
        if flags & os.O_NOFOLLOW and not stat.S_ISREG(mode):
            return
        rights &= handled_rights(abi)
        if not stat.S_ISDIR(mode):
            rights &= _RIGHTS_OF_A_FILE
        rule = _PathBeneath(rights, handle)
        _syscall(
            _ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(handle)


def _syscall(number: int, *arguments: object) -> int:
    """Make a system call that glibc has no function for. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
