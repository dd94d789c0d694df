"""The folders of a spool, and the job journals in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.free_names import NamePlace, TakenNames
from heygem_daemon.spool.job import JOURNAL_FILE, MEDIA_FOLDER, Job, Journal
from heygem_daemon.spool.names import split_extension
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import UnreadableText, read_text

VIDEO_SUFFIXES = (".mp4", ".mov")
"""Suffixes of a result: that of its container."""

PUBLISHED_SUFFIXES = (".json", ".png", *VIDEO_SUFFIXES)
"""In the order of publishing. The video comes last, so that anyone who sees it finds its report."""

FINISHED_PLACE = ".state/finished"
"""The folder of the records of finished jobs and batches, from the spool's root."""

PAGE_NAMES = ("status.html", "status.txt")
"""The names of the pages in the spool's root and in the outbox of each hot folder: a result may be
called ``status`` too."""


@dataclass(frozen=True)
class SpoolLayout:
    """The folders of the spool at ``root``."""

    root: Path
    folder: str = ""
    """The hot folder whose inbox, outbox, done and failed these are; empty: the plain ones."""

    def in_folder(self, folder: str) -> "SpoolLayout":
        """Return the layout of the same spool with the folders of a hot folder; empty: the plain
        ones."""
        return SpoolLayout(self.root, folder)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox" / self.folder

    @property
    def processing(self) -> Path:
        return self.root / "processing"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox" / self.folder

    @property
    def done(self) -> Path:
        return self.root / "done" / self.folder

    @property
    def failed(self) -> Path:
        return self.root / "failed" / self.folder

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state(self) -> Path:
        return self.root / ".state"

    @property
    def requests(self) -> Path:
        """Folder of the requests of commands."""
        return self.state / "requests"

    @property
    def removals(self) -> Path:
        """What requests are about to delete (see spool/removals.py)."""
        return self.state / "removals"

    @property
    def finished(self) -> Path:
        """The records of finished jobs and batches (see spool/records.py)."""
        return self.root / FINISHED_PLACE

    @property
    def history(self) -> Path:
        """A line for each job whose record is gone (see spool/history.py)."""
        return self.state / "history"

    @property
    def cache(self) -> Path:
        return self.root / ".cache"

    @property
    def sentinel(self) -> Path:
        """The file whose absence means that the disk or share is not mounted."""
        return self.state / "spool-id"

    def taken_names(self) -> TakenNames:
        """Return the names that no new result may take: those of results and of inputs in done/."""
        results = NamePlace(self.outbox, PUBLISHED_SUFFIXES, PAGE_NAMES)
        return TakenNames((results, NamePlace(self.done)))

    def final_folder(self, journal: Journal) -> Path:
        """Return the folder that a published job's folder is renamed to."""
        return self.done / journal.name

    @property
    def private_folders(self) -> tuple[Path, ...]:
        """The folders whose content decides what the daemon does. Only its user may write there."""
        return (self.processing, self.state, self.cache)

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders of the spool."""
        return (
            self.inbox,
            self.processing,
            self.outbox,
            self.done,
            self.failed,
            self.logs,
            self.state,
            self.cache,
        )


def save_journal(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Write the journal of the job in ``folder`` durably."""
    files.write(folder / JOURNAL_FILE, journal.dumps())


def load_journal(folder: Path) -> Journal | None:
    """Return the journal of the job in ``folder``; None if it is missing or cannot be parsed."""
    path = folder / JOURNAL_FILE
    try:
        return Journal.loads(read_text(path)) if is_file(path) else None
    except (UnreadableText, FileNotFoundError, NotADirectoryError):
        return None


def job_from_journal(folder: Path, journal: Journal) -> Job:
    """Return the job in a folder of processing/. The members of a batch share their media files."""
    if (member := journal.member) is not None:
        media = folder.parent / MEDIA_FOLDER
        return Job(
            journal.id, journal.name, folder, media / member.audio, media / member.video, journal
        )
    audio = folder / ("audio" + split_extension(journal.audio_name)[1].lower())
    video = folder / ("video" + split_extension(journal.video_name)[1].lower())
    if journal.audio_name == journal.video_name:
        audio = video
    return Job(folder.name, journal.name, folder, audio, video, journal)


def names_in(folder: Path) -> list[str]:
    """Return all names in a folder, unsorted."""
    return paths.names_in(folder)


def folders_in(folder: Path) -> Iterator[Path]:
    """Return the folders in a folder, sorted by name. Links are left out, and so are hidden
    folders: they belong to no job."""
    with paths.listing(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        )
    return (folder / name for name in names)
