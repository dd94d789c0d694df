"""A wrong clock deletes nothing."""

import json
from pathlib import Path

import pytest

from heygem_daemon.service.clock_guard import CONFIRM_SECONDS, RECORD_SECONDS, ClockGuard
from heygem_daemon.service.sweeper import REST_SECONDS
from heygem_daemon.spool.clock_record import (
    OLDEST_TIME,
    describe_doubt,
    far_seconds,
    read_known_time,
)
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock
from tests.fakes.service import ServiceHarness

DAY = 86_400.0
RESULTS = ["talk.json", "talk.mp4", "talk.png"]


@pytest.fixture
def finished(harness: ServiceHarness) -> ServiceHarness:
    """A spool with a result, whose daemon has ended."""
    harness.configure(retention_days=7)
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    assert harness.outbox() == RESULTS
    return harness


def restart_after(harness: ServiceHarness, days: float, run_seconds: float = 20) -> None:
    """Start a daemon when the wall clock shows ``days`` more, after a boot."""
    harness.clock.wall_offset += days * DAY
    harness.run_rounds(harness.service(), run_seconds)


@pytest.mark.parametrize("recorded", [True, False], ids=["clock.json", "records alone"])
def test_a_clock_a_month_ahead_at_the_start_deletes_nothing(
    finished: ServiceHarness, recorded: bool
) -> None:
    if not recorded:
        (finished.spool.state / "clock.json").unlink()
    restart_after(finished, 30)
    assert finished.outbox() == RESULTS
    assert "ahead of the last time that the daemon knows" in str(finished.status().clock_doubt)
    assert finished.logged("WARNING the clock is 30.0 days ahead") == 1
    assert finished.logged("purge --force") == 1


def test_a_clock_in_doubt_is_confirmed_by_ntp(finished: ServiceHarness) -> None:
    finished.clock_synchronized = True
    restart_after(finished, 30)
    assert finished.outbox() == []
    assert finished.status().clock_doubt is None


def test_a_clock_in_doubt_is_confirmed_by_a_day(finished: ServiceHarness) -> None:
    finished.clock.wall_offset += 30 * DAY
    service = finished.service()
    finished.run_rounds(service, 20)
    assert finished.outbox() == RESULTS
    finished.clock.now += CONFIRM_SECONDS
    finished.run_rounds(service, 20)
    assert finished.outbox() == []
    assert finished.logged("the clock is confirmed") == 1
    finished.kill(service)
    restart_after(finished, 0)
    assert finished.status().clock_doubt is None


def test_a_clock_in_doubt_is_not_recorded(finished: ServiceHarness) -> None:
    before = (finished.spool.state / "clock.json").read_bytes()
    service = finished.service()
    finished.clock.wall_offset += 30 * DAY
    finished.run_rounds(service, 2)
    finished.clock.now += 2 * RECORD_SECONDS
    finished.run_rounds(service, 2)
    assert (finished.spool.state / "clock.json").read_bytes() == before


def test_a_clock_that_is_set_right_again_is_trusted(finished: ServiceHarness) -> None:
    finished.clock.wall_offset += 30 * DAY
    service = finished.service()
    finished.run_rounds(service, 2)
    finished.clock.wall_offset -= 30 * DAY
    finished.run_rounds(service, 2)
    assert finished.status().clock_doubt is None
    assert finished.outbox() == RESULTS


def test_a_clock_behind_deletes_nothing(finished: ServiceHarness) -> None:
    restart_after(finished, -100)
    assert finished.outbox() == RESULTS
    assert finished.logged("WARNING the clock is 100.0 days behind") == 1


def test_a_few_days_off_are_no_reason_for_doubt(finished: ServiceHarness) -> None:
    restart_after(finished, 3)
    assert finished.status().clock_doubt is None
    recorded = json.loads((finished.spool.state / "clock.json").read_text())
    assert recorded["newest"] >= finished.clock.wall() - 60


@pytest.mark.parametrize(
    ("days", "far"),
    [
        (0.01, 1 / 144),
        (1 / 72, 1 / 144),
        (0.02, 0.01),
        (0.5, 0.25),
        (1, 0.5),
        (7, 3.5),
        (14, 7),
        (365, 7),
    ],
)
def test_far_is_half_of_the_retention_time_within_limits(days: float, far: float) -> None:
    assert far_seconds(days) == far * DAY
    now = OLDEST_TIME
    assert describe_doubt(now + far * DAY + 1, now, days) is not None
    assert describe_doubt(now + far * DAY - 1, now, days) is None
    assert describe_doubt(now + far * DAY + 1, now, days, elapsed=2) is None
    assert describe_doubt(now, None, days) is None
    assert describe_doubt(now - 1, None, days) is not None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"newest": true}', '{"newest": NaN}', "[" * 999])
def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path, text: str) -> None:
    clock = FakeClock()
    spool = Spool(tmp_path / "spool", clock.wall)
    spool.prepare()
    (spool.state / "clock.json").write_text(text)
    assert read_known_time(spool).newest is None
    guard = ClockGuard(spool, 7, clock, lambda: None)
    assert guard.check(clock.monotonic())
    assert read_known_time(spool).newest == clock.wall()


def test_a_clock_half_a_day_ahead_deletes_nothing_that_is_kept_for_less_than_a_day(
    harness: ServiceHarness,
) -> None:
    harness.configure(retention_days=0.5)
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    restart_after(harness, 0.6)
    assert harness.outbox() == RESULTS
    assert "ahead" in str(harness.status().clock_doubt)


@pytest.mark.parametrize("days_behind", [100, 19_600], ids=["behind the records", "1970"])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_ended_while_the_clock_was_behind_is_kept_for_the_whole_retention_time(
    finished: ServiceHarness, days_behind: float, restarts: bool
) -> None:
    """Its record has a time long past, and the clock is corrected."""
    finished.clock.wall_offset -= days_behind * DAY
    service = finished.service()
    finished.drop("later.wav", "later.mp4")
    finished.run_rounds(service, 30)
    assert "later.mp4" in finished.outbox()
    if restarts:
        finished.kill(service)
        finished.clock.wall_offset += days_behind * DAY
        service = finished.service()
    else:
        finished.clock.wall_offset += days_behind * DAY
        finished.clock_synchronized = True
    finished.run_rounds(service, 20)
    finished.clock.now += CONFIRM_SECONDS
    finished.run_rounds(service, 20)
    assert "later.mp4" in finished.outbox()
    assert finished.status().clock_doubt is None
    finished.clock.now += 5 * DAY
    finished.run_rounds(service, 20)
    assert "later.mp4" in finished.outbox()
    finished.clock.now += 1.1 * DAY
    finished.run_rounds(service, 20)
    assert finished.outbox() == []


def test_a_new_spool_on_a_machine_without_a_clock_keeps_its_first_results(
    harness: ServiceHarness,
) -> None:
    """Such a machine starts in 1970, until NTP sets its clock."""
    harness.configure(retention_days=7)
    years = harness.clock.wall_offset
    harness.clock.wall_offset = 0.0
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 30)
    assert "it shows 1970-01-01" in str(harness.status().clock_doubt)
    harness.clock.wall_offset = years
    harness.clock_synchronized = True
    harness.run_rounds(service, 120)
    assert harness.status().clock_doubt is None
    assert harness.outbox() == RESULTS
    harness.clock.now += 7.1 * DAY
    harness.run_rounds(service, 20)
    assert harness.outbox() == []


def test_a_machine_that_slept_is_not_taken_for_one_whose_clock_was_behind(
    finished: ServiceHarness,
) -> None:
    """The monotonic clock stands still while a machine sleeps."""
    finished.clock_synchronized = True
    service = finished.service()
    finished.run_rounds(service, 20)
    finished.clock.wall_offset += 8 * DAY
    finished.clock.now += REST_SECONDS
    finished.run_rounds(service, 20)
    assert finished.outbox() == []
