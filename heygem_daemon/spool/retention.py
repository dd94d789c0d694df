"""Deletes what is older than the retention time, by the daemon's own records, never by mtimes.

* Jobs and batches: by ``completed_at`` of their records in .state/finished/. In outbox/, done/ and
  failed/, only files that such a record names are deleted, and only while they are as it describes
  them; folders only if nothing else is in them.
* Cache entries, which workers keep between jobs: folders ``.cache/<kind>/<entry>/``, by the time of
  their last use in the file ``used`` (seconds since the epoch). A purge writes that file for an
  entry that has none.
* Logs: rotated files, by the day in their names.
* The history: files of a month, a year after its end.

Nothing else in the spool is touched: not the inbox, not processing/, no file of unknown origin.
The functions are lazy and handle one item at a time, so that a caller can pause in between.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.cached_entries import (
    OnFault,
    cache_entries,
    raise_fault,
    read_last_use,
    remove_entry,
    stamp_unused_entries,
)
from heygem_daemon.spool.files import is_file, is_folder, translate_os_errors
from heygem_daemon.spool.finished import deleting
from heygem_daemon.spool.history import HISTORY_DAYS, months_in
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.record_store import (
    load_record,
    record_names,
    record_path,
    reload_record,
)
from heygem_daemon.spool.records import (
    AnyRecord,
    BatchRecord,
    JobRecord,
    RecordedFile,
    RecordKind,
)
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import Steps
from heygem_daemon.system import paths

_DAY = 86400.0
_FOLDER_KINDS: dict[str, Literal["inputs", "failed", "batch"]] = {
    "published": "inputs",
    "failed": "failed",
    "batch": "batch",
}
"""What is shown for the folder of a record, by the record's kind."""

_ROTATED_LOG = re.compile(r"heygem-daemon\.log\.(\d{4}-\d\d-\d\d)(?:\.\d{1,9})?", re.ASCII)

ExpiredKind = Literal["result", "inputs", "failed", "batch", "log", "cache", "history"]


@dataclass(frozen=True, slots=True)
class ExpiredItem:
    """Something in the spool that is older than the retention time."""

    path: Path
    """The path that is shown to people."""
    kind: ExpiredKind
    completed_at: float
    """Seconds since the epoch; of a cache entry, its last use."""
    size_bytes: int
    paths: tuple[Path, ...]
    """Every path that is deleted with it. A folder that holds other people's files is ``path`` but
    not in ``paths``."""
    owner: RecordedFile | AnyRecord | None = field(default=None, repr=False)
    """The file of a result, as it was published, or the record of a job or batch; None: a log, a
    cache entry or a month of the history."""


def find_expired(
    spool: Spool,
    now: float,
    retention_days: float,
    busy_since: float = math.inf,
    on_fault: OnFault = raise_fault,
) -> Iterator[ExpiredItem | None]:
    """Yield what a purge at ``now`` deletes: everything completed ``retention_days`` ago or before.

    Yields None for each item that stays, so that the caller can pause after it. Yields nothing if
    ``retention_days`` is 0 (keep for ever) or if the spool's sentinel is missing. Cache entries
    last used at or after ``busy_since``, the start of the oldest running job, stay. Times are in
    seconds since the epoch. An item that raises anything stays, and ``on_fault`` is called.
    Raises SpoolUnavailable.
    """
    if retention_days <= 0 or not spool.is_mounted():
        return
    spool.check_folders()
    latest = now - retention_days * _DAY
    for name, search in _searches(spool, latest, busy_since, now - HISTORY_DAYS * _DAY):
        try:
            found = search()
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            _require_mounted(spool)
            on_fault(name, error)
            yield None
        else:
            yield from found


_Search = Callable[[], Sequence[ExpiredItem | None]]


def _searches(
    spool: Spool, latest: float, busy_since: float, latest_history: float
) -> Iterator[tuple[str, _Search]]:
    """Yield for each item its name, and a function that returns what of it expired at ``latest`` or
    before; of the history, at ``latest_history``."""
    for name in _record_names(spool, "published"):
        yield name, partial(_search_published, spool, name, latest)
    for name in _record_names(spool, "batch"):
        yield name, partial(_search_record, spool, name, latest, set())
    deleted: set[Path] = set()
    for name in _record_names(spool, "failed"):
        yield name, partial(_search_record, spool, name, latest, deleted)
    for entry in cache_entries(spool.cache):
        yield entry.name, partial(_search_cache_entry, entry, latest, busy_since)
    for path, day in _rotated_logs(spool.logs):
        yield path.name, partial(_search_log, path, day, latest)
    for path, ended in months_in(spool):
        yield path.name, partial(_search_month, path, ended, latest_history)


def purge(
    spool: Spool, expired: Iterable[ExpiredItem | None], on_fault: OnFault = raise_fault
) -> Iterator[ExpiredItem | None]:
    """Delete the ``expired`` items. Yields each item after its deletion, and None for one that
    stays, or of which only some files are gone yet. ``on_fault`` is called for an item whose
    deletion raises anything.

    Ends early if the spool's sentinel is missing. Lazy: an item is deleted when the caller takes
    it.
    """
    if not spool.is_mounted():
        return
    stamp_unused_entries(spool.cache, spool.now(), on_fault)
    for item in expired:
        if item is None:
            yield None
            continue
        if not spool.is_mounted():
            return
        spool.check_folders()
        try:
            yield from _deleting_item(spool, item)
            gone = not any(map(paths.exists, item.paths))
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            on_fault(item.path.name, error)
            gone = False
        yield item if gone else None


def _deleting_item(spool: Spool, item: ExpiredItem) -> Steps[None]:
    """Delete an item, in steps, if it is still what it was when it was found."""
    if isinstance(item.owner, RecordedFile):
        if (path := item.owner.find(spool)) is not None:
            spool.files.remove_file(path)
    elif item.owner is not None:
        record = reload_record(spool, item.owner)
        if record is not None and record.completed_at == item.completed_at:
            yield from deleting(spool, spool.files, record)
    elif item.kind in ("log", "history"):
        spool.files.remove_file(item.path)
    elif read_last_use(item.path) == item.completed_at:
        remove_entry(spool.files, item.path)


def _record_names(spool: Spool, kind: RecordKind) -> list[str]:
    with translate_os_errors(spool.root):
        return record_names(spool, kind)


def _require_mounted(spool: Spool) -> None:
    """Raise SpoolUnavailable if the whole spool is gone: then no single item is at fault."""
    if not spool.is_mounted():
        raise SpoolUnavailable(f"the spool {spool.root} went away during the purge")


def _search_published(spool: Spool, name: str, latest: float) -> list[ExpiredItem | None]:
    """Return each result of a published job that has expired, and then its folder in done/."""
    record = load_record(spool, name)
    if not isinstance(record, JobRecord):
        return []
    return list(_expired_job(spool, record)) if record.completed_at <= latest else [None]


def _search_record(
    spool: Spool, name: str, latest: float, deleted: set[Path]
) -> list[ExpiredItem | None]:
    """Return the folder of a batch or of a failed job if it has expired."""
    record = load_record(spool, name)
    if record is None:
        return []
    return [_expired_folder(spool, record, deleted) if record.completed_at <= latest else None]


def _search_cache_entry(entry: Path, latest: float, busy_since: float) -> list[ExpiredItem | None]:
    used = read_last_use(entry)
    if used is None or used > latest or used >= busy_since:
        return [None]
    return [ExpiredItem(entry, "cache", used, _total_bytes(entry.rglob("*")), (entry,))]


def _search_log(path: Path, day: str, latest: float) -> list[ExpiredItem | None]:
    """Return a rotated log if the midnight that ended its ``day`` (2026-01-31) has expired."""
    ended = (datetime.strptime(day, "%Y-%m-%d") + timedelta(days=1)).timestamp()
    if ended > latest:
        return [None]
    return [ExpiredItem(path, "log", ended, paths.lstat(path).st_size, (path,))]


def _search_month(path: Path, ended: float, latest: float) -> list[ExpiredItem | None]:
    if ended > latest:
        return [None]
    return [ExpiredItem(path, "history", ended, paths.lstat(path).st_size, (path,))]


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
    outbox = spool.in_folder(record.journal.folder).outbox if kind == "inputs" else None
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


def _total_bytes(files: Iterable[Path]) -> int:
    return sum(paths.lstat(path).st_size for path in files if is_file(path))


def _rotated_logs(logs: Path) -> Iterator[tuple[Path, str]]:
    """Yield the rotated logs, each with the day in its name."""
    if not is_folder(logs):
        return
    for match in map(_ROTATED_LOG.fullmatch, names_in(logs)):
        if match and is_file(path := logs / match[0]):
            yield path, match[1]
