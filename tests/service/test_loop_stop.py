"""Stops and restarts: what happens to the jobs that were running."""

import json

from heygem_daemon.gpu.placement import CPU
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness


def test_what_was_under_way_is_taken_up_at_the_next_start(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    killed = harness.service()
    harness.run_rounds(killed, 10)
    assert harness.processing() == 1
    harness.kill(killed)
    harness.executor.answer = rendered
    assert harness.service().run_once().published == 1
    assert json.loads((harness.spool.outbox / "talk.json").read_text())["attempts"] == 2


def test_a_job_that_kills_the_daemon_itself_is_given_up(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    for _ in range(3):
        killed = harness.service()
        harness.run_rounds(killed, 10)
        harness.kill(killed)
    summary = harness.service().run_once()
    assert summary.failed == 1
    assert len(harness.executor.submitted) == 3
    assert "daemon itself ended" in (harness.spool.failed / "talk" / "reason.txt").read_text()


def test_a_stop_keeps_the_job_and_its_attempts(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    service.request_stop()
    service.run()
    assert harness.executor.halted
    assert harness.executor.closed
    assert harness.processing() == 1
    assert harness.status().state == "stopped"
    assert harness.notifier.sent[-2:] != []
    assert "STOPPING=1" in harness.notifier.sent
    (job,) = harness.status().jobs
    assert job.attempt == 0


def test_a_worker_that_outlasts_the_stop_costs_no_attempt(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.executor.halt = lambda: None  # type: ignore[method-assign]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    before = harness.clock.now
    service.request_stop()
    service.run()
    assert harness.clock.now - before >= harness.settings.stop_seconds
    assert harness.status().jobs[0].attempt == 0


def test_a_result_that_comes_while_stopping_is_published(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running

    def finish() -> None:
        for message in rendered(harness.executor.submitted[-1]):
            harness.executor.emit(CPU, message)

    harness.executor.halt = finish  # type: ignore[method-assign]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    service.request_stop()
    service.run()
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
