"""What kind of disk holds a path, from files like the kernel's."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from heygem_daemon.doctor.storage import find_storage

SPOOL = Path("/srv/heygem")


@dataclass(frozen=True)
class Machine:
    """A tree with sys/ and dev/, and a mount table."""

    root: Path

    def disk(self, name: str, number: str, turns: bool, bus: str = "pci0000:00/ata1") -> Path:
        folder = self.root / "sys/devices" / bus / "block" / name
        (folder / "queue").mkdir(parents=True)
        (folder / "queue/rotational").write_text(f"{int(turns)}\n")
        return self.known(folder, number)

    def partition(self, disk: Path, name: str, number: str) -> Path:
        folder = disk / name
        folder.mkdir()
        (folder / "partition").write_text("1\n")
        return self.known(folder, number)

    def built_on(self, name: str, number: str, *slaves: Path) -> Path:
        """Device-mapper and md call themselves solid or rotating as they like: never asked."""
        folder = self.disk(name, number, turns=False, bus="virtual")
        (folder / "slaves").mkdir()
        for slave in slaves:
            (folder / "slaves" / slave.name).symlink_to(slave)
        return folder

    def known(self, folder: Path, number: str) -> Path:
        for index, name in (("dev/block", number), ("class/block", folder.name)):
            link = self.root / "sys" / index / name
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


@pytest.mark.parametrize(("turns", "kind"), [(True, "rotating"), (False, "solid-state")])
def test_a_partition_is_as_its_disk(machine: Machine, turns: bool, kind: str) -> None:
    machine.partition(machine.disk("sda", "8:0", turns), "sda1", "8:1")
    assert machine.mounted("8:1", "ext4", "/dev/sda1") == (kind, ("sda",))


def test_lvm_on_luks_on_a_partition_is_followed_down_to_the_disk(machine: Machine) -> None:
    part = machine.partition(machine.disk("sda", "8:0", True), "sda2", "8:2")
    luks = machine.built_on("dm-0", "253:0", part)
    machine.built_on("dm-1", "253:1", luks)
    assert machine.mounted("253:1", "xfs", "/dev/mapper/vg-spool") == ("rotating", ("sda",))


def test_a_raid_is_as_slow_as_its_slowest_disk(machine: Machine) -> None:
    fast = machine.disk("nvme0n1", "259:0", False)
    slow = machine.disk("sdb", "8:16", True)
    machine.built_on("md0", "9:0", fast, slow)
    assert machine.mounted("9:0", "ext4", "/dev/md0") == ("rotating", ("nvme0n1", "sdb"))


def test_btrfs_has_numbers_of_its_own_and_all_its_disks_count(machine: Machine) -> None:
    first = machine.partition(machine.disk("nvme0n1", "259:0", False), "nvme0n1p1", "259:1")
    second = machine.disk("sdb", "8:16", True)
    devices = machine.root / "sys/fs/btrfs/3f1c/devices"
    devices.mkdir(parents=True)
    for member in (first, second):
        (devices / member.name).symlink_to(member)
    expected = ("rotating", ("nvme0n1", "sdb"))
    assert machine.mounted("0:45", "btrfs", "/dev/nvme0n1p1") == expected


def test_a_source_that_is_a_link_is_followed(machine: Machine) -> None:
    machine.built_on("dm-0", "253:0", machine.disk("nvme0n1", "259:0", False))
    link = machine.root / "dev/mapper/vg-spool"
    link.parent.mkdir(parents=True)
    (machine.root / "dev/dm-0").write_text("")
    link.symlink_to("../dm-0")
    assert machine.mounted("0:45", "btrfs", "/dev/mapper/vg-spool")[0] == "solid-state"


@pytest.mark.parametrize("bus", ["pci0000:00/virtio1", "vbd-51712"])
def test_a_virtual_disk_is_not_believed(machine: Machine, bus: str) -> None:
    machine.disk("vda", "254:0", True, bus)
    assert machine.mounted("254:0", "ext4", "/dev/vda") == ("virtual", ("vda",))


@pytest.mark.parametrize(
    ("kind", "source", "found"),
    [
        ("nfs4", "server:/share", "network"),
        ("cifs", "//server/share", "network"),
        ("tmpfs", "tmpfs", "memory"),
        ("zfs", "tank/spool", "unknown"),
        ("overlay", "overlay", "unknown"),
        ("ext4", "/dev/gone", "unknown"),
    ],
)
def test_what_lies_on_no_known_disk(machine: Machine, kind: str, source: str, found: str) -> None:
    assert machine.mounted("0:45", kind, source) == (found, ())


def test_a_loop_device_is_as_the_disk_that_its_file_lies_on(machine: Machine) -> None:
    machine.disk("sda", "8:0", True)
    loop = machine.disk("loop0", "7:0", False, bus="virtual")
    (loop / "loop").mkdir()
    (loop / "loop/backing_file").write_text("/images/spool.img\n")
    table = machine.root / "mountinfo"
    table.write_text(
        f"22 1 8:0 / / rw - ext4 /dev/sda rw\n23 22 7:0 / {SPOOL} rw - ext4 /dev/loop0 rw\n"
    )
    storage = find_storage(SPOOL, machine.root, table)
    assert (storage.kind, storage.disks) == ("rotating", ("sda",))


def test_a_loop_device_in_itself_ends(machine: Machine) -> None:
    loop = machine.disk("loop0", "7:0", False, bus="virtual")
    (loop / "loop").mkdir()
    (loop / "loop/backing_file").write_text(f"{SPOOL}/spool.img\n")
    assert machine.mounted("7:0", "ext4", "/dev/loop0") == ("solid-state", ("loop0",))


def test_a_device_that_is_built_on_itself_ends(machine: Machine) -> None:
    folder = machine.built_on("dm-0", "253:0")
    (folder / "slaves/dm-0").symlink_to(folder)
    assert machine.mounted("253:0", "ext4", "/dev/dm-0")[1] == ("dm-0",)


def test_this_machine_s_disk_is_the_one_that_the_system_names(tmp_path: Path) -> None:
    command = ["lsblk", "--inverse", "--noheadings", "--list", "--output", "NAME"]
    storage = find_storage(tmp_path)
    if not storage.disks or not storage.mount.source.startswith("/dev/"):
        pytest.skip("the temporary folder lies on no disk of this machine")
    try:
        told = subprocess.run(
            [*command, storage.mount.source], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("lsblk is not installed here")
    assert told.returncode != 0 or set(storage.disks) <= set(told.stdout.split())
