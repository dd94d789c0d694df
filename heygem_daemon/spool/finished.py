"""Finished jobs in done/ and failed/: reads them, deletes them, and reports new ones."""

import heapq
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.batch.finished import load_batch_record
from heygem_daemon.spool.batch.journal import COMMON_SIDECAR, Batch
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.job import JOURNAL_FILE, Journal
from heygem_daemon.spool.layout import SpoolLayout, folders_in, load_journal, names_in
from heygem_daemon.spool.publish import is_unchanged_output
from heygem_daemon.spool.reason import REASON_FILE

RELIST_SECONDS = 5.0
"""Time after which a folder is listed again even if its mtime is the same: mtimes are too coarse
to distinguish two changes within a few milliseconds."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A finished job: its folder in done/ or failed/, and its journal."""

    folder: Path
    journal: Journal

    @property
    def title(self) -> str:
        """The name that commands use: the folder's name, with the batch's name and a slash before
        it for a member of a batch."""
        name = self.folder.name
        return f"{self.folder.parent.name}/{name}" if self.journal.member else name

    def results(self, layout: SpoolLayout) -> list[Path]:
        """Return the job's files in the outbox that are still as the daemon published them."""
        paths = ((file, layout.outbox / file.name) for file in self.journal.published)
        return [path for file, path in paths if is_unchanged_output(file, path)]

    def inputs(self) -> list[Path]:
        """Return the input files in the job's folder, under the users' names."""
        names = self.journal.input_names.values()
        return [path for path in (self.folder / name for name in names) if is_file(path)]

    def files(self) -> list[Path]:
        """Return the job's own files in its folder, the journal last. Files that somebody else put
        there are not included."""
        common = [COMMON_SIDECAR] if self.journal.member else []
        notes = [self.folder / name for name in (*common, REASON_FILE, JOURNAL_FILE)]
        return [*self.inputs(), *(path for path in notes if is_file(path))]


def load_job_record(folder: Path) -> JobRecord | None:
    """Return the finished job in ``folder``; None if no journal there says that a job finished."""
    journal = load_journal(folder)
    if journal is None or journal.outcome is None or journal.completed_at is None:
        return None
    return JobRecord(folder, journal)


def job_records(parent: Path) -> Iterator[JobRecord]:
    """Yield all finished jobs in ``parent``, done/ or failed/, including failed members of
    batches; none if ``parent`` is not a real folder."""
    if not is_folder(parent):
        return
    for folder in folders_in(parent):
        yield from job_records_in(folder)


def job_records_in(folder: Path) -> Iterator[JobRecord]:
    """Yield the finished job in ``folder``, or the failed members if it is a batch's folder."""
    if (record := load_job_record(folder)) is not None:
        yield record
        return
    for inner in folders_in(folder):
        if (record := load_job_record(inner)) is not None and record.journal.member is not None:
            yield record


def latest_journals(parent: Path, limit: int) -> list[Journal]:
    """Return the journals of the last ``limit`` finished jobs, latest first. Their ``name`` is the
    one that commands use.

    Only the folders that were renamed last are opened, so that the status command stays fast with
    a hundred thousand jobs.
    """
    journals = [
        record.journal.model_copy(update={"name": record.title})
        for folder in newest_folders(parent, 2 * limit + 10)
        for record in job_records_in(folder)
    ]
    journals.sort(key=lambda journal: (journal.completed_at or 0.0, journal.id), reverse=True)
    return journals[:limit]


def newest_folders(parent: Path, limit: int) -> list[Path]:
    """Return the ``limit`` folders that were renamed or changed last, latest first."""
    with os.scandir(parent) as entries:
        stamped = [
            (_changed(entry), entry.name)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
    return [parent / name for _, name in heapq.nlargest(limit, stamped)]


def delete_job(layout: SpoolLayout, files: FileOperations, record: JobRecord) -> list[Path]:
    """Delete results, inputs and journal of a job, and its folder if nothing else is in it.

    The journal goes last, so that the deletion can be repeated after a crash. Return the paths
    that were deleted, folders last.
    """
    gone = [*record.results(layout), *record.files()]
    files.remove_file(record.folder / f".{JOURNAL_FILE}.part")  # from a `retry` that was killed
    for path in gone:
        files.remove_file(path)
    if files.remove_empty(record.folder):
        gone.append(record.folder)
    if record.journal.member is not None and files.remove_empty(record.folder.parent):
        gone.append(record.folder.parent)
    return gone


class FinishedWatcher:
    """Reports jobs and batches that arrive in done/ and failed/.

    It is fast even with a hundred thousand jobs there.
    ``clock`` returns monotonic seconds. Raises SpoolUnavailable.
    """

    def __init__(self, layout: SpoolLayout, clock: Callable[[], float]) -> None:
        self._root = layout.root
        self._folders = [_FolderPoller(path, clock) for path in (layout.done, layout.failed)]
        with translate_os_errors(self._root):
            for folder in self._folders:
                folder.poll_new_folders()

    def poll_jobs(self) -> list[Journal]:
        """Return the journals of the jobs that ended since the last call, or since the watcher was
        made.

        Raises SpoolUnavailable.
        """
        with translate_os_errors(self._root):
            paths = [path for folder in self._folders for path in folder.poll_new_folders()]
            found = [load_job_record(path) for path in paths]
        return [record.journal for record in found if record is not None]

    def poll_batches(self) -> list[Batch]:
        """Return the batches that ended since the last call. A caller uses this or ``poll_jobs``:
        each of them uses up the new folders.

        Raises SpoolUnavailable.
        """
        with translate_os_errors(self._root):
            paths = [path for folder in self._folders for path in folder.poll_new_folders()]
            found = [load_batch_record(path) for path in paths]
        return [record.batch for record in found if record is not None]


class _FolderPoller:
    """Finds new folders in one folder."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._last_mtime_ns = 0
        self._listed_at = -RELIST_SECONDS
        self._names: frozenset[str] = frozenset()

    def poll_new_folders(self) -> list[Path]:
        """Return the new folders. Each arrived by one rename, and so is complete."""
        if not is_folder(self._path):
            return []
        now, changed = self._clock(), self._path.lstat().st_mtime_ns
        if changed == self._last_mtime_ns and now - self._listed_at < RELIST_SECONDS:
            return []
        names = frozenset(names_in(self._path))
        new = names - self._names
        self._last_mtime_ns, self._listed_at, self._names = changed, now, names
        return [self._path / name for name in new]


def _changed(entry: os.DirEntry[str]) -> int:
    """Return when the folder was renamed or its content changed, in nanoseconds; 0 if it is gone
    since the listing."""
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except FileNotFoundError:
        return 0
