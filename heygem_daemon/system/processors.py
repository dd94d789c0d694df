"""The processors that this process may use: how many, how many whole cores, and for how long.

The kernel's affinity of the process, its control groups' quota of time, and the topology of the
machine decide.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import floor
from pathlib import Path

from heygem_daemon.system.control_groups import CGROUP, find_groups, read_number, read_text
from heygem_daemon.system.host_memory import PROC

PROCESSORS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class Processors:
    """What a process may use of a machine's processors."""

    logical: int
    """Processors that the process may run on; hyper-threads count one each."""
    cores: int
    """Cores that these belong to: hyper-threads of one core count once."""
    quota: float | None = None
    """How many processors' time its control groups allow; None: no limit."""

    @property
    def usable(self) -> int:
        """How many threads can compute at the same time, 1 or more."""
        return max(1, self._limited(self.logical))

    @property
    def usable_cores(self) -> int:
        """How many of them have a core of their own, 1 or more."""
        return max(1, self._limited(self.cores))

    def _limited(self, count: int) -> int:
        return count if self.quota is None else min(count, floor(self.quota))


def read_processors(
    proc: Path = PROC,
    cgroup: Path = CGROUP,
    topology: Path = PROCESSORS,
    allowed: Collection[int] | None = None,
) -> Processors:
    """Return what this process may use. ``allowed``: the numbers of its processors; None: those of
    its affinity (sched_getaffinity(2))."""
    numbers = os.sched_getaffinity(0) if allowed is None else allowed
    cores = {_core_of(topology / f"cpu{number}/topology", number) for number in numbers}
    return Processors(len(numbers), len(cores), read_quota(proc, cgroup))


def read_quota(proc: Path = PROC, cgroup: Path = CGROUP) -> float | None:
    """Return how many processors' time the control groups of this process allow; None: no limit."""
    return min(_quotas(proc, cgroup), default=None)


def _core_of(folder: Path, number: int) -> tuple[int, ...]:
    """Return what tells a processor's core from all others; itself where the kernel hides it."""
    package, core = (read_number(folder / name) for name in ("physical_package_id", "core_id"))
    return (number,) if package is None or core is None else (package, core)


def _quotas(proc: Path, cgroup: Path) -> Iterator[float]:
    """Yield the limits of this process's control group and of those above it, in processors."""
    for group in find_groups("cpu", proc, cgroup):
        if group.version == 2:
            quota, _, period = read_text(group.path / "cpu.max").strip().partition(" ")
        else:  # without a limit the quota is -1
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (read_text(group.path / name).strip() for name in names)
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)
