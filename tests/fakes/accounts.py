"""Several users on one machine, for tests that root runs: accounts that every Linux has, and
programs with no more rights than an ordinary user."""

import ctypes
import grp
import pwd
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

LAST_SYSTEM_ID = 999

_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h


@contextmanager
def without_rights() -> Iterator[None]:
    """Take root's special rights from this thread, and from those that it starts, for the block. It
    keeps root's user id: to the kernel it is then a user like any other."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted and inheritable rights of numbers 0 to 31, then those of 32 to 63.
    kept = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, kept) == 0
    none = (ctypes.c_uint32 * 6)(0, *kept[1:3], 0, *kept[4:6])
    assert libc.capset(header, none) == 0
    try:
        yield
    finally:
        assert libc.capset(header, kept) == 0


def accounts(count: int) -> list[str]:
    """Return names of ordinary accounts of this machine that are not a person's."""
    found = [each.pw_name for each in pwd.getpwall() if 0 < each.pw_uid <= LAST_SYSTEM_ID]
    return found[:count]


def common_group() -> int:
    """Return the id of a group that is not the own group of any account."""
    own = {each.pw_gid for each in pwd.getpwall()}
    system = (each.gr_gid for each in grp.getgrall() if each.gr_gid <= LAST_SYSTEM_ID)
    return max(number for number in system if number not in own)


def ordinary(command: Sequence[str], group: int, rights: str = "-all") -> list[str]:
    """Return a command that runs ``command`` as a user without special rights, in ``group``.

    It keeps root's user id, so that it can read this checkout wherever it is, but none of root's
    rights: to the kernel it is then a user like any other. ``rights``: capabilities that it has
    all the same, as setpriv(1) lists them.
    """
    setpriv = shutil.which("setpriv") or "setpriv"  # of util-linux, which every Linux has
    limits = [f"--bounding-set={rights}", f"--regid={group}", "--clear-groups"]
    return [setpriv, *limits, *command]
