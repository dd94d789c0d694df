"""The doctor's findings about the clock."""

import pytest

from heygem_daemon.doctor.clock import ClockReading, clock_check, read_clocks
from heygem_daemon.system.clock_sync import is_synchronized

NOW = 1_800_000_000.0
BEGAN = ClockReading(NOW, 100.0)


@pytest.mark.parametrize(
    ("now", "synchronized", "last_status_at", "verdict", "detail"),
    [
        pytest.param(ClockReading(NOW + 9, 109), True, None, "pass", "synchronized", id="kept"),
        pytest.param(
            ClockReading(NOW + 9, 109), False, None, "warn", "not synchronized", id="not kept"
        ),
        pytest.param(
            ClockReading(NOW + 9, 109), None, None, "pass", "unknown whether", id="unknown"
        ),
        pytest.param(ClockReading(NOW + 70, 109), True, None, "warn", "by +61.0 s", id="forward"),
        pytest.param(ClockReading(NOW - 3591, 109), True, None, "warn", "by -3600.0 s", id="back"),
        pytest.param(ClockReading(NOW + 9, 109), True, NOW + 8, "pass", "", id="a daemon at work"),
        pytest.param(
            ClockReading(NOW, 100), True, NOW + 86400, "warn", "86400 s before", id="set back"
        ),
    ],
)
def test_each_problem_of_a_clock_is_reported(
    now: ClockReading,
    synchronized: bool | None,
    last_status_at: float | None,
    verdict: str,
    detail: str,
) -> None:
    check = clock_check(BEGAN, now, synchronized, last_status_at)
    assert check.verdict == verdict
    assert detail in check.detail


def test_records_that_speak_against_the_clock_are_reported_unless_ntp_sets_it() -> None:
    doubt = "the clock is 30.0 days ahead of the last time that the daemon knows"
    for synchronized in (False, None):
        check = clock_check(BEGAN, BEGAN, synchronized, None, doubt)
        assert check.verdict == "warn"
        assert doubt in check.detail
        assert "purge --force" in check.remedy
    assert clock_check(BEGAN, BEGAN, True, None, doubt).verdict == "pass"


def test_a_clock_without_battery_is_seen() -> None:
    start = ClockReading(9.0, 9.0)
    assert "in the past" in clock_check(start, start, True, None).detail


def test_this_machine_s_clock_can_be_asked() -> None:
    assert is_synchronized() in (True, False, None)
    assert clock_check(read_clocks(), read_clocks(), True, None).verdict == "pass"
