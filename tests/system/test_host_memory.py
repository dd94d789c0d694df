"""Main memory, read from kernel files as they are on various machines."""

from pathlib import Path

import pytest

from heygem_daemon.system import host_memory

GIB = 1 << 30


class Machine:
    """Folders that look like /proc and /sys/fs/cgroup."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroup = folder / "proc", folder / "cgroup"
        self.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nHugePages: 0")
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def group(self, name: str, limit: str, usage: int, cached: int = 0) -> None:
        """A control group of version 2."""
        self.write(f"cgroup/{name}/memory.max", limit)
        self.write(f"cgroup/{name}/memory.current", str(usage))
        self.write(f"cgroup/{name}/memory.stat", f"anon 1\ninactive_file {cached}\nactive_file 0")

    def available(self) -> int:
        return host_memory.available_bytes(self.proc, self.cgroup)

    def total(self) -> int:
        return host_memory.total_bytes(self.proc, self.cgroup)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_limits_the_machines_own_memory_counts(machine: Machine) -> None:
    assert machine.available() == 8 * GIB
    assert machine.total() == 16 * GIB


def test_the_limit_of_the_own_group_counts_without_file_cache(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/system.slice/heygem.service")
    machine.group("system.slice/heygem.service", str(4 * GIB), 3 * GIB, GIB)
    assert machine.available() == 2 * GIB
    assert machine.total() == 4 * GIB


def test_the_tightest_of_the_groups_above_counts(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/system.slice/heygem.service")
    machine.group("system.slice/heygem.service", "max", GIB)
    machine.group("system.slice", str(5 * GIB), 4 * GIB)
    assert machine.available() == GIB
    assert machine.total() == 5 * GIB


def test_groups_of_version_1_are_read_too(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:cpu,cpuacct:/\n3:memory:/docker/abc\n0::/")
    # As in a container: the path is the host's, and the mount shows our group as its root.
    machine.write("cgroup/memory/memory.limit_in_bytes", str(2 * GIB))
    machine.write("cgroup/memory/memory.usage_in_bytes", str(GIB))
    machine.write("cgroup/memory/memory.stat", f"total_inactive_file {GIB // 2}")
    assert machine.available() == GIB * 3 // 2
    assert machine.total() == 2 * GIB


def test_the_number_that_means_no_limit_in_version_1_limits_nothing(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "3:memory:/")
    machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    machine.write("cgroup/memory/memory.usage_in_bytes", str(GIB))
    assert machine.available() == 8 * GIB


def test_a_group_over_its_limit_has_no_memory_left(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/")
    machine.group("", str(GIB), 2 * GIB)
    assert machine.available() == 0


def test_this_machine_and_this_process_can_be_read() -> None:
    assert 0 < host_memory.available_bytes() <= host_memory.total_bytes()
    assert 0 < host_memory.resident_bytes() <= host_memory.peak_resident_bytes()
