"""Idle workers of the CPU help with a long job, and make room for other jobs."""

from pathlib import Path

import pytest

from heygem_daemon.protocol import Assisted, Crashed, FromWorker, Progress, Refused, Render
from heygem_daemon.service.chunk_sharing import chunks_to_share, pieces_to_share
from heygem_daemon.service.loop import Service
from heygem_daemon.worker.executor import WorkerDied
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_cpu_workers import cpu
from tests.service.test_gpus import at_work, drop, finish

__all__ = ["cpu"]


def drawing(job_id: str, frames: int = 100, chunks: int = 10, fps: float = 10.0) -> Progress:
    """A job of 1000 frames that draws."""
    return Progress(
        job_id=job_id, stage="render", chunk=1, chunks=chunks, frames=frames, total_frames=1000,
        fps=fps,
    )  # fmt: skip


def tracking(job_id: str, pieces: int = 1, frames: int = 100, all_pieces: int = 8) -> Progress:
    """A job that tracks a video of 1000 pictures."""
    return Progress(
        job_id=job_id, stage="track", frames=frames, total_frames=1000, pieces=pieces,
        all_pieces=all_pieces,
    )  # fmt: skip


def owner_of_chunks(harness: ServiceHarness) -> Render:
    return next(each for each in harness.executor.submitted if not each.assistant)


def assistants(harness: ServiceHarness) -> list[Render]:
    """The orders to assistants that have not ended."""
    at_work = {each.job_id for each in harness.executor.workers.values()}
    found = [each for each in harness.executor.submitted if each.assistant]
    return [each for each in found if each.job_id in at_work]


@pytest.fixture
def service(cpu: ServiceHarness) -> Service:
    """A service with a job whose chunks two idle workers draw too."""
    service = cpu.service()
    drop(cpu, "long")
    cpu.run_rounds(service, 8)
    job_id = owner_of_chunks(cpu).job_id
    cpu.executor.emit_for_job(job_id, drawing(job_id))
    cpu.run_rounds(service, 8)
    assert len(assistants(cpu)) == 2
    return service


def test_idle_workers_draw_chunks_of_a_long_job(cpu: ServiceHarness, service: Service) -> None:
    owner, first = owner_of_chunks(cpu), assistants(cpu)[0]
    assert (first.workspace, first.options) == (owner.workspace, owner.options)
    assert len({each.job_id for each in (owner, *assistants(cpu))}) == 3
    assert at_work(cpu) == {"long": "CPU, workers 1, 2, 3"}
    assert [each.jobs for each in cpu.status().devices] in ([], [("long",)] * 3)
    assert cpu.logged("CPU, worker 2 draws chunks of it too") == 1


def test_what_they_report_is_not_the_progress_of_the_job(
    cpu: ServiceHarness, service: Service
) -> None:
    (before,) = cpu.status().jobs
    for each in assistants(cpu):
        cpu.executor.emit_for_job(each.job_id, drawing(each.job_id, 900))
    cpu.run_rounds(service, 4)
    (after,) = cpu.status().jobs
    assert (after.frames, after.percent) == (before.frames, before.percent)
    assert 100 * after.frames == 10 * after.total_frames


def test_they_make_room_for_another_job(cpu: ServiceHarness, service: Service) -> None:
    drop(cpu, "next")
    cpu.run_rounds(service, 12)
    assert at_work(cpu).keys() == {"long", "next"}
    assert "slots" not in (at_work(cpu)["next"] or "")
    assert len(assistants(cpu)) == 1, "the third worker helps again"


def test_those_of_an_ended_job_stop(cpu: ServiceHarness, service: Service) -> None:
    finish(cpu, owner_of_chunks(cpu).job_id)
    cpu.run_rounds(service, 8)
    assert assistants(cpu) == []
    assert "long.mp4" in cpu.outbox()


def test_one_that_misses_the_files_of_an_ended_job_says_nothing(
    cpu: ServiceHarness, service: Service
) -> None:
    first, second = assistants(cpu)
    finish(cpu, owner_of_chunks(cpu).job_id)
    for each in (first, second):
        cpu.executor.emit_for_job(each.job_id, Refused(job_id=each.job_id, reason="No such file."))
    cpu.run_rounds(service, 8)
    assert cpu.logged("draws no more chunks of it") == 0


def test_one_that_hangs_is_killed(
    cpu: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu.executor, "pause", lambda _id: None)
    hanging = {each.job_id for each in assistants(cpu)}
    finish(cpu, owner_of_chunks(cpu).job_id)
    cpu.run_rounds(service, 120)
    assert hanging <= set(cpu.executor.killed)
    assert assistants(cpu) == []


@pytest.mark.parametrize("end", ["nothing left", "a crash", "a death"])
def test_the_end_of_one_changes_nothing_for_the_job(
    cpu: ServiceHarness, service: Service, end: str
) -> None:
    first = assistants(cpu)[0]
    messages: dict[str, FromWorker | WorkerDied] = {
        "nothing left": Assisted(job_id=first.job_id, chunks=3),
        "a crash": Crashed(job_id=first.job_id, error="KeyError: 7", traceback=""),
        "a death": WorkerDied("was killed by signal 11 (SIGSEGV)", first.job_id),
    }
    cpu.executor.emit_for_job(first.job_id, messages[end])
    cpu.run_rounds(service, 12)
    assert len(assistants(cpu)) == 1, "another one would do the same"
    assert cpu.logged("draws no more chunks of it") == (end != "nothing left")
    (job,) = cpu.status().jobs
    assert (job.state, job.attempt) == ("running", 1)
    finish(cpu, owner_of_chunks(cpu).job_id)
    cpu.run_rounds(service, 8)
    assert "long.mp4" in cpu.outbox()


def test_a_job_is_not_tried_again_while_one_draws_for_its_last_attempt(
    cpu: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu.executor, "pause", lambda _id: None)
    owner = owner_of_chunks(cpu)
    cpu.executor.emit_for_job(owner.job_id, WorkerDied("died", owner.job_id))
    cpu.run_rounds(service, 12)  # longer than the pause after a crash
    assert [each.job_id for each in cpu.executor.submitted].count(owner.job_id) == 1
    for each in assistants(cpu):
        cpu.executor.emit_for_job(each.job_id, Assisted(job_id=each.job_id, chunks=0))
    cpu.run_rounds(service, 8)
    assert [each.job_id for each in cpu.executor.submitted].count(owner.job_id) == 2


def test_a_reload_can_turn_it_off(cpu: ServiceHarness, service: Service) -> None:
    cpu.configure(share_chunks=False)
    service._apply(cpu.settings)
    cpu.run_rounds(service, 8)
    assert assistants(cpu) == []


def test_once_ends_with_its_last_job(cpu: ServiceHarness) -> None:
    cpu.executor.answer = lambda render: (
        keep_running(render) if render.assistant else rendered(render)
    )
    drop(cpu, "a", "b")
    assert cpu.service().run_once().published == 2


def test_a_chunk_each_is_left_for_assistants() -> None:
    assert chunks_to_share(drawing("1")) == 8, "one is the worker's own"
    assert chunks_to_share(drawing("1", frames=850)) == 0
    assert chunks_to_share(drawing("1", frames=700)) == 2


def test_a_job_that_ends_soon_or_has_not_begun_is_not_shared() -> None:
    assert chunks_to_share(drawing("1", fps=1000.0)) == 0
    assert chunks_to_share(drawing("1", fps=0.0)) == 0, "nobody knows how long it takes"
    assert chunks_to_share(drawing("1", chunks=1)) == 0
    assert chunks_to_share(Progress(job_id="1", stage="join")) == 0
    assert chunks_to_share(None) == 0


@pytest.fixture
def tracked(cpu: ServiceHarness) -> Service:
    """A service with a job whose video two idle workers track too."""
    service = cpu.service()
    drop(cpu, "long")
    cpu.run_rounds(service, 8)
    job_id = owner_of_chunks(cpu).job_id
    cpu.executor.emit_for_job(job_id, tracking(job_id, 0, 0))
    cpu.run_rounds(service, 12)
    assert assistants(cpu) == [], "nobody knows how long it takes"
    cpu.executor.emit_for_job(job_id, tracking(job_id))
    cpu.run_rounds(service, 8)
    assert len(assistants(cpu)) == 2
    return service


def test_idle_workers_track_a_long_video_too(cpu: ServiceHarness, tracked: Service) -> None:
    assert at_work(cpu) == {"long": "CPU, workers 1, 2, 3"}
    assert cpu.logged("CPU, worker 2 follows its face too") == 1
    assert cpu.logged("draws chunks of it too") == 0


def test_a_piece_is_taken_as_soon_as_it_is_finished(cpu: ServiceHarness, tracked: Service) -> None:
    first, _ = assistants(cpu)
    name = f"track-{16 * 'a'}-00007.faces"
    (Path(first.assistant) / name).write_bytes(b"piece")
    cpu.executor.emit_for_job(first.job_id, tracking(first.job_id, 1))
    cpu.run_rounds(tracked, 4)
    assert (Path(first.workspace) / name).read_bytes() == b"piece"


def test_those_who_have_tracked_draw_later(cpu: ServiceHarness, tracked: Service) -> None:
    for each in assistants(cpu):
        cpu.executor.emit_for_job(each.job_id, Assisted(job_id=each.job_id, chunks=0, pieces=3))
    cpu.run_rounds(tracked, 8)
    assert assistants(cpu) == [], "there is no piece left"
    job_id = owner_of_chunks(cpu).job_id
    cpu.executor.emit_for_job(job_id, drawing(job_id))
    cpu.run_rounds(tracked, 8)
    assert len(assistants(cpu)) == 2
    assert cpu.logged("draws chunks of it too") == 2


def test_trackers_make_room_for_another_job_and_a_cancelled_job_has_none(
    cpu: ServiceHarness, tracked: Service
) -> None:
    drop(cpu, "next")
    cpu.run_rounds(tracked, 12)
    assert at_work(cpu).keys() == {"long", "next"}
    assert len(assistants(cpu)) == 1
    finish(cpu, owner_of_chunks(cpu).job_id)
    cpu.run_rounds(tracked, 8)
    assert assistants(cpu) == []


def test_the_death_of_a_tracker_changes_nothing_for_the_job(
    cpu: ServiceHarness, tracked: Service
) -> None:
    first = assistants(cpu)[0]
    died = WorkerDied("was killed by signal 11 (SIGSEGV)", first.job_id)
    cpu.executor.emit_for_job(first.job_id, died)
    cpu.run_rounds(tracked, 12)
    assert not Path(first.assistant).exists(), "its claims count no more"
    assert cpu.logged("follows its face no more") == 1
    (job,) = cpu.status().jobs
    assert (job.state, job.attempt) == ("running", 1)


def test_a_piece_each_is_left_for_trackers() -> None:
    assert pieces_to_share(tracking("1"), 10.0) == 6, "one is the worker's own"
    assert pieces_to_share(tracking("1", pieces=7), 10.0) == 0


def test_a_video_that_is_tracked_soon_or_in_one_piece_is_not_shared() -> None:
    assert pieces_to_share(tracking("1"), 1.0) == 0
    assert pieces_to_share(tracking("1", frames=0), 10.0) == 0, "nobody knows how long it takes"
    assert pieces_to_share(tracking("1", 0, 100, 0), 10.0) == 0
    assert pieces_to_share(drawing("1"), 10.0) == 0
    assert pieces_to_share(None, 10.0) == 0
