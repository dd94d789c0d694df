"""Gives the inputs of a job that has ended the names that its user gave them, and takes these back.

While a job is claimed its inputs have internal names, so that no name can harm anything.
"""

from collections.abc import Iterable
from pathlib import Path

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import JOURNAL_FILE, Journal
from heygem_daemon.spool.layout import job_from_journal
from heygem_daemon.spool.names import fold
from heygem_daemon.system import paths


def restore_names(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Rename the inputs in the job's folder from their internal names to the users' names."""
    for internal, original in _name_pairs(folder, journal):
        same = fold(internal.name) == fold(original.name) and paths.exists(original)
        if paths.exists(internal) and not same:
            files.move_unsynced(internal, original)
    files.sync_parents(folder / JOURNAL_FILE)


def normalise_names(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Rename the inputs in the job's folder from the users' names to their internal names."""
    for internal, original in _name_pairs(folder, journal):
        if not paths.exists(internal) and paths.exists(original):
            files.move(original, internal)


def _name_pairs(folder: Path, journal: Journal) -> Iterable[tuple[Path, Path]]:
    """Return the internal path and the path with the user's name for each input."""
    names = journal.input_names
    return (
        (path, folder / names[kind])
        for kind, path in job_from_journal(folder, journal).inputs.items()
    )
