"""What workers keep between jobs: folders ``.cache/<kind>/<entry>/``, and when each was last used.

The file ``used`` of an entry says that, in seconds since the epoch. A purge writes it for an entry
that has none.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.layout import names_in
from heygem_daemon.system import paths

LAST_USE_FILE = "used"
"""File of a cache entry with the time of its last use, in seconds since the epoch."""

OnFault = Callable[[str, Exception], None]
"""Takes the name of an item that cannot be examined or deleted, and what was raised."""

MAX_AHEAD_SECONDS = 86_400.0
"""A last use that is further in the future was recorded by a clock that was ahead, or is forged.
The entry would stay for ever."""

_DELETING_PREFIX = ".leaving-"


def raise_fault(_name: str, error: Exception) -> None:
    """Raise what an item raised: the ``OnFault`` of callers that cannot go on without it."""
    raise error


def cache_entries(cache: Path) -> Iterator[Path]:
    """Yield all cache entries, including hidden ones, which a worker leaves behind if it dies while
    it makes an entry."""
    if not is_folder(cache):
        return
    for kind in (cache / name for name in names_in(cache)):
        if is_folder(kind):
            yield from (kind / name for name in names_in(kind) if is_folder(kind / name))


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


def stamp_unused_entries(cache: Path, now: float, on_fault: OnFault) -> None:
    """Record ``now`` as the last use of cache entries that have no record."""
    for entry in cache_entries(cache):
        try:
            _stamp_if_unused(entry, now)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            on_fault(entry.name, error)


def _stamp_if_unused(entry: Path, now: float) -> None:
    used = read_last_use(entry)
    if used is None or used > now + MAX_AHEAD_SECONDS:
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


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
