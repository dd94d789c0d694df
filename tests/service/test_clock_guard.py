"""A wrong clock deletes nothing."""

import json
from pathlib import Path

import pytest

from heygem_daemon.service.clock_guard import CONFIRM_SECONDS, RECORD_SECONDS, ClockGuard
from heygem_daemon.spool.clock_record import describe_doubt, far_seconds, read_newest_time
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


@pytest.mark.parametrize(("days", "far"), [(0.5, 1), (1, 1), (7, 3.5), (14, 7), (365, 7)])
def test_far_is_half_of_the_retention_time_within_limits(days: float, far: float) -> None:
    assert far_seconds(days) == far * DAY
    assert describe_doubt(far * DAY + 1, 0.0, days) is not None
    assert describe_doubt(far * DAY - 1, 0.0, days) is None
    assert describe_doubt(far * DAY + 1, 0.0, days, elapsed=2) is None
    assert describe_doubt(0.0, None, days) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"newest": true}', '{"newest": NaN}', "[" * 999])
def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path, text: str) -> None:
    clock = FakeClock()
    spool = Spool(tmp_path / "spool", clock.wall)
    spool.prepare()
    (spool.state / "clock.json").write_text(text)
    assert read_newest_time(spool) is None
    guard = ClockGuard(spool, 7, clock, lambda: None)
    assert guard.check(clock.monotonic())
    assert read_newest_time(spool) == clock.wall()
