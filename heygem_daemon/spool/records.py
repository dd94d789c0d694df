"""What done/ and failed/ say of finished jobs, and the deletion of one with all that is its own."""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.files import Files, is_file, is_folder
from heygem_daemon.spool.finish import is_ours
from heygem_daemon.spool.job import JOURNAL, Journal
from heygem_daemon.spool.layout import Layout, folders_in, load, names_in
from heygem_daemon.spool.reason import REASON

_JOURNALS = frozenset({JOURNAL, f".{JOURNAL}.part"})
"""A journal, and the draft of one that a killed `retry` may leave behind."""


@dataclass(frozen=True, slots=True)
class Record:
    """A finished job: its folder below done/ or failed/, and its journal."""

    folder: Path
    journal: Journal

    def results(self, layout: Layout) -> list[Path]:
        """The files in the outbox that are this job's own and still as we put them there."""
        paths = ((file, layout.outbox / file.name) for file in self.journal.published)
        return [path for file, path in paths if is_ours(file, path)]

    def inputs(self) -> list[Path]:
        """The input files in the job's folder, under the users' names."""
        names = self.journal.input_names.values()
        return [path for path in (self.folder / name for name in names) if is_file(path)]

    def files(self) -> list[Path]:
        """The job's own files in its folder, the journal last; what others put there is theirs."""
        notes = (self.folder / REASON, self.folder / JOURNAL)
        return [*self.inputs(), *(path for path in notes if is_file(path))]


def record_of(folder: Path) -> Record | None:
    """The finished job in ``folder``; None where no journal says that there is one."""
    journal = load(folder)
    if journal is None or journal.outcome is None or journal.completed_at is None:
        return None
    return Record(folder, journal)


def records(parent: Path) -> Iterator[Record]:
    """All finished jobs below done/ or failed/; none where that itself is no real folder."""
    if not is_folder(parent):
        return iter(())
    found = (record_of(folder) for folder in folders_in(parent))
    return (record for record in found if record is not None)


def latest(parent: Path, limit: int) -> list[Journal]:
    """Journals of the last ``limit`` finished jobs, latest first.

    Only the folders renamed last are opened: status must stay quick with a hundred thousand.
    """
    with os.scandir(parent) as entries:
        stamped = [
            (_changed(entry), entry.name)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
    newest = heapq.nlargest(2 * limit + 10, stamped)
    found = (record_of(parent / name) for _, name in newest)
    journals = [record.journal for record in found if record is not None]
    journals.sort(key=lambda journal: (journal.completed_at or 0.0, journal.id), reverse=True)
    return journals[:limit]


def _changed(entry: os.DirEntry[str]) -> int:
    """When the folder was renamed or its content changed; 0 if it is gone since the listing."""
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except FileNotFoundError:
        return 0


def delete(layout: Layout, files: Files, record: Record) -> list[Path]:
    """Delete results, inputs and journal, in an order that a crash in between can be repeated;
    gives what was deleted, with the folder last if nothing else was in it."""
    gone = [*record.results(layout), *record.files()]
    for path in gone[:-1]:
        files.remove_file(path)
    folder = _withdrawn(layout, files, record)
    for note in _JOURNALS:
        files.remove_file(folder / note)
    if files.remove_empty(folder):
        gone.append(record.folder)
    return gone


def _withdrawn(layout: Layout, files: Files, record: Record) -> Path:
    """Where the journal is deleted: in processing/ if nothing but it is left, for a start after a
    crash puts such a folder back or removes it. In done/ an empty one would stay for ever."""
    folder = layout.processing / record.journal.id
    if not _JOURNALS.issuperset(names_in(record.folder)) or os.path.lexists(folder):
        return record.folder
    files.rename(record.folder, folder)
    return folder
