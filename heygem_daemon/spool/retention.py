"""Deletes what is older than the retention time, by the daemon's own records, never by mtimes.

* Jobs and batches: by ``completed_at`` of their records in .state/finished/. In outbox/, done/ and
  failed/, only files that such a record names are deleted, and only while they are as it describes
  them; folders only if nothing else is in them.
* Cache entries, which workers keep between jobs: folders ``.cache/<kind>/<entry>/``, by the time of
  their last use in the file ``used`` (seconds since the epoch). A purge writes that file for an
  entry that has none.
* Logs: rotated files, by the day in their names.

Nothing else in the spool is touched: not the inbox, not processing/, no file of unknown origin.
The functions are lazy and handle one item at a time, so that a caller can pause in between.
"""

import contextlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.finished import delete_finished
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.record_store import batch_records, job_records, record_path, reload_record
from heygem_daemon.spool.records import AnyRecord, BatchRecord, JobRecord, RecordedFile
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths

LAST_USE_FILE = "used"
"""File of a cache entry with the time of its last use, in seconds since the epoch."""

_DELETING_PREFIX = ".leaving-"
_DAY = 86400.0
_FOLDER_KINDS: dict[str, Literal["inputs", "failed", "batch"]] = {
    "published": "inputs",
    "failed": "failed",
    "batch": "batch",
}
"""What is shown for the folder of a record, by the record's kind."""

_ROTATED_LOG = re.compile(r"heygem-daemon\.log\.(\d{4}-\d\d-\d\d)(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExpiredItem:
    """Something in the spool that is older than the retention time."""

    path: Path
    """The path that is shown to people."""
    kind: Literal["result", "inputs", "failed", "batch", "log", "cache"]
    completed_at: float
    """Seconds since the epoch; of a cache entry, its last use."""
    size_bytes: int
    paths: tuple[Path, ...]
    """Every path that is deleted with it. A folder that holds other people's files is ``path`` but
    not in ``paths``."""
    owner: RecordedFile | AnyRecord | None = field(default=None, repr=False)
    """The file of a result, as it was published, or the record of a job or batch; None: a log or
    a cache entry."""


def find_expired(
    spool: Spool, now: float, retention_days: float, busy_since: float = math.inf
) -> Iterator[ExpiredItem | None]:
    """Yield what a purge at ``now`` deletes: everything completed ``retention_days`` ago or before.

    Yields None for each item that stays, so that the caller can pause after it. Yields nothing if
    ``retention_days`` is 0 (keep for ever) or if the spool's sentinel is missing. Cache entries
    last used at or after ``busy_since``, the start of the oldest running job, stay. Times are in
    seconds since the epoch. Raises SpoolUnavailable.
    """
    if retention_days <= 0 or not spool.is_mounted():
        return
    latest = now - retention_days * _DAY
    spool.check_folders()
    with translate_os_errors(spool.root):
        for record in job_records(spool, "published"):
            yield from _expired_job(spool, record) if record.completed_at <= latest else (None,)
        for batch in batch_records(spool):
            yield _expired_folder(spool, batch, set()) if batch.completed_at <= latest else None
        deleted: set[Path] = set()
        for record in job_records(spool, "failed"):
            is_due = record.completed_at <= latest
            yield _expired_folder(spool, record, deleted) if is_due else None
        for entry, used in cache_entries(spool.cache):
            yield (
                _expired_cache_entry(entry, used) if used <= latest and used < busy_since else None
            )
        for path, ended in _rotated_logs(spool.logs):
            yield _expired_log(path, ended) if ended <= latest else None


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
        spool.check_folders()
        with contextlib.suppress(OSError):
            _delete_item(spool, item)
        yield None if any(map(paths.exists, item.paths)) else item


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
        return _finite(float(paths.read(stamp, 100))) if is_file(stamp) else None
    except (OSError, ValueError):
        return None


def stamp_unused_entries(cache: Path, now: float) -> None:
    """Record ``now`` as the last use of cache entries that have no record. Errors are ignored."""
    for entry in _cache_folders(cache):
        if read_last_use(entry) is None:
            with contextlib.suppress(OSError):
                paths.write(
                    entry / LAST_USE_FILE,
                    f"{now:.0f}\n".encode(),
                    temporary_name=f".{LAST_USE_FILE}.part",
                    durable=False,
                )


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


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _delete_item(spool: Spool, item: ExpiredItem) -> None:
    """Delete an item if it is still what it was when it was found."""
    if isinstance(item.owner, RecordedFile):
        if (path := item.owner.find(spool)) is not None:
            spool.files.remove_file(path)
    elif item.owner is not None:
        record = reload_record(spool, item.owner)
        if record is not None and record.completed_at == item.completed_at:
            delete_finished(spool, spool.files, record)
    elif item.kind == "log":
        spool.files.remove_file(item.path)
    elif read_last_use(item.path) == item.completed_at:
        remove_entry(spool.files, item.path)


def _expired_job(spool: Spool, record: JobRecord) -> Iterator[ExpiredItem]:
    """Yield each result of a published job, and then its folder in done/."""
    results = record.results(spool)
    for file in results:
        path = spool.root.joinpath(*file.path)
        yield ExpiredItem(path, "result", record.completed_at, file.size, (path,), file)
    yield _expired_folder(spool, record, set())


def _expired_folder(
    spool: Spool, record: JobRecord | BatchRecord, deleted: set[Path]
) -> ExpiredItem:
    """Return the item for a job's or batch's folder, with all that goes with it except the results
    of a single job. ``deleted`` holds the paths of earlier items; those of this one are added."""
    kind = _FOLDER_KINDS[record.kind]
    outbox = spool.outbox if kind == "inputs" else None
    files = [path for path in record.present_files(spool) if path.parent != outbox]
    deleted.update(files)
    folders = _emptied_folders(deleted, record.present_folders(spool))
    return ExpiredItem(
        record.folder(spool),
        kind,
        record.completed_at,
        _total_bytes(files),
        (*files, *folders, record_path(spool, record)),
        record,
    )


def _emptied_folders(deleted: set[Path], folders: Iterable[Path]) -> Iterator[Path]:
    """Yield those of ``folders`` (inner ones first) that hold nothing but ``deleted`` paths, and
    add them to ``deleted``."""
    for folder in folders:
        if all(folder / name in deleted for name in names_in(folder)):
            deleted.add(folder)
            yield folder


def _expired_log(path: Path, ended: float) -> ExpiredItem:
    return ExpiredItem(path, "log", ended, paths.lstat(path).st_size, (path,))


def _expired_cache_entry(entry: Path, used: float) -> ExpiredItem:
    return ExpiredItem(entry, "cache", used, _total_bytes(entry.rglob("*")), (entry,))


def _total_bytes(files: Iterable[Path]) -> int:
    return sum(paths.lstat(path).st_size for path in files if is_file(path))


def _rotated_logs(logs: Path) -> Iterator[tuple[Path, float]]:
    """Yield the rotated logs, each with the midnight (seconds since the epoch) that ended the day
    in its name."""
    if not is_folder(logs):
        return
    for match in map(_ROTATED_LOG.fullmatch, names_in(logs)):
        if match and is_file(path := logs / match[0]):
            ended = datetime.strptime(match[1], "%Y-%m-%d") + timedelta(days=1)
            yield path, ended.timestamp()
