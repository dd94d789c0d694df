"""The history of ended jobs outlives their files and records."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.spool import retention
from heygem_daemon.spool.history import HISTORY_DAYS, months_in, read_history
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock
from tests.spool.conftest import Killed, KillingDisk

DAY = 86400.0
MARCH_31 = 1_774_915_200.0  # 2026-03-31, midnight UTC
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MARCH_31)


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Spool:
    found = Spool(tmp_path / "spool", clock=clock)
    found.prepare()
    return found


def purge(spool: Spool, now: float) -> list[str]:
    expired = retention.find_expired(spool, now, 7)
    return [item.kind for item in retention.purge(spool, expired) if item is not None]


def story(spool: Spool, since: float = 0.0) -> list[tuple[str, str, str]]:
    return [(each.name, each.outcome, each.reason) for each in read_history(spool, since)]


def test_a_job_is_told_before_and_after_its_files_are_purged(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    publish(spool, take(spool, "good.wav", "good.mp4"))
    clock.now += DAY
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "No face is to be seen. " * 50)
    before = read_history(spool)
    assert [each.name for each in before] == ["good", "bad"]
    assert before[1].reason.startswith("No face")
    assert len(before[1].reason) == 500
    clock.now += 8 * DAY
    assert set(purge(spool, clock.now)) == {"result", "inputs", "failed"}
    assert read_history(spool) == before
    assert [path.name for path, _ in months_in(spool)] == ["2026-03.jsonl", "2026-04.jsonl"]
    assert [each.name for each in read_history(spool, MARCH_31 + DAY)] == ["bad"]


def test_a_year_later_the_month_is_purged(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    publish(spool, take(spool))
    purge(spool, clock.now + 8 * DAY)
    end_of_month = MARCH_31 + DAY
    clock.now = end_of_month + HISTORY_DAYS * DAY - 1
    assert purge(spool, clock.now) == []
    assert len(read_history(spool)) == 1
    clock.now += 1
    listed = [item for item in retention.find_expired(spool, clock.now, 7) if item]
    assert [item.path.name for item in listed] == ["2026-03.jsonl"]
    assert purge(spool, clock.now) == ["history"]
    assert read_history(spool) == []


def test_each_job_is_told_once_whenever_the_purge_is_killed(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    number = 0
    while True:
        name = f"talk{number}"
        publish(spool, take(spool, f"{name}.wav", f"{name}.mp4"))
        killing = Spool(spool.root, clock=clock, files=KillingDisk(number))
        try:
            killing.ended.remove(name)
        except Killed:
            spool.ended.remove(name)
            number += 1
            continue
        break
    assert number > 3
    assert sorted(each.name for each in read_history(spool)) == sorted(
        f"talk{each}" for each in range(number + 1)
    )


def test_a_line_that_was_cut_by_a_power_cut_costs_no_other(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    for name in ("one", "two"):
        publish(spool, take(spool, f"{name}.wav", f"{name}.mp4"))
        clock.now += 60  # jobs of one second are sorted by chance
    spool.ended.remove("one")
    ((file, _),) = months_in(spool)
    with file.open("ab") as stream:
        stream.write(b'{"id": "half')
    spool.ended.remove("two")
    assert [name for name, _, _ in story(spool)] == ["one", "two"]


def test_a_failed_job_that_is_tried_again_stays_in_the_history(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    spool.fail(take(spool), "No face.")
    clock.now += 60
    spool.retry("talk")
    publish(spool, take(spool))
    assert story(spool) == [("talk", "failed", "No face."), ("talk", "published", "")]
