"""The data of a job: its journal, its files, its options. Data only."""

import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.system.untrusted import RECORD_LIMITS, parse_model

JOURNAL_FILE = "job.json"
SIDECAR_FILE = "options.toml"
WORKSPACE_FOLDER = "work"
LEASE_PREFIX = "lease-"
"""Of a folder in it, the workspace of a job after an attempt on a node of the cluster."""
ASSISTANT_PREFIX = "assistant-"
"""Of a folder in a workspace, in which another worker helps with the job."""
MEDIA_FOLDER = "media"
"""Folder of a batch that holds its media files, which the members share."""
SEGMENT = re.compile(r"segment-\d+[ab]*\.[a-z0-9]+")
"""The name of the file of a finished chunk, or of a piece of one, in a job's workspace."""
TRACK_PIECE = re.compile(r"track-[0-9a-f]{16}-\d{5}\.faces")
"""The name of the file of a piece of the job's video in which faces were followed."""
STAGE_FOLDER = "publish"
"""Folder of a job for the files that are about to be moved to the outbox."""


MAX_TROUBLES = 20
"""Failed attempts that a journal keeps: a job can be deferred any number of times."""


def _check_file_name(value: object) -> str:
    if not isinstance(value, str) or "/" in value or "\0" in value or value in {"", ".", ".."}:
        raise ValueError("not the name of a file")
    return value


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


FileName = Annotated[str, PlainValidator(_check_file_name)]
"""One component of a path, which cannot lead out of its folder. It may hold surrogates for
undecodable bytes, which pydantic's own strings refuse."""


AnyText = Annotated[str, PlainValidator(_check_text)]
"""Any text, also with surrogates for undecodable bytes."""


UnixTime = Annotated[float, Field(ge=0, le=253_402_300_799, allow_inf_nan=False)]
"""Seconds since the epoch, up to the end of the year 9999: what a calendar can show."""


class FrozenModel(BaseModel):
    """Base of the models in journals: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AttemptFailure(FrozenModel):
    """An attempt that ended without a result."""

    at: UnixTime
    """Seconds since the epoch."""
    kind: Literal["error", "deferred"]
    """``error`` counts as an attempt; ``deferred``, an environment fault, does not."""
    text: str


class FileIdentity(FrozenModel):
    """What distinguishes a file from another one that took its name: a rename keeps all of it."""

    size: int
    """Bytes."""
    inode: int = 0
    """0: unknown. Such a file is never taken for the daemon's."""
    mtime_ns: int = 0
    """Time of the last change of the content, nanoseconds since the epoch."""

    @classmethod
    def of(cls, status: os.stat_result) -> "FileIdentity":
        """Return the identity of a file with the lstat ``status``."""
        return FileIdentity(size=status.st_size, inode=status.st_ino, mtime_ns=status.st_mtime_ns)

    def matches(self, status: os.stat_result) -> bool:
        """Return whether a file with the lstat ``status`` is this one, unchanged."""
        found = (status.st_size, status.st_ino, status.st_mtime_ns)
        return found == (self.size, self.inode, self.mtime_ns)


class PublishedFile(FileIdentity):
    """A file that the daemon put into the outbox."""

    name: FileName


class Membership(FrozenModel):
    """The place of a job in its batch."""

    batch_id: FileName
    batch: FileName
    """The name of the batch's folder in the outbox."""
    number: int = Field(ge=1)
    """From 1 to ``of``."""
    of: int = Field(ge=1)
    """Number of members in the batch."""
    audio: FileName
    """Internal name in the batch's media folder, which the members share."""
    video: FileName
    """Internal name in the batch's media folder."""


class AskedBy(FrozenModel):
    """The request for which a job or a batch goes back to the inbox, or is deleted. Its file is
    deleted before the first file of a job moves back, and after the last one is deleted: a request
    that is still there after a crash is this one, and is not carried out for another job."""

    path: tuple[FileName, ...]
    """Of its file, below the spool."""
    inode: int
    asked_ns: int
    """The ctime of its file, nanoseconds since the epoch."""
    size: int
    name: AnyText
    """The rest is what ``spool.requests.Request`` has."""
    shown: str
    owner: int
    folder: FileName | Literal[""] | None
    is_blank: bool = False
    takes_options: bool = False
    """Whether a new sidecar comes with it."""


class Journal(FrozenModel):
    """``job.json``: everything about a job that must survive a crash.

    ``outcome`` is written before the files move. A job that has one needs only its moves finished.
    """

    version: Literal[1] = 1
    id: FileName
    name: FileName
    """The job's name for people, and the stem of its result. Final once ``outcome`` is set."""
    first_name: FileName | None = None
    """``name`` before it got a number, since somebody had taken it; None: it has none."""
    audio_name: FileName
    """The user's name of the audio file; that of the video where its own sound is meant."""
    video_name: FileName
    """The user's name of the video."""
    sidecar_name: FileName | None = None
    """The user's name of the sidecar; None: there is none."""
    options: JobOptions = JobOptions()
    refusal: str = ""
    """Why the job is refused without an attempt: its sidecar is wrong. Empty: it is not refused.
    ``remedy`` belongs to it."""
    member: Membership | None = None
    """None: the job is not in a batch."""
    folder: FileName | Literal[""] = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""
    owner: int | None = None
    """User id of who dropped the files; None: an earlier version claimed them."""
    hurried_ns: int | None = None
    """When its owner asked that it goes first, nanoseconds since the epoch; None: nobody did."""
    claimed_at: UnixTime
    """Seconds since the epoch."""
    seconds: float = Field(default=0.0, ge=0)
    """How long its result will be, as far as the header of its sound says; 0: not known."""
    started_at: UnixTime | None = None
    """When its first attempt began, in seconds since the epoch; None: none has, or an earlier
    version began it."""
    attempts: int = 0
    """Attempts in a row that brought no new chunk, the present one included."""
    deaths: int = 0
    """Deaths of the daemon in a row during attempts that were at work and brought no new chunk.
    ``attempts`` does not count them."""
    at_work: bool = False
    """Whether the last attempt got beyond reading the files, and nothing has ended it yet."""
    chunks: int = 0
    """Finished chunks at the start of the last attempt."""
    percent: int = Field(default=0, ge=0, le=100)
    """How many per cent were done, and are kept, when it last stopped before its end."""
    node: FileName | Literal[""] = ""
    """The node of the cluster on which the last attempt ran; '': the daemon's own machine."""
    lease: int = Field(default=0, ge=0)
    """Number of the workspace. It grows after each attempt on a node: one that is cut off may go on
    writing into the workspace that it knows, and nothing there is published any more."""
    deferrals: int = 0
    """Attempts that did not count, because an environment fault ended them."""
    troubles: tuple[AttemptFailure, ...] = ()
    """The last attempts that ended without a result, oldest first."""
    outcome: Literal["published", "failed", "returned"] | None = None
    """None: the job is waiting or being rendered."""
    completed_at: UnixTime | None = None
    """Seconds since the epoch; None before the job is published or failed."""
    reason: str = ""
    """Why the job failed."""
    remedy: str = ""
    """What a person can do about ``reason`` or ``refusal``; may be empty."""
    language: LanguageSetting = "both"
    """In which languages ``reason.txt`` is."""
    cancelled: bool = False
    """Whether it failed since somebody cancelled it."""
    warning: str = ""
    """The worker's first warning, for people; empty: there is none."""
    published: tuple[PublishedFile, ...] = ()
    """The job's files in the outbox."""
    asked_by: AskedBy | None = None
    """The request for which it goes back to the inbox; None: it does not, or a command does it."""

    @property
    def input_names(self) -> dict[str, str]:
        """The users' names of the input files, by kind: video, audio unless it is the video's own
        sound, and, if any, sidecar."""
        media = {"audio": self.audio_name, "video": self.video_name}
        if self.audio_name == self.video_name:
            del media["audio"]
        return media | ({"sidecar": self.sidecar_name} if self.sidecar_name else {})

    def troubles_with(
        self, now: float, kind: Literal["error", "deferred"], text: str
    ) -> tuple[AttemptFailure, ...]:
        """Return the job's last troubles, with a new one at ``now``, seconds since the epoch."""
        trouble = AttemptFailure(at=now, kind=kind, text=text)
        return (*self.troubles, trouble)[-MAX_TROUBLES:]

    def dumps(self) -> bytes:
        """Return ASCII JSON. Undecodable bytes of names become escaped surrogates."""
        return json.dumps(self.model_dump(), indent=1).encode() + b"\n"

    @classmethod
    def loads(cls, text: bytes) -> "Journal":
        """Return the journal that ``dumps`` wrote. Raises UnreadableText for any other text."""
        return parse_model(cls, text, RECORD_LIMITS)


@dataclass(frozen=True, slots=True)
class Pair:
    """One audio file and one video in the inbox that belong together, with their sidecar if there
    is one."""

    name: str
    """Printable."""
    audio: Path
    """The video itself, where its own sound is meant."""
    video: Path
    sidecar: Path | None = None
    seconds: float = field(default=0.0, compare=False)
    """How long the sound is, as far as its header says; 0: not known."""

    @property
    def is_alone(self) -> bool:
        """Whether it is one media file."""
        return self.audio == self.video

    @property
    def files(self) -> frozenset[Path]:
        """The files that are claimed together."""
        return frozenset({self.audio, self.video} | ({self.sidecar} if self.sidecar else set()))


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job."""

    id: str
    name: str
    folder: Path
    """The job's folder in processing/; of a member of a batch, a folder in the batch's folder that
    is made when the first attempt begins."""
    audio: Path
    """The audio file in processing/, under an internal ASCII name; or the video, where its own
    sound is meant."""
    video: Path
    """The video in processing/, under an internal ASCII name."""
    journal: Journal

    @property
    def title(self) -> str:
        """The job's name in the log: of a member of a batch, ``batch/member``; in a hot folder,
        with the folder's name and a slash before it."""
        member, folder = self.journal.member, self.journal.folder
        batch = member.batch if member else ""
        return "/".join([*filter(None, (folder, batch)), self.name])

    @property
    def sidecar(self) -> Path:
        """Path of the sidecar, whether or not one was dropped with the job."""
        return self.folder / SIDECAR_FILE

    @property
    def inputs(self) -> dict[str, Path]:
        """Paths of the input files, by kind: as ``input_names`` of its journal."""
        media = {"audio": self.audio, "video": self.video}
        if self.audio == self.video:
            del media["audio"]
        return media | ({"sidecar": self.sidecar} if self.journal.sidecar_name else {})

    @property
    def workspace(self) -> Path:
        """Folder for checkpoints and results."""
        lease, folder = self.journal.lease, self.folder / WORKSPACE_FOLDER
        return folder / f"{LEASE_PREFIX}{lease}" if lease else folder


Report = Mapping[str, object]
"""The content of the report beside a result."""


@dataclass(frozen=True, slots=True)
class PublishedPaths:
    """The paths of a published job."""

    name: str
    """Stem of the results, different from all other stems in the outbox."""
    video: Path
    report: Path
    strip: Path | None
    """Before/after picture; None: there is none."""
    inputs: Path
    """The job's folder in done/."""
    journal: Journal
    """The final one."""


def new_id(now: float) -> str:
    """Return a new id that sorts by time, such as 20261121-031522-7f3a91 (UTC). ``now`` is in
    seconds since the epoch."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(3)
