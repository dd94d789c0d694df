"""The history of ended jobs, a line for each, for a year, longer than their files are kept.

While a job's record exists it is the history. The line of a record that is removed goes to
``.state/history/<year>-<month>.jsonl``, the month in which the job ended. A crash between the two
may leave both: readers count a job once. Lines are not synced, so a power cut during a purge may
lose the lines of that purge.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.job import FileName, FrozenModel, Journal, UnixTime
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.record_store import batch_records, job_records
from heygem_daemon.spool.records import AnyRecord, BatchRecord
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model

HISTORY_DAYS = 366
"""How long a line is kept at least."""

MAX_REASON_CHARACTERS = 500

_LINE_LIMITS = TextLimits(64 << 10)
_MONTH = re.compile(r"(\d{4})-(\d\d)\.jsonl", re.ASCII)


class HistoryEntry(FrozenModel):
    """What is kept of an ended job."""

    id: FileName
    name: FileName
    """The job's name; that of the result, where it was published."""
    batch: FileName | None = None
    """The batch's name; None: the job was in none."""
    folder: FileName | Literal[""] = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""
    outcome: Literal["published", "failed"]
    claimed_at: UnixTime
    """Seconds since the epoch."""
    completed_at: UnixTime
    """Seconds since the epoch."""
    audio: FileName
    """The user's name of the audio file; that of the video where its own sound was meant."""
    video: FileName
    """The user's name of the video."""
    attempts: int
    """Attempts in a row that brought no new chunk, the last one included."""
    reason: str = ""
    """Why it failed, cut to ``MAX_REASON_CHARACTERS``."""


def entries_of(record: AnyRecord) -> list[HistoryEntry]:
    """Return the entries of the jobs that a record stands for. A failed member of a batch has a
    record of its own."""
    if isinstance(record, BatchRecord):
        ended = (each for each in record.journal.ended if each.outcome == "published")
        return [_entry_of(each, record.journal.name) for each in ended]
    batch = record.location[-2] if record.journal.member is not None else None
    return [_entry_of(record.journal, batch)]


def add_history(layout: SpoolLayout, files: FileOperations, record: AnyRecord) -> None:
    """Append the lines of a record that is about to be removed. Raises OSError."""
    for entry in entries_of(record):
        if not is_folder(layout.history):
            files.make_folder(layout.history)
        month = datetime.fromtimestamp(entry.completed_at, UTC).strftime("%Y-%m")
        line = json.dumps(entry.model_dump(exclude_defaults=True)).encode()
        files.append_line(layout.history / f"{month}.jsonl", line)


def read_history(layout: SpoolLayout, since: float = 0.0) -> list[HistoryEntry]:
    """Return the jobs that ended at ``since`` (seconds since the epoch) or later, the oldest first.

    A line that cannot be read is left out. Raises OSError or SpoolUnavailable.
    """
    found = {(each.id, each.outcome): each for each in _all_entries(layout, since)}
    return sorted(found.values(), key=lambda each: (each.completed_at, each.id))


def months_in(layout: SpoolLayout) -> Iterator[tuple[Path, float]]:
    """Yield the files of the history, each with the time of its end, seconds since the epoch."""
    if not is_folder(layout.history):
        return
    for match in map(_MONTH.fullmatch, sorted(names_in(layout.history))):
        if match and 1 <= int(match[2]) <= 12 and is_file(path := layout.history / match[0]):
            year, month = int(match[1]), int(match[2])
            following = (year + 1, 1) if month == 12 else (year, month + 1)
            yield path, datetime(*following, 1, tzinfo=UTC).timestamp()


def _all_entries(layout: SpoolLayout, since: float) -> Iterator[HistoryEntry]:
    lines = (_entries_in(path) for path, ended in months_in(layout) if ended > since)
    records: Iterator[AnyRecord] = chain(
        job_records(layout, "published"), job_records(layout, "failed"), batch_records(layout)
    )
    for entries in chain(lines, map(entries_of, records)):
        yield from (each for each in entries if each.completed_at >= since)


def _entries_in(path: Path) -> Iterator[HistoryEntry]:
    with paths.reader(path) as file:
        for line in file:
            try:
                yield parse_model(HistoryEntry, line, _LINE_LIMITS)
            except UnreadableText:  # The end of a line is missing after a power cut.
                continue


def _entry_of(journal: Journal, batch: str | None) -> HistoryEntry:
    return HistoryEntry(
        id=journal.id,
        name=journal.name,
        batch=batch,
        folder=journal.folder,
        outcome="published" if journal.outcome == "published" else "failed",
        claimed_at=journal.claimed_at,
        completed_at=journal.completed_at or journal.claimed_at,
        audio=journal.audio_name,
        video=journal.video_name,
        attempts=journal.attempts,
        reason=journal.reason[:MAX_REASON_CHARACTERS],
    )
