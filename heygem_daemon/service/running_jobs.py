"""Running jobs: the order to a worker, what its messages mean, and the log of its progress."""

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from loguru import logger

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.events.devices import ModelFact, ModelLoaded, WorkerNote
from heygem_daemon.gpu.cpu_slots import JobShare
from heygem_daemon.gpu.evidence import Evidence
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.warnings import WarningKind
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    Halted,
    LogMessage,
    Paused,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
    RenderOptions,
    Unfit,
)
from heygem_daemon.report.failure_kind import FailureKind
from heygem_daemon.service.failure_reasons import Canceller
from heygem_daemon.service.pace import Pace
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.turns import owner_name
from heygem_daemon.service.whole_job import LEAST_SECONDS, seconds_left
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.system.units import GIB, MIB
from heygem_daemon.worker.executor import WorkerDied

if TYPE_CHECKING:
    from loguru import Logger


T = TypeVar("T")

Verdict = Rendered | Refused | Deferred | Crashed | Paused | Halted | Unfit | WorkerDied
"""What ends an attempt: exactly one of these for each job that was submitted."""


@dataclass(slots=True)
class RunningJob:
    """A job that a worker renders."""

    queued: QueuedJob
    """Its place in the queue, to which it returns after a fault."""

    job: Job
    device: DeviceChoice

    notice: str | None
    """What its report has to say about the device."""

    started: float
    """UNIX time."""

    began_at: float
    """Monotonic time of its start."""

    first_progress_at: float | None = None
    """Monotonic time of the first progress of this attempt; None: its engine is being loaded."""

    saved_at: float | None = None
    """Monotonic time at which this attempt finished its last new chunk; None: none yet."""

    is_pausing: bool = False
    """Whether its worker was asked to stop, so that another job has its turn."""

    first: str = ""
    """The name of that job."""

    cancelled_by: Canceller | None = None
    """Who has cancelled it; its worker was asked to stop. None: nobody did."""

    cancelled_at: float = 0.0
    """Monotonic time at which its worker was asked that."""

    device_lost_at: float | None = None
    """Monotonic time at which its GPU was lost; None while the GPU is well."""

    progress: Progress | None = None
    """Its worker's last report of progress."""

    pace: Pace | None = None
    """The pace of the last jobs at its start; None: not known."""

    percent: int = 0
    """How many per cent of it are done. It never becomes less."""

    kept_percent: int = 0
    """How many of them the next attempt finds done, if this one ends now."""

    progress_at: float = field(init=False)
    """Monotonic time of its last progress, or of its start."""

    stage_began_at: float = field(init=False)
    """Monotonic time at which its present stage began."""

    logged_at: float = field(init=False)
    """Monotonic time at which its progress was last logged."""

    evidence: Evidence = field(default_factory=dict)
    """What its GPU did so far."""

    warned_kinds: set[WarningKind] = field(default_factory=set)
    """The kinds of warnings that were issued for it."""

    warnings: list[str] = field(default_factory=list)
    """The warnings for its report, once the attempt is over."""

    def __post_init__(self) -> None:
        self.progress_at = self.stage_began_at = self.logged_at = self.began_at
        self.percent = self.kept_percent = self.job.journal.percent

    def with_percent(self, job: Job) -> Job:
        """Return its job, changed since, with how far it came."""
        changes = {"percent": self.kept_percent}
        return replace(job, journal=job.journal.model_copy(update=changes))

    def left(self, pace: Pace | None, now: float) -> float | None:
        """Return how many seconds it still takes at monotonic time ``now`` by the pace of the last
        jobs; None: not known. What an earlier attempt has done shows when the drawing begins."""
        if self.job.journal.percent and (self.progress is None or not self.progress.chunks):
            return None
        length, in_stage = self.job.journal.seconds, now - self.stage_began_at
        return seconds_left(pace, self.progress, length, now - self.began_at, in_stage)

    def shown_left(self, now: float) -> float | None:
        """Return the same as it is shown; None: not known, or over before it is read."""
        left = self.left(self.pace, now)
        return None if left is None or left < LEAST_SECONDS else left


@dataclass(slots=True)
class EndedAttempt:
    """An attempt that is over and whose outcome the spool has not recorded yet. A full disk delays
    that."""

    running: RunningJob
    verdict: Verdict

    finished: float
    """UNIX time."""

    has_other_device: bool = False
    """Whether another device was healthy at its end."""

    faults: int = 0
    """How many tries to record the outcome have failed."""

    bugs: int = 0
    """How many of them raised something that is no fault of the environment."""

    retry_at: float = 0.0
    """Monotonic time of the next try."""

    reason: str | None = None
    """Why the last try failed."""

    failure: FailureKind = "refused"
    """What kind of failure it counts as, if its verdict is Refused."""

    report: dict[str, object] | None = None
    """The worker's report, once it is read."""

    @property
    def seconds(self) -> float:
        """How long the attempt took, in seconds."""
        return max(0.0, self.finished - self.running.started)


def build_render(job: Job, settings: Settings, share: JobShare | None = None) -> Render:
    """Return the order to a worker. ``share``: what the job may use of the machine; None: it has
    the device for itself."""
    share = share or JobShare(memory_bytes=round(settings.worker_memory_gib * GIB))
    return Render(
        job_id=job.id,
        audio=str(job.audio),
        video=str(job.video),
        workspace=str(job.workspace),
        engine=job.journal.options.engine,
        options=render_options(job.journal.options, settings),
        producer=settings.content_producer if settings.mark else None,
        label=settings.visible_label,
        keep_free_bytes=round(settings.free_space_gib * GIB),
        keep_free_vram_bytes=round(settings.vram_margin_gib * GIB),
        limits=settings.media_limits,
        memory_bytes=share.memory_bytes,
        cores=share.cores,
    )


def render_options(job_options: JobOptions, settings: Settings) -> RenderOptions:
    """Return the job's own options, and the operator's settings where it has none."""
    output = job_options.output(settings.output)
    return RenderOptions(
        **output.model_dump(),
        loop=_value_or_default(job_options.loop, settings.loop),
        face=_value_or_default(job_options.face, settings.face),
        chunk_seconds=settings.chunk_seconds,
        min_coverage=_value_or_default(job_options.min_coverage, settings.min_coverage),
        strip=_value_or_default(job_options.strip, settings.strip),
        given=job_options.given,
    )


def deferral_reason(verdict: Verdict) -> str | None:
    """Return what the environment lacked, for verdicts that cost no attempt; else None."""
    if isinstance(verdict, Deferred | Unfit):
        return verdict.reason
    return None


def is_device_fault(verdict: Verdict) -> bool:
    """Return whether the device is at fault, so that the job may succeed on another one."""
    return isinstance(verdict, Unfit) or (isinstance(verdict, Deferred) and verdict.of_device)


def attempt_error(verdict: Verdict) -> str | None:
    """Return what went wrong, as a clause, for verdicts that cost an attempt; else None."""
    if isinstance(verdict, Crashed):
        return verdict.error
    if isinstance(verdict, WorkerDied):
        return f"the worker {verdict.reason}"
    return None


def with_users_names(text: str, job: Job) -> str:
    """Return a worker's sentence with the spool's names of the two input files replaced by the
    names that the user gave them."""
    users_names = {
        job.audio.name: printable(job.journal.audio_name),
        job.video.name: printable(job.journal.video_name),
    }
    spool_names = "|".join(re.escape(name) for name in users_names)
    return re.sub(rf"\b({spool_names})\b", lambda match: users_names[match[1]], text)


def owner_of(job: Job) -> str:
    """Return whose turn a claimed job takes: its hot folder's, otherwise that of the owner of its
    audio file, in the inbox and in processing/."""
    try:
        return owner_name(job.audio.lstat().st_uid, job.journal.folder)
    except OSError:
        return owner_name(None, job.journal.folder)


def job_logger(job: Job) -> "Logger":
    """Return a logger that puts the job's name and id on every line."""
    return logger.bind(job=printable(job.title), id=job.id)


def traceback_of(verdict: Verdict) -> str:
    """Return the traceback or the last output of the worker of a failed attempt; empty: none."""
    if isinstance(verdict, Crashed):
        return verdict.traceback
    return "\n".join(verdict.stderr) if isinstance(verdict, WorkerDied) else ""


def log_note(note: LogMessage, running: RunningJob | None) -> None:
    """Log a worker's line, with the name of its job if it has one."""
    job_log = job_logger(running.job) if running else logger
    WorkerNote(note.text).log(job_log, level=note.level)


def log_model_loaded(ready: Ready) -> None:
    """Log which model was loaded, where, and how much memory it takes."""
    on_gpu = ready.vram_bytes is not None
    held_bytes = ready.vram_bytes if ready.vram_bytes is not None else ready.rss_bytes
    uuid = {"uuid": ready.uuid} if ready.uuid else {}
    model_log = logger.bind(**uuid, weights=ready.weights_sha256[:12])
    ModelLoaded(
        ready.engine,
        ready.device_name,
        ready.device,
        ready.precision,
        held_bytes // MIB,
        "VRAM" if on_gpu else "RAM",
        round(ready.seconds, 1),
    ).log(model_log)
    for line in model_evidence(ready):
        ModelFact(line).log(model_log)


def model_evidence(ready: Ready) -> list[str]:
    """Return the evidence of where a model is, one fact a line: the device, a GPU's name and UUID,
    memory, precision and the reason for it, and the device that torch reports for the weights."""
    lines = [f"device: {ready.device}"]
    if ready.uuid is not None:
        lines += [f"GPU: {ready.device_name}", f"GPU UUID: {ready.uuid}"]
    if ready.vram_allocated_bytes is not None:
        reserved = (ready.vram_bytes or 0) // MIB
        allocated = ready.vram_allocated_bytes // MIB
        lines.append(f"memory: {allocated} MiB VRAM allocated, {reserved} MiB reserved")
    else:
        lines.append(f"memory: {ready.rss_bytes // MIB} MiB RAM")
    precision_reason = f": {ready.precision_reason}" if ready.precision_reason else ""
    lines.append(f"precision: {ready.precision}{precision_reason}")
    if ready.parameters_device:
        lines.append(f"parameters: next(model.parameters()).device is {ready.parameters_device}")
    if ready.resident_bytes:
        lines.append(_need_line(ready))
    return lines


def _need_line(ready: Ready) -> str:
    host = f"{ready.host_bytes // MIB} MiB of main memory for a whole job"
    if ready.uuid is None:
        return f"need: {host}"
    each = f"{ready.per_frame_bytes / MIB:.1f} MiB a frame, of {ready.batch} at once"
    return f"need: {ready.resident_bytes // MIB} MiB of the GPU and {each}; {host}"


def _value_or_default(value: T | None, default: T) -> T:
    return default if value is None else value
