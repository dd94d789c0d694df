"""Findings about the machine: processors, memory, swap, and inotify limits."""

import ctypes
import errno
import os
from pathlib import Path

from heygem_daemon.counts import counted
from heygem_daemon.doctor.check import Check, passed, warned
from heygem_daemon.doctor.disk import nearest_existing
from heygem_daemon.system.control_groups import CGROUP, read_number
from heygem_daemon.system.host_memory import PROC, available_bytes, total_bytes
from heygem_daemon.system.processors import Processors, read_processors
from heygem_daemon.system.units import GIB

SCARCE_SWAP = 0.1
"""Least share of free swap; with less, programs already lack memory."""
FEW_WATCHES = 1024
FEW_INSTANCES = 16
INOTIFY_CLOEXEC = 0o2000000
"""IN_CLOEXEC (inotify_init(2))."""
LIMIT_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM)
"""Errors of inotify when its limits are used up."""
INOTIFY_CREATE = 0x100
"""IN_CREATE (inotify(7))."""


def host_checks(inbox: Path, needed: int, proc: Path = PROC, cgroup: Path = CGROUP) -> list[Check]:
    """Return findings on processors, memory, swap, and whether the inbox can be watched.

    ``needed``: bytes of main memory that a job needs. If the inbox does not exist, its nearest
    existing ancestor is watched instead.
    """
    fields = _meminfo(proc / "meminfo")
    return [
        _processors(read_processors(proc, cgroup), proc),
        _memory(
            available_bytes(proc, cgroup), total_bytes(proc, cgroup), fields["MemTotal"], needed
        ),
        _swap(fields),
        _inotify(proc / "sys/fs/inotify", inbox),
    ]


def _processors(processors: Processors, proc: Path) -> Check:
    load = float((proc / "loadavg").read_text(encoding="ascii").split()[0])
    detail = counted(min(processors.cores, processors.logical), "1 core", "{count} cores")
    if processors.cores < processors.logical:
        detail += f" with {processors.logical} threads"
    detail += f", load {load:.1f}"
    if processors.quota is not None:
        detail += f", limited to the time of {processors.quota:.1f} by the control group"
    if min(processors.logical, processors.quota or processors.logical) < 2:
        return warned(
            "processors", detail, "Give it two: one decodes and encodes while the other computes."
        )
    return passed("processors", detail)


def _meminfo(path: Path) -> dict[str, int]:
    """Return bytes by name, from lines such as 'MemTotal:  16777216 kB'."""
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    return {parts[0].rstrip(":"): int(parts[1]) * 1024 for parts in lines if len(parts) > 1}


def _memory(available: int, total: int, physical: int, needed: int) -> Check:
    """Return whether a job that needs ``needed`` bytes could start; all in bytes."""
    detail = f"{available / GIB:.1f} of {total / GIB:.1f} GiB available"
    if total < physical:
        detail += f" to our control group, {physical / GIB:.1f} in the machine"
    if available < needed:
        remedy = f"Jobs wait for {needed / GIB:.1f} GiB: close other programs, or add memory."
        return warned("memory", detail, remedy)
    return passed("memory", detail)


def _swap(fields: dict[str, int]) -> Check:
    size, free = fields.get("SwapTotal", 0), fields.get("SwapFree", 0)
    if size == 0:
        return passed("swap", "none")
    detail = f"{(size - free) / GIB:.1f} of {size / GIB:.1f} GiB used"
    if free < SCARCE_SWAP * size:
        remedy = "Memory has run short here: add some, or stop what takes it (top, key M)."
        return warned("swap", detail, remedy)
    return passed("swap", detail)


def _inotify(limits: Path, inbox: Path) -> Check:
    """Return the limits, and whether one more watch is available: other programs use them too."""
    watches = read_number(limits / "max_user_watches")
    instances = read_number(limits / "max_user_instances")
    if watches is None or instances is None:
        return warned("inotify", "not available", "The inbox is polled; nothing to do.")
    detail = f"{watches} watches and {instances} instances per user"
    remedy = (
        "Raise fs.inotify.max_user_watches and max_user_instances with sysctl."
        " Until then the inbox is polled."
    )
    if (error := try_inotify_watch(nearest_existing(inbox))) in LIMIT_ERRORS:
        return warned("inotify", f"{detail}, but none is left: {os.strerror(error)}", remedy)
    if watches < FEW_WATCHES or instances < FEW_INSTANCES:
        return warned("inotify", detail, remedy)
    return passed("inotify", detail)


def try_inotify_watch(folder: Path) -> int:
    """Watch a folder for a moment (inotify(7)); return the number of the error, or 0."""
    library = ctypes.CDLL(None, use_errno=True)
    handle = library.inotify_init1(INOTIFY_CLOEXEC)
    if handle < 0:
        return ctypes.get_errno()
    try:
        failed = library.inotify_add_watch(handle, os.fsencode(folder), INOTIFY_CREATE) < 0
        return ctypes.get_errno() if failed else 0
    finally:
        os.close(handle)
