"""Keeps the records of finished jobs and batches: ``.state/finished/<id>.<kind>.json``.

The kind is part of the name, so that the last failures are found among a hundred thousand results
without reading those.
"""

import heapq
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.records import (
    AnyRecord,
    BatchRecord,
    JobRecord,
    RecordKind,
    record_place,
)
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import BATCH_LIMITS, UnreadableText, check_length, read_text

SET_ASIDE_FOLDER = "set-aside"
"""Folder in .state/ for records that cannot be read."""

_CLASSES: dict[str, type[JobRecord | BatchRecord]] = {
    ".published.json": JobRecord,
    ".failed.json": JobRecord,
    ".batch.json": BatchRecord,
}


def record_path(layout: SpoolLayout, record: AnyRecord) -> Path:
    """Return where a record is kept."""
    return layout.root / record_place(record.id, record.kind)


def save_record(layout: SpoolLayout, files: FileOperations, record: AnyRecord) -> None:
    """Write a record durably. Raises UnreadableText if it is too long to be read again."""
    text = record.dumps()
    check_length(text, BATCH_LIMITS)
    if not is_folder(layout.finished):
        files.make_folder(layout.finished)
    files.write(record_path(layout, record), text)


def remove_record(layout: SpoolLayout, files: FileOperations, record: AnyRecord) -> None:
    """Forget a record: what it named is gone."""
    files.remove_file(record_path(layout, record))


def job_records(layout: SpoolLayout, kind: Literal["published", "failed"]) -> Iterator[JobRecord]:
    """Yield the records of finished jobs, in the order of their claims."""
    for name in record_names(layout, kind):
        record = load_record(layout, name)
        if isinstance(record, JobRecord):
            yield record


def batch_records(layout: SpoolLayout) -> Iterator[BatchRecord]:
    """Yield the records of finished batches, in the order of their claims."""
    for name in record_names(layout, "batch"):
        record = load_record(layout, name)
        if isinstance(record, BatchRecord):
            yield record


def latest_jobs(
    layout: SpoolLayout, kind: Literal["published", "failed"], limit: int
) -> list[JobRecord]:
    """Return the last ``limit`` finished jobs of a kind, latest first."""
    found = (load_record(layout, name) for name in _newest_names(layout, kind, limit))
    records = [record for record in found if isinstance(record, JobRecord)]
    return sorted(records, key=lambda each: (-each.completed_at, each.id))[:limit]


def latest_journals(
    layout: SpoolLayout, kind: Literal["published", "failed"], limit: int
) -> list[Journal]:
    """Return the journals of the last finished jobs of a kind, latest first, under the names that
    commands use."""
    found = latest_jobs(layout, kind, limit)
    return [each.journal.model_copy(update={"name": each.title}) for each in found]


def latest_batches(layout: SpoolLayout, limit: int) -> list[BatchRecord]:
    """Return the last ``limit`` finished batches, latest first."""
    found = (load_record(layout, name) for name in _newest_names(layout, "batch", limit))
    records = [record for record in found if isinstance(record, BatchRecord)]
    return sorted(records, key=lambda each: (-each.completed_at, each.id))[:limit]


def load_record(layout: SpoolLayout, name: str) -> AnyRecord | None:
    """Return the record in a file of .state/finished/. None if it is gone, cannot be read, or is
    that of a job whose folder has not left processing/ yet."""
    record = _parse(layout.finished / name)
    return None if record is None or record.is_under_way(layout) else record


def find_batch(layout: SpoolLayout, identity: str) -> BatchRecord | None:
    """Return the record of a finished batch; None if there is none."""
    record = load_record(layout, f"{identity}.batch.json")
    return record if isinstance(record, BatchRecord) else None


def reload_record(layout: SpoolLayout, record: AnyRecord) -> AnyRecord | None:
    """Return the present version of a record; None if it is gone."""
    return load_record(layout, record_path(layout, record).name)


def interrupted_retry(layout: SpoolLayout, identity: str) -> JobRecord | None:
    """Return the record of a failed or published job whose folder is in processing/ again, since a
    retry of it was interrupted; None if there is none."""
    for kind in ("failed", "published"):
        record = _parse(layout.finished / f"{identity}.{kind}.json")
        if isinstance(record, JobRecord):
            return record
    return None


def record_names(layout: SpoolLayout, kind: RecordKind) -> list[str]:
    """Return the names of the files with the records of a kind, in the order of their claims."""
    return sorted(name for name in names_of_records(layout) if name.endswith(f".{kind}.json"))


def names_of_records(layout: SpoolLayout) -> list[str]:
    """Return the names of all files in .state/finished/, unsorted. A spool in which nothing was
    finished yet may lack the folder; one that is not mounted lacks .state/ too, which is an
    error."""
    try:
        return names_in(layout.finished)
    except FileNotFoundError:
        if not is_folder(layout.state):
            raise
        return []


def set_aside_unreadable(layout: SpoolLayout, files: FileOperations, path: Path) -> None:
    """Move what is in .state/finished/ and is no record that can be read to .state/set-aside/,
    with a file that says why."""
    if path.name.startswith("."):  # a write that was interrupted
        files.remove_file(path)
    elif is_folder(path) or _parse(path) is None:
        folder = layout.state / SET_ASIDE_FOLDER
        if not is_folder(folder):
            files.make_folder(folder)
        why = "It is not a record of this program, or one of its names leads elsewhere.\n"
        files.write(folder / f"{path.name}.reason.txt", why.encode())
        files.remove_tree(folder / path.name)
        files.replace(path, folder / path.name)


def _parse(path: Path) -> AnyRecord | None:
    """Return the record in a file; None if it is gone or cannot be read."""
    cls = next((cls for suffix, cls in _CLASSES.items() if path.name.endswith(suffix)), None)
    if cls is None:
        return None
    try:
        record = cls.loads(read_text(path, BATCH_LIMITS))
    except (UnreadableText, FileNotFoundError):
        return None
    return record if path.name == f"{record.id}.{record.kind}.json" else None


def _newest_names(layout: SpoolLayout, kind: RecordKind, limit: int) -> list[str]:
    """Return the names of the records that were written last, a few more than ``limit``: those of
    jobs that are still being moved do not count."""
    if not names_of_records(layout):
        return []
    with paths.listing(layout.finished) as entries:
        stamped = [
            (_written_ns(entry), entry.name)
            for entry in entries
            if entry.name.endswith(f".{kind}.json")
        ]
    return [name for _, name in heapq.nlargest(limit + 10, stamped)]


def _written_ns(entry: "os.DirEntry[str]") -> int:
    """Return when a record was written, in nanoseconds; 0 if it is gone since the listing."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return 0
