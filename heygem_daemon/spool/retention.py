"""What is old enough to go, by our own records only (never a file's mtime), and its removal.

* Jobs: by ``completed_at`` of the journal in done/<name>/ or failed/<name>/. Of the outbox only
  files that such a journal names go, and only while they are as we put them there.
* Caches: folders ``.cache/<kind>/<entry>/`` by the last use that their file ``used`` holds
  (seconds since the epoch). An entry without one gets one at the next purge.
* Logs: rotated files, by the time in the name of the file that followed.

Nothing else in the spool is ever looked at: no inbox, no processing, no file of unknown origin.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.files import faults_of, is_file, is_folder
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.records import Record, delete, record_of, records
from heygem_daemon.spool.spool import Spool

LAST_USE = "used"
_DAY = 86400.0
_ROTATED = re.compile(
    r"heygem-daemon\.(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6})(\.\d+)?\.log(\.gz|\.zip)?"
)


@dataclass(frozen=True, slots=True)
class Expired:
    """Something of ours that is due. ``completed_at`` in seconds since the epoch."""

    path: Path
    what: Literal["result", "inputs", "failed", "log", "cache"]
    completed_at: float
    bytes: int


def due(spool: Spool, now: float, retention_days: float) -> list[Expired]:
    """What a purge at ``now`` deletes: all that was completed at least ``retention_days`` ago.

    Nothing at all if that is 0 (keep for ever) or if the spool's sentinel is missing.
    """
    if retention_days <= 0 or not spool.mounted():
        return []
    with faults_of(spool.root):
        candidates = itertools.chain(_jobs(spool), _caches(spool.cache), _logs(spool.logs))
        return [found for found in candidates if found.completed_at + retention_days * _DAY <= now]


def purge(spool: Spool, expired: Iterable[Expired]) -> list[Expired]:
    """Delete; gives what is really gone. What cannot be deleted stays for the next time."""
    if not spool.mounted():
        return []
    _stamp_unused(spool)
    gone = []
    for item in expired:
        with contextlib.suppress(OSError):
            _delete(spool, item)
        if not os.path.lexists(item.path):
            gone.append(item)
    return gone


def _delete(spool: Spool, item: Expired) -> None:
    if item.what == "result":
        if is_file(item.path) and item.path.lstat().st_size == item.bytes:
            spool.files.remove_file(item.path)
    elif item.what == "log":
        spool.files.remove_file(item.path)
    elif item.what == "cache":
        if _last_use(item.path) == item.completed_at:
            spool.files.remove_tree(item.path)
    elif (record := record_of(item.path)) and _completed(record) == item.completed_at:
        delete(spool, spool.files, record)


def _jobs(spool: Spool) -> Iterator[Expired]:
    for record in records(spool.done):
        for path in record.results(spool):
            yield Expired(path, "result", _completed(record), path.lstat().st_size)
        yield Expired(record.folder, "inputs", _completed(record), _size(record.files()))
    for record in records(spool.failed):
        yield Expired(record.folder, "failed", _completed(record), _size(record.files()))


def _completed(record: Record) -> float:
    return record.journal.completed_at or 0.0


def _size(files: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in files if is_file(path))


def _cache_entries(cache: Path) -> Iterator[Path]:
    """Hidden ones too: what a worker left behind that died while it made one."""
    if not is_folder(cache):
        return
    for kind in (cache / name for name in names_in(cache)):
        if is_folder(kind):
            yield from (kind / name for name in names_in(kind) if is_folder(kind / name))


def _caches(cache: Path) -> Iterator[Expired]:
    for entry in _cache_entries(cache):
        used = _last_use(entry)
        if used is not None:
            yield Expired(entry, "cache", used, _size(entry.rglob("*")))


def _last_use(entry: Path) -> float | None:
    stamp = entry / LAST_USE
    try:
        return float(stamp.read_text()) if is_file(stamp) else None
    except (OSError, ValueError):
        return None


def _stamp_unused(spool: Spool) -> None:
    for entry in _cache_entries(spool.cache):
        if _last_use(entry) is None:
            with contextlib.suppress(OSError):
                (entry / LAST_USE).write_text(f"{spool.now():.0f}\n")


def _logs(logs: Path) -> Iterator[Expired]:
    """A rotated log ended when the next one began; the time of that is in the next one's name."""
    if not is_folder(logs):
        return
    rotated = sorted(
        (datetime.strptime(match[1], "%Y-%m-%d_%H-%M-%S_%f").timestamp(), logs / match[0])
        for match in map(_ROTATED.fullmatch, names_in(logs))
        if match
    )
    for (_, path), (ended, _) in itertools.pairwise(rotated):
        if is_file(path):
            yield Expired(path, "log", ended, path.lstat().st_size)
