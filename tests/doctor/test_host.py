"""The doctor's findings about memory and inotify, from files like the kernel's."""

from pathlib import Path

import pytest

from heygem_daemon.doctor.host import host_checks


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A healthy machine's files, of 16 GiB."""
    inotify = tmp_path / "sys/fs/inotify"
    inotify.mkdir(parents=True)
    (tmp_path / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n")
    (inotify / "max_user_watches").write_text("65536\n")
    (inotify / "max_user_instances").write_text("128\n")
    return tmp_path


def verdicts(machine: Path) -> list[str]:
    return [check.verdict for check in host_checks(machine, machine)]


def test_a_healthy_machine_passes(machine: Path) -> None:
    assert verdicts(machine) == ["pass", "pass"]


def test_little_memory_is_warned_of(machine: Path) -> None:
    (machine / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 1048576 kB\n")
    assert verdicts(machine) == ["warn", "pass"]


@pytest.mark.parametrize(("limit", "verdict"), [("1073741824", "warn"), ("max", "pass")])
def test_a_container_s_limit_counts(machine: Path, limit: str, verdict: str) -> None:
    (machine / "memory.max").write_text(f"{limit}\n")
    assert verdicts(machine) == [verdict, "pass"]


@pytest.mark.parametrize("name", ["max_user_watches", "max_user_instances"])
def test_few_watches_are_warned_of(machine: Path, name: str) -> None:
    (machine / "sys/fs/inotify" / name).write_text("5\n")
    assert verdicts(machine) == ["pass", "warn"]


def test_this_machine_can_be_examined() -> None:
    assert [check.name for check in host_checks()] == ["memory", "inotify"]
