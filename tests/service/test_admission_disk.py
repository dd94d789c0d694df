"""The queue waits before the disk is full."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.service import dispatch
from heygem_daemon.system.units import GIB
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness

SetFree = Callable[[float], None]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SetFree:
    """Sets how much the disk has free, in GiB, of a hundred."""

    def set_free(gib: float) -> None:
        figures = [
            4096,
            4096,
            100 * GIB // 4096,
            *[round(gib * GIB / 4096)] * 2,
            *[10**6] * 3,
            0,
            255,
        ]
        monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(figures))

    return set_free


def test_the_queue_waits_for_room_and_goes_on(harness: ServiceHarness, free: SetFree) -> None:
    harness.configure(free_space_gib=2)
    free(1.5)
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4", "d.wav", "d.mp4")
    service = harness.service()
    harness.run_rounds(service, 60)
    assert harness.executor.submitted == []
    status = harness.status()
    assert status.state == "holding"
    assert "1.50 GiB free" in (status.hold or "")
    assert "2.00 GiB must stay free (free_space_gib)" in (status.hold or "")
    assert [job.reason for job in status.jobs] == [status.hold] * 2
    assert len(status.inbox) == 2
    assert harness.logged("WARNING jobs wait for room on the disk") == 1
    free(3)
    harness.run_rounds(service, 10)
    assert len(harness.outbox()) == 12
    assert harness.status().hold is None
    assert harness.logged("INFO the queue goes on: the disk has room again") == 1


def test_a_job_that_is_too_large_lets_a_smaller_one_pass(
    harness: ServiceHarness, free: SetFree
) -> None:
    harness.configure(free_space_gib=1)
    free(1.05)
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    fill(harness.spool.inbox / "a.mp4", 60)
    service = harness.service()
    harness.run_rounds(service, 20)
    assert harness.outbox() == ["b.json", "b.mp4", "b.png"]
    assert "next job needs about 77 MiB" in (harness.status().hold or "")


def test_what_running_jobs_will_write_counts_as_taken(
    harness: ServiceHarness, free: SetFree
) -> None:
    harness.configure(free_space_gib=1)
    harness.executor.answer = keep_running
    free(1.02)
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert len(harness.executor.submitted) == 1
    (waiting,) = [job for job in harness.status().jobs if job.state == "queued"]
    assert "GiB free" in (waiting.reason or "")
    assert harness.status().hold is None
    for message in rendered(harness.executor.submitted[0]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 5)
    assert len(harness.executor.submitted) == 2


def test_once_leaves_what_has_no_room(harness: ServiceHarness, free: SetFree) -> None:
    harness.configure(free_space_gib=2)
    free(1)
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.left) == (0, 1)
    assert "must stay free" in (summary.hold or "")


def test_a_job_that_is_taken_away_leaves_no_hold(harness: ServiceHarness, free: SetFree) -> None:
    harness.configure(free_space_gib=2)
    free(1)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    (folder,) = harness.spool.processing.iterdir()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    harness.run_rounds(service, 10)
    assert harness.status().hold is None


def test_zero_looks_at_nothing(harness: ServiceHarness, free: SetFree) -> None:
    free(0)
    harness.drop("talk.wav", "talk.mp4")
    assert harness.service().run_once().published == 1


def test_a_worker_is_told_what_is_to_stay_free(harness: ServiceHarness) -> None:
    harness.configure(free_space_gib=0.25)
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    assert harness.executor.submitted[0].keep_free_bytes == GIB // 4
    assert harness.executor.submitted[0].keep_free_vram_bytes == GIB
    assert Path(harness.executor.submitted[0].workspace).name == "work"


def fill(path: Path, mib: int) -> None:
    """Make a file that takes ``mib`` MiB of the disk."""
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, mib << 20)


def test_the_holes_of_a_sparse_file_need_no_room(harness: ServiceHarness, free: SetFree) -> None:
    harness.configure(free_space_gib=1)
    free(2)
    for name in ("sp1", "sp2", "honest"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    for name in ("sp1", "sp2"):
        os.truncate(harness.spool.inbox / f"{name}.mp4", 500 * GIB)
    harness.run_rounds(harness.service(), 20)
    assert len(harness.outbox()) == 3 * 3


def test_jobs_that_wait_for_room_keep_no_other_from_being_claimed(
    harness: ServiceHarness, free: SetFree
) -> None:
    harness.configure(free_space_gib=1)
    free(1.05)
    for number in range(8):
        harness.drop(f"a{number}.wav", f"a{number}.mp4")
        fill(harness.spool.inbox / f"a{number}.mp4", 60)
    harness.drop_batch("big", "voice.wav", "one.mp4")
    fill(harness.spool.inbox / "big" / "one.mp4", 60)
    service = harness.service()
    harness.run_rounds(service, 20)
    for number in range(5):
        harness.drop(f"s{number}.wav", f"s{number}.mp4")
    harness.run_rounds(service, 30)
    assert [name for name in harness.outbox() if name.endswith(".mp4")] == [
        f"s{number}.mp4" for number in range(5)
    ]
    assert harness.processing() <= 3, "what waits for room is claimed within bounds"
    harness.kill(service)
    harness.drop("later.wav", "later.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert "later.mp4" in harness.outbox(), "after a restart too"
    assert harness.processing() <= 3
    free(3)
    harness.run_rounds(service, 60)
    assert harness.processing() == 0


def test_a_job_that_waits_for_room_makes_nobody_pause(
    harness: ServiceHarness, free: SetFree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "owner_of", lambda job: job.name[0])
    harness.configure(free_space_gib=1)
    harness.executor.answer = keep_running
    free(1.05)
    harness.drop("honest.wav", "honest.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.drop("big.wav", "big.mp4")
    fill(harness.spool.inbox / "big.mp4", 60)
    harness.run_rounds(service, 60)
    assert {job.name: job.state for job in harness.status().jobs} == {
        "honest": "running",
        "big": "queued",
    }
    assert harness.logged("pauses") == 0


def test_a_job_larger_than_the_disk_fails_with_its_reason(
    harness: ServiceHarness, free: SetFree
) -> None:
    harness.configure(free_space_gib=99.95)
    free(99)
    harness.drop("big.wav", "big.mp4", "small.wav", "small.mp4")
    fill(harness.spool.inbox / "big.mp4", 60)
    harness.run_rounds(harness.service(), 20)
    assert harness.failed() == ["big"]
    reason = (harness.spool.failed / "big" / "reason.txt").read_text()
    assert "The job needs about 77 MiB of disk" in reason
    assert "only 100.00 GiB in all" in reason


def test_only_real_changes_of_the_room_are_logged(harness: ServiceHarness, free: SetFree) -> None:
    harness.configure(free_space_gib=1)
    free(1.05)
    harness.drop("big.wav", "big.mp4")
    fill(harness.spool.inbox / "big.mp4", 60)
    service = harness.service()
    for number in range(6):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    harness.run_rounds(service, 60)
    assert len(harness.outbox()) == 3 * 6
    assert harness.logged("jobs wait for room on the disk") == 1
    assert harness.logged("the disk has room again") == 0
    free(2)
    harness.run_rounds(service, 5)
    assert harness.logged("the disk has room again") == 1
    assert len(harness.outbox()) == 3 * 7
