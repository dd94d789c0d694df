"""The folders of jobs and batches in processing/: closed to everybody but the daemon's user until
they have left it.

The folder that somebody dropped as a batch stays his, and he may still be in it while it is
claimed: ``..`` then leads him to the batch's records. So each folder in processing/ is made closed,
and opened after its rename to done/ or failed/, where no record decides anything.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from heygem_daemon.spool.batch.journal import BATCH_FILE
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.job import JOURNAL_FILE
from heygem_daemon.spool.layout import SpoolLayout, folders_in
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import close_folder, is_closed

_OWN_FILES = (JOURNAL_FILE, BATCH_FILE, REASON_FILE)
"""One of them is in each folder that the daemon puts into done/ or failed/."""


def release_folder(
    files: FileOperations, folder: Path, target: Path, *, is_public: bool = True
) -> bool:
    """Rename a folder of processing/ to ``target`` in done/ or failed/, durably, and then open it
    to others, unless ``target`` is in processing/ and not ``is_public``. Return False if ``target``
    exists, or its name is too long."""
    handle = paths.open_folder(folder, listed=True)
    try:
        try:
            moved = move_all(files, [(folder, target)])
        except OSError:
            # Renamed, and only the sync failed: if the rename is lost, the journal has the outcome.
            moved = _is_at(handle, target)
            if not moved:
                raise
        if moved and is_public and is_closed(os.fstat(handle)):
            with suppress(OSError):  # open_released_folders repeats it
                files.open_to_others(handle)
    finally:
        os.close(handle)
    return moved


def close_claimed_folders(layout: SpoolLayout) -> None:
    """Close each folder in processing/: an earlier version made them open."""
    for folder in folders_in(layout.processing):
        with suppress(FileNotFoundError):
            close_folder(folder)


def open_released_folders(files: FileOperations, layout: SpoolLayout) -> None:
    """Open what was renamed to done/, failed/ or a batch's folder in failed/, and not opened before
    a crash."""
    for path in (*_closed_folders(layout.done, 1), *_closed_folders(layout.failed, 2)):
        with suppress(OSError):  # somebody has moved it, or has put something in its place
            if any(is_file(path / name) for name in _OWN_FILES):
                _open(files, path)


def _open(files: FileOperations, path: Path) -> None:
    handle = paths.open_folder(path, listed=True)
    try:
        if is_closed(os.fstat(handle)):
            files.open_to_others(handle)
    finally:
        os.close(handle)


def _closed_folders(parent: Path, depth: int) -> list[Path]:
    """Return the closed folders in ``parent`` and, to ``depth``, in this user's folders there. What
    cannot be listed has none."""
    found = []
    with suppress(OSError), paths.listing(parent) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if is_closed(status):
                found.append(parent / entry.name)
            elif depth > 1 and stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                found += _closed_folders(parent / entry.name, depth - 1)
    return found


def _is_at(handle: int, path: Path) -> bool:
    """Return whether ``path`` is the open folder ``handle``."""
    try:
        return os.path.samestat(os.fstat(handle), paths.lstat(path))
    except OSError:
        return False
