"""Several users on one machine, for tests that root runs: accounts that every Linux has, and
programs with no more rights than an ordinary user."""

import grp
import pwd
import shutil
from collections.abc import Sequence

LAST_SYSTEM_ID = 999


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
