"""The queue waits before the disk is full."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.system.units import GIB

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

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


def test_the_queue_waits_for_room_and_goes_on(stage: "ServiceHarness", free: SetFree) -> None:
    stage.configure(free_space_gib=2)
    free(1.5)
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4", "d.wav", "d.mp4")
    service = stage.service()
    stage.run_rounds(service, 60)
    assert stage.executor.submitted == []
    status = stage.status()
    assert status.state == "holding"
    assert "1.50 GiB free" in (status.hold or "")
    assert "2.00 GiB must stay free (free_space_gib)" in (status.hold or "")
    assert [job.reason for job in status.jobs] == [status.hold] * 2
    assert len(status.inbox) == 2
    assert stage.logged("WARNING jobs wait for room on the disk") == 1
    free(3)
    stage.run_rounds(service, 10)
    assert len(stage.outbox()) == 12
    assert stage.status().hold is None
    assert stage.logged("INFO the queue goes on: the disk has room again") == 1


def test_a_job_that_is_too_large_lets_a_smaller_one_pass(
    stage: "ServiceHarness", free: SetFree
) -> None:
    stage.configure(free_space_gib=1)
    free(2)
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    with (stage.spool.inbox / "a.mp4").open("r+b") as file:
        file.truncate(5 * GIB)  # sparse
    service = stage.service()
    stage.run_rounds(service, 20)
    assert stage.outbox() == ["b.json", "b.mp4", "b.png"]
    assert "next job needs about 5.02" in (stage.status().hold or "")


def test_what_running_jobs_will_write_counts_as_taken(
    stage: "ServiceHarness", free: SetFree
) -> None:
    stage.configure(free_space_gib=1)
    stage.executor.answer = lambda render: []
    free(1.02)
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    service = stage.service()
    stage.run_rounds(service, 20)
    assert len(stage.executor.submitted) == 1
    (waiting,) = [job for job in stage.status().jobs if job.state == "queued"]
    assert "GiB free" in (waiting.reason or "")
    assert stage.status().hold is None
    for message in stage.rendered(stage.executor.submitted[0]):
        stage.executor.emit(CPU, message)
    stage.run_rounds(service, 5)
    assert len(stage.executor.submitted) == 2


def test_once_leaves_what_has_no_room(stage: "ServiceHarness", free: SetFree) -> None:
    stage.configure(free_space_gib=2)
    free(1)
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.left) == (0, 1)
    assert "must stay free" in (tally.hold or "")


def test_a_job_that_is_taken_away_leaves_no_hold(stage: "ServiceHarness", free: SetFree) -> None:
    stage.configure(free_space_gib=2)
    free(1)
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    (folder,) = stage.spool.processing.iterdir()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    stage.run_rounds(service, 10)
    assert stage.status().hold is None


def test_zero_looks_at_nothing(stage: "ServiceHarness", free: SetFree) -> None:
    free(0)
    stage.drop("talk.wav", "talk.mp4")
    assert stage.service().run_once().published == 1


def test_a_worker_is_told_what_is_to_stay_free(stage: "ServiceHarness") -> None:
    stage.configure(free_space_gib=0.25)
    stage.drop("talk.wav", "talk.mp4")
    stage.service().run_once()
    assert stage.executor.submitted[0].keep_free_bytes == GIB // 4
    assert stage.executor.submitted[0].keep_free_vram_bytes == GIB
    assert Path(stage.executor.submitted[0].workspace).name == "work"
