"""Finished jobs: deletes them, takes their inputs back for a retry, and reports new ones."""

from collections.abc import Callable
from pathlib import Path

from heygem_daemon.spool.batch.journal import COMMON_SIDECAR, Batch
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.history import add_history
from heygem_daemon.spool.job import SIDECAR_FILE, Journal
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.own_sidecars import close_sidecar
from heygem_daemon.spool.record_store import load_record, remove_record
from heygem_daemon.spool.records import AnyRecord, BatchRecord, JobRecord, file_identity
from heygem_daemon.spool.steps import Steps, finish
from heygem_daemon.system import paths

FILES_A_STEP = 50
"""How many files one step of a deletion deletes: a batch may have thousands."""

RELIST_SECONDS = 5.0
"""Time after which the records are listed again even if the folder's mtime is the same: mtimes are
too coarse to distinguish two changes within a few milliseconds."""


def delete_finished(layout: SpoolLayout, files: FileOperations, record: AnyRecord) -> list[Path]:
    """Delete what a record names and what is still as recorded; folders only if nothing else is in
    them. Return the paths that were deleted, folders last."""
    return finish(deleting(layout, files, record))


def deleting(layout: SpoolLayout, files: FileOperations, record: AnyRecord) -> Steps[list[Path]]:
    """Do the same in steps.

    The record goes last, so that the deletion can be repeated after a crash, and leaves its line in
    the history.
    """
    gone: list[Path] = []
    for number, file in enumerate(record.files, 1):
        if (path := file.find(layout)) is not None:
            files.remove_file(path)
            gone.append(path)
        if number % FILES_A_STEP == 0:
            yield
    gone += [path for path in record.present_folders(layout) if files.remove_empty(path)]
    add_history(layout, files, record)
    remove_record(layout, files, record)
    return gone


def take_back(layout: SpoolLayout, files: FileOperations, record: JobRecord, folder: Path) -> None:
    """Move the inputs of an ended job into ``folder``, without its sidecar if a new one is there;
    then delete the rest of a failed job and its record. Can be repeated after a crash."""
    has_new_sidecar = paths.exists(folder / SIDECAR_FILE)
    for path in inputs_to_retry(layout, record):
        is_replaced = has_new_sidecar and path.name == record.journal.sidecar_name
        if not (is_replaced or paths.exists(folder / path.name)):
            if path.name in sidecars_of(record):
                close_sidecar(layout, files, record, path)
            files.move(path, folder / path.name)
    if record.kind == "failed":
        delete_finished(layout, files, record)


def inputs_to_retry(layout: SpoolLayout, record: JobRecord) -> list[Path]:
    """Return the input files of an ended job that are in failed/ or done/.

    Audio and video must be those that it had. A sidecar may have been corrected there: that is what
    its reason.txt asks for.
    """
    found = []
    folder = record.folder(layout)
    is_own = folder in record.present_folders(layout)
    sidecars = sidecars_of(record)
    for name in (*record.journal.input_names.values(), COMMON_SIDECAR):
        path = folder / name
        place = (*record.location, name)  # The result may have the name of the video.
        recorded = next((file for file in record.files if file.path == place), None)
        if name in sidecars:
            found += [path] if is_own and is_file(path) else []
        elif recorded is not None and recorded.find(layout) is not None:
            found.append(path)
    return found


def sidecars_of(record: JobRecord) -> set[str | None]:
    """Return the names of an ended job's sidecars: its own, and that of its batch for all."""
    return {record.journal.sidecar_name, COMMON_SIDECAR if record.journal.member else None}


def has_media(layout: SpoolLayout, record: JobRecord) -> bool:
    """Return whether the sound or the video of an ended job is where the job left it."""
    media = {record.journal.audio_name, record.journal.video_name}
    return any(path.name in media for path in inputs_to_retry(layout, record))


def input_identities(record: JobRecord) -> frozenset[int]:
    """Return what distinguishes the sound and the video of a job from others, wherever a retry has
    moved them; nothing for a member of a batch, which shares them."""
    if record.journal.member is not None:
        return frozenset()
    names = (record.journal.audio_name, record.journal.video_name)
    places = {(*record.location, name) for name in names}
    return frozenset(file_identity(file) for file in record.files if file.path in places)


class FinishedWatcher:
    """Reports jobs and batches that are published or failed, by their records.

    It is fast even with a hundred thousand of them. ``clock`` returns monotonic seconds. Raises
    SpoolUnavailable.
    """

    def __init__(self, layout: SpoolLayout, clock: Callable[[], float]) -> None:
        self._layout = layout
        self._clock = clock
        self._last_mtime_ns = 0
        self._listed_at = -RELIST_SECONDS
        self._names: frozenset[str] = frozenset()
        self._pending: frozenset[str] = frozenset()
        """New records that did not count yet."""
        with translate_os_errors(layout.root):
            self._names = self._list_names()

    def poll_jobs(self) -> list[Journal]:
        """Return the journals of the jobs that ended since the last call, or since the watcher was
        made. Members of batches are left out.

        Raises SpoolUnavailable.
        """
        jobs = [record for record in self._poll() if isinstance(record, JobRecord)]
        return [record.journal for record in jobs if record.journal.member is None]

    def poll_batches(self) -> list[Batch]:
        """Return the batches that ended since the last call. A caller uses this or ``poll_jobs``:
        each of them uses up the new records.

        Raises SpoolUnavailable.
        """
        found = [record for record in self._poll() if isinstance(record, BatchRecord)]
        return [record.batch(self._layout) for record in found]

    def _poll(self) -> list[AnyRecord]:
        with translate_os_errors(self._layout.root):
            names = self._list_names()
            new = (names - self._names) | (self._pending & names)
            found = {name: load_record(self._layout, name) for name in sorted(new)}
        self._names = names
        self._pending = frozenset(name for name, record in found.items() if record is None)
        return [record for record in found.values() if record is not None]

    def _list_names(self) -> frozenset[str]:
        folder = self._layout.finished
        if not is_folder(folder):
            return frozenset()
        now, changed = self._clock(), paths.lstat(folder).st_mtime_ns
        if changed == self._last_mtime_ns and now - self._listed_at < RELIST_SECONDS:
            return self._names
        self._last_mtime_ns, self._listed_at = changed, now
        return frozenset(name for name in names_in(folder) if not name.startswith("."))
