"""Main memory: how much is available to this process, and how much it uses.

In containers and under systemd's ``MemoryMax``, the limit of a control group applies, which
/proc/meminfo does not show. Both versions of control groups are supported.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class _CgroupFiles:
    """The names of the memory files in a version of control groups."""

    limit: str
    usage: str
    cached: tuple[str, str]
    """Fields of ``memory.stat`` for cached file content, which the kernel drops when memory is
    needed."""


_V1 = _CgroupFiles(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
_V2 = _CgroupFiles("memory.max", "memory.current", ("inactive_file", "active_file"))


def available_bytes(proc: Path = PROC, cgroup: Path = CGROUP) -> int:
    """Return the bytes that this process can still allocate without swapping or being killed."""
    fields = _read_numbers(proc / "meminfo", unit=1024)
    remaining = (limit - used for limit, used in _cgroup_limits(proc, cgroup))
    return max(0, min([fields["MemAvailable:"], *remaining]))


def total_bytes(proc: Path = PROC, cgroup: Path = CGROUP) -> int:
    """Return the bytes that this process could use if no other process used any."""
    fields = _read_numbers(proc / "meminfo", unit=1024)
    return min([fields["MemTotal:"], *(limit for limit, _ in _cgroup_limits(proc, cgroup))])


def resident_bytes(proc: Path = PROC) -> int:
    """Return the physical memory of this process in bytes (proc(5), statm: the second field, in
    pages)."""
    pages = int((proc / "self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_resident_bytes(proc: Path = PROC) -> int:
    """Return the highest physical memory of this process so far, in bytes (proc(5), status:
    VmHWM)."""
    peak = _read_numbers(proc / "self/status", unit=1024).get("VmHWM:", 0)
    return max(peak, resident_bytes(proc))


def _cgroup_limits(proc: Path, cgroup: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and usage in bytes of this process's control group and of those above it, if they
    have a limit. Usage does not include cached file content."""
    for folder, kind in _cgroup_folders(proc, cgroup):
        limit, usage = (_read_number(folder / name) for name in (kind.limit, kind.usage))
        if limit is not None and usage is not None:
            stat = _read_numbers(folder / "memory.stat")
            yield limit, usage - sum(stat.get(name, 0) for name in kind.cached)


def _cgroup_folders(proc: Path, cgroup: Path) -> Iterator[tuple[Path, _CgroupFiles]]:
    """Yield the folders of this process's control group and of those above it.

    In a container the group's own path may not be visible. The root of the mount then represents
    the group.
    """
    for line in _read_text(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, kind = cgroup, _V2
        elif "memory" in controllers.split(","):
            root, kind = cgroup / "memory", _V1
        else:
            continue
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield folder, kind


def _read_numbers(path: Path, unit: int = 1) -> dict[str, int]:
    """Return the first number of each line, times ``unit``, by the line's first word."""
    lines = (line.split() for line in _read_text(path).splitlines())
    return {
        words[0]: int(words[1]) * unit for words in lines if len(words) > 1 and words[1].isdecimal()
    }


def _read_number(path: Path) -> int | None:
    """Return the number in a kernel file; None if there is no file, or it contains 'max'."""
    text = _read_text(path).strip()
    return int(text) if text.isdecimal() else None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
