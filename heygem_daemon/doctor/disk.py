"""Findings about the disks or shares that the spool, its scratch and the log lie on.

Findings about folders whose file system does not answer: a share whose server is gone.

Asked first and in child processes, since whoever touches such a folder hangs with it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from heygem_daemon.doctor.answers import Reach
from heygem_daemon.doctor.check import Check, Section, failed, passed, warned
from heygem_daemon.doctor.child import Trouble, ask
from heygem_daemon.doctor.storage import Storage, storage_of
from heygem_daemon.system.units import GIB

SCARCE = 10 * GIB
EXHAUSTED = GIB
FEW_INODES = 10_000

StorageOf = Callable[[Path], Storage]


def disk_checks(
    spool: Path, cache: Path, log_folder: Path, look: StorageOf = storage_of
) -> list[Check]:
    """Room, and the kind of disk, of the spool; and of what lies on another disk than it does.

    A job's scratch is in the spool, since its result is moved from there by rename.
    """
    places = {"spool": spool, "cache": cache, "log": log_folder}
    checks, mounts = [], set()
    for name, path in places.items():
        there = existing(path)
        storage = look(there)
        if storage.mount.point not in mounts:
            mounts.add(storage.mount.point)
            checks += [_kind(name, storage), _space(name, there), _inodes(name, there)]
    return checks


def existing(path: Path) -> Path:
    """The path itself, or its nearest ancestor that is there, as far as this user can see."""
    # Path.exists() raises where a folder above is closed to us.
    return next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110


def _kind(place: str, storage: Storage) -> Check:
    name = f"{place} disk"
    mount = storage.mount
    detail = f"{mount.type} at {mount.point}"
    disks = f" ({', '.join(storage.disks)})" if storage.disks else ""
    if storage.kind == "network":
        remedy = "Better let the machine that serves the share run the daemon on its own disk."
        return warned(name, f"{detail}, a network share of {mount.source}: it is polled", remedy)
    if storage.kind == "memory":
        return warned(name, f"{detail}, in memory: a restart empties it", "Use a real disk.")
    if storage.kind == "rotating":
        remedy = "A solid-state disk is faster where several jobs run at once."
        return warned(name, f"{detail}, a rotating disk{disks}", remedy)
    told = {
        "solid-state": f"solid-state{disks}",
        "virtual": f"a virtual disk{disks}: what is below it, the host knows",
    }
    return passed(name, f"{detail}, {told.get(storage.kind, 'on a disk of unknown kind')}")


def _space(place: str, there: Path) -> Check:
    name = f"{place} room"
    figures = os.statvfs(there)
    free, total = figures.f_bavail * figures.f_frsize, figures.f_blocks * figures.f_frsize
    detail = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    if free < SCARCE:
        form = failed if free < EXHAUSTED else warned
        return form(name, detail, "Free some, or lower retention_days.")
    return passed(name, detail)


def _inodes(place: str, there: Path) -> Check:
    name = f"{place} inodes"
    figures = os.statvfs(there)
    if figures.f_files == 0:
        return passed(name, "not limited by this file system")
    if figures.f_favail < FEW_INODES:
        return warned(name, f"{figures.f_favail} free", "Delete small files on this disk.")
    return passed(name, f"{figures.f_favail} free")


PROGRAM = ("-m", "heygem_daemon.doctor.probe", "reach")
SECONDS = 15.0
"""Longer than a sleeping disk takes to spin up."""


def silent(
    places: Mapping[str, Path], seconds: float = SECONDS, program: Sequence[str] = PROGRAM
) -> Section | None:
    """The places, by their names, that do not answer; None where all do.

    Nothing else can be examined then: every look at them would hang.
    """
    answers = {name: ask([*program, str(path)], Reach, seconds) for name, path in places.items()}
    checks = tuple(
        _silence(name, places[name], answer)
        for name, answer in answers.items()
        if isinstance(answer, Trouble) and answer.hung
    )
    return Section("spool", checks) if checks else None


def _silence(name: str, path: Path, answer: Trouble) -> Check:
    remedy = (
        "Bring its server or disk back, or let it go: umount --force --lazy. Jobs wait until then;"
        " then run this again, for nothing else was examined."
    )
    return failed(name, f"the file system of {path} {answer.reason}", remedy)
