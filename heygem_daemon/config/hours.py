"""Active hours: when jobs may start. Pure.

A window begins on each of its weekdays and may end after midnight. Its times are those of a wall
clock: where clocks are put forward over one, it is an hour later by that clock, and where they are
put back, the first of two counts (PEP 495).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60

LOOK_AHEAD_SECONDS = 8 * 24 * 3600.0
"""A window of the week begins again within this time, even where the clocks are changed."""

COUNTED_SECONDS = 60 * 24 * 3600.0
"""Longer ago is not counted: a clock that was wrong would make thousands of windows."""

_WINDOW = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*)\s+)?"
    r"(?P<begin>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)",
    re.IGNORECASE,
)
EXAMPLES = '"Mon-Fri 22:00-06:00", "Sat,Sun 00:00-24:00" or "22:00-06:00"'


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """Hours of one or more weekdays."""

    days: frozenset[int]
    """The weekdays on which it begins; 0: Monday."""

    begin: int
    """Minutes after midnight, 0 to 1439."""

    end: int
    """Minutes after the same midnight, above ``begin``; above 1440: on the next day."""


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """When jobs may start."""

    windows: tuple[WeeklyWindow, ...] = ()
    """Empty: always."""

    zone: ZoneInfo | None = None
    """None: the machine's time zone."""

    def closed_until(self, now: float) -> float | None:
        """Return the UNIX time at which jobs may start again; None: they may at ``now``."""
        if not self.windows:
            return None
        spans = list(self._spans(now, now + LOOK_AHEAD_SECONDS))
        if any(begin <= now < end for begin, end in spans):
            return None
        return min(begin for begin, _ in spans if begin > now)

    def open_seconds(self, begin: float, end: float) -> float:
        """Return for how many seconds jobs may start between two UNIX times; where there are
        windows, of the last two months."""
        if not self.windows:
            return max(0.0, end - begin)
        begin = max(begin, end - COUNTED_SECONDS)
        total, reached = 0.0, begin
        for opens, closes in sorted(self._spans(begin, end)):
            first, last = max(reached, opens), min(closes, end)
            if last > first:
                total, reached = total + last - first, last
        return total

    def describe(self, moment: float) -> str:
        """Return a moment as 'Mon 22:00 (Europe/Berlin)'; without a time zone of the settings, with
        the short name of the machine's: 'Mon 22:00 (CET)'."""
        local = datetime.fromtimestamp(moment, self.zone).astimezone(self.zone)
        zone = self.zone.key if self.zone else local.tzname()
        return f"{DAYS[local.weekday()]} {local:%H:%M} ({zone})"

    def _spans(self, begin: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield begin and end of the windows from the day before ``begin`` until that of ``end``,
        both UNIX times."""
        first, last = (datetime.fromtimestamp(each, self.zone).date() for each in (begin, end))
        for offset in range(-1, (last - first).days + 1):
            day = first + timedelta(days=offset)
            for window in self.windows:
                if day.weekday() in window.days:
                    yield self._moment(day, window.begin), self._moment(day, window.end)

    def _moment(self, day: date, minutes: int) -> float:
        days, rest = divmod(minutes, DAY_MINUTES)
        clock = time(rest // 60, rest % 60, tzinfo=self.zone)
        return datetime.combine(day + timedelta(days=days), clock).timestamp()


def parse_hours(texts: Iterable[str], zone: str = "") -> ActiveHours:
    """Return active hours from texts such as 'Mon-Fri 22:00-06:00'. Raises ValueError."""
    return ActiveHours(tuple(map(parse_window, texts)), parse_zone(zone))


def parse_zone(name: str) -> ZoneInfo | None:
    """Return a time zone of the IANA database; None for an empty name. Raises ValueError."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone, for example Europe/Berlin") from None


def parse_window(text: str) -> WeeklyWindow:
    """Return the window that a text describes. Raises ValueError."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}": must be like {EXAMPLES}')
    begin, end = _minutes(match["begin"]), _minutes(match["end"])
    if begin in (DAY_MINUTES, end):
        raise ValueError(f'"{text}": begins and ends at the same time')
    days = frozenset(_days(match["days"])) if match["days"] else frozenset(range(7))
    return WeeklyWindow(days, begin, end if end > begin else end + DAY_MINUTES)


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    total = 60 * hours + minutes
    if minutes > 59 or total > DAY_MINUTES:
        raise ValueError(f'"{text}" is no time of day')
    return total


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last or first)
        yield from ((begin + offset) % 7 for offset in range((end - begin) % 7 + 1))


def _day(name: str) -> int:
    if name.title() not in DAYS:
        raise ValueError(f'"{name}" is no weekday: they are {", ".join(DAYS)}')
    return DAYS.index(name.title())
