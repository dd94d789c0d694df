"""What workers keep between jobs in .cache/<kind>/<entry>/: when it was last used, its removal.

What is old enough to go, by our own records only (never a file's mtime), and its removal.

* Jobs: by ``completed_at`` of the journal in done/<name>/ or failed/<name>/. Of the outbox only
  files that such a journal names go, and only while they are as we put them there. Folders there
  in which nothing is left.
* Caches: folders ``.cache/<kind>/<entry>/`` by the last use that their file ``used`` holds
  (seconds since the epoch). An entry without one gets one at the next purge.
* Logs: old files, by the day in their names.

Nothing else in the spool is ever looked at: no inbox, no processing, no file of unknown origin.
All of it is lazy, one thing after the other, so that a caller can stop in between and go on later.
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
"""File of an entry with the time of its last use, in seconds since the epoch."""

_DELETING_PREFIX = ".leaving-"


def cache_entries(cache: Path) -> Iterator[tuple[Path, float]]:
    """Every entry whose last use is known, with that time."""
    for entry in _cache_folders(cache):
        if (used := read_last_use(entry)) is not None:
            yield entry, used


def read_last_use(entry: Path) -> float | None:
    """When an entry was last used, seconds since the epoch; None where it does not say. What a
    removal that was cut short has left behind is past use: 0."""
    if entry.name.startswith(_DELETING_PREFIX):
        return 0.0
    stamp = entry / LAST_USE_FILE
    try:
        return float(stamp.read_text()) if is_file(stamp) else None
    except (OSError, ValueError):
        return None


def stamp_unused_entries(cache: Path, now: float) -> None:
    """Note ``now`` as the last use of entries that have none, as far as the disk lets us."""
    for entry in _cache_folders(cache):
        if read_last_use(entry) is None:
            with contextlib.suppress(OSError):
                (entry / LAST_USE_FILE).write_text(f"{now:.0f}\n")


def remove_entry(files: FileOperations, entry: Path) -> None:
    """Delete an entry. It goes out of sight first: half an entry would break the job that
    finds it."""
    leaving = entry
    if not entry.name.startswith(_DELETING_PREFIX):
        leaving = entry.with_name(_DELETING_PREFIX + entry.name[:200])
        files.remove_tree(leaving)
        files.rename(entry, leaving)
    files.remove_tree(leaving)


def _cache_folders(cache: Path) -> Iterator[Path]:
    """Hidden ones too: what a worker left behind that died while it made one."""
    if not is_folder(cache):
        return
    for kind in (cache / name for name in names_in(cache)):
        if is_folder(kind):
            yield from (kind / name for name in names_in(kind) if is_folder(kind / name))


_DAY = 86400.0
_ROTATED_LOG = re.compile(r"heygem-daemon\.log\.(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class ExpiredItem:
    """Something of ours that is due. ``completed_at`` in seconds since the epoch.

    ``path`` is what a person is told; ``paths`` is all that goes with it, to the file: a folder
    in which somebody put files of their own is told, but is not among them.
    """

    path: Path
    kind: Literal["result", "inputs", "failed", "batch", "log", "cache", "empty"]
    completed_at: float
    size_bytes: int
    paths: tuple[Path, ...]


def find_expired(
    spool: Spool, now: float, retention_days: float, busy_since: float = math.inf
) -> Iterator[ExpiredItem | None]:
    """What a purge at ``now`` deletes: all that was completed at least ``retention_days`` ago.

    None stands for each thing that was looked at and stays. Nothing at all comes if the retention
    is 0 (keep for ever) or if the spool's sentinel is missing. Caches that were used at or after
    ``busy_since``, when the job was started that still runs, stay.
    """
    if retention_days <= 0 or not spool.is_mounted():
        return
    latest = now - retention_days * _DAY
    with translate_os_errors(spool.root):
        for record in job_records(spool.done):
            yield from _expired_results(spool, record) if _completed(record) <= latest else (None,)
        for batch in batch_records(spool.done):
            yield from _expired_batch(spool, batch) if batch.completed_at <= latest else (None,)
        going: set[Path] = set()
        for record in job_records(spool.failed):
            yield _expired_folder(record, "failed", going) if _completed(record) <= latest else None
        for folder in itertools.chain(_entry_folders(spool.done), _entry_folders(spool.failed)):
            yield ExpiredItem(folder, "empty", now, 0, (folder,)) if _is_empty(folder) else None
        for entry, used in cache_entries(spool.cache):
            yield (
                _expired_cache_entry(entry, used) if used <= latest and used < busy_since else None
            )
        for path, ended in _rotated_logs(spool.logs):
            yield _expired_file(path, "log", ended) if ended <= latest else None


def purge(spool: Spool, expired: Iterable[ExpiredItem | None]) -> Iterator[ExpiredItem | None]:
    """Delete; gives what is really gone, and None for each thing that stays, for now or for
    longer. Ends early if the spool's sentinel is missing. Lazy: nothing happens until it is asked
    for."""
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


def _delete_item(spool: Spool, item: ExpiredItem) -> None:
    """Look again whether it still is what was meant, and delete it."""
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
    """A batch as one: its results in the outbox, and what was dropped."""
    files = [*record.results(spool), *record.files()]
    folders = (record.outbox_folder(spool), record.batch.inputs, record.batch.folder)
    paths = (*files, *_emptied_folders(set(files), folders))
    yield ExpiredItem(record.batch.folder, "batch", record.completed_at, _total_bytes(files), paths)


def _expired_folder(
    record: JobRecord, what: Literal["inputs", "failed"], going: set[Path]
) -> ExpiredItem:
    """``going``: the paths of earlier ones that go; this one's are added."""
    files = record.files()
    going.update(files)
    # The failed members of a batch share a folder, which goes with the last of them.
    shared = [record.folder.parent] if record.journal.member else []
    paths = (*files, *_emptied_folders(going, [record.folder, *shared]))
    return ExpiredItem(record.folder, what, _completed(record), _total_bytes(files), paths)


def _entry_folders(parent: Path) -> Iterator[Path]:
    """The folders in done/ or failed/, each after those in it: a deletion that was cut short may
    leave one with nothing in it, of which no journal tells any more."""
    for folder in folders_in(parent) if is_folder(parent) else ():
        with contextlib.suppress(FileNotFoundError):
            yield from folders_in(folder)
        yield folder


def _is_empty(folder: Path) -> bool:
    try:
        return not names_in(folder)
    except FileNotFoundError:
        return False


def _emptied_folders(going: set[Path], folders: Iterable[Path]) -> Iterator[Path]:
    """Which of ``folders``, inner ones first, hold nothing but what goes; they go, too."""
    for folder in folders:
        if is_folder(folder) and all(folder / name in going for name in names_in(folder)):
            going.add(folder)
            yield folder


def _expired_file(path: Path, what: Literal["result", "log"], completed: float) -> ExpiredItem:
    return ExpiredItem(path, what, completed, path.lstat().st_size, (path,))


def _expired_cache_entry(entry: Path, used: float) -> ExpiredItem:
    return ExpiredItem(entry, "cache", used, _total_bytes(entry.rglob("*")), (entry,))


def _completed(record: JobRecord) -> float:
    return record.journal.completed_at or 0.0


def _total_bytes(files: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in files if is_file(path))


def _rotated_logs(logs: Path) -> Iterator[tuple[Path, float]]:
    """Logs that are written no more, each with the midnight that ended the day in its name."""
    if not is_folder(logs):
        return
    for match in map(_ROTATED_LOG.fullmatch, names_in(logs)):
        if match and is_file(path := logs / match[0]):
            ended = datetime.strptime(match[1], "%Y-%m-%d") + timedelta(days=1)
            yield path, ended.timestamp()
