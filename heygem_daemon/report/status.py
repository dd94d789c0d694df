"""``status.json``: what the daemon is doing, for people and scripts, rewritten while it runs."""

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from heygem_daemon.system.atomic import write_atomically

FRESH_SECONDS = 15.0
"""Age from which on a status no longer speaks of a living daemon."""

DaemonState = Literal["starting", "idle", "working", "holding", "stopping", "stopped"]
JobState = Literal["running", "queued", "deferred", "publishing"]
Outcome = Literal["published", "failed"]


class StatusModel(BaseModel):
    """Base of the parts: immutable; a newer daemon's additional fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class JobStatus(StatusModel):
    """A claimed job. ``attempt`` counts the starts so far; ``fps`` is output frames a second;
    ``device`` is where it runs, and ``device_uuid`` which GPU that is; ``reason`` says what a job
    waits for; ``retry_seconds`` how long its backoff still lasts, and
    ``retry_at`` until when (UNIX time). ``priority``: higher goes first."""

    id: str
    name: str
    state: JobState
    attempt: int = 0
    device: str | None = None
    device_uuid: str | None = None
    stage: str | None = None
    chunk: int = 0
    chunks: int = 0
    frames: int = 0
    total_frames: int = 0
    fps: float = 0.0
    reason: str | None = None
    retry_seconds: float | None = None
    retry_at: float | None = None
    priority: int = 0


class BatchStatus(StatusModel):
    """A batch under way: so many ``members``, of which these have ended; ``now`` names those in
    workers' hands, ``waits`` says what for if there is none; ``packing``: all have ended, and the
    ZIP is being written."""

    id: str
    name: str
    dropped_as: str
    members: int
    published: int
    failed: int
    now: tuple[str, ...] = ()
    waits: str | None = None
    packing: bool = False

    @property
    def progress(self) -> str:
        """As '3 of 12 done, 1 of them failed, now: 04'."""
        parts = [f"{self.published + self.failed} of {self.members} done"]
        parts += [f"{self.failed} of them failed"] if self.failed else []
        parts += [f"now: {', '.join(self.now)}"] if self.now else []
        parts += [f"waits: {self.waits}"] if self.waits and not self.now else []
        return ", ".join([*parts, *(["packing the ZIP"] if self.packing else [])])


class InboxStatus(StatusModel):
    """Something in the inbox that is not claimed yet, and what it waits for."""

    name: str
    reason: str


class DeviceStatus(StatusModel):
    """A GPU as the driver shows it, or the CPU; memory in bytes, ``utilisation`` in per cent,
    ``temperature`` in °C, ``power`` in watts; ``throttled`` why its clocks are held down, ``fault``
    why it is not used. ``label`` tells it from others of its name; ``jobs`` are the names of those
    that run there. ``resident``: a worker of ours has the engine loaded there."""

    name: str
    label: str = ""
    uuid: str | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    utilisation: int | None = None
    temperature: int | None = None
    power: float | None = None
    throttled: tuple[str, ...] = ()
    fault: str | None = None
    jobs: tuple[str, ...] = ()
    resident: bool = False
    worker_rss_bytes: int | None = None
    worker_vram_bytes: int | None = None
    worker_vram_active_bytes: int | None = None


class FinishedJob(StatusModel):
    """A job that has ended since the daemon started. ``output`` is the name in outbox/ or failed/;
    ``finished`` is a UNIX time."""

    id: str
    name: str
    outcome: Outcome
    output: str
    finished: float
    seconds: float
    reason: str | None = None
    frames: int | None = None
    utilisation: float | None = None
    """Mean of its GPU's while the engine worked, in per cent; None: on the CPU, or not known."""
    stage_seconds: dict[str, float] = {}


class GpuWarning(StatusModel):
    """What the last job on a GPU has shown. ``kind``: 'asleep', 'hot', 'throttled' or 'creep';
    ``job`` its name; ``at`` a UNIX time."""

    kind: str
    device: str
    uuid: str
    job: str
    at: float
    text: str


class Counts(StatusModel):
    """Since the daemon started: jobs by ``outcome``, ``attempts`` by how they ended, ``warnings``
    of GPUs by kind."""

    published: int = 0
    failed: int = 0
    attempts: dict[str, int] = {}
    warnings: dict[str, int] = {}


class Status(StatusModel):
    """All of it. ``written`` and ``started`` are UNIX times; ``hold`` says why nothing starts."""

    version: str
    pid: int
    state: DaemonState
    started: float
    written: float
    spool: str
    engine: str
    device: str
    hold: str | None = None
    jobs: tuple[JobStatus, ...] = ()
    """All of them, but for those members of a batch that merely wait for their turn."""
    batches: tuple[BatchStatus, ...] = ()
    inbox: tuple[InboxStatus, ...] = ()
    devices: tuple[DeviceStatus, ...] = ()
    finished: tuple[FinishedJob, ...] = ()
    warnings: tuple[GpuWarning, ...] = ()
    counts: Counts = Counts()

    def summary(self) -> str:
        """One line: state, what is under way, what holds it."""
        names = ", ".join(job.name for job in self.jobs if job.state == "running")
        waiting = sum(job.state != "running" for job in self.jobs)
        parts = [f"{self.state} on {names}" if names else self.state, f"{waiting} jobs waiting"]
        return "; ".join([*parts, *([self.hold] if self.hold else [])])

    def is_fresh(self, now: float) -> bool:
        """Whether a daemon is at work, judged at UNIX time ``now``."""
        return self.state != "stopped" and now - self.written < FRESH_SECONDS


def write_status(status: Status, file: Path) -> None:
    """Replace ``file`` in one step, so that no reader sees half of it. Raises OSError.

    On a full disk, when it is wanted most, it goes over the old one in place; shortened to what
    the daemon waits for if it does not fit there.
    """
    try:
        write_atomically(file, _text(status), temporary_name=file.name + ".tmp")
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _write_over(file, status)


def _write_over(file: Path, status: Status) -> None:
    brief = status.model_copy(update={"inbox": (), "devices": (), "finished": (), "warnings": ()})
    for text in (_text(status), _text(brief), _text(brief.model_copy(update={"jobs": ()}))):
        with suppress(OSError), file.open("r+b", buffering=0) as old:
            if old.write(text) == len(text):
                old.truncate()
                return
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(file))


def _text(status: Status) -> bytes:
    return (json.dumps(status.model_dump(mode="json"), indent=1) + "\n").encode("ascii")


def read_status(file: Path) -> Status | None:
    """The last status written; None where there is none, or none that can be read."""
    try:
        return Status.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
