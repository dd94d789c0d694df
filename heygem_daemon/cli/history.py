"""``history``: lists ended jobs, also those whose files the retention time has purged."""

import re
import time
from datetime import datetime
from typing import Annotated

import typer

from heygem_daemon.cli.jobs import existing_spool
from heygem_daemon.cli.output import (
    JSON_OPTION,
    duration,
    own_language,
    print_json,
    print_table,
    say,
)
from heygem_daemon.config.settings import Settings
from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.history import HistoryEntry, read_history
from heygem_daemon.spool.names import printable

_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AGE = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_SINCE_REMEDY = "Write a day (2026-11-01), a time (2026-11-01T14:00), or an age (12h, 7d, 4w)."


def history(
    settings: Settings,
    since: Annotated[
        str | None, typer.Option(help="Only jobs that ended since: 2026-11-01, 12h, 7d, 4w.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed jobs.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """List the jobs that ended within a year, the oldest first."""
    spool = existing_spool(settings)
    earliest = 0.0 if since is None else parse_since(since, time.time())
    with translate_os_errors(spool.root):
        entries = read_history(spool, earliest)
    shown = [each for each in entries if not failed or each.outcome == "failed"]
    if as_json:
        print_json([each.model_dump() for each in shown])
        return
    print_table(
        "Ended jobs",
        ("ended", "job", "outcome", "took", "audio", "video", "reason"),
        (_row(each) for each in shown),
    )
    count = sum(each.outcome == "failed" for each in shown)
    jobs = counted(len(shown), "1 job", "{count} jobs")
    say(f"{jobs}, {count} failed.")


def parse_since(text: str, now: float) -> float:
    """Return the time that ``text`` means, seconds since the epoch: a local day or time, or an age
    before ``now``. Raises BadInput."""
    if (age := _AGE.fullmatch(text)) is not None:
        return now - int(age[1]) * _UNITS[age[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"--since {printable(text)} is no time.", _SINCE_REMEDY) from None


def _row(entry: HistoryEntry) -> tuple[str, ...]:
    title = "/".join(filter(None, (entry.folder, entry.batch, entry.name)))
    ended = datetime.fromtimestamp(entry.completed_at).astimezone()
    return (
        ended.isoformat(" ", "seconds"),
        printable(title),
        own_language()(entry.outcome),
        duration(max(0.0, entry.completed_at - entry.claimed_at)),
        printable(entry.audio),
        printable(entry.video),
        printable(entry.reason),
    )
