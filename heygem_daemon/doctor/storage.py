"""What kind of disk holds a path: through partitions, LVM, RAID, encryption, btrfs
and loop devices.

Everything is read from the mount table and from sysfs (``/sys``); nothing is opened or measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.mounts import MountInfo, find_mount

StorageKind = Literal["solid-state", "rotating", "virtual", "network", "memory", "unknown"]

IN_MEMORY = ("tmpfs", "ramfs")
DEEPEST = 8
"""Layers of devices that are followed; more than anybody stacks."""
SLOWEST_FIRST: tuple[StorageKind, ...] = ("rotating", "unknown", "virtual", "solid-state")
"""A stack is as slow as its slowest disk."""


@dataclass(frozen=True, slots=True)
class Storage:
    """``kind`` of the slowest disk below ``mount``; ``disks``: the kernel's names of all."""

    mount: MountInfo
    kind: StorageKind
    disks: tuple[str, ...] = ()


def find_storage(
    path: Path,
    root: Path = Path("/"),
    table: Path = Path("/proc/self/mountinfo"),
    depth: int = 0,
) -> Storage:
    """The storage below ``path``; ``root`` is where sys/ and dev/ lie, ``depth`` how many files
    that are disks (loop devices) lie above. Raises nothing."""
    mount = find_mount(path, table)
    if mount.is_network:
        return Storage(mount, "network")
    if mount.type in IN_MEMORY:
        return Storage(mount, "memory")
    disks: dict[str, StorageKind] = {}
    for disk in (disk for device in _devices(mount, root) for disk in _below(device)):
        file = _backing_file(disk)
        if file is None or depth == DEEPEST:
            disks[disk.name] = _kind(disk)
        else:
            below = find_storage(file, root, table, depth + 1)
            disks |= dict.fromkeys(below.disks or (disk.name,), below.kind)
    kinds = set(disks.values())
    kind: StorageKind = next((kind for kind in SLOWEST_FIRST if kind in kinds), "unknown")
    return Storage(mount, kind, tuple(sorted(disks)))


def _backing_file(disk: Path) -> Path | None:
    """The file that a loop device is made of."""
    try:
        return Path((disk / "loop/backing_file").read_text(errors="surrogateescape").strip())
    except OSError:
        return None


def _devices(mount: MountInfo, root: Path) -> list[Path]:
    """The block devices of a mount in sysfs.

    btrfs has several, and numbers that belong to none: it lists them by its own id.
    """
    direct = root / "sys/dev/block" / mount.device
    if mount.device and direct.exists():
        return [direct.resolve()]
    source = root / "sys/class/block" / _node(mount.source, root)
    if not mount.source.startswith("/dev/") or not source.exists():
        return []
    device = source.resolve()
    for members in (root / "sys/fs/btrfs").glob("*/devices"):
        if (members / device.name).exists():
            return [member.resolve() for member in sorted(members.iterdir())]
    return [device]


def _node(source: str, root: Path) -> str:
    """The kernel's name of a device file: /dev/mapper/vg-lv is a link to /dev/dm-0."""
    file = root / source.lstrip("/")
    return file.resolve().name if file.is_symlink() else file.name


def _below(device: Path, depth: int = 0) -> Iterator[Path]:
    """The disks below a device: those that device-mapper (LVM, LUKS) or md (RAID) build upon, and
    the disk of a partition."""
    slaves = sorted(_entries(device / "slaves"))
    if depth < DEEPEST and slaves:
        for slave in slaves:
            yield from _below(slave.resolve(), depth + 1)
    elif depth < DEEPEST and (device / "partition").exists():
        yield from _below(device.parent, depth + 1)
    else:
        yield device


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _kind(disk: Path) -> StorageKind:
    """Virtual disks call themselves rotating by default, whatever the host has: not believed."""
    if any(part.startswith(("virtio", "vbd-", "xen")) for part in disk.parts):
        return "virtual"
    turns = disk / "queue/rotational"
    try:
        return "rotating" if turns.read_text(encoding="ascii").strip() == "1" else "solid-state"
    except OSError:
        return "unknown"
