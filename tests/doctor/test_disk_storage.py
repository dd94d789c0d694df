"""What kind of disk holds a path, from fake sysfs files and mount tables."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from heygem_daemon.doctor.disk import find_storage

SPOOL = Path("/srv/heygem")


@dataclass(frozen=True)
class Machine:
    """A folder with sys/, and a mount table."""

    root: Path

    def disk(self, name: str, number: str, rotates: bool, bus: str = "pci0000:00/ata1") -> Path:
        folder = self.root / "sys/devices" / bus / "block" / name
        (folder / "queue").mkdir(parents=True)
        (folder / "queue/rotational").write_text(f"{int(rotates)}\n")
        return self.register(folder, number)

    def partition(self, disk: Path, name: str, number: str) -> Path:
        folder = disk / name
        folder.mkdir()
        (folder / "partition").write_text("1\n")
        return self.register(folder, number)

    def stacked(self, name: str, number: str, *slaves: Path) -> Path:
        """A device of device-mapper or md; what it reports about itself must not count."""
        folder = self.disk(name, number, rotates=False, bus="virtual")
        (folder / "slaves").mkdir()
        for slave in slaves:
            (folder / "slaves" / slave.name).symlink_to(slave)
        return folder

    def register(self, folder: Path, number: str) -> Path:
        link = self.root / "sys/dev/block" / number
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
        return folder

    def mounted(self, number: str, kind: str, source: str) -> tuple[str, tuple[str, ...]]:
        table = self.root / "mountinfo"
        table.write_text(
            f"22 1 0:1 / / rw - overlay overlay rw\n"
            f"23 22 {number} / {SPOOL} rw,relatime - {kind} {source} rw\n"
        )
        storage = find_storage(SPOOL, self.root, table)
        assert storage.mount.point == SPOOL
        return storage.kind, storage.disks


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(("rotates", "kind"), [(True, "rotating"), (False, "solid-state")])
def test_a_partition_is_as_its_disk(machine: Machine, rotates: bool, kind: str) -> None:
    machine.partition(machine.disk("sda", "8:0", rotates), "sda1", "8:1")
    assert machine.mounted("8:1", "ext4", "/dev/sda1") == (kind, ("sda",))


def test_lvm_on_luks_on_a_partition_is_followed_down_to_the_disk(machine: Machine) -> None:
    part = machine.partition(machine.disk("sda", "8:0", True), "sda2", "8:2")
    luks = machine.stacked("dm-0", "253:0", part)
    machine.stacked("dm-1", "253:1", luks)
    assert machine.mounted("253:1", "xfs", "/dev/mapper/vg-spool") == ("rotating", ("sda",))


def test_of_several_disks_one_that_rotates_counts(machine: Machine) -> None:
    fast = machine.disk("nvme0n1", "259:0", False)
    slow = machine.disk("sdb", "8:16", True)
    machine.stacked("md0", "9:0", fast, slow)
    assert machine.mounted("9:0", "ext4", "/dev/md0") == ("rotating", ("nvme0n1", "sdb"))


@pytest.mark.parametrize("bus", ["pci0000:00/virtio1", "vbd-51712"])
def test_a_virtual_disk_is_not_believed(machine: Machine, bus: str) -> None:
    machine.disk("vda", "254:0", True, bus)
    assert machine.mounted("254:0", "ext4", "/dev/vda") == ("virtual", ("vda",))


def test_a_loop_device_is_of_unknown_kind(machine: Machine) -> None:
    machine.disk("loop0", "7:0", False, bus="virtual")
    assert machine.mounted("7:0", "ext4", "/dev/loop0") == ("unknown", ("loop0",))


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("nfs4", "server:/share", "network"),
        ("cifs", "//server/share", "network"),
        ("tmpfs", "tmpfs", "memory"),
        ("btrfs", "/dev/sda1", "unknown"),
        ("zfs", "tank/spool", "unknown"),
        ("overlay", "overlay", "unknown"),
        ("ext4", "/dev/gone", "unknown"),
    ],
)
def test_a_file_system_without_a_disk_of_its_number(
    machine: Machine, kind: str, source: str, expected: str
) -> None:
    assert machine.mounted("0:45", kind, source) == (expected, ())


def test_this_machine_s_disk_is_the_one_that_the_system_names(tmp_path: Path) -> None:
    command = ["lsblk", "--inverse", "--noheadings", "--list", "--output", "NAME"]
    storage = find_storage(tmp_path)
    if not storage.disks or not storage.mount.source.startswith("/dev/"):
        pytest.skip("the temporary folder is on no disk of this machine")
    try:
        listed = subprocess.run(
            [*command, storage.mount.source], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("lsblk is not installed here")
    assert listed.returncode != 0 or set(storage.disks) <= set(listed.stdout.split())
