"""The counts of what became of jobs, attempts and workers."""

from typing import Any

from heygem_daemon.protocol import FromWorker, Progress, Refused, Render
from tests.fakes.executor import Messages, die, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_backlog import metrics


def drawing(render: Render, frames: int, fps: float = 5.0, **more: Any) -> Progress:
    return Progress(
        job_id=render.job_id, stage="render", frames=frames, total_frames=100, fps=fps, **more
    )


def finished(harness: ServiceHarness, seconds: float = 30.0) -> dict[str, float]:
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), seconds)
    return metrics(harness)


def test_only_frames_that_were_drawn_count(harness: ServiceHarness) -> None:
    def answer(render: Render) -> Messages:
        listen = Progress(job_id=render.job_id, stage="listen")
        taken_over = drawing(render, 40, fps=0.0, chunk=1)
        return [listen, taken_over, drawing(render, 70), drawing(render, 100), rendered(render)[-1]]

    harness.executor.answer = answer
    found = finished(harness)
    assert found["heygem_frames_total"] == 60
    assert found['heygem_jobs_total{outcome="published"}'] == 1
    assert found["heygem_worker_starts_total"] == 1


def test_seconds_go_to_the_stage_in_which_they_passed(harness: ServiceHarness) -> None:
    orders: list[Render] = []

    def keep(render: Render) -> Messages:
        orders.append(render)
        return []

    harness.executor.answer = keep
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 8)
    (running,) = service._dispatcher.attempts.running
    began = running.began_at
    attempts = service._dispatcher.attempts

    def report(message: FromWorker, after: float) -> None:
        harness.clock.now = began + after
        harness.executor.emit_for_job(orders[0].job_id, message)
        attempts.poll_events()

    report(Progress(job_id=orders[0].job_id, stage="listen"), 4)
    report(drawing(orders[0], 10), 10)
    report(drawing(orders[0], 20), 13)
    report(Refused(job_id=orders[0].job_id, reason="no face"), 20)
    assert service._dispatcher.snapshot().tally.stage_seconds == {
        "load": 4.0,
        "listen": 6.0,
        "render": 10.0,
    }


def test_a_dead_worker_and_its_failed_job_are_counted(harness: ServiceHarness) -> None:
    harness.configure(max_attempts=2)
    harness.executor.answer = die
    found = finished(harness, 60)
    assert found["heygem_worker_deaths_total"] == found["heygem_worker_starts_total"] == 2
    assert found['heygem_failures_total{reason="crashes"}'] == 1
    assert found['heygem_failures_total{reason="refused"}'] == 0
    assert found['heygem_jobs_total{outcome="failed"}'] == 1


def test_a_refused_job_and_a_wrong_sidecar_are_told_apart(harness: ServiceHarness) -> None:
    harness.executor.answer = lambda render: [Refused(job_id=render.job_id, reason="no face")]
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    (harness.spool.inbox / "b.toml").write_text("crf = 'no'")
    harness.run_rounds(harness.service(), 30)
    found = metrics(harness)
    assert found['heygem_failures_total{reason="refused"}'] == 1
    assert found['heygem_failures_total{reason="sidecar"}'] == 1


def test_the_disk_and_the_jobs_that_wait_for_it_are_counted(harness: ServiceHarness) -> None:
    harness.free_memory = 0
    found = finished(harness, 10)
    assert found['heygem_jobs{reason="memory",state="queued"}'] == 1
    assert found['heygem_jobs{reason="",state="running"}'] == 0
    assert 0 < found["heygem_spool_free_bytes"] <= found["heygem_spool_size_bytes"]
