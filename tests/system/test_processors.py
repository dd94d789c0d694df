"""The processors that a process may use, read from kernel files as they are on machines."""

from pathlib import Path

import pytest

from heygem_daemon.system.processors import Processors, read_processors


class Machine:
    """Folders that look like /proc, /sys/fs/cgroup and /sys/devices/system/cpu."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("proc/self/cgroup", "0::/system.slice/heygem.service")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def core(self, number: int, package: int, core: int) -> None:
        """A processor and the core of a package that it belongs to."""
        self.write(f"cpu/cpu{number}/topology/physical_package_id", str(package))
        self.write(f"cpu/cpu{number}/topology/core_id", str(core))

    def read(self, *allowed: int) -> Processors:
        folders = (self.folder / "proc", self.folder / "cgroup", self.folder / "cpu")
        return read_processors(*folders, set(allowed))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_threads_of_one_core_count_once(machine: Machine) -> None:
    for number in range(4):
        machine.core(number, 0, number % 2)
    assert machine.read(0, 1, 2, 3) == Processors(4, 2)
    assert machine.read(0, 2) == Processors(2, 1), "the affinity leaves one core"


def test_cores_of_two_packages_have_the_same_numbers(machine: Machine) -> None:
    machine.core(0, 0, 0)
    machine.core(1, 1, 0)
    assert machine.read(0, 1) == Processors(2, 2)


def test_where_the_kernel_hides_the_cores_each_processor_is_one(machine: Machine) -> None:
    assert machine.read(3, 4, 5) == Processors(3, 3)


def test_the_tightest_quota_of_the_groups_above_counts(machine: Machine) -> None:
    machine.write("cgroup/system.slice/heygem.service/cpu.max", "max 100000")
    machine.write("cgroup/system.slice/cpu.max", "150000 100000")
    machine.write("cgroup/cpu.max", "400000 100000")
    found = machine.read(0, 1, 2, 3)
    assert found == Processors(4, 4, 1.5)
    assert (found.usable, found.usable_cores) == (1, 1)


def test_the_older_control_groups_are_read_too(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n0::/")
    machine.write("cgroup/cpu/docker/1/cpu.cfs_period_us", "50000")
    machine.write("cgroup/cpu/docker/1/cpu.cfs_quota_us", "100000")
    machine.write("cgroup/cpu/cpu.cfs_period_us", "100000")
    machine.write("cgroup/cpu/cpu.cfs_quota_us", "-1")
    assert machine.read(0, 1, 2).quota == 2.0


def test_this_machine_has_at_least_one_core() -> None:
    found = read_processors()
    assert 1 <= found.cores <= found.logical
    assert 1 <= found.usable_cores <= found.usable <= found.logical
