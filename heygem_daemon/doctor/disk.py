"""Findings about the spool's folders and the disk or share below them."""

import os
import tempfile
from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.gpu.placement import GIB
from heygem_daemon.spool.mounts import filesystem_of

FOLDERS = ("inbox", "processing", "outbox", "done", "failed")
SCARCE = 10 * GIB
EXHAUSTED = GIB
FEW_INODES = 10_000


def folder_checks(spool: Path, log_folder: Path) -> list[Check]:
    """Whether this user can write in each folder, and whether renames stay on one disk."""
    folders = [(name, spool / name) for name in FOLDERS]
    checks = [_writable(name, path) for name, path in [*folders, ("log folder", log_folder)]]
    return [*checks, _one_file_system([path for _, path in folders if path.is_dir()])]


def disk_checks(spool: Path) -> list[Check]:
    """Room, and the kind of disk that the spool lies on."""
    there = _existing(spool)
    return [_space(there), _inodes(there), _disk(there)]


def _existing(path: Path) -> Path:
    """The path itself, or its nearest ancestor that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _writable(name: str, path: Path) -> Check:
    """Try it: permission bits say nothing on a read-only or foreign mount."""
    there = _existing(path)
    if there != path and os.access(there, os.W_OK | os.X_OK):
        return passed(name, f"{path} will be made")
    remedy = f"Let this user write in {there}; see 'id' for who that is."
    try:
        if there == path:
            with tempfile.NamedTemporaryFile(dir=path, prefix=".doctor-"):
                return passed(name, f"{path} is writable")
    except OSError as error:
        return failed(name, f"{path}: {error.strerror or error}", remedy)
    return failed(name, f"{path} cannot be made in {there}", remedy)


def _one_file_system(folders: list[Path]) -> Check:
    name = "one file system"
    if len({path.stat().st_dev for path in folders}) > 1:
        remedy = "Put all folders of the spool on one disk: jobs move between them by rename."
        return failed(name, "the spool's folders lie on different file systems", remedy)
    return passed(name, "all folders of the spool")


def _space(there: Path) -> Check:
    figures = os.statvfs(there)
    free = figures.f_bavail * figures.f_frsize
    detail = f"{free / GIB:.1f} GiB free at {there}"
    if free < SCARCE:
        form = failed if free < EXHAUSTED else warned
        return form("disk space", detail, "Free some, or lower retention_days.")
    return passed("disk space", detail)


def _inodes(there: Path) -> Check:
    figures = os.statvfs(there)
    if figures.f_files == 0:
        return passed("inodes", "not limited by this file system")
    if figures.f_favail < FEW_INODES:
        return warned("inodes", f"{figures.f_favail} free", "Delete small files on this disk.")
    return passed("inodes", f"{figures.f_favail} free")


def _disk(there: Path) -> Check:
    mount = filesystem_of(there)
    detail = f"{mount.type} at {mount.point}"
    if mount.is_network:
        remedy = "Better let the machine that serves the share run the daemon on its own disk."
        return warned("disk", f"{detail}, a network share: the inbox is polled", remedy)
    if is_rotational(mount.device):
        return warned("disk", f"{detail}, a rotating disk", "A solid-state disk is faster.")
    return passed("disk", detail)


def is_rotational(device: str, sys_block: Path = Path("/sys/dev/block")) -> bool:
    """Whether the block device 'major:minor', or the disk that it is a partition of, turns.

    Virtual disks say so by default, whatever the host has: not believed.
    """
    folder = (sys_block / device).resolve()
    if any(part.startswith("virtio") for part in folder.parts):
        return False
    for queue in (folder / "queue/rotational", folder.parent / "queue/rotational"):
        if queue.is_file():
            return queue.read_text(encoding="ascii").strip() == "1"
    return False
