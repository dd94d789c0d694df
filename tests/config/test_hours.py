"""Active hours: their texts, weekdays, midnight, time zones and changes of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from heygem_daemon.config.hours import parse_hours, parse_window
from heygem_daemon.config.settings import Settings

BERLIN = "Europe/Berlin"


def moment(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    """Return the UNIX time of '2026-11-30 21:00' (a Monday)."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def closed_until(windows: list[str], text: str, zone: str = BERLIN) -> str | None:
    """Return the local time until which the hours are closed at a local time."""
    until = parse_hours(windows, zone).closed_until(moment(text, zone))
    if until is None:
        return None
    return datetime.fromtimestamp(until, ZoneInfo(zone)).strftime("%a %d %H:%M")


NIGHTS = ["Mon-Fri 22:00-06:00"]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-30 21:59", "Mon 30 22:00"),
        ("2026-11-30 22:00", None),
        ("2026-12-01 05:59", None),
        ("2026-12-01 06:00", "Tue 01 22:00"),
        ("2026-12-05 03:00", None),  # the night of Friday
        ("2026-12-05 06:00", "Mon 07 22:00"),
        ("2026-12-06 23:00", "Mon 07 22:00"),
        ("2026-11-30 03:00", "Mon 30 22:00"),  # the night of Sunday
    ],
)
def test_a_window_belongs_to_the_day_on_which_it_begins(now: str, until: str | None) -> None:
    assert closed_until(NIGHTS, now) == until


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-12-04 23:00", "Sat 05 00:00"),
        ("2026-12-05 12:00", None),
        ("2026-12-06 23:59", None),
        ("2026-12-07 00:00", "Mon 07 12:00"),
        ("2026-12-07 12:30", None),
    ],
)
def test_windows_add_up(now: str, until: str | None) -> None:
    assert closed_until(["Sat,Sun 00:00-24:00", "mon 12:00-13:00"], now) == until


def test_no_window_means_always_and_days_may_be_left_out() -> None:
    assert closed_until([], "2026-11-30 12:00") is None
    assert closed_until(["22:00-6:00"], "2026-11-29 05:00") is None
    assert closed_until(["22:00-6:00"], "2026-11-29 06:00") == "Sun 29 22:00"


def test_weekdays_may_pass_the_end_of_the_week() -> None:
    assert parse_window("Fri-Mon 1:00-2:00").days == {4, 5, 6, 0}
    assert parse_window("Tue,Sat-Sun 1:00-2:00").days == {1, 5, 6}
    assert closed_until(["Tue 01:00-02:00"], "2026-12-01 02:00") == "Tue 08 01:00"


def test_hours_are_those_of_the_time_zone() -> None:
    hours = parse_hours(["08:00-20:00"], "Asia/Shanghai")
    assert hours.closed_until(moment("2026-11-30 10:00", "Asia/Shanghai")) is None
    assert hours.closed_until(moment("2026-11-30 10:00", "America/New_York")) is not None
    assert hours.describe(moment("2026-11-30 22:00")) == "Tue 05:00 (Asia/Shanghai)"


def test_a_night_in_which_clocks_change_is_an_hour_shorter_or_longer() -> None:
    hours = parse_hours(["22:00-06:00"], BERLIN)
    for begin, end, length in (
        ("2026-03-28 22:00", "2026-03-29 06:00", 7),
        ("2026-10-24 22:00", "2026-10-25 06:00", 9),
    ):
        first, last = moment(begin), moment(end)
        assert last - first == length * 3600
        assert hours.closed_until(first) is hours.closed_until(last - 1) is None
        assert hours.closed_until(last) is not None
        assert hours.closed_until(first - 1) == first


def test_a_window_that_begins_in_the_hour_that_is_left_out_begins_an_hour_later() -> None:
    assert closed_until(["Sun 02:30-05:00"], "2026-03-29 01:00") == "Sun 29 03:30"
    assert closed_until(["Sun 02:30-05:00"], "2026-03-29 04:00") is None


def test_of_an_hour_that_comes_twice_the_first_counts() -> None:
    hours = parse_hours(["Sun 00:00-02:30"], BERLIN)
    assert hours.closed_until(moment("2026-10-25 02:29", fold=0)) is None
    assert hours.closed_until(moment("2026-10-25 02:29", fold=1)) is not None


@pytest.mark.parametrize(
    "text",
    ["", "always", "22-6", "Mon", "Mon 22:00", "Xyz 22:00-23:00", "Mon 25:00-26:00",
     "24:00-06:00", "06:00-06:00", "Mon 22:60-23:00", "Mon-Tue-Wed 1:00-2:00", "Mon, 1:00-2:00",
     "1:00-2:00 Mon", "24:01-1:00"],
)  # fmt: skip
def test_mistakes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|is no|same time"):
        parse_window(text)


def test_the_settings_take_a_list_or_a_text_and_refuse_mistakes() -> None:
    given = Settings.model_validate({"active_hours": "Mon-Fri 22:00-06:00; Sat 00:00-24:00"})
    assert given.active_hours == ("Mon-Fri 22:00-06:00", " Sat 00:00-24:00")
    assert len(given.hours.windows) == 2
    for wrong in ({"active_hours": ["Mon 9-5"]}, {"time_zone": "Mars/Base"}, {"time_zone": "/etc"}):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2026-11-30 10:00", "2026-11-30 21:00", 0),
        ("2026-11-30 10:00", "2026-11-30 23:00", 1),
        ("2026-11-30 23:00", "2026-12-01 05:00", 6),
        ("2026-11-30 23:00", "2026-12-02 00:00", 9),
        ("2026-11-27 21:00", "2026-11-30 22:00", 8),  # no window begins on Saturday or Sunday
        ("2026-11-30 23:00", "2026-11-30 22:00", 0),  # the clock was set back
    ],
)
def test_a_wait_counts_while_jobs_may_start(begin: str, end: str, hours: float) -> None:
    found = parse_hours(NIGHTS, BERLIN).open_seconds(moment(begin), moment(end))
    assert found == hours * 3600


def test_windows_that_overlap_count_once_and_without_windows_all_counts() -> None:
    begin, end = moment("2026-11-30 10:00"), moment("2026-11-30 16:00")
    overlapping = parse_hours(["11:00-13:00", "12:00-14:00", "12:10-12:20"], BERLIN)
    assert overlapping.open_seconds(begin, end) == 3 * 3600
    assert parse_hours([], BERLIN).open_seconds(begin, end) == 6 * 3600
    assert parse_hours(NIGHTS, BERLIN).open_seconds(0.0, end) < 60 * 86400
