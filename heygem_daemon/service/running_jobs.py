"""Jobs under way, and what their workers' messages mean. Data and pure functions.

What workers tell between a job's start and its end: kept, and said in the log.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from loguru import logger

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.evidence import Evidence
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.warnings import WarningKind
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    Halted,
    LogMessage,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
    RenderOptions,
    Unfit,
)
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import WorkerDied

if TYPE_CHECKING:
    from loguru import Logger


T = TypeVar("T")

Verdict = Rendered | Refused | Deferred | Crashed | Halted | Unfit | WorkerDied
"""What ends an attempt: exactly one of these for each job that was submitted."""


@dataclass(slots=True)
class RunningJob:
    """A job in a worker's hands. ``started`` is a UNIX time; ``notice`` what its report must say
    of the device; ``heard`` the monotonic time of its last progress, ``troubled`` that since which
    its GPU is lost."""

    queued: QueuedJob
    job: Job
    device: DeviceChoice
    notice: str | None
    started: float
    progress_at: float = 0.0
    device_lost_at: float | None = None
    progress: Progress | None = None
    evidence: Evidence = field(default_factory=dict)
    """What was seen of its GPU so far."""
    warned_kinds: set[WarningKind] = field(default_factory=set)
    """What it has been warned of already."""
    warnings: list[str] = field(default_factory=list)
    """What its evidence warns of, once it is over."""


@dataclass(slots=True)
class EndedAttempt:
    """An attempt that is over, until the spool has taken note of it. A full disk delays that:
    ``retry_at`` is the monotonic time of the next try. ``elsewhere``: there was another device."""

    running: RunningJob
    verdict: Verdict
    finished: float
    has_other_device: bool = False
    faults: int = 0
    retry_at: float = 0.0
    reason: str | None = None
    report: dict[str, object] | None = None
    """The worker's own, once it is read."""

    @property
    def seconds(self) -> float:
        """How long the attempt took."""
        return max(0.0, self.finished - self.running.started)


def build_render(job: Job, settings: Settings) -> Render:
    """The order to a worker."""
    return Render(
        job_id=job.id,
        audio=str(job.audio),
        video=str(job.video),
        workspace=str(job.workspace),
        engine=job.journal.options.engine,
        options=render_options(job.journal.options, settings),
        keep_free_bytes=round(settings.free_space_gib * GIB),
        keep_free_vram_bytes=round(settings.vram_margin_gib * GIB),
    )


def render_options(job_options: JobOptions, settings: Settings) -> RenderOptions:
    """The operator's settings, but for what the job's own options say."""
    crf, preset = job_options.crf_and_preset(settings.crf, settings.preset)
    return RenderOptions(
        loop=_value_or_default(job_options.loop, settings.loop),
        face=_value_or_default(job_options.face, settings.face),
        chunk_seconds=settings.chunk_seconds,
        min_coverage=_value_or_default(job_options.min_coverage, settings.min_coverage),
        strip=_value_or_default(job_options.strip, settings.strip),
        crf=crf,
        preset=preset,
    )


def finished_chunk(before: Progress | None, after: Progress) -> Progress | None:
    """The last progress within a chunk, where ``after`` shows that the chunk is done."""
    if before is None or before.stage != "render" or before.chunk == 0:
        return None
    return before if after.stage != "render" or after.chunk > before.chunk else None


def deferral_reason(verdict: Verdict) -> str | None:
    """What the environment lacked, for verdicts that cost the job no attempt; else None."""
    if isinstance(verdict, Deferred | Unfit):
        return verdict.reason
    return None


def is_device_fault(verdict: Verdict) -> bool:
    """Whether the device is at fault, so that the job may fare better on another one."""
    return isinstance(verdict, Unfit) or (isinstance(verdict, Deferred) and verdict.of_device)


def attempt_error(verdict: Verdict) -> str | None:
    """What went wrong, in a clause, for verdicts that cost the job an attempt; else None."""
    if isinstance(verdict, Crashed):
        return verdict.error
    if isinstance(verdict, WorkerDied):
        return f"the worker {verdict.reason}"
    return None


def with_users_names(text: str, job: Job) -> str:
    """A worker's sentence about our names for the two files, told with the users' own."""
    theirs = {
        job.audio.name: printable(job.journal.audio_name),
        job.video.name: printable(job.journal.video_name),
    }
    ours = "|".join(re.escape(name) for name in theirs)
    return re.sub(rf"\b({ours})\b", lambda found: theirs[found[1]], text)


def _value_or_default(wished: T | None, default: T) -> T:
    return default if wished is None else wished


def job_logger(job: Job) -> "Logger":
    """The log, with the job's name and id on every line."""
    return logger.bind(job=printable(job.title), id=job.id)


MIB = 1 << 20


def record_progress(running: RunningJob, progress: Progress, now: float) -> None:
    """Take down how far a job is, at monotonic time ``now``."""
    about = job_logger(running.job)
    if done := finished_chunk(running.progress, progress):
        # Nothing drawn so far: an earlier attempt had rendered it.
        how = f"at {done.fps:.1f} fps" if done.fps else "taken over"
        about.info("chunk {}/{} {}", done.chunk, done.chunks, how)
    if running.progress is None or running.progress.stage != progress.stage:
        about.debug("stage {}", progress.stage)
    running.progress = progress
    running.progress_at = now


def log_note(note: LogMessage, running: RunningJob | None) -> None:
    """A worker's own line, under the name of its job if it has one."""
    about = job_logger(running.job) if running else logger
    about.log(note.level, "worker: {}", note.text)


def log_model_loaded(ready: Ready) -> None:
    """What was loaded, where, and what it takes."""
    on_gpu = ready.vram_bytes is not None
    held = ready.vram_bytes if ready.vram_bytes is not None else ready.rss_bytes
    uuid = {"uuid": ready.uuid} if ready.uuid else {}
    about = logger.bind(**uuid, weights=ready.weights_sha256[:12])
    about.info(
        "model loaded: engine {} on {} ({}), {}, {} MiB {}, in {:.1f} s",
        ready.engine,
        ready.device_name,
        ready.device,
        ready.precision,
        held // MIB,
        "VRAM" if on_gpu else "RAM",
        ready.seconds,
    )
    for line in model_evidence(ready):
        about.info("model {}", line)


def model_evidence(ready: Ready) -> list[str]:
    """What proves where a model is, a line each: device, name and UUID of a GPU, memory, types of
    numbers and why these, and where torch says that the weights lie."""
    lines = [f"device: {ready.device}"]
    if ready.uuid is not None:
        lines += [f"GPU: {ready.device_name}", f"GPU UUID: {ready.uuid}"]
    if ready.vram_allocated_bytes is not None:
        reserved = (ready.vram_bytes or 0) // MIB
        allocated = ready.vram_allocated_bytes // MIB
        lines.append(f"memory: {allocated} MiB VRAM allocated, {reserved} MiB reserved")
    else:
        lines.append(f"memory: {ready.rss_bytes // MIB} MiB RAM")
    why = f": {ready.precision_reason}" if ready.precision_reason else ""
    lines.append(f"precision: {ready.precision}{why}")
    if ready.parameters_device:
        lines.append(f"parameters: next(model.parameters()).device is {ready.parameters_device}")
    if ready.resident_bytes:
        lines.append(_need(ready))
    return lines


def _need(ready: Ready) -> str:
    host = f"{ready.host_bytes // MIB} MiB of main memory for a whole job"
    if ready.uuid is None:
        return f"need: {host}"
    each = f"{ready.per_frame_bytes / MIB:.1f} MiB a frame, of {ready.batch} at once"
    return f"need: {ready.resident_bytes // MIB} MiB of the GPU and {each}; {host}"
