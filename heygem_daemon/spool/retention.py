"""Deletes what is older than the retention time, by the daemon's own records, never by mtimes.

* Jobs and batches: by ``completed_at`` of the journal in done/<name>/ or failed/<name>/. In the
  outbox, only files that such a journal lists are deleted, and only while they are as the daemon
  published them. Empty folders in done/ and failed/ are deleted too.
* Cache entries, which workers keep between jobs: folders ``.cache/<kind>/<entry>/``, by the time of
  their last use in the file ``used`` (seconds since the epoch). A purge writes that file for an
  entry that has none.
* Logs: rotated files, by the day in their names.

Nothing else in the spool is touched: not the inbox, not processing/, no file of unknown origin.
The functions are lazy and handle one item at a time, so that a caller can pause in between.
"""

import contextlib
import itertools
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.batch.finished import (
    BatchRecord,
    batch_records,
    delete_batch,
    load_batch_record,
)
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.finished import JobRecord, delete_job, job_records, load_job_record
from heygem_daemon.spool.layout import folders_in, names_in
from heygem_daemon.spool.spool import Spool

LAST_USE_FILE = "used"
"""File of a cache entry with the time of its last use, in seconds since the epoch."""

_DELETING_PREFIX = ".leaving-"
_DAY = 86400.0
_ROTATED_LOG = re.compile(r"heygem-daemon\.log\.(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class ExpiredItem:
    """Something in the spool that is older than the retention time."""

    path: Path
    """The path that is shown to people."""
    kind: Literal["result", "inputs", "failed", "batch", "log", "cache", "empty"]
    completed_at: float
    """Seconds since the epoch; of a cache entry, its last use."""
    size_bytes: int
    paths: tuple[Path, ...]
    """Every path that is deleted with it. A folder that holds other people's files is ``path`` but
    not in ``paths``."""


def find_expired(
    spool: Spool, now: float, retention_days: float, busy_since: float = math.inf
) -> Iterator[ExpiredItem | None]:
    """Yield what a purge at ``now`` deletes: everything completed ``retention_days`` ago or before.

    Yields None for each item that stays, so that the caller can pause after it. Yields nothing if
    ``retention_days`` is 0 (keep for ever) or if the spool's sentinel is missing. Cache entries
    last used at or after ``busy_since``, the start of the oldest running job, stay. Times are in
    seconds since the epoch.
    """
    if retention_days <= 0 or not spool.is_mounted():
        return
    latest = now - retention_days * _DAY
    with translate_os_errors(spool.root):
        for record in job_records(spool.done):
            yield from _expired_results(spool, record) if _completed(record) <= latest else (None,)
        for batch in batch_records(spool.done):
            yield from _expired_batch(spool, batch) if batch.completed_at <= latest else (None,)
        deleted: set[Path] = set()
        for record in job_records(spool.failed):
            is_due = _completed(record) <= latest
            yield _expired_folder(record, "failed", deleted) if is_due else None
        for folder in itertools.chain(_entry_folders(spool.done), _entry_folders(spool.failed)):
            yield ExpiredItem(folder, "empty", now, 0, (folder,)) if _is_empty(folder) else None
        for entry, used in cache_entries(spool.cache):
            yield (
                _expired_cache_entry(entry, used) if used <= latest and used < busy_since else None
            )
        for path, ended in _rotated_logs(spool.logs):
            yield _expired_file(path, "log", ended) if ended <= latest else None


def purge(spool: Spool, expired: Iterable[ExpiredItem | None]) -> Iterator[ExpiredItem | None]:
    """Delete the ``expired`` items. Yields each item after its deletion, and None for one that
    stays.

    Ends early if the spool's sentinel is missing. Lazy: an item is deleted when the caller takes
    it.
    """
    if not spool.is_mounted():
        return
    stamp_unused_entries(spool.cache, spool.now())
    for item in expired:
        if item is None:
            yield None
            continue
        if not spool.is_mounted():
            return
        with contextlib.suppress(OSError):
            _delete_item(spool, item)
        yield None if any(map(os.path.lexists, item.paths)) else item


def cache_entries(cache: Path) -> Iterator[tuple[Path, float]]:
    """Yield every cache entry with a recorded last use, and that time (seconds since the epoch)."""
    for entry in _cache_folders(cache):
        if (used := read_last_use(entry)) is not None:
            yield entry, used


def read_last_use(entry: Path) -> float | None:
    """Return when a cache entry was last used, in seconds since the epoch; None without a record.

    For an entry whose removal was interrupted it is 0, so that the entry has expired.
    """
    if entry.name.startswith(_DELETING_PREFIX):
        return 0.0
    stamp = entry / LAST_USE_FILE
    try:
        return float(stamp.read_text()) if is_file(stamp) else None
    except (OSError, ValueError):
        return None


def stamp_unused_entries(cache: Path, now: float) -> None:
    """Record ``now`` as the last use of cache entries that have no record. Errors are ignored."""
    for entry in _cache_folders(cache):
        if read_last_use(entry) is None:
            with contextlib.suppress(OSError):
                (entry / LAST_USE_FILE).write_text(f"{now:.0f}\n")


def remove_entry(files: FileOperations, entry: Path) -> None:
    """Delete a cache entry. It is renamed first: a job that found half an entry would fail."""
    leaving = entry
    if not entry.name.startswith(_DELETING_PREFIX):
        leaving = entry.with_name(_DELETING_PREFIX + entry.name[:200])
        files.remove_tree(leaving)
        files.rename(entry, leaving)
    files.remove_tree(leaving)


def _cache_folders(cache: Path) -> Iterator[Path]:
    """Yield all cache entries, including hidden ones, which a worker leaves behind if it dies while
    it makes an entry."""
    if not is_folder(cache):
        return
    for kind in (cache / name for name in names_in(cache)):
        if is_folder(kind):
            yield from (kind / name for name in names_in(kind) if is_folder(kind / name))


def _delete_item(spool: Spool, item: ExpiredItem) -> None:
    """Delete an item if it is still what it was when it was found."""
    if item.kind == "result":
        if is_file(item.path) and item.path.lstat().st_size == item.size_bytes:
            spool.files.remove_file(item.path)
    elif item.kind == "batch":
        batch = load_batch_record(item.path)
        if batch is not None and batch.completed_at == item.completed_at:
            delete_batch(spool, spool.files, batch)
    elif item.kind == "log":
        spool.files.remove_file(item.path)
    elif item.kind == "empty":
        spool.files.remove_empty(item.path)
    elif item.kind == "cache":
        if read_last_use(item.path) == item.completed_at:
            remove_entry(spool.files, item.path)
    elif (record := load_job_record(item.path)) and _completed(record) == item.completed_at:
        delete_job(spool, spool.files, record)


def _expired_results(spool: Spool, record: JobRecord) -> Iterator[ExpiredItem]:
    for path in record.results(spool):
        yield _expired_file(path, "result", _completed(record))
    yield _expired_folder(record, "inputs", set())


def _expired_batch(spool: Spool, record: BatchRecord) -> Iterator[ExpiredItem]:
    """Yield a batch as one item: its results in the outbox, and its inputs."""
    files = [*record.results(spool), *record.files()]
    folders = (record.outbox_folder(spool), record.batch.inputs, record.batch.folder)
    paths = (*files, *_emptied_folders(set(files), folders))
    yield ExpiredItem(record.batch.folder, "batch", record.completed_at, _total_bytes(files), paths)


def _expired_folder(
    record: JobRecord, kind: Literal["inputs", "failed"], deleted: set[Path]
) -> ExpiredItem:
    """Return the item for a job's folder. ``deleted`` holds the paths of earlier items; the paths
    of this one are added to it."""
    files = record.files()
    deleted.update(files)
    # The failed members of a batch share a folder, which is deleted with the last of them.
    shared = [record.folder.parent] if record.journal.member else []
    paths = (*files, *_emptied_folders(deleted, [record.folder, *shared]))
    return ExpiredItem(record.folder, kind, _completed(record), _total_bytes(files), paths)


def _entry_folders(parent: Path) -> Iterator[Path]:
    """Yield the folders in done/ or failed/, each after the folders in it. An interrupted deletion
    can leave an empty folder without a journal."""
    for folder in folders_in(parent) if is_folder(parent) else ():
        with contextlib.suppress(FileNotFoundError):
            yield from folders_in(folder)
        yield folder


def _is_empty(folder: Path) -> bool:
    try:
        return not names_in(folder)
    except FileNotFoundError:
        return False


def _emptied_folders(deleted: set[Path], folders: Iterable[Path]) -> Iterator[Path]:
    """Yield those of ``folders`` (inner ones first) that hold nothing but ``deleted`` paths, and
    add them to ``deleted``."""
    for folder in folders:
        if is_folder(folder) and all(folder / name in deleted for name in names_in(folder)):
            deleted.add(folder)
            yield folder


def _expired_file(path: Path, kind: Literal["result", "log"], completed: float) -> ExpiredItem:
    return ExpiredItem(path, kind, completed, path.lstat().st_size, (path,))


def _expired_cache_entry(entry: Path, used: float) -> ExpiredItem:
    return ExpiredItem(entry, "cache", used, _total_bytes(entry.rglob("*")), (entry,))


def _completed(record: JobRecord) -> float:
    return record.journal.completed_at or 0.0


def _total_bytes(files: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in files if is_file(path))


def _rotated_logs(logs: Path) -> Iterator[tuple[Path, float]]:
    """Yield the rotated logs, each with the midnight (seconds since the epoch) that ended the day
    in its name."""
    if not is_folder(logs):
        return
    for match in map(_ROTATED_LOG.fullmatch, names_in(logs)):
        if match and is_file(path := logs / match[0]):
            ended = datetime.strptime(match[1], "%Y-%m-%d") + timedelta(days=1)
            yield path, ended.timestamp()
