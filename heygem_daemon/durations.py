"""Durations and times of day in words. Pure."""

import time


def roughly(seconds: float) -> str:
    """Return seconds as people say them: 40 s, 3 min, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def time_of_day(unix: float) -> str:
    """Return a UNIX time as the local time of day, 14:03:20."""
    return time.strftime("%H:%M:%S", time.localtime(unix))
