"""Findings about the spool's folders: there, ours to write, on one disk, and the right spool."""

import os
import tempfile
from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.disk import nearest_existing
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.mounts import find_missing_mount

FOLDERS = ("inbox", "processing", "outbox", "done", "failed")


def folder_checks(spool: Path, log_folder: Path, fstab: Path = Path("/etc/fstab")) -> list[Check]:
    """Whether the spool is the one that it was, and this user can write in each folder."""
    folders = [spool / name for name in FOLDERS]
    return [
        _sentinel(SpoolLayout(spool), fstab),
        _spool(folders),
        _one_file_system([path for path in folders if _is_folder(path)]),
        _writable("log folder", log_folder),
    ]


def _sentinel(layout: SpoolLayout, fstab: Path) -> Check:
    """The file that tells the spool from the empty mount point of a share that went away."""
    name = "share"
    if (mount := find_missing_mount(layout.root, fstab)) is not None:
        detail = f"{fstab} names a disk or share for {mount}, and it is not mounted"
        return failed(name, detail, f"Jobs wait until it is: mount {mount}")
    if os.path.isfile(layout.sentinel):  # noqa: PTH113 - raises nothing where it may not look
        return passed(name, f"{layout.root} is the spool that it was")
    if any(map(_is_folder, layout.folders)):
        remedy = "Mount the disk or share. If it is the right one, the next start marks it anew."
        return warned(name, f"{layout.root} has folders, but no {layout.sentinel.name}", remedy)
    return passed(name, f"{layout.root} will be made a spool by the first start")


def _spool(folders: list[Path]) -> Check:
    """One finding, on the first folder that refuses us."""
    name = "folders"
    checks = [_writable(name, folder) for folder in folders]
    bad = next((check for check in checks if check.verdict != "pass"), None)
    if bad is not None:
        return bad
    there = sum(map(_is_folder, folders))
    if there < len(folders):
        return passed(name, f"{len(folders) - there} of {len(folders)} will be made")
    return passed(name, f"all {there} are writable")


def _is_folder(path: Path) -> bool:
    """Whether it is one, as far as this user can see."""
    return os.path.isdir(path)  # noqa: PTH112 - Path's raises where a folder above is closed


def _writable(name: str, path: Path) -> Check:
    """Try it: permission bits say nothing on a read-only or foreign mount."""
    there = nearest_existing(path)
    if there != path and os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        return passed(name, f"{path} will be made")
    remedy = f"Let this user write in {there}; 'id' says who that is."
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
