"""Finds out what another user may do with a file or a folder, whatever gives the right to it: its
mode, an ACL, the folders above it."""

import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal

SECONDS = 5.0
"""How long the answer may take: a share may hang."""


def find_daemons_user(spool: Path) -> pwd.struct_passwd | None:
    """Return who owns a spool, if root asks: the daemon works as that user. None: as this one, or
    it is not known."""
    if os.geteuid() != 0:
        return None
    with suppress(OSError, KeyError):
        owner = spool.stat().st_uid
        return pwd.getpwuid(owner) if owner != 0 else None
    return None


def may(user: pwd.struct_passwd, right: Literal["r", "w"], path: Path) -> bool:
    """Return whether a user may read (r) or write (w); also True where that cannot be found out.
    Only root can ask."""
    if (program := shutil.which("test")) is None:
        return True
    try:
        done = subprocess.run(
            [program, f"-{right}", str(path)],
            check=False,
            timeout=SECONDS,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
        )
    except (OSError, subprocess.SubprocessError):
        return True
    return done.returncode != 1
