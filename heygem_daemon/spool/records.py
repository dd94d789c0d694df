"""Records of finished jobs and batches. Data; ``spool/record_store.py`` keeps them.

A record is written before the job's folder leaves processing/, and is the only thing that later
decisions trust: what a purge, ``remove`` or ``retry`` may touch, and what ``status`` lists. Users
can write to outbox/, done/ and failed/, so nothing that lies there is believed. Only files that a
record names are the daemon's, and only while they are as the record describes them.

A record counts as soon as the job's folder in processing/ is gone. Until then its moves are under
way.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from heygem_daemon.spool.batch.journal import Batch, BatchJournal, member_folder
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.job import FileIdentity, FileName, FrozenModel, Journal
from heygem_daemon.spool.layout import FINISHED_PLACE, SpoolLayout, load_journal
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import BATCH_LIMITS, UnreadableText, parse_model

RecordKind = Literal["published", "failed", "batch"]

_PUBLIC_FOLDERS = ("outbox", "done", "failed")

SpoolPath = Annotated[tuple[FileName, ...], Field(min_length=2)]
"""The components of a path from the spool's root. The first is outbox, done or failed."""


class RecordedFile(FileIdentity):
    """A file that the daemon put into outbox/, done/ or failed/."""

    path: SpoolPath

    def find(self, layout: SpoolLayout) -> Path | None:
        """Return the file's path if it is there and unchanged; None otherwise."""
        path = layout.root.joinpath(*self.path)
        status = _status(path)
        return path if status is not None and self.matches(status) else None


class RecordedFolder(FrozenModel):
    """A folder that the daemon put into outbox/, done/ or failed/."""

    path: SpoolPath
    inode: int

    def find(self, layout: SpoolLayout) -> Path | None:
        """Return the folder's path if it is there; None if not, or if another took its place."""
        path = layout.root.joinpath(*self.path)
        status = _status(path) if is_folder(path) else None
        return path if status is not None and status.st_ino == self.inode else None


class Record(FrozenModel):
    """What a finished job or batch has left in the spool."""

    version: Literal[1] = 1
    location: SpoolPath
    """Where its folder is: in done/ or failed/."""
    files: tuple[RecordedFile, ...]
    """All its files, results first. A summary that was written anew is there several times."""
    folders: tuple[RecordedFolder, ...]
    """The folders that are deleted with it if nothing else is in them, inner ones first."""

    def folder(self, layout: SpoolLayout) -> Path:
        """Return the folder in done/ or failed/."""
        return layout.root.joinpath(*self.location)

    def present_files(self, layout: SpoolLayout) -> list[Path]:
        """Return the paths of the files that are there, and still as they were recorded."""
        found = (file.find(layout) for file in self.files)
        return list(dict.fromkeys(path for path in found if path is not None))

    def results(self, layout: SpoolLayout) -> list[RecordedFile]:
        """Return the files in the outbox that are there, and still as they were published."""
        return [file for file in self.files if file.path[0] == "outbox" and file.find(layout)]

    def present_folders(self, layout: SpoolLayout) -> list[Path]:
        """Return the paths of the folders that are there, inner ones first."""
        found = (folder.find(layout) for folder in self.folders)
        return [path for path in found if path is not None]

    def dumps(self) -> bytes:
        """Return ASCII JSON. Undecodable bytes of names become escaped surrogates."""
        return json.dumps(self.model_dump()).encode() + b"\n"

    @classmethod
    def loads(cls, text: bytes) -> Self:
        """Return the record that ``dumps`` wrote. Raises UnreadableText for any other text."""
        record = parse_model(cls, text, BATCH_LIMITS)
        for each in (record.location, *(item.path for item in record.files)):
            _require_public(each)
        for folder in record.folders:
            _require_public(folder.path)
        return record


class JobRecord(Record):
    """The record of a published or failed job, or of a failed member of a batch."""

    journal: Journal

    @property
    def kind(self) -> RecordKind:
        return "published" if self.journal.outcome == "published" else "failed"

    @property
    def id(self) -> str:
        return self.journal.id

    @property
    def completed_at(self) -> float:
        """Seconds since the epoch."""
        return self.journal.completed_at or 0.0

    @property
    def title(self) -> str:
        """The name that commands use: the folder's name, with the batch's name and a slash before
        it for a member of a batch."""
        return "/".join(self.location[1:])

    def is_under_way(self, layout: SpoolLayout) -> bool:
        """Return whether the job's folder has not left processing/ yet. A folder that a retry has
        made there is another one."""
        folder = layout.processing / self.id
        if (member := self.journal.member) is not None:
            folder = member_folder(layout.processing / member.batch_id, member.number)
        journal = load_journal(folder)
        return journal is not None and journal.outcome == self.journal.outcome


class BatchRecord(Record):
    """The record of a finished batch."""

    journal: BatchJournal

    @property
    def kind(self) -> RecordKind:
        return "batch"

    @property
    def id(self) -> str:
        return self.journal.id

    @property
    def completed_at(self) -> float:
        """Seconds since the epoch."""
        return self.journal.completed_at or 0.0

    @property
    def title(self) -> str:
        """The name that commands use. The folder of one without results has more in its name."""
        return self.journal.title if self.journal.leaves_nothing else "/".join(self.location[1:])

    def is_under_way(self, layout: SpoolLayout) -> bool:
        """Return whether the batch's folder has not left processing/ yet."""
        return is_folder(layout.processing / self.id)

    def batch(self, layout: SpoolLayout) -> Batch:
        """Return the batch in done/."""
        return Batch(self.folder(layout), self.journal)


AnyRecord = JobRecord | BatchRecord


def describe_files(
    folder: Path, names: Iterable[tuple[str, ...]], location: tuple[str, ...]
) -> list[RecordedFile]:
    """Return the identities of files in ``folder``, which will be moved to ``location``. Names are
    relative to both; those of folders and of missing files are left out."""
    found = []
    for name in names:
        path = folder.joinpath(*name)
        status = _status(path)
        if status is not None and not is_folder(path):
            found.append(recorded_file((*location, *name), status))
    return found


def recorded_file(path: tuple[str, ...], status: os.stat_result) -> RecordedFile:
    """Return the identity of a file with the lstat ``status`` that is, or will be, at ``path``."""
    return RecordedFile(
        path=path, size=status.st_size, inode=status.st_ino, mtime_ns=status.st_mtime_ns
    )


def record_place(identity: str, kind: RecordKind) -> str:
    """Return where a record is kept, from the spool's root."""
    return f"{FINISHED_PLACE}/{identity}.{kind}.json"


def file_identity(file: FileIdentity) -> int:
    """Return what distinguishes a file from others, wherever it is moved."""
    return hash((file.inode, file.size, file.mtime_ns))


def recorded_folder(path: tuple[str, ...], folder: Path) -> RecordedFolder:
    """Return the identity of ``folder``, which is, or will be, at ``path``."""
    return RecordedFolder(path=path, inode=paths.lstat(folder).st_ino)


def _require_public(path: tuple[str, ...]) -> None:
    if path[0] not in _PUBLIC_FOLDERS:
        raise UnreadableText(f"{path[0]} is not one of {', '.join(_PUBLIC_FOLDERS)}")


def _status(path: Path) -> os.stat_result | None:
    """Return the lstat of ``path``; None if nothing is there, or if a link is in the way."""
    try:
        return paths.lstat(path) if paths.exists(path) else None
    except FileNotFoundError:
        return None
