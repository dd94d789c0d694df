"""The one order of what waits."""

import pytest

from heygem_daemon.durations import time_of_day
from heygem_daemon.language.translator import translator
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.report.waiting import (
    TURN,
    WaitingEntry,
    cannot_start,
    wait_reason,
    waiting_in_order,
)

NOON = time_of_day(43_200.0)
RESTS = "waits for the active hours, until Mon 22:00 (CET)"


def batch(name: str, **fields: object) -> BatchStatus:
    values = {"id": name, "name": name, "dropped_as": name, "members": 3, "published": 0}
    return BatchStatus.model_validate({**values, "failed": 0, **fields})


def job(name: str, **fields: object) -> JobStatus:
    return JobStatus.model_validate({"id": name, "name": name, "state": "queued", **fields})


def ready(name: str, **fields: object) -> InboxStatus:
    values = {"name": name, "reason": "is complete", "waits_for": "turn"}
    return InboxStatus.model_validate({**values, **fields})


def status_of(**fields: object) -> Status:
    values = {
        "version": "1", "pid": 1, "state": "working", "started": 0.0, "written": 0.0,
        "spool": "/s", "engine": "auto", "device": "auto",
    }  # fmt: skip
    return Status.model_validate({**values, **fields})


def order(**fields: object) -> list[tuple[str, int | None]]:
    """Return the names with their places."""
    status = status_of(**fields)
    return [(each.entry.name, each.place) for each in waiting_in_order(status)]


def test_jobs_batches_and_the_inbox_are_one_line() -> None:
    found = order(
        jobs=(job("r", state="running"), job("second", turn=1), job("fourth", turn=3)),
        batches=(batch("third", turn=2),),
        inbox=(ready("first", turn=0), ready("lone.wav", waits_for="partner"), ready("last")),
    )
    assert found == [("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("last", 5)]


def test_what_cannot_start_as_it_is_is_listed_with_what_needs_a_person_alone() -> None:
    wrong = job("claimed", turn=1, is_mistaken=True, reason="claimed.toml, line 1: unknown key")
    waiting = [ready("b", is_mistaken=True, turn=0), ready("c", turn=2)]
    inbox = [ready("b.toml", reason="unknown key", waits_for="attention"), *waiting]
    fields = {"jobs": (wrong,), "inbox": tuple(inbox)}
    assert order(**fields) == [("c", 1)]
    found = [(each.name, each.reason) for each in cannot_start(status_of(**fields))]
    assert found == [
        ("b.toml", "unknown key"),
        ("claimed", "claimed.toml, line 1: unknown key"),
    ]


def test_what_others_pass_has_no_place() -> None:
    """A hot folder outside its hours, a job that pauses after a fault; what is under way."""
    found = order(
        jobs=(
            job("pauses", state="deferred", turn=0),
            job("rests", rests=True, turn=0),
            job("published", state="publishing"),
            job("next", turn=1),
        ),
        batches=(batch("packed", packing=True), batch("at work", now=("1",))),
        inbox=(ready("night/a", waits_for="hours", turn=0), ready("later")),
    )
    assert found == [
        ("published", None), ("packed", None), ("at work", None),
        ("next", 1), ("later", 2),
        ("pauses", None), ("rests", None), ("night/a", None),
    ]  # fmt: skip


PAUSES = "pauses at 42 %, so that talk goes first"


@pytest.mark.parametrize(
    ("fields", "reason", "chinese"),
    [
        ({"state": "paused", "percent": 42, "first": "talk"}, PAUSES, "已暂停在 42%，先处理 talk"),
        (
            {"state": "paused", "percent": 42, "reason": TURN},
            "pauses at 42 %, so that others have their turn",
            "已暂停在 42%，让其他任务先处理",
        ),
        (
            {"state": "paused", "first": "talk"},
            "pauses, so that talk goes first",
            "已暂停，先处理 talk",
        ),
        ({"state": "paused"}, "pauses, so that others have their turn", "已暂停，让其他任务先处理"),
        (
            {"state": "paused", "percent": 42, "first": "talk", "reason": "the disk is full"},
            f"{PAUSES}; the disk is full",
            "已暂停在 42%，先处理 talk；磁盘已满",
        ),
        ({"percent": 42}, f"{TURN}; done so far: 42 %", "等待处理；已完成 42%"),
        ({}, TURN, "等待处理"),
    ],
)
def test_what_has_begun_says_how_far_it_is(
    fields: dict[str, object], reason: str, chinese: str
) -> None:
    assert wait_reason(job("a", **fields)) == reason
    assert translator("zh")(reason) == chinese


def test_a_paused_job_has_its_place() -> None:
    found = order(jobs=(job("a", state="paused", turn=1), job("b", turn=0)))
    assert found == [("b", 1), ("a", 2)]


def test_where_all_rest_they_have_places() -> None:
    found = order(jobs=(job("a", rests=True),), inbox=(ready("b", waits_for="hours"),))
    assert found == [("a", 1), ("b", 2)]


def test_jobs_that_are_not_listed_keep_their_places() -> None:
    found = order(
        jobs=(job("a", turn=1), job("b")),
        inbox=(ready("hurried", turn=0), ready("c")),
        unlisted=Unlisted(jobs=10),
    )
    assert found == [("hurried", 1), ("a", 2), ("b", 3), ("c", 14)]


@pytest.mark.parametrize(
    ("entry", "reason", "chinese"),
    [
        (job("a"), TURN, "等待处理"),
        (
            job("a", reason="The CPU's worker is busy with another job."),
            "The CPU's worker is busy with another job",
            "CPU 的工作进程正忙于另一个任务",
        ),
        (job("a", priority=5), f"{TURN}, priority 5", "等待处理，优先级 5"),
        (ready("a", reason=TURN, priority=5), f"{TURN}, priority 5", "等待处理，优先级 5"),
        (ready("a", reason=RESTS, priority=5), RESTS, "等待工作时段，直到 周一 22:00（CET）"),
        (job("a", state="publishing"), "its result is being published", "正在发布结果"),
        (
            job("a", state="deferred", reason="The disk is full.", retry_at=43_200.0),
            f"waits until {NOON} because the disk is full",
            f"等到 {NOON}，原因：磁盘已满",
        ),
        (batch("b"), f"0 of 3 done; {TURN}", "已完成 0/3；等待处理"),
        (batch("b", now=("1",)), "0 of 3 done; now: 1", "已完成 0/3；正在处理：1"),
        (batch("b", published=3), "3 of 3 done", "已完成 3/3"),
    ],
)
def test_every_wait_has_a_reason_in_both_languages(
    entry: WaitingEntry, reason: str, chinese: str
) -> None:
    assert wait_reason(entry) == reason
    assert translator("zh")(reason) == chinese
