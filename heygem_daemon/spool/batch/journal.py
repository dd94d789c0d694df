"""The data of a batch: its journal, and the folders of its parts. Data only.

::

    processing/<batch id>/
      batch.json    the batch's journal
      inputs/       the dropped folder, moved here with one rename
      media/        the members' audio and video under internal names; members share them
      0001/ 0002/   one folder for each member that was started: its journal, its work
      ended/0001/   the final journal of a member that is published or failed
      publish/      the ZIP before it is moved to the outbox
      back/         failed members on their way back to the inbox
      new-outbox/   the batch's folder in the outbox before it is renamed; new-failed/ likewise
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.counts import counted
from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.free_names import NamePlace, TakenNames
from heygem_daemon.spool.job import (
    MEDIA_FOLDER,
    STAGE_FOLDER,
    AskedBy,
    FileName,
    FrozenModel,
    Journal,
    PublishedFile,
    UnixTime,
)
from heygem_daemon.spool.layout import PUBLISHED_SUFFIXES, SpoolLayout, folders_in
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    is_ignored,
    is_sidecar,
    pair_key,
    printable,
    split_extension,
)
from heygem_daemon.system.untrusted import (
    BATCH_LIMITS,
    UnreadableText,
    check_length,
    parse_model,
    read_text,
)

BATCH_FILE = "batch.json"
"""The batch's journal in processing/ and done/. In the outbox, the summary for people."""

INPUTS_FOLDER = "inputs"
"""The dropped folder, in the batch's folder in processing/ and done/."""

COMMON_SIDECAR = "job.toml"
"""The sidecar with options for all members."""


def is_common_sidecar(name: str) -> bool:
    """Return whether a file in a batch is the sidecar for all members."""
    return is_sidecar(name) and pair_key(name) == pair_key(COMMON_SIDECAR)


class OwnFolder(FrozenModel):
    """What distinguishes a folder that the daemon made from another one of its name."""

    inode: int
    owner: int
    """User id."""

    @classmethod
    def of(cls, status: os.stat_result) -> "OwnFolder":
        """Return the identity of a folder with the lstat ``status``."""
        return cls(inode=status.st_ino, owner=status.st_uid)


class BatchMember(FrozenModel):
    """A member as it was dropped."""

    name: FileName
    """Stem of its results."""
    audio: FileName
    """The user's name of the audio file."""
    video: FileName
    """The user's name of the video."""
    sidecar: FileName | None = None
    """The user's name of the member's own sidecar; None: there is none."""
    options: JobOptions | None = None
    """What the sidecars say; None: there are none, or an earlier version wrote this journal."""
    seconds: float = Field(default=0.0, ge=0)
    """How long its result will be, as far as the header of its sound says; 0: not known."""
    refusal: str = ""
    """Why the member is refused without an attempt: a sidecar is wrong. Empty: it is not."""
    remedy: str = ""

    @property
    def media_names(self) -> tuple[str, str]:
        """The users' names of audio and video."""
        return self.audio, self.video


class PlacedFile(FrozenModel):
    """A file in a folder of the dropped folder, and where it goes."""

    folder: FileName
    name: FileName
    placed_as: FileName
    """Its name beside the other files."""


class BatchJournal(FrozenModel):
    """``batch.json``: everything about a batch that must survive a crash.

    ``outcome`` is written before the files move.
    """

    version: Literal[1] = 1
    id: FileName
    name: FileName
    """Name of the batch's folder in the outbox, and of its ZIP."""
    folder_name: FileName
    """The user's name of the dropped folder."""
    folder: FileName | Literal[""] = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""
    owner: int | None = None
    """User id of who dropped it; None: an earlier version claimed it, or its members are not known
    yet."""
    hurried_ns: int | None = None
    """When its owner asked that it goes first, nanoseconds since the epoch; None: nobody did."""
    claimed_at: UnixTime
    """Seconds since the epoch."""
    members: tuple[BatchMember, ...] = ()
    """In the order of rendering; empty until the folder is in processing/."""
    common: FileName | None = None
    """The user's name of the sidecar for all members; None: there is none."""
    others: tuple[FileName, ...] = ()
    """Names of other files in the folder, not all of very many. They go to done/ and are deleted
    with the batch."""
    unfolded: tuple[FileName, ...] = ()
    """Names of the folders in the dropped folder whose files are laid side by side."""
    placed: tuple[PlacedFile, ...] = ()
    """The media and sidecars in these."""
    failed_name: FileName | None = None
    """Name of the batch's folder in failed/; None until a member has failed."""
    outbox_folder: OwnFolder | None = None
    """The batch's folder in the outbox; None: an earlier version made it."""
    failed_folder: OwnFolder | None = None
    """The batch's folder in failed/; None: there is none, or an earlier version made it."""
    outcome: Literal["finished", "returned"] | None = None
    """None: members are waiting or being rendered."""
    completed_at: UnixTime | None = None
    """Seconds since the epoch; None before the batch is finished."""
    done_name: FileName | Literal[""] = ""
    """Name of the batch's folder in done/; empty before the batch is finished."""
    ended: tuple[Journal, ...] = ()
    """The final journals of all members, in order; empty before the batch is finished."""
    published: tuple[PublishedFile, ...] = ()
    """The ZIP; empty if no member was published."""
    missing: tuple[str, ...] = ()
    """Names of results that somebody removed from the outbox before the ZIP was made."""
    keeps_names: bool = False
    """Whether the failed members that a retry returns keep the users' names of their files: one
    that they share is there once."""
    retried: tuple[FileName, ...] = ()
    """Names of the records in .state/finished/ of the failed members that a retry returns, also of
    those that it has taken already; empty: it is no such retry, or an earlier version began it."""
    takes_options: bool = False
    """Whether a new sidecar for all members goes with a retry. It comes first: without it nothing
    is taken."""
    replaces_sidecar: bool = False
    """Whether the sidecar for all takes the place of the own one of the only member of a retry."""
    retry_of: FileName | None = None
    """The id of the finished batch whose inputs a retry takes back, those of ``members``; None: it
    is no such retry."""
    asked_by: AskedBy | None = None
    """The request for which it goes back to the inbox; None: it does not, or a command does it."""

    @property
    def leaves_nothing(self) -> bool:
        """Whether it has ended and nothing was published."""
        is_published = any(each.outcome == "published" for each in self.ended)
        return bool(self.ended) and not is_published

    @property
    def title(self) -> str:
        """The batch's name in log and status: in a hot folder, with the folder's name and a slash
        before it."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def dropped_as(self) -> str:
        """The user's name of the dropped folder; in a hot folder, with that one's name before."""
        return f"{self.folder}/{self.folder_name}" if self.folder else self.folder_name

    @property
    def description(self) -> str:
        """A short description of the members, such as '3 videos speak talk.wav'."""
        audios = {member.audio for member in self.members}
        videos = {member.video for member in self.members}
        count = len(self.members)
        if all(member.audio == member.video for member in self.members):
            one, many = "1 video with its own sound", "{count} videos with their own sound"
            return counted(count, one, many)
        if count > 1 and len(audios) == 1:
            return f"{count} videos speak {printable(audios.pop())}"
        if count > 1 and len(videos) == 1:
            return f"{printable(videos.pop())} speaks {count} sounds"
        return counted(count, "1 pair", "{count} pairs")

    @property
    def unsupported_files(self) -> list[str]:
        """Names of the files in the folder that are not used."""
        named = (name for name in self.others if not name.endswith(READY_SUFFIX))
        return [name for name in named if not is_ignored(name)]

    @property
    def internal_names(self) -> dict[str, str]:
        """The internal name of each of the members' media files, by the user's name."""
        names = dict.fromkeys(name for member in self.members for name in member.media_names)
        return {
            name: f"{number}{split_extension(name)[1].lower()}"
            for number, name in enumerate(names, 1)
        }

    def members_using(self, name: str) -> Iterable[int]:
        """Return the numbers (from 1) of the members that use the file with the user's name
        ``name``."""
        members = enumerate(self.members, 1)
        return (number for number, member in members if name in member.media_names)

    def dumps(self) -> bytes:
        """Return ASCII JSON. Undecodable bytes of names become escaped surrogates."""
        return json.dumps(self.model_dump(), indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Batch:
    """A claimed batch: its folder and its journal."""

    folder: Path
    journal: BatchJournal

    @property
    def id(self) -> str:
        return self.journal.id

    @property
    def inputs(self) -> Path:
        return self.folder / INPUTS_FOLDER

    @property
    def media(self) -> Path:
        return self.folder / MEDIA_FOLDER

    @property
    def stage(self) -> Path:
        return self.folder / STAGE_FOLDER

    @property
    def ended_folder(self) -> Path:
        return self.folder / "ended"

    @property
    def retried_folder(self) -> Path:
        """Folder of the members that a retry has taken from failed/, on their way to the inbox."""
        return self.folder / "back"

    def member_folder(self, number: int) -> Path:
        """Return the folder of member ``number`` (from 1), which exists after its first attempt
        began."""
        return member_folder(self.folder, number)

    def final_journal_folder(self, number: int) -> Path:
        """Return the folder for the final journal of member ``number`` (from 1)."""
        return self.ended_folder / f"{number:04d}"


def member_folder(folder: Path, number: int) -> Path:
    """Return the folder of member ``number`` (from 1) in the batch's folder in processing/."""
    return folder / f"{number:04d}"


@dataclass(frozen=True)
class MemberLayout(SpoolLayout):
    """The folders of a spool for the members of ``batch``: results and failures go into the batch's
    folders, and the folder of a published member stays with the batch."""

    batch: Batch = field(kw_only=True)

    @property
    def outbox(self) -> Path:
        return super().outbox / self.batch.journal.name

    @property
    def failed(self) -> Path:
        return super().failed / (self.batch.journal.failed_name or self.batch.journal.name)

    def taken_names(self) -> TakenNames:
        """Return the names that no new result may take: those of results in the batch's folder."""
        return TakenNames((NamePlace(self.outbox, PUBLISHED_SUFFIXES),))

    def final_folder(self, journal: Journal) -> Path:
        """Return the folder that a published member's folder is renamed to."""
        return self.batch.final_journal_folder(journal.member.number if journal.member else 0)


def save_batch(files: FileOperations, batch: Batch) -> None:
    """Write the batch's journal durably. Raises UnreadableText, and leaves the last one, if it is
    too long to be read again."""
    text = batch.journal.dumps()
    check_length(text, BATCH_LIMITS)
    files.write(batch.folder / BATCH_FILE, text)


def load_batch(folder: Path) -> Batch | None:
    """Return the batch in a folder of processing/ or done/; None if it has no readable journal."""
    path = folder / BATCH_FILE
    try:
        if is_file(path):
            text = read_text(path, BATCH_LIMITS)
            return Batch(folder, parse_model(BatchJournal, text, BATCH_LIMITS))
    except (UnreadableText, FileNotFoundError, NotADirectoryError):
        pass
    return None


def claimed_batches(
    layout: SpoolLayout, on_fault: Callable[[Path, Exception], None] | None = None
) -> Iterator[Batch]:
    """Yield the batches in processing/. ``on_fault`` is called with a folder whose journal cannot
    be read now; None: the error is raised."""
    for folder in folders_in(layout.processing):
        try:
            batch = load_batch(folder)
        except Exception as error:
            if on_fault is None:
                raise
            on_fault(folder, error)
        else:
            if batch is not None:
                yield batch
