"""What the spool knows of a batch, and where its parts lie in processing/. Data only.

::

    processing/<batch id>/
      batch.json    the batch's journal
      inputs/       the folder as it was dropped, taken with one rename
      media/        the members' audio and video under names of ours: members share them
      0001/ 0002/   a member that was begun: its journal, its work
      ended/0001/   the final journal of a member that is published or failed
      publish/      the ZIP and the summary before they are moved to the outbox
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.job import (
    MEDIA_FOLDER,
    STAGE_FOLDER,
    FileName,
    FrozenModel,
    Journal,
    PublishedFile,
)
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import READY_SUFFIX, is_ignored, printable, split_extension

BATCH_FILE = "batch.json"
"""The batch's journal in processing/ and done/; in the outbox the summary for people."""

COMMON_SIDECAR = "job.toml"
"""The sidecar that speaks for all members."""


class BatchMember(FrozenModel):
    """A member as it was dropped: the name of its result, and the users' names of its files."""

    name: str
    audio: FileName
    video: FileName
    sidecar: FileName | None = None

    @property
    def media_names(self) -> tuple[str, str]:
        """The names of its audio and its video."""
        return self.audio, self.video


class BatchJournal(FrozenModel):
    """``batch.json``: what must survive a crash. Times are seconds since the epoch.

    ``members`` is empty until the folder is taken. ``outcome`` is written before the files move.
    """

    version: Literal[1] = 1
    id: str
    name: str
    """The name of its folder in the outbox, and of its ZIP."""
    folder_name: FileName
    """The users' own name of the folder."""
    claimed_at: float
    members: tuple[BatchMember, ...] = ()
    common: FileName | None = None
    others: tuple[FileName, ...] = ()
    """What else lay in the folder: it goes to done/ with the rest and is deleted with it."""
    failed_name: str | None = None
    """The name of its folder in failed/, once a member has failed."""
    outcome: Literal["finished", "returned"] | None = None
    completed_at: float | None = None
    done_name: str = ""
    ended: tuple[Journal, ...] = ()
    published: tuple[PublishedFile, ...] = ()
    """The ZIP and the summary."""
    missing: tuple[str, ...] = ()
    """Results that somebody had taken out of the outbox before the ZIP was made."""

    @property
    def description(self) -> str:
        """What the members are, as '3 videos speak talk.wav'."""
        audios = {slot.audio for slot in self.members}
        videos = {slot.video for slot in self.members}
        count = len(self.members)
        if count > 1 and len(audios) == 1:
            return f"{count} videos speak {printable(audios.pop())}"
        if count > 1 and len(videos) == 1:
            return f"{printable(videos.pop())} speaks {count} sounds"
        return "1 pair" if count == 1 else f"{count} pairs"

    @property
    def unsupported_files(self) -> list[str]:
        """Printable names of what in the folder nobody can make use of."""
        named = (name for name in self.others if not name.endswith(READY_SUFFIX))
        return [printable(name) for name in named if not is_ignored(name)]

    @property
    def internal_names(self) -> dict[str, str]:
        """The members' files, each once: the users' name, and the name of ours."""
        theirs = dict.fromkeys(name for slot in self.members for name in slot.media_names)
        return {
            name: f"{number}{split_extension(name)[1].lower()}"
            for number, name in enumerate(theirs, 1)
        }

    def members_using(self, name: str) -> Iterable[int]:
        """The numbers of the members that use the file of that users' name."""
        return (number for number, slot in enumerate(self.members, 1) if name in slot.media_names)

    def dumps(self) -> bytes:
        """ASCII JSON; undecodable bytes of names survive as escaped surrogates."""
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
        return self.folder / "inputs"

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
        """Members that a retry has taken out of failed/, on their way to the inbox."""
        return self.folder / "back"

    def member_folder(self, number: int) -> Path:
        """The folder of a member that was begun."""
        return self.folder / f"{number:04d}"

    def final_journal_folder(self, number: int) -> Path:
        """The folder of the final journal of a member."""
        return self.ended_folder / f"{number:04d}"


@dataclass(frozen=True)
class MemberLayout(SpoolLayout):
    """A spool as a member of ``batch`` sees it: results and failures go into the batch's folders,
    and what is done rests with the batch."""

    batch: Batch

    @property
    def outbox(self) -> Path:
        return self.root / "outbox" / self.batch.journal.name

    @property
    def failed(self) -> Path:
        return self.root / "failed" / (self.batch.journal.failed_name or self.batch.journal.name)

    def taken_names(self) -> list[str]:
        """Names that no result may take."""
        present = names_in(self.outbox)
        return [*present, *(split_extension(name)[0] for name in present)]

    def final_folder(self, journal: Journal) -> Path:
        """Where a published member's folder ends up."""
        return self.batch.final_journal_folder(journal.member.number if journal.member else 0)


def save_batch(files: FileOperations, batch: Batch) -> None:
    """Write the batch's journal, durably."""
    files.write(batch.folder / BATCH_FILE, batch.journal.dumps())


def load_batch(folder: Path) -> Batch | None:
    """The batch in a folder of processing/ or done/; None if no journal there can be understood."""
    path = folder / BATCH_FILE
    try:
        if is_file(path):
            return Batch(folder, BatchJournal.model_validate(json.loads(path.read_bytes())))
    except (ValueError, FileNotFoundError, NotADirectoryError):
        pass
    return None
