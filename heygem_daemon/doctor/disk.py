"""Findings about the disks or shares that the spool, its scratch and the log lie on.

Findings about folders whose file system does not answer: a share whose server is gone.

Asked first and in child processes, since whoever touches such a folder hangs with it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from heygem_daemon.doctor.answers import FolderAnswer
from heygem_daemon.doctor.check import Check, Section, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.storage import Storage, find_storage
from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.system.units import GIB

LOW_SPACE_BYTES = 10 * GIB
EXHAUSTED_SPACE_BYTES = GIB
FEW_INODES = 10_000

FindStorage = Callable[[Path], Storage]


def disk_checks(
    spool: Path, cache: Path, log_folder: Path, find_storage: FindStorage = find_storage
) -> list[Check]:
    """Room, and the kind of disk, of the spool; and of what lies on another disk than it does.

    A job's scratch is in the spool, since its result is moved from there by rename.
    """
    places = {"spool": spool, "cache": cache, "log": log_folder}
    checks, mounts = [], set()
    for name, path in places.items():
        there = nearest_existing(path)
        storage = find_storage(there)
        if storage.mount.point not in mounts:
            mounts.add(storage.mount.point)
            checks += [_kind(name, storage), _space(name, there), _inodes(name, there)]
    return checks


def nearest_existing(path: Path) -> Path:
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
    space = read_disk_space(there)
    free, total = space.free_bytes, space.total_bytes
    detail = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    if free < LOW_SPACE_BYTES:
        form = failed if free < EXHAUSTED_SPACE_BYTES else warned
        return form(name, detail, "Free some, or lower retention_days.")
    return passed(name, detail)


def _inodes(place: str, there: Path) -> Check:
    name = f"{place} inodes"
    space = read_disk_space(there)
    if space.total_inodes == 0:
        return passed(name, "not limited by this file system")
    if space.free_inodes < FEW_INODES:
        return warned(name, f"{space.free_inodes} free", "Delete small files on this disk.")
    return passed(name, f"{space.free_inodes} free")


FOLDER_PROBE = ("-m", "heygem_daemon.doctor.probe", "reach")
FOLDER_TIMEOUT_SECONDS = 15.0
"""Longer than a sleeping disk takes to spin up."""


def find_unresponsive_folders(
    places: Mapping[str, Path],
    seconds: float = FOLDER_TIMEOUT_SECONDS,
    program: Sequence[str] = FOLDER_PROBE,
) -> Section | None:
    """The places, by their names, that do not answer; None where all do.

    Nothing else can be examined then: every look at them would hang.
    """
    answers = {
        name: run_probe([*program, str(path)], FolderAnswer, seconds)
        for name, path in places.items()
    }
    checks = tuple(
        _unresponsive_check(name, places[name], answer)
        for name, answer in answers.items()
        if isinstance(answer, ProbeFailure) and answer.hung
    )
    return Section("spool", checks) if checks else None


def _unresponsive_check(name: str, path: Path, answer: ProbeFailure) -> Check:
    remedy = (
        "Bring its server or disk back, or let it go: umount --force --lazy. Jobs wait until then;"
        " then run this again, for nothing else was examined."
    )
    return failed(name, f"the file system of {path} {answer.reason}", remedy)
