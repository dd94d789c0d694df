"""Builds the service's status, and writes it for the command line, monitoring and systemd."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import CPU, device_choice
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.gpu.warnings import WARNING_KINDS
from heygem_daemon.protocol import MemoryUsage, Progress
from heygem_daemon.report.metrics import write_metrics
from heygem_daemon.report.status import (
    Counts,
    DaemonState,
    DeviceStatus,
    JobStatus,
    Status,
    Unlisted,
)
from heygem_daemon.report.status_file import MAX_LISTED, shorten, write_status
from heygem_daemon.service.backlog import build_backlog
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.intake import InboxView
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.progress import percent_done, seconds_left
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock, Dependencies
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool

KEEPALIVE_SECONDS = 5.0
"""An unchanged status is rewritten this often, so that readers see that the daemon is alive."""


@dataclass(frozen=True, slots=True)
class LoopPhase:
    """What the main loop itself is doing."""

    opened: bool
    """Whether the spool is open."""

    stopping: bool
    """Whether the daemon was asked to stop."""

    hold: str | None
    """Why nothing starts, in words; None where nothing holds the loop."""


@dataclass(frozen=True, slots=True)
class LoopNotes:
    """What the main loop has to say of itself, each in words; None: nothing."""

    hold: str | None = None
    """Why nothing starts."""

    clock_doubt: str | None = None
    """Why nothing is purged."""

    settings: str | None = None
    """Why the settings in force are not those of the configuration."""


NO_NOTES = LoopNotes()


class StatusWriter:
    """Writes ``status.json`` and ``metrics.prom``: at once after a change, otherwise every
    ``KEEPALIVE_SECONDS``."""

    def __init__(
        self, settings: Settings, spool: Spool, dependencies: Dependencies, batches: BatchTracker
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = dependencies.clock
        self._faults = dependencies.faults
        self._notifier = dependencies.notifier
        self._batches = batches
        self._last_status: Status | None = None
        self._last_written = 0.0
        self._started = self._clock.wall()

    def write(
        self,
        state: DaemonState,
        snapshot: DispatchSnapshot,
        inbox_view: InboxView,
        notes: LoopNotes = NO_NOTES,
    ) -> None:
        """Write the status where it is due. ``inbox_view`` is the last look at the inbox. Raises
        SpoolUnavailable, OSError."""
        status = self._status(state, snapshot, inbox_view, notes.hold).model_copy(
            update={"clock_doubt": notes.clock_doubt, "settings_note": notes.settings}
        )
        # The time and the GPUs' figures change in every round, and are no reason to write.
        comparable = status.model_copy(update={"written": 0.0, "devices": ()})
        is_stale = status.written - self._last_written >= KEEPALIVE_SECONDS
        if is_stale or comparable != self._last_status:
            self._notifier.status(status.summary())
            with translate_os_errors(self._spool.root):
                write_status(status, self._spool.state / "status.json")
            self._last_status, self._last_written = comparable, status.written
            self._write_metrics(status)

    def _write_metrics(self, status: Status) -> None:
        """Write the metrics. Readers notice an old file by its time, and the status holds the same
        facts: a fault here is no reason to hold anything."""
        try:
            write_metrics(status, self._spool.state / "metrics.prom")
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - concerns this file alone
            self._faults.log("metrics.prom", error)

    def _status(
        self,
        state: DaemonState,
        snapshot: DispatchSnapshot,
        inbox_view: InboxView,
        hold: str | None,
    ) -> Status:
        wait_reason = snapshot.wait_reasons[None]
        jobs, more_jobs = shorten(list(job_statuses(snapshot, self._clock, self._faults)))
        batches, more_batches = shorten(
            list(self._batches.statuses(snapshot.running_jobs, wait_reason))
        )
        inbox, _ = shorten(inbox_view.list_entries(MAX_LISTED))
        more_inbox = inbox_view.entry_count - len(inbox)
        devices, more_devices = shorten(list(device_statuses(snapshot, self._faults)))
        finished, more_finished = shorten(snapshot.finished)
        warnings, more_warnings = shorten(snapshot.warnings)
        return Status(
            version=__version__,
            pid=os.getpid(),
            state=state,
            started=self._started,
            written=self._clock.wall(),
            spool=printable(str(self._spool.root)),
            engine=self._settings.engine,
            device=self._settings.device,
            hold=hold,
            jobs=jobs,
            batches=batches,
            inbox=inbox,
            backlog=build_backlog(snapshot, inbox_view, self._clock.monotonic()),
            unlisted=Unlisted(
                jobs=more_jobs,
                batches=more_batches,
                inbox=more_inbox,
                devices=more_devices,
                finished=more_finished,
                warnings=more_warnings,
            ),
            devices=devices,
            finished=finished,
            warnings=warnings,
            counts=build_counts(snapshot),
        )


def daemon_state(phase: LoopPhase, snapshot: DispatchSnapshot) -> DaemonState:
    """Return the one word that says what the daemon does."""
    if phase.stopping:
        return "stopping"
    if phase.hold is not None:
        return "holding"
    if not phase.opened:
        return "starting"
    return "working" if snapshot.running else "idle"


def job_statuses(
    snapshot: DispatchSnapshot, clock: Clock, faults: ItemFaults
) -> Iterator[JobStatus]:
    """Return the status of every claimed job: running, being published, queued. A batch member that
    waits for its turn alone is left out; its batch's status counts it."""
    return faults.collect(
        _job_entries(snapshot, clock),
        lambda entry: entry[1](),
        lambda entry: f"the status of job {entry[0].id}",
    )


def _job_entries(
    snapshot: DispatchSnapshot, clock: Clock
) -> Iterator[tuple[Job, Callable[[], JobStatus]]]:
    """Yield the jobs of the status, each with a function that makes its entry."""
    for running in snapshot.running:
        yield running.job, partial(_running_status, running)
    for ended in snapshot.pending:
        retry = _retry_fields(ended.retry_at if ended.faults else None, clock)
        update = {"state": "publishing", "reason": ended.reason, **retry}
        yield ended.running.job, partial(_queued_status, ended.running.job, update)
    explained_engines: set[str | None] = set()
    for jobs_before, queued in enumerate(snapshot.queued):
        retry = _retry_fields(queued.ready_at, clock)
        if queued.job.journal.member is not None and queued.reason is None:
            continue
        engine = queued.job.journal.options.engine
        # The first job of an engine says what all of them wait for, the others give their place.
        shared = (
            _place_text(jobs_before)
            if engine in explained_engines
            else snapshot.wait_reasons[engine]
        )
        explained_engines.add(engine)
        update = {
            "state": "deferred" if retry else "queued",
            "reason": queued.reason or shared,
            **retry,
        }
        yield queued.job, partial(_queued_status, queued.job, update)


def device_statuses(snapshot: DispatchSnapshot, faults: ItemFaults) -> Iterator[DeviceStatus]:
    """Yield the GPUs as last read, and the CPU where one of the daemon's workers is on it."""
    yield from faults.collect(
        snapshot.readings.gpus,
        lambda gpu: _gpu_status(gpu, snapshot),
        lambda gpu: f"the status of {gpu.name}",
    )
    for device, usage in snapshot.worker_memory:
        if device.uuid is None:
            yield DeviceStatus(
                name=CPU.name,
                label=CPU.label,
                fault=snapshot.quarantined.get(None),
                jobs=_jobs_on(None, snapshot),
                resident=True,
                worker_rss_bytes=usage.rss_bytes,
            )


def _gpu_status(gpu: GpuReading, snapshot: DispatchSnapshot) -> DeviceStatus:
    workers = [usage for device, usage in snapshot.worker_memory if device.uuid == gpu.uuid]
    status = DeviceStatus(
        name=gpu.name,
        label=device_choice(gpu).label,
        uuid=gpu.uuid,
        total_bytes=gpu.total,
        free_bytes=gpu.free,
        utilisation=gpu.utilisation,
        temperature=gpu.temperature,
        power=gpu.power,
        throttled=gpu.throttled,
        fault=gpu.fault or snapshot.quarantined.get(gpu.uuid),
        jobs=_jobs_on(gpu.uuid, snapshot),
        resident=bool(workers),
    )
    return status.model_copy(update=_memory_fields(workers)) if workers else status


def _jobs_on(uuid: str | None, snapshot: DispatchSnapshot) -> tuple[str, ...]:
    """Return the names of the jobs that run on a device; None: the CPU."""
    return tuple(printable(each.job.title) for each in snapshot.running if each.device.uuid == uuid)


def build_counts(snapshot: DispatchSnapshot) -> Counts:
    """Return how many jobs, attempts and warnings there were since the daemon started."""
    return Counts(
        published=snapshot.published,
        failed=snapshot.failed,
        attempts=dict(sorted(snapshot.attempts.items())),
        warnings={kind: snapshot.warning_counts.get(kind, 0) for kind in WARNING_KINDS},
    )


def _running_status(running: RunningJob) -> JobStatus:
    progress = running.progress or Progress(job_id=running.job.id, stage="probe")
    return _queued_status(
        running.job,
        {
            "state": "running",
            "device": running.device.label,
            "device_uuid": running.device.uuid,
            "stage": progress.stage if running.progress else "load",
            "chunk": progress.chunk,
            "chunks": progress.chunks,
            "frames": progress.frames,
            "total_frames": progress.total_frames,
            "percent": percent_done(progress),
            "left_seconds": seconds_left(progress),
            "fps": progress.fps,
        },
    )


def _queued_status(job: Job, update: Mapping[str, object]) -> JobStatus:
    status = JobStatus(
        id=job.id,
        name=printable(job.title),
        state="queued",
        attempt=job.journal.attempts,
        priority=job.journal.options.priority,
    )
    return status.model_copy(update=update)


def _place_text(jobs_before: int) -> str | None:
    if jobs_before == 0:
        return None
    return "1 job goes first" if jobs_before == 1 else f"{jobs_before} jobs go first"


def _memory_fields(workers: Sequence[MemoryUsage]) -> dict[str, int]:
    """The memory of the workers on one GPU, as fields of its status."""
    return {
        "worker_rss_bytes": sum(each.rss_bytes for each in workers),
        "worker_vram_bytes": sum(each.vram_reserved_bytes or 0 for each in workers),
        "worker_vram_active_bytes": sum(each.vram_active_bytes or 0 for each in workers),
    }


def _retry_fields(until: float | None, clock: Clock) -> dict[str, object]:
    """The fields of a job that waits until monotonic time ``until``; none where that is past."""
    seconds = (until or 0.0) - clock.monotonic()
    if until is None or seconds <= 0:
        return {}
    return {"retry_seconds": round(seconds, 1), "retry_at": float(round(clock.wall() + seconds))}
