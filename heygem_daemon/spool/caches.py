"""What workers keep between jobs in .cache/<kind>/<entry>/: when it was last used, its removal."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.spool.files import Files, is_file, is_folder
from heygem_daemon.spool.layout import names_in

LAST_USE = "used"
"""File of an entry with the time of its last use, in seconds since the epoch."""

_LEAVING = ".leaving-"


def entries(cache: Path) -> Iterator[tuple[Path, float]]:
    """Every entry whose last use is known, with that time."""
    for entry in _folders(cache):
        if (used := last_use(entry)) is not None:
            yield entry, used


def last_use(entry: Path) -> float | None:
    """When an entry was last used, seconds since the epoch; None where it does not say. What a
    removal that was cut short has left behind is past use: 0."""
    if entry.name.startswith(_LEAVING):
        return 0.0
    stamp = entry / LAST_USE
    try:
        return float(stamp.read_text()) if is_file(stamp) else None
    except (OSError, ValueError):
        return None


def stamp(cache: Path, now: float) -> None:
    """Note ``now`` as the last use of entries that have none, as far as the disk lets us."""
    for entry in _folders(cache):
        if last_use(entry) is None:
            with contextlib.suppress(OSError):
                (entry / LAST_USE).write_text(f"{now:.0f}\n")


def remove(files: Files, entry: Path) -> None:
    """Delete an entry. It goes out of sight first: half an entry would break the job that
    finds it."""
    leaving = entry
    if not entry.name.startswith(_LEAVING):
        leaving = entry.with_name(_LEAVING + entry.name[:200])
        files.remove_tree(leaving)
        files.rename(entry, leaving)
    files.remove_tree(leaving)


def _folders(cache: Path) -> Iterator[Path]:
    """Hidden ones too: what a worker left behind that died while it made one."""
    if not is_folder(cache):
        return
    for kind in (cache / name for name in names_in(cache)):
        if is_folder(kind):
            yield from (kind / name for name in names_in(kind) if is_folder(kind / name))
