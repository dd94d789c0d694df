"""Findings about the disks or shares that hold the spool, its cache and the log.

``find_unresponsive_folders`` runs first, in child processes: a program that touches a folder on a
share whose server is gone hangs.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heygem_daemon.doctor.answers import FolderAnswer
from heygem_daemon.doctor.check import Check, Section, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.spool.mounts import MountInfo, find_mount
from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.system.units import GIB

LOW_SPACE_BYTES = 10 * GIB
EXHAUSTED_SPACE_BYTES = GIB
FEW_INODES = 10_000
FOLDER_PROBE = ("-m", "heygem_daemon.doctor.probe", "reach")
FOLDER_TIMEOUT_SECONDS = 15.0
"""Longer than a sleeping disk takes to spin up."""
MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
VIRTUAL_BUSES = ("virtio", "vbd-", "xen")
"""How the folders of virtual machines' disks begin in sysfs."""

StorageKind = Literal["solid-state", "rotating", "virtual", "network", "memory", "unknown"]


@dataclass(frozen=True, slots=True)
class Storage:
    """What holds a path."""

    mount: MountInfo
    kind: StorageKind
    """Of several disks: 'rotating' if one of them rotates, 'unknown' if they differ otherwise."""
    disks: tuple[str, ...] = ()
    """The kernel's names of the disks, such as 'sda'; empty where they are unknown."""


FindStorage = Callable[[Path], Storage]


def find_unresponsive_folders(
    places: Mapping[str, Path],
    seconds: float = FOLDER_TIMEOUT_SECONDS,
    program: Sequence[str] = FOLDER_PROBE,
) -> Section | None:
    """Return failures for the named places that do not answer; None where all do.

    If one does not answer, nothing else can be examined: every access to it would hang.
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
        "Bring its server or disk back, or detach it: umount --force --lazy. Until then jobs wait."
        " Then run the doctor again: nothing else was examined."
    )
    return failed(name, f"the file system of {path} {answer.reason}", remedy)


def find_storage(
    path: Path, root: Path = Path("/"), table: Path = Path("/proc/self/mountinfo")
) -> Storage:
    """Return what holds ``path``, from the mount table and sysfs. Raises nothing.

    Disks are found below partitions and below what device-mapper (LVM, LUKS) and md (RAID) build on
    them. File systems with a device number of their own (btrfs, ZFS, overlay) are of unknown kind.
    ``root`` is the folder that holds sys/.
    """
    mount = find_mount(path, table)
    if mount.is_network:
        return Storage(mount, "network")
    if mount.type in MEMORY_FILE_SYSTEMS:
        return Storage(mount, "memory")
    device = root / "sys/dev/block" / mount.device
    if not mount.device or not device.exists():
        return Storage(mount, "unknown")
    disks = _disks_below(device.resolve())
    kinds = {_disk_kind(disk) for disk in disks}
    kind: StorageKind = "rotating" if "rotating" in kinds else "unknown"
    if len(kinds) == 1:
        (kind,) = kinds
    return Storage(mount, kind, tuple(sorted({disk.name for disk in disks})))


def _disks_below(device: Path) -> list[Path]:
    """Return the sysfs folders of the disks that a block device consists of."""
    if slaves := list((device / "slaves").glob("*")):
        return [disk for slave in slaves for disk in _disks_below(slave.resolve())]
    return [device.parent if (device / "partition").exists() else device]


def _disk_kind(disk: Path) -> StorageKind:
    """Virtual disks report that they rotate by default, so their report is not used."""
    if any(part.startswith(VIRTUAL_BUSES) for part in disk.parts):
        return "virtual"
    if "virtual" in disk.parts:  # /sys/devices/virtual: a loop or network block device, no disk
        return "unknown"
    try:
        rotates = (disk / "queue/rotational").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return "unknown"
    return "rotating" if rotates else "solid-state"


def disk_checks(
    spool: Path, cache: Path, log_folder: Path, find_storage: FindStorage = find_storage
) -> list[Check]:
    """Return findings on disk kind and free space of the spool, and of places on other disks.

    A job's temporary files are in the spool, since its result is moved from there by rename.
    """
    places = {"spool": spool, "cache": cache, "log": log_folder}
    checks, mounts = [], set()
    for name, path in places.items():
        there = nearest_existing(path)
        storage = find_storage(there)
        if storage.mount.point not in mounts:
            mounts.add(storage.mount.point)
            checks += [_kind_check(name, storage), _space_check(name, there)]
            checks.append(_inodes_check(name, there))
    return checks


def nearest_existing(path: Path) -> Path:
    """Return the path itself, or its nearest ancestor that exists as far as this user can see."""
    # Path.exists() raises where a folder above is closed to this user.
    return next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110


def _kind_check(place: str, storage: Storage) -> Check:
    name = f"{place} disk"
    mount = storage.mount
    detail = f"{mount.type}, mounted at {mount.point}"
    disks = f" ({', '.join(storage.disks)})" if storage.disks else ""
    if storage.kind == "network":
        remedy = "Better let the machine that serves the share run the daemon on its own disk."
        return warned(name, f"{detail}, a network share of {mount.source}: it is polled", remedy)
    if storage.kind == "memory":
        return warned(name, f"{detail}, in memory: a restart empties it", "Use a real disk.")
    if storage.kind == "rotating":
        remedy = "A solid-state disk is faster where several jobs run at once."
        return warned(name, f"{detail}, a rotating disk{disks}", remedy)
    descriptions = {
        "solid-state": f"solid-state{disks}",
        "virtual": f"a virtual disk{disks}: only the host knows the real one",
    }
    return passed(name, f"{detail}, {descriptions.get(storage.kind, 'on a disk of unknown kind')}")


def _space_check(place: str, there: Path) -> Check:
    name = f"{place} room"
    space = read_disk_space(there)
    free, total = space.free_bytes, space.total_bytes
    detail = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    if free < LOW_SPACE_BYTES:
        form = failed if free < EXHAUSTED_SPACE_BYTES else warned
        return form(name, detail, "Free some, or lower retention_days.")
    return passed(name, detail)


def _inodes_check(place: str, there: Path) -> Check:
    name = f"{place} inodes"
    space = read_disk_space(there)
    if space.total_inodes == 0:
        return passed(name, "not limited by this file system")
    if space.free_inodes < FEW_INODES:
        return warned(name, f"{space.free_inodes} free", "Delete small files on this disk.")
    return passed(name, f"{space.free_inodes} free")
