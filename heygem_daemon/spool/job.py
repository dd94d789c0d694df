"""What the spool knows of a job: data only."""

import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator

from heygem_daemon.config.job_options import JobOptions

JOURNAL_FILE = "job.json"
SIDECAR_FILE = "options.toml"
WORKSPACE_FOLDER = "work"
MEDIA_FOLDER = "media"
"""Folder of a batch for the files that its members share."""
STAGE_FOLDER = "publish"
"""Folder of a job for what is about to be moved to the outbox."""


def _check_file_name(value: object) -> str:
    if not isinstance(value, str) or "/" in value or "\0" in value or value in {"", ".", ".."}:
        raise ValueError("not the name of a file")
    return value


FileName = Annotated[str, PlainValidator(_check_file_name)]
"""One component of a path. It may hold surrogates for undecodable bytes, which pydantic's own
strings refuse; it cannot lead out of its folder."""


class FrozenModel(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AttemptFailure(FrozenModel):
    """One attempt that went wrong. ``at`` is in seconds since the epoch."""

    at: float
    kind: Literal["error", "deferred"]
    text: str


class PublishedFile(FrozenModel):
    """A file that we put into the outbox; the size tells it from another of the same name."""

    name: FileName
    size: int


class Membership(FrozenModel):
    """A job's place in its batch: number ``number`` (from 1) of ``of``. ``audio`` and ``video``
    are names of ours in the batch's folder of media, which its members share."""

    batch_id: str
    batch: FileName
    """The name of the batch's folder in the outbox."""
    number: int
    of: int
    audio: FileName
    video: FileName


class Journal(FrozenModel):
    """``job.json``: what must survive a crash. All times are seconds since the epoch.

    ``outcome`` is written before the files move: a job that has one only needs its moves finished.
    """

    version: Literal[1] = 1
    id: FileName
    name: FileName
    """What people call the job: its result's stem. Final once ``outcome`` is set."""
    audio_name: FileName
    video_name: FileName
    sidecar_name: FileName | None = None
    options: JobOptions = JobOptions()
    refusal: str = ""
    """Why the job is refused before it was tried: its sidecar is wrong. ``remedy`` goes with it."""
    member: Membership | None = None
    claimed_at: float
    attempts: int = 0
    deferrals: int = 0
    troubles: tuple[AttemptFailure, ...] = ()
    outcome: Literal["published", "failed", "returned"] | None = None
    completed_at: float | None = None
    reason: str = ""
    remedy: str = ""
    published: tuple[PublishedFile, ...] = ()

    @property
    def input_names(self) -> dict[str, str]:
        """The users' names of its files, each under the kind of file that it is."""
        media = {"audio": self.audio_name, "video": self.video_name}
        return media | ({"sidecar": self.sidecar_name} if self.sidecar_name else {})

    def dumps(self) -> bytes:
        """ASCII JSON; undecodable bytes of names survive as escaped surrogates."""
        return json.dumps(self.model_dump(), indent=1).encode() + b"\n"

    @classmethod
    def loads(cls, text: bytes) -> "Journal":
        """Inverse of ``dumps``; raises ValueError for anything else."""
        return cls.model_validate(json.loads(text))


@dataclass(frozen=True, slots=True)
class Pair:
    """One audio and one video in the inbox that belong together, with their sidecar if there is
    one. ``name`` is printable."""

    name: str
    audio: Path
    video: Path
    sidecar: Path | None = None

    @property
    def files(self) -> frozenset[Path]:
        """All that is claimed together."""
        return frozenset({self.audio, self.video} | ({self.sidecar} if self.sidecar else set()))


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. ``audio`` and ``video`` lie in ``folder`` under ASCII names of ours."""

    id: str
    name: str
    folder: Path
    audio: Path
    video: Path
    journal: Journal

    @property
    def title(self) -> str:
        """What the log calls it: a member of a batch goes by both names."""
        member = self.journal.member
        return f"{member.batch}/{self.name}" if member else self.name

    @property
    def sidecar(self) -> Path:
        """Where the options lie that were dropped with it, if any were."""
        return self.folder / SIDECAR_FILE

    @property
    def inputs(self) -> dict[str, Path]:
        """Where its files lie, each under the kind of file that it is."""
        media = {"audio": self.audio, "video": self.video}
        return media | ({"sidecar": self.sidecar} if self.journal.sidecar_name else {})

    @property
    def workspace(self) -> Path:
        """Folder for checkpoints and results; made by the claim."""
        return self.folder / WORKSPACE_FOLDER


@dataclass(frozen=True, slots=True)
class PublishedPaths:
    """Where a published job lies. ``name`` is the stem, made free of collisions."""

    name: str
    video: Path
    report: Path
    strip: Path | None
    inputs: Path


def new_id(now: float) -> str:
    """An id that sorts by time, as 20261121-031522-7f3a91 (UTC)."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(3)
