"""The parts of the status for what has ended. Data only."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from heygem_daemon.report.status_model import StatusModel

Outcome = Literal["published", "failed"]


class FinishedJob(StatusModel):
    """A job that has ended."""

    id: str
    name: str
    outcome: Outcome

    output: str
    """Its name in outbox/ or failed/."""

    path: str = ""
    """The result, or the folder of a failed job, relative to the spool; empty: not known."""

    finished: float
    """UNIX time."""

    seconds: float
    """Duration of the last attempt."""

    reason: str | None = None
    """Why it failed."""

    remedy: str = ""
    """What a person can do about that, where it is known."""

    warning: str = ""
    """What people should know of its result: the first warning of its worker; empty: nothing."""

    frames: int | None = None
    """Output frames."""

    utilisation: float | None = None
    """Mean use of its GPU while the engine worked, in per cent; None: on the CPU, or not known."""

    length: float = 0.0
    """Seconds of the result; 0: not known."""

    engine: str = ""
    """The engine that it asked for; empty: that of the settings."""

    stage_seconds: Mapping[str, float] = {}
    """The seconds of each stage."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    cancelled: bool = False
    """Whether it failed since somebody cancelled it."""

    batch: str = ""
    """The name of its batch; empty: it was in none."""

    batch_id: str = ""

    dropped_by: str = ""
    """The name of who dropped it; empty: not known."""

    owner: str = Field(default="", exclude=True)
    """Whose it is, as the turns know him. Not in the status that others read."""

    records: tuple[str, ...] = Field(default=(), exclude=True)
    """Paths from the spool's root, of which one is there as long as the daemon has its files,
    whatever people keep in its folder; empty: not known."""

    identity: tuple[int, int, int] | None = Field(default=None, exclude=True)
    """Size, inode and mtime in nanoseconds of the result as it was published; None: not known, or
    it failed."""


class FinishedBatch(StatusModel):
    """A batch whose members have all ended."""

    id: str
    name: str

    dropped_as: str = ""
    """The name that its folder had in the inbox; empty: not known."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    members: int
    """How many members it had."""

    published: int
    failed: int

    cancelled: int = 0
    """How many of those that failed were cancelled."""

    path: str
    """Its folder in outbox/, relative to the spool; empty: it has none. So are the others."""

    zip: str = ""
    """Empty: there is none."""

    failures: str = ""
    """Its folder in failed/; empty: no member failed."""

    finished: float
    """UNIX time."""

    dropped_by: str = ""
    """As of a job."""

    owner: str = Field(default="", exclude=True)
    """As of a job."""

    records: tuple[str, ...] = Field(default=(), exclude=True)
    """As of a job."""
