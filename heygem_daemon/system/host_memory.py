"""Main memory: how much is available to this process, and how much it uses.

The limit of a control group counts as well (``control_groups``).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system.control_groups import CGROUP, find_groups, read_number, read_text

PROC = Path("/proc")


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
    for group in find_groups("memory", proc, cgroup):
        kind = _V2 if group.version == 2 else _V1
        limit, usage = (read_number(group.path / name) for name in (kind.limit, kind.usage))
        if limit is not None and usage is not None:
            stat = _read_numbers(group.path / "memory.stat")
            yield limit, usage - sum(stat.get(name, 0) for name in kind.cached)


def _read_numbers(path: Path, unit: int = 1) -> dict[str, int]:
    """Return the first number of each line, times ``unit``, by the line's first word."""
    lines = (line.split() for line in read_text(path).splitlines())
    return {
        words[0]: int(words[1]) * unit for words in lines if len(words) > 1 and words[1].isdecimal()
    }
