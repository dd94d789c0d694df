"""The newest time that the daemon knows: evidence against a clock that is wrong.

A clock that is a month ahead makes everything look older than the retention time. ``.state/``
therefore holds the last time at which the clock was trusted. A clock that is far ahead of it, or
behind it, is in doubt, and nothing is deleted until it is confirmed.
"""

import json
import math
from pathlib import Path

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.untrusted import UnreadableText, parse_json, read_text

DAY_SECONDS = 86_400.0
MAX_FAR_DAYS = 7.0
MIN_FAR_DAYS = 1.0
BEHIND_SECONDS = 600.0
"""How far behind the newest known time a clock may be: a correction by NTP."""


def far_seconds(retention_days: float) -> float:
    """Return from which lead over the newest known time a clock is in doubt: half of the retention
    time, but at least a day and at most a week.

    How long the daemon was off is not known. Half of the retention time keeps everything that is
    younger than that; a daemon that was off for longer waits until its clock is confirmed.
    """
    return DAY_SECONDS * min(MAX_FAR_DAYS, max(MIN_FAR_DAYS, retention_days / 2))


def describe_doubt(
    wall: float, newest: float | None, retention_days: float, elapsed: float = 0.0
) -> str | None:
    """Return why the clock, now ``wall``, is in doubt; None: it is not.

    ``newest``: the newest known time; None: there is none. ``elapsed``: the seconds that have
    certainly passed since then. Times are in seconds since the epoch.
    """
    if newest is None:
        return None
    if wall - newest - elapsed > far_seconds(retention_days):
        return f"the clock is {_days(wall - newest)} ahead of the last time that the daemon knows"
    if newest - wall > BEHIND_SECONDS:
        return f"the clock is {_days(newest - wall)} behind the last time that the daemon knows"
    return None


def read_newest_time(layout: SpoolLayout) -> float | None:
    """Return the last time at which the clock was trusted, in seconds since the epoch; None where
    it is not recorded."""
    try:
        found = parse_json(read_text(_file(layout)))
    except (UnreadableText, OSError):
        return None
    newest = found.get("newest") if isinstance(found, dict) else None
    if not isinstance(newest, int | float) or isinstance(newest, bool):
        return None
    return float(newest) if math.isfinite(newest) else None


def find_newest_time(spool: Spool) -> float | None:
    """Return the recorded time, or the completion of the last job or batch where none is recorded;
    None: nothing is known. Raises SpoolUnavailable."""
    if (recorded := read_newest_time(spool)) is not None:
        return recorded
    known = [job.completed_at for job in (*spool.latest_published(1), *spool.latest_failed(1))]
    known += [batch.journal.completed_at for batch in spool.batches.latest_finished(1)]
    return max((each for each in known if each is not None), default=None)


def write_newest_time(layout: SpoolLayout, files: FileOperations, wall: float) -> None:
    """Record durably that the clock was trusted at ``wall``. Raises OSError."""
    files.write(_file(layout), json.dumps({"newest": wall}).encode() + b"\n")


def _file(layout: SpoolLayout) -> Path:
    return layout.state / "clock.json"


def _days(seconds: float) -> str:
    return f"{seconds / DAY_SECONDS:.1f} days"
