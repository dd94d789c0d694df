"""The doctor's findings about processors, memory and inotify, from fake kernel files."""

import errno
from pathlib import Path

import pytest

from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.host import host_checks, try_inotify_watch
from heygem_daemon.system.units import GIB

NEEDED = 3 * GIB


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that stands for /proc and /sys/fs/cgroup of a healthy machine with 16 GiB."""
    inotify = tmp_path / "sys/fs/inotify"
    inotify.mkdir(parents=True)
    write_memory(tmp_path, available=12 * GIB)
    (tmp_path / "loadavg").write_text("0.50 0.40 0.30 1/200 4242\n")
    (inotify / "max_user_watches").write_text("65536\n")
    (inotify / "max_user_instances").write_text("128\n")
    return tmp_path


def write_memory(machine: Path, available: int, swap: int = 0, swap_free: int = 0) -> None:
    fields = {
        "MemTotal": 16 * GIB,
        "MemAvailable": available,
        "SwapTotal": swap,
        "SwapFree": swap_free,
    }
    lines = [f"{name}: {value // 1024} kB\n" for name, value in fields.items()]
    (machine / "meminfo").write_text("".join([*lines, "HugePages_Total: 0\n"]))


def checked(machine: Path) -> dict[str, Check]:
    return {check.name: check for check in host_checks(machine, NEEDED, machine, machine)}


def test_a_healthy_machine_passes(machine: Path) -> None:
    found = checked(machine)
    assert list(found) == ["processors", "memory", "swap", "inotify"]
    assert {name for name, check in found.items() if check.verdict != "pass"} <= {"processors"}
    assert found["memory"].detail == "12.0 of 16.0 GiB available"


def test_little_memory_is_warned_of(machine: Path) -> None:
    write_memory(machine, available=GIB)
    assert checked(machine)["memory"].verdict == "warn"


@pytest.mark.parametrize(("free", "verdict"), [(4 * GIB, "pass"), (GIB // 10, "warn")])
def test_swap_that_is_used_up_is_warned_of(machine: Path, free: int, verdict: str) -> None:
    write_memory(machine, 12 * GIB, swap=8 * GIB, swap_free=free)
    assert checked(machine)["swap"].verdict == verdict


@pytest.mark.parametrize(("limit", "verdict"), [(4 * GIB, "warn"), (8 * GIB, "pass")])
def test_the_limit_of_a_slice_above_the_service_counts(
    machine: Path, limit: int, verdict: str
) -> None:
    (machine / "self").mkdir()
    (machine / "self/cgroup").write_text("0::/batch.slice/heygem-daemon.service\n")
    above = machine / "batch.slice"
    above.mkdir()
    (above / "memory.max").write_text(f"{limit}\n")
    (above / "memory.current").write_text(f"{2 * GIB}\n")
    memory = checked(machine)["memory"]
    assert memory.verdict == verdict
    assert "to our control group, 16.0 in the machine" in memory.detail


def test_a_share_of_a_core_is_too_little(machine: Path) -> None:
    (machine / "self").mkdir()
    (machine / "self/cgroup").write_text("0::/\n")
    (machine / "cpu.max").write_text("50000 100000\n")
    processors = checked(machine)["processors"]
    assert processors.verdict == "warn"
    assert "the time of 0.5" in processors.detail


@pytest.mark.parametrize("name", ["max_user_watches", "max_user_instances"])
def test_few_watches_are_warned_of(machine: Path, name: str) -> None:
    (machine / "sys/fs/inotify" / name).write_text("5\n")
    assert checked(machine)["inotify"].verdict == "warn"


def test_a_folder_is_really_watched(tmp_path: Path) -> None:
    assert try_inotify_watch(tmp_path) == 0
    assert try_inotify_watch(tmp_path / "gone") == errno.ENOENT


def test_watches_that_are_used_up_are_warned_of(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.doctor.host.try_inotify_watch", lambda _folder: errno.ENOSPC)
    inotify = checked(machine)["inotify"]
    assert inotify.verdict == "warn"
    assert "none is left" in inotify.detail


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    assert len(host_checks(tmp_path / "inbox", NEEDED)) == 4
