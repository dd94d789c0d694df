"""The status file is written as a whole, and read even where fields are unknown."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.status import (
    FRESH_SECONDS,
    DeviceStatus,
    GpuWarning,
    InboxStatus,
    JobStatus,
    Status,
)
from heygem_daemon.report.status_file import MAX_STATUS_BYTES, read_status, write_status

MANY_STAGES = {f"{'s' * 2000}{stage}": 1.0 for stage in range(20_000)}
"""40 MB of names, which all jobs share: each test of a whole run carries them in memory."""


def status(**changes: object) -> Status:
    base = Status(
        version="1",
        pid=7,
        state="working",
        started=100.0,
        written=200.0,
        spool="/s",
        engine="auto",
        device="cpu",
        jobs=(JobStatus(id="j1", name="王", state="running", chunk=1, chunks=3, fps=9.5),),
    )
    return base.model_copy(update=changes)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    write_status(status(), file)
    write_status(status(pid=8), file)
    assert read_status(file) == status(pid=8)
    assert list(tmp_path.iterdir()) == [file]


def test_no_file_or_half_a_file_is_no_status(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    assert read_status(file) is None
    file.write_text('{"version":')
    assert read_status(file) is None


def test_fields_of_a_newer_daemon_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    write_status(status(), file)
    file.write_text(file.read_text().replace("{", '{"mood": "good",', 1))
    assert read_status(file) == status()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_status(status(), tmp_path / "gone" / "status.json")


def test_an_old_or_stopped_status_speaks_of_no_daemon() -> None:
    assert status().is_fresh(200.0 + FRESH_SECONDS / 2)
    assert not status().is_fresh(200.0 + FRESH_SECONDS)
    assert not status(state="stopped").is_fresh(200.0)


def test_on_a_full_disk_the_old_status_is_written_over(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk that is full")
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", "size=64k", "disk-under-test")
    if subprocess.run(["mount", *options, disk], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        write_status(status(), disk / "status.json")
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        write_status(status(hold="the disk is full"), disk / "status.json")
        assert read_status(disk / "status.json") == status(hold="the disk is full")
        many = tuple(InboxStatus(name=str(n), reason="waits" * 20) for n in range(100))
        write_status(status(pid=9, inbox=many), disk / "status.json")
        assert read_status(disk / "status.json") == status(pid=9)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"jobs": tuple(JobStatus(id=str(n), name="王" * 255, state="queued") for n in range(2000))},
        {"inbox": tuple(InboxStatus(name="王" * 255, reason="x" * 500) for _ in range(2000))},
        {
            "devices": tuple(
                DeviceStatus(name="L4", uuid=str(n), jobs=("王" * 255,) * 50) for n in range(64)
            )
        },
        {
            "finished": tuple(
                FinishedJob(
                    id=str(n),
                    name="王" * 255,
                    outcome="failed",
                    output="王" * 255,
                    finished=0.0,
                    seconds=0.0,
                    reason="王" * 100_000,
                    stage_seconds=MANY_STAGES,
                )
                for n in range(50)
            )
        },
        {"hold": "h" * 10_000_000, "clock_doubt": "c" * 10_000_000},
        {
            "warnings": tuple(
                GpuWarning(
                    kind="hot", device="王" * 999, uuid="u", job="王" * 999, at=0.0, text="t"
                )
                for _ in range(200)
            )
        },
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_file_is_bounded_whatever_a_list_holds(
    tmp_path: Path, changes: dict[str, tuple[object, ...]]
) -> None:
    file = tmp_path / "status.json"
    write_status(status(**changes), file)
    assert file.stat().st_size <= MAX_STATUS_BYTES
    shown = read_status(file)
    assert shown is not None
    for name in ("jobs", "inbox", "devices", "finished", "warnings"):
        listed, more = getattr(shown, name), getattr(shown.unlisted, name)
        assert len(listed) + more == len(changes.get(name, getattr(status(), name)))


def test_all_lists_together_are_bounded(tmp_path: Path) -> None:
    long = "王" * 200
    file = tmp_path / "status.json"
    write_status(
        status(
            jobs=tuple(JobStatus(id=str(n), name=long, state="queued") for n in range(200)),
            inbox=tuple(
                InboxStatus(name=long, reason=long, waits_for="attention" if n < 20 else "turn")
                for n in range(200)
            ),
            devices=tuple(DeviceStatus(name=long, label=long) for _ in range(200)),
        ),
        file,
    )
    assert file.stat().st_size <= MAX_STATUS_BYTES
    shown = read_status(file)
    assert shown is not None
    assert all(len(getattr(shown, name)) >= 20 for name in ("jobs", "inbox", "devices"))
    assert shown.unlisted.jobs + shown.unlisted.inbox + shown.unlisted.devices > 0
    assert shown.unlisted.inbox == 200 - len(shown.inbox) == shown.unlisted.ready
