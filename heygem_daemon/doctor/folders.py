"""Findings about the spool's folders: whether they exist, are writable, and share one disk."""

import os
import shlex
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.disk import nearest_existing
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.mounts import find_missing_mount
from heygem_daemon.system.sandbox import SandboxFault, find_fault_inside, find_fault_of_unit
from heygem_daemon.system.unit import Unit, find_unit, own_unit_name

FOLDERS = ("inbox", "processing", "outbox", "done", "failed")


def sandbox_checks(
    folders: Mapping[str, Path],
    find_unit: Callable[[], Unit | None] = find_unit,
    find_fault_inside: Callable[[Path], SandboxFault | None] = find_fault_inside,
) -> list[Check]:
    """Return a finding for each folder that the daemon's unit keeps its service from writing to, by
    its name for people. Within the service the mounts show it, otherwise the unit's settings."""
    faults = {name: find_fault_inside(folder) for name, folder in folders.items()}
    outside = own_unit_name() is None
    if outside and not any(faults.values()) and (unit := find_unit()) is not None:
        faults = {name: find_fault_of_unit(folder, unit) for name, folder in folders.items()}
    return [
        failed(
            "sandbox",
            f"{name} {folders[name]}: {fault.cause}",
            f"Run as root: {fault.remedy_of(name)}",
        )
        for name, fault in faults.items()
        if fault is not None
    ]


def folder_checks(spool: Path, log_folder: Path, fstab: Path = Path("/etc/fstab")) -> list[Check]:
    """Return whether it is the same spool as before, and whether this user can write to it."""
    folders = [spool / name for name in FOLDERS]
    return [
        _sentinel(SpoolLayout(spool), fstab),
        _spool(folders),
        _one_file_system([path for path in folders if _is_folder(path)]),
        *_inbox_owner(SpoolLayout(spool).inbox),
        _writable("log folder", log_folder),
    ]


def _sentinel(layout: SpoolLayout, fstab: Path) -> Check:
    """Check the file that distinguishes the spool from the mount point of a share that is gone."""
    name = "share"
    if (mount := find_missing_mount(layout.root, fstab)) is not None:
        detail = f"{fstab} names a disk or share for {mount}, which is not mounted"
        return failed(name, detail, f"Jobs wait until it is: mount {mount}")
    if os.path.isfile(layout.sentinel):  # noqa: PTH113 - Path's raises where access is denied
        return passed(name, f"{layout.root} is the same spool as before")
    if any(map(_is_folder, layout.folders)):
        remedy = (
            "Mount the disk or share. If this is the right folder, the next start marks it again."
        )
        return warned(name, f"{layout.root} has folders, but no {layout.sentinel.name}", remedy)
    return passed(name, f"{layout.root} becomes a spool at the first start")


def _spool(folders: list[Path]) -> Check:
    """Return one finding, on the first folder that is not writable."""
    name = "folders"
    checks = [_writable(name, folder) for folder in folders]
    bad = next((check for check in checks if check.verdict != "pass"), None)
    if bad is not None:
        return bad
    present = sum(map(_is_folder, folders))
    if present < len(folders):
        return passed(name, f"{len(folders) - present} of {len(folders)} will be created")
    return passed(name, f"all {present} are writable")


def _is_folder(path: Path) -> bool:
    """Return whether it is a folder, as far as this user can see."""
    return os.path.isdir(path)  # noqa: PTH112 - Path's raises where a folder above is closed


def _writable(name: str, path: Path) -> Check:
    """Create a file to find out: permission bits say nothing on a read-only or network mount."""
    there = nearest_existing(path)
    if there != path and os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        return passed(name, f"{path} will be created")
    remedy = f"Let this user write in {there}; 'id' shows which user it is."
    try:
        if there == path:
            with tempfile.NamedTemporaryFile(dir=path, prefix=".doctor-"):
                return passed(name, f"{path} is writable")
    except OSError as error:
        return failed(name, f"{path}: {error.strerror or error}", remedy)
    return failed(name, f"{path} cannot be created in {there}", remedy)


def _inbox_owner(inbox: Path) -> list[Check]:
    """Return a finding where the sticky bit keeps this user from taking other users' files."""
    if not _is_folder(inbox):
        return []
    status = inbox.stat()
    if not status.st_mode & stat.S_ISVTX or os.geteuid() in (0, status.st_uid):
        return []
    detail = f"{inbox} has the sticky bit and belongs to another user (uid {status.st_uid})"
    remedy = f"Let the daemon's user own it: chown {os.geteuid()} {shlex.quote(str(inbox))}"
    return [failed("inbox", detail, remedy)]


def _one_file_system(folders: list[Path]) -> Check:
    name = "one file system"
    if len({path.stat().st_dev for path in folders}) > 1:
        remedy = "Put all folders of the spool on one disk: jobs move between them by rename."
        return failed(name, "the spool's folders lie on different file systems", remedy)
    return passed(name, "all folders of the spool")
