"""How an attempt ends: a refusal, a crash or a fault of the environment, and what follows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.protocol import Render
from tests.fakes.executor import Messages, crash, defer, die, refuse, rendered
from tests.fakes.service import ServiceHarness


def test_bad_input_fails_at_once_with_the_reason(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert summary.failed == 1
    assert len(harness.executor.submitted) == 1
    reason = (harness.spool.failed / "talk" / "reason.txt").read_text()
    assert "No face was found." in reason
    assert "Show one." in reason
    assert harness.logged("ERROR failed: No face was found.") == 1


@pytest.mark.parametrize(("answer", "reason_part"), [(crash, "KeyError: 7"), (die, "SIGSEGV")])
def test_a_crash_costs_an_attempt_and_the_last_one_fails_the_job(
    harness: ServiceHarness, answer: Callable[[Render], Messages], reason_part: str
) -> None:
    harness.executor.answer = answer
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert (summary.failed, summary.left) == (1, 0)
    assert len(harness.executor.submitted) == 3
    reason = (harness.spool.failed / "talk" / "reason.txt").read_text()
    assert "crashed in 3 attempts" in reason
    assert reason_part in reason
    assert harness.logged("ERROR attempt failed") == 3


def test_one_crash_is_forgiven(harness: ServiceHarness) -> None:
    def once(render: Render) -> Messages:
        return crash(render) if len(harness.executor.submitted) == 1 else rendered(render)

    harness.executor.answer = once
    harness.drop("talk.wav", "talk.mp4")
    assert harness.service().run_once().published == 1
    assert json.loads((harness.spool.outbox / "talk.json").read_text())["attempts"] == 2


def test_a_bad_job_does_not_keep_the_others_waiting(harness: ServiceHarness) -> None:
    def bad_first(render: Render) -> Messages:
        bad = Path(render.audio).read_bytes() == b"a.wav"
        return crash(render) if bad else rendered(render)

    harness.executor.answer = bad_first
    harness.drop("a.wav", "a.mp4")
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop("b.wav", "b.mp4", "c.wav", "c.mp4")
    summary = service.run_once()
    assert (summary.published, summary.failed) == (2, 1)


def test_an_environment_fault_costs_no_attempt_and_backs_off(harness: ServiceHarness) -> None:
    harness.executor.answer = defer
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 200)
    # After the settling: at once, then 5, 10, 20, 40 and 80 s later.
    assert len(harness.executor.submitted) == 6
    (job,) = harness.status().jobs
    assert (job.state, job.attempt, job.reason) == ("deferred", 0, "The disk is full.")
    assert job.retry_seconds is not None
    harness.executor.answer = rendered
    harness.run_rounds(service, 200)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_deferred_job_lets_others_pass(harness: ServiceHarness) -> None:
    def first_waits(render: Render) -> Messages:
        waits = Path(render.audio).read_bytes() == b"a.wav"
        return defer(render) if waits else rendered(render)

    harness.executor.answer = first_waits
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (2, 0, 1)


def test_a_worker_whose_report_is_broken_has_failed(harness: ServiceHarness) -> None:
    def torn(render: Render) -> Messages:
        messages = rendered(render)
        (Path(render.workspace) / "report.json").write_text("{")
        return messages

    harness.executor.answer = torn
    harness.drop("talk.wav", "talk.mp4")
    assert harness.service().run_once().failed == 1


def test_a_poison_job_waits_longer_each_time_and_holds_up_nobody(harness: ServiceHarness) -> None:
    harness.executor.answer = lambda render: (
        die(render) if b"poison" in Path(render.audio).read_bytes() else rendered(render)
    )
    service = harness.service()
    harness.drop("poison.wav", "poison.mp4")
    harness.run_rounds(service, 8)
    (job,) = harness.status().jobs
    assert (job.state, job.attempt) == ("deferred", 1)
    assert job.reason is not None
    assert job.reason.startswith("attempt 1 of 3 crashed: the worker was killed by signal 11")
    assert job.retry_at is not None
    assert 0 < job.retry_at - harness.clock.wall() <= 5
    harness.drop("good.wav", "good.mp4")
    harness.run_rounds(service, 10)
    assert harness.outbox() == ["good.json", "good.mp4", "good.png"]
    assert harness.failed() == []
    harness.run_rounds(service, 20)
    assert harness.failed() == ["poison"]
    assert harness.logged("WARNING job waits, next try in 5 s") == 1
    assert harness.logged("WARNING job waits, next try in 10 s") == 1
