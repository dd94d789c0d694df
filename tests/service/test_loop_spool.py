"""A spool that is locked, away, full or not yet there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from heygem_daemon.errors import SpoolBusy, SpoolUnavailable
from heygem_daemon.spool.job import Job
from tests.fakes.service import ServiceHarness


def test_a_second_daemon_is_turned_away(harness: ServiceHarness) -> None:
    first = harness.service()
    first.run_round()
    with pytest.raises(SpoolBusy):
        harness.service().run_once()
    harness.kill(first)


def test_a_lost_share_holds_the_loop_and_its_return_resumes_it(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 5)
    away = harness.spool.root.with_name("away")
    harness.spool.root.rename(away)
    harness.run_rounds(service, 30)
    assert harness.logged("ERROR on hold (scan)") == 1
    assert not harness.spool.root.exists()
    away.rename(harness.spool.root)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    assert harness.logged("INFO no longer on hold (scan)") == 1
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_spool_that_cannot_be_opened_opens_its_log_only_once(harness: ServiceHarness) -> None:
    def broken(*_arguments: object) -> NoReturn:
        raise SpoolUnavailable("the disk is full")

    recover = harness.spool.recover
    harness.spool.recover = broken  # type: ignore[method-assign, assignment]
    opened: list[bool] = []

    @contextmanager
    def opening() -> Iterator[None]:
        opened.append(True)
        yield

    service = harness.service(opening)
    harness.run_rounds(service, 20)
    assert opened == []
    harness.spool.recover = recover  # type: ignore[method-assign]
    harness.run_rounds(service, 20)
    assert opened == [True]


def test_a_fault_while_the_last_jobs_are_listed_is_over_with_its_cause(
    harness: ServiceHarness,
) -> None:
    def broken(_limit: int) -> NoReturn:
        raise SpoolUnavailable("the disk does not answer")

    latest = harness.spool.latest_published
    harness.spool.latest_published = broken  # type: ignore[method-assign, assignment]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert harness.status().state == "holding"
    harness.spool.latest_published = latest  # type: ignore[method-assign]
    harness.run_rounds(service, 30)
    assert harness.status().hold is None
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_spool_that_is_not_there_at_the_start_is_waited_for(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise SpoolUnavailable("the share is not mounted")

    prepare = harness.spool.prepare
    harness.spool.prepare = gone  # type: ignore[method-assign]
    service = harness.service()
    harness.run_rounds(service, 30)
    assert harness.logged("ERROR on hold (open): the share is not mounted") == 1
    harness.spool.prepare = prepare  # type: ignore[method-assign]
    harness.run_rounds(service, 5)
    assert harness.status().state == "idle"


def test_a_claim_that_a_fault_cut_short_is_made_good(harness: ServiceHarness) -> None:
    claim = harness.spool.claim

    def cut_short(*arguments: Any) -> Job:
        claim(*arguments)
        raise SpoolUnavailable("the disk is full")

    harness.spool.claim = cut_short  # type: ignore[method-assign,assignment]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.spool.claim = claim  # type: ignore[method-assign]
    harness.run_rounds(service, 10)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.status().hold is None


def test_a_result_waits_for_an_outbox_that_cannot_be_written(harness: ServiceHarness) -> None:
    publish = harness.spool.publish

    def full(*_arguments: object) -> None:
        raise SpoolUnavailable("the disk is full")

    harness.spool.publish = full  # type: ignore[method-assign, assignment]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 12)
    (job,) = harness.status().jobs
    assert (job.state, job.reason) == ("publishing", "the disk is full")
    harness.spool.publish = publish  # type: ignore[method-assign]
    harness.run_rounds(service, 20)
    assert len(harness.executor.submitted) == 1
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
