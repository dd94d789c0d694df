"""What the daemon knows about the time: evidence against a clock that is wrong.

A clock that is a month ahead makes everything look older than the retention time. ``.state/``
therefore holds the last time at which the clock was trusted. A clock that is far ahead of it, or
behind it, is in doubt, and nothing is deleted until it is confirmed.

Jobs that end while the clock is behind are recorded with a time long past, and would be deleted as
soon as the clock is corrected. For all that was recorded up to then, the retention time therefore
counts from the moment at which the correction was confirmed.
"""

import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.untrusted import UnreadableText, parse_json, read_text

DAY_SECONDS = 86_400.0
MAX_FAR_DAYS = 7.0
MIN_FAR_DAYS = 600.0 / DAY_SECONDS
OLDEST_TIME = datetime(2023, 1, 1, tzinfo=UTC).timestamp()
"""No version of this program is older: a clock that shows an earlier time is behind."""
BEHIND_SECONDS = 600.0
"""How far behind the newest known time a clock may be: a correction by NTP."""


@dataclass(frozen=True, slots=True)
class KnownTime:
    """The content of ``.state/clock.json``. Times are in seconds since the epoch."""

    newest: float | None = None
    """The last time at which the clock was trusted; None: there was none yet."""

    is_behind: bool = False
    """Whether the clock has been behind since then, so that jobs may be recorded with a time long
    past."""

    counts_from: float | None = None
    """The retention time of everything that was recorded before this counts from here; None: from
    each record's own time."""

    def may_purge(self, wall: float, retention_days: float) -> bool:
        """Return whether anything recorded before ``counts_from`` can have expired at ``wall``.
        Without a later record nothing else can."""
        return self.counts_from is None or wall >= self.counts_from + retention_days * DAY_SECONDS


def far_seconds(retention_days: float) -> float:
    """Return from which lead over the newest known time a clock is in doubt: half of the retention
    time, but at least ten minutes and at most a week.

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
    if wall < OLDEST_TIME:
        return f"the clock is behind: it shows {datetime.fromtimestamp(wall, UTC):%Y-%m-%d}"
    if newest is None:
        return None
    if wall - newest - elapsed > far_seconds(retention_days):
        return f"the clock is {_days(wall - newest)} ahead of the last time that the daemon knows"
    if newest - wall > BEHIND_SECONDS:
        return f"the clock is {_days(newest - wall)} behind the last time that the daemon knows"
    return None


def is_behind(wall: float, newest: float | None) -> bool:
    """Return whether a clock that shows ``wall`` is certainly behind."""
    return wall < OLDEST_TIME or (newest is not None and newest - wall > BEHIND_SECONDS)


def read_known_time(layout: SpoolLayout) -> KnownTime:
    """Return what is recorded; nothing where the record cannot be read."""
    try:
        found = parse_json(read_text(_file(layout)))
    except (UnreadableText, OSError):
        return KnownTime()
    if not isinstance(found, dict):
        return KnownTime()
    return KnownTime(
        _time(found.get("newest")), found.get("is_behind") is True, _time(found.get("counts_from"))
    )


def find_known_time(spool: Spool) -> KnownTime:
    """Return what is recorded, with the completion of the last job or batch where no time is.
    Raises SpoolUnavailable."""
    recorded = read_known_time(spool)
    if recorded.newest is not None:
        return recorded
    known = [job.completed_at for job in (*spool.latest_published(1), *spool.latest_failed(1))]
    known += [batch.journal.completed_at for batch in spool.batches.latest_finished(1)]
    newest = max((each for each in known if each is not None), default=None)
    is_past = newest is not None and newest < OLDEST_TIME
    return replace(recorded, newest=newest, is_behind=recorded.is_behind or is_past)


def write_known_time(layout: SpoolLayout, files: FileOperations, known: KnownTime) -> None:
    """Record durably what is known. Raises OSError."""
    files.write(_file(layout), json.dumps(asdict(known)).encode() + b"\n")


def _time(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) else None


def _file(layout: SpoolLayout) -> Path:
    return layout.state / "clock.json"


def _days(seconds: float) -> str:
    return f"{seconds / DAY_SECONDS:.1f} days"
