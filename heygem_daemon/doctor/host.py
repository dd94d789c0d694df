"""Findings about the machine: memory and the kernel's limits on watching files."""

from pathlib import Path

from heygem_daemon.doctor.check import Check, passed, warned
from heygem_daemon.gpu.placement import GIB

LITTLE_MEMORY = 4 * GIB
FEW_WATCHES = 1024
FEW_INSTANCES = 16


def host_checks(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> list[Check]:
    """Memory and inotify."""
    return [_memory(proc, cgroup), _inotify(proc / "sys/fs/inotify")]


def _memory(proc: Path, cgroup: Path) -> Check:
    fields = dict(
        line.split(":", 1) for line in (proc / "meminfo").read_text(encoding="ascii").splitlines()
    )
    total, available = (int(fields[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    limit = _number(cgroup / "memory.max")
    room = available if limit is None else min(available, limit)
    detail = f"{available / GIB:.1f} of {total / GIB:.1f} GiB available"
    if limit is not None:
        detail += f", limited to {limit / GIB:.1f} GiB by the control group"
    if room < LITTLE_MEMORY:
        return warned("memory", detail, "A job takes up to 3 GiB; close other programs.")
    return passed("memory", detail)


def _inotify(folder: Path) -> Check:
    watches = _number(folder / "max_user_watches")
    instances = _number(folder / "max_user_instances")
    if watches is None or instances is None:
        return warned("inotify", "not available", "The inbox is polled; nothing needs doing.")
    detail = f"{watches} watches and {instances} instances a user"
    if watches < FEW_WATCHES or instances < FEW_INSTANCES:
        remedy = "Raise fs.inotify.max_user_watches and max_user_instances with sysctl."
        return warned("inotify", detail, f"{remedy} Until then the inbox is polled.")
    return passed("inotify", detail)


def _number(path: Path) -> int | None:
    """The number in a kernel's file; None where there is no file, or it says 'max'."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
