"""What ``status.json`` holds: it shows people and scripts what the daemon does."""

from typing import Literal

from heygem_daemon.report.backlog import Backlog, JobState, WaitFor, describe_running, summarise
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.counts import Counts
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from heygem_daemon.report.notification_status import NotificationStatus
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status_model import StatusModel
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.report.unwritten_file import UnwrittenFile

FRESH_SECONDS = 15.0
"""A status that is older than this does not prove that a daemon runs."""

DaemonState = Literal["starting", "idle", "working", "holding", "stopping", "stopped"]


class JobStatus(StatusModel):
    """A claimed job."""

    id: str
    name: str
    state: JobState

    attempt: int = 0
    """How often it was started."""

    device: str | None = None
    """The device on which it runs, by its name for people."""

    device_uuid: str | None = None
    """The GPU on which it runs."""

    node: str = ""
    """The node of the cluster on which it runs; '': the daemon's own machine."""

    slot: int | None = None
    """The slot of the CPU in which it runs, from 1; None: not on the CPU."""

    stage: str | None = None

    chunk: int = 0
    """The present chunk, counted from 1; 0 before the first."""

    chunks: int = 0

    frames: int = 0
    """Output frames rendered so far."""

    total_frames: int = 0

    percent: int | None = None
    """Share of the job that is done, and kept if it does not run; None: nothing yet, or not
    known."""

    left_seconds: float | None = None
    """How long the rest of the job takes; None: not known."""

    fps: float = 0.0
    """Output frames per second."""

    reason: str | None = None
    """What the job waits for."""

    retry_seconds: float | None = None
    """How long its pause still lasts."""

    retry_at: float | None = None
    """When its pause ends (UNIX time)."""

    first: str = ""
    """The job that goes first, if it pauses for one that has not ended; empty: others do."""

    priority: int = 0
    """Higher goes first."""

    started: float | None = None
    """When its present attempt started (UNIX time)."""

    progress_at: float | None = None
    """When that attempt last made progress (UNIX time)."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    others: int = 0
    """How many claimed jobs from elsewhere go first, if it waits."""

    turn: int | None = None
    """Sorts all that waits by when it goes; None: not known."""

    rests: bool = False
    """Whether it waits for the active hours."""

    is_mistaken: bool = False
    """Whether it fails at its turn unless somebody corrects its sidecar, as ``reason`` says."""

    estimate: str = ""
    """When it starts and is ready, in words; empty: not known."""

    dropped_by: str = ""
    """The name of who dropped it; empty: not known."""


class InboxStatus(StatusModel):
    """Something in the inbox that is not claimed yet."""

    name: str

    reason: str
    """What it waits for, in words."""

    waits_for: WaitFor | None = None
    """What it waits for; None: for nothing, it is left alone."""

    remedy: str = ""
    """What a person can do about it, where that is known for this case."""

    folder: str = ""
    """The hot folder in whose inbox it is; empty: the plain inbox."""

    is_batch: bool = False
    """Whether it is a folder that is complete; a pair may have the same name."""

    is_mistaken: bool = False
    """Whether it is a complete pair that fails at its turn unless somebody corrects its sidecar, of
    which an entry of its own says so."""

    priority: int = 0
    """Higher goes first, if it is complete."""

    others: int = 0
    """How many jobs from elsewhere go first, if it is complete; on its hot folder's page alone."""

    turn: int | None = None
    """Sorts all that waits by when it goes; None: not known."""

    estimate: str = ""
    """When it starts and is ready, in words; empty: not known."""

    dropped_by: str = ""
    """The name of who dropped it; empty: not known."""


class DeviceStatus(StatusModel):
    """A GPU as the driver reports it, or the CPU. None: not known."""

    name: str

    label: str = ""
    """The name with a number, unique among the devices."""

    uuid: str | None = None
    """None for the CPU."""

    node: str = ""
    """The node of the cluster to which it belongs; '': the daemon's own machine."""

    total_bytes: int | None = None
    free_bytes: int | None = None

    utilisation: int | None = None
    """Per cent."""

    temperature: int | None = None
    """°C."""

    power: float | None = None
    """Watts."""

    throttled: tuple[str, ...] = ()
    """Why its clocks are throttled."""

    fault: str | None = None
    """Why it is not used."""

    jobs: tuple[str, ...] = ()
    """The names of the jobs that run on it."""

    resident: bool = False
    """Whether one of the daemon's workers has the engine loaded on it."""

    worker_rss_bytes: int | None = None
    """Main memory of the daemon's workers on it."""

    worker_vram_bytes: int | None = None
    """GPU memory that these workers have reserved."""

    worker_vram_active_bytes: int | None = None
    """GPU memory that these workers use."""


class GpuWarning(StatusModel):
    """A warning about a GPU, from the last job on it."""

    kind: str
    """'asleep', 'hot', 'throttled' or 'creep'."""

    device: str
    uuid: str

    job: str
    """The job's name."""

    at: float
    """UNIX time."""

    text: str


class DiskStatus(StatusModel):
    """Room on the spool's disk. None: not known."""

    free_bytes: int | None = None
    """What the daemon may still write."""

    total_bytes: int | None = None
    free_inodes: int | None = None
    """Files that the daemon may still make; None also where there is no limit."""


class Status(StatusModel):
    """The whole content of ``status.json``."""

    version: str
    pid: int
    state: DaemonState

    started: float
    """When the daemon started (UNIX time)."""

    written: float
    """When this status was written (UNIX time)."""

    spool: str
    """Path of the spool."""

    engine: str
    """The setting."""

    device: str
    """The setting."""

    hold: str | None = None
    """Why nothing starts."""

    rest: str | None = None
    """Until when nothing starts because of the active hours, in words; None: jobs may start."""

    rests_until: float | None = None
    """The same as UNIX time."""

    clock_doubt: str | None = None
    """Why the clock is in doubt, so that nothing is purged."""

    settings_note: str | None = None
    """Why the settings in force are not those of the configuration."""

    jobs: tuple[JobStatus, ...] = ()
    """All claimed jobs, except members of a batch that only wait for their turn."""

    unlisted: Unlisted = Unlisted()
    batches: tuple[BatchStatus, ...] = ()
    inbox: tuple[InboxStatus, ...] = ()

    backlog: Backlog = Backlog()
    """What waits, and for what: all of it, listed or not."""

    requests: tuple[RequestStatus, ...] = ()
    """What became of the last requests, the newest first."""

    devices: tuple[DeviceStatus, ...] = ()
    finished: tuple[FinishedJob, ...] = ()
    """The last jobs that ended, the newest first; members of batches are among them."""

    finished_batches: tuple[FinishedBatch, ...] = ()
    """The last batches that ended, the newest first."""

    warnings: tuple[GpuWarning, ...] = ()

    unwritten: tuple[UnwrittenFile, ...] = ()
    notifications: NotificationStatus | None = None
    """None: none are configured."""

    counts: Counts = Counts()
    disk: DiskStatus = DiskStatus()

    def summary(self) -> str:
        """Return one line: the running jobs or the state, what holds the queue, what waits."""
        running = [
            describe_running(job.name, job.stage, job.percent, job.left_seconds)
            for job in self.jobs
            if job.state == "running"
        ]
        rest = self.rest or self.backlog.resting
        line = summarise(self.state, running, self.hold, self.backlog, rest)
        return f"{line}; {self.settings_note}" if self.settings_note else line

    def is_fresh(self, now: float) -> bool:
        """Return whether this status shows a running daemon at UNIX time ``now``."""
        return self.state != "stopped" and now - self.written < FRESH_SECONDS
