"""Finds settings that do not fit this machine: a missing program, a file that the daemon's user
cannot read, a disk that is too small."""

import os
import pwd
import shlex
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.system.other_user import find_daemons_user, may
from heygem_daemon.system.sandbox import find_fault_inside
from heygem_daemon.system.units import GIB


def find_machine_doubts(settings: Settings) -> list[str]:
    """Return a sentence for each value that does not fit, with its key at the start."""
    user = find_daemons_user(settings.spool)
    return [
        *_program(settings),
        *_command_folders(settings, user),
        *_targets(settings, user),
        *_free_space(settings),
    ]


def _command_folders(settings: Settings, user: pwd.struct_passwd | None) -> Iterator[str]:
    """Yield in which folders the command cannot write. ``user``: whose it is; None: this one."""
    if not settings.on_published:
        return
    name = user.pw_name if user is not None else _own_name()
    for folder in settings.on_published_folders:
        if find_fault_inside(folder) is not None:
            continue  # ``unit_doubts`` says that the unit denies it.
        place = shlex.quote(str(folder))
        if not folder.is_dir():
            remedy = f"run as root: mkdir -p {place} && chown {name} {place}"
            yield f"on_published_folders: {folder} is no folder; {remedy}"
        elif not (may(user, "w", folder) if user is not None else os.access(folder, os.W_OK)):
            yield (
                f"on_published_folders: {name}, the daemon's user, cannot write in {folder}; run as"
                f" root: chown {name} {place}"
            )


def _own_name() -> str:
    """Return the name of this process's user; where it has none, as in a container, the number."""
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _targets(settings: Settings, user: pwd.struct_passwd | None) -> Iterator[str]:
    """Yield that the daemon's user cannot read what root can."""
    file = settings.notifications
    if file is None or user is None or not file.is_file() or may(user, "r", file):
        return
    owner = user.pw_name
    remedy = f"run as root: chown {owner} {shlex.quote(str(file))}"
    if file.stat().st_uid == user.pw_uid:
        remedy = f"let {owner} enter the folders above it"
    yield f"notifications: {owner}, the daemon's user, cannot read {file}; {remedy}"


def _program(settings: Settings) -> Iterator[str]:
    if not settings.on_published:
        return
    program = settings.on_published[0]
    if "{" in program or shutil.which(program) is not None:
        return
    file = Path(program)
    problem = "is no program that may be run" if file.exists() else "is not there"
    if os.sep not in program:
        problem = "is in no folder of PATH; write its whole path"
    yield f"on_published: {program} {problem}"


def _free_space(settings: Settings) -> Iterator[str]:
    existing = next(each for each in (settings.spool, *settings.spool.parents) if each.exists())
    with suppress(OSError):
        total = read_disk_space(existing).total_bytes
        if 0 < total <= settings.free_space_gib * GIB:
            yield (
                f"free_space_gib = {settings.free_space_gib:g} is more than the spool's disk has"
                f" ({total / GIB:.1f} GiB): no job can start"
            )
