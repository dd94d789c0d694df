"""The service's state as a ``Status``. Pure.

The service's status, as it is written for whoever reads the files or asks systemd.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import CPU, device_choice
from heygem_daemon.gpu.warnings import WARNING_KINDS
from heygem_daemon.protocol import Progress
from heygem_daemon.report.metrics import write_metrics
from heygem_daemon.report.status import (
    Counts,
    DaemonState,
    DeviceStatus,
    JobStatus,
    Status,
    write_status,
)
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import InboxView
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock, Dependencies
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool


@dataclass(frozen=True, slots=True)
class LoopPhase:
    """Where the loop itself is: not yet open, at work, or being stopped; what holds it."""

    opened: bool
    stopping: bool
    hold: str | None


def daemon_state(phase: LoopPhase, dispatcher: Dispatcher) -> DaemonState:
    """One word for what the daemon does."""
    if phase.stopping:
        return "stopping"
    if phase.hold is not None:
        return "holding"
    if not phase.opened:
        return "starting"
    return "working" if dispatcher.running else "idle"


def job_statuses(dispatcher: Dispatcher, clock: Clock) -> Iterator[JobStatus]:
    """Every claimed job: running, being published, queued."""
    yield from (_running(running) for running in dispatcher.running.values())
    for ended in dispatcher.outcomes.pending:
        pause = _retry_fields(ended.retry_at if ended.faults else None, clock)
        update = {"state": "publishing", "reason": ended.reason, **pause}
        yield _job(ended.running.job).model_copy(update=update)
    told: set[str | None] = set()
    for before, queued in enumerate(dispatcher.queue):
        pause = _retry_fields(queued.ready_at, clock)
        if queued.job.journal.member is not None and queued.reason is None:
            continue  # its batch's line counts it
        state = "deferred" if pause else "queued"
        engine = queued.job.journal.options.engine
        turn = f"{before} {'job goes' if before == 1 else 'jobs go'} first" if before else None
        # The first of those that wait for the same says for what, the others their place.
        reason = queued.reason or (
            turn if engine in told else dispatcher.devices.wait_reason(engine)
        )
        told.add(engine)
        update = {"state": state, "reason": reason, **pause}
        yield _job(queued.job).model_copy(update=update)


def device_statuses(dispatcher: Dispatcher) -> Iterator[DeviceStatus]:
    """The GPUs as last read, and the CPU where a worker of ours is on it."""
    workers = list(dispatcher.vitals.values())
    jobs: dict[str | None, list[str]] = {}
    for each in dispatcher.running.values():
        jobs.setdefault(each.device.uuid, []).append(printable(each.job.title))
    aside = dispatcher.devices.quarantined()
    for gpu in dispatcher.devices.readings.gpus:
        ours = [vitals for device, vitals in workers if device.uuid == gpu.uuid]
        yield DeviceStatus(
            name=gpu.name,
            label=device_choice(gpu).label,
            uuid=gpu.uuid,
            total_bytes=gpu.total,
            free_bytes=gpu.free,
            utilisation=gpu.utilisation,
            temperature=gpu.temperature,
            power=gpu.power,
            throttled=gpu.throttled,
            fault=gpu.fault or aside.get(gpu.uuid),
            jobs=tuple(jobs.get(gpu.uuid, ())),
            resident=bool(ours),
            worker_rss_bytes=sum(each.rss_bytes for each in ours) if ours else None,
            worker_vram_bytes=sum(each.vram_reserved_bytes or 0 for each in ours) if ours else None,
            worker_vram_active_bytes=sum(each.vram_active_bytes or 0 for each in ours)
            if ours
            else None,
        )
    for device, vitals in workers:
        if device.uuid is None:
            yield DeviceStatus(
                name=CPU.name,
                label=CPU.label,
                fault=aside.get(None),
                jobs=tuple(jobs.get(None, ())),
                resident=True,
                worker_rss_bytes=vitals.rss_bytes,
            )


def build_counts(dispatcher: Dispatcher) -> Counts:
    """What there was since the daemon started."""
    conclusions = dispatcher.outcomes
    return Counts(
        published=conclusions.published,
        failed=conclusions.failed,
        attempts=dict(sorted(conclusions.attempts.items())),
        warnings={kind: dispatcher.gpu_monitor.warning_counts[kind] for kind in WARNING_KINDS},
    )


def _running(running: RunningJob) -> JobStatus:
    base = _job(running.job)
    progress = running.progress or Progress(job_id=running.job.id, stage="probe")
    return base.model_copy(
        update={
            "state": "running",
            "device": running.device.label,
            "device_uuid": running.device.uuid,
            "stage": progress.stage if running.progress else "load",
            "chunk": progress.chunk,
            "chunks": progress.chunks,
            "frames": progress.frames,
            "total_frames": progress.total_frames,
            "fps": progress.fps,
        }
    )


def _job(job: Job) -> JobStatus:
    return JobStatus(
        id=job.id,
        name=printable(job.title),
        state="queued",
        attempt=job.journal.attempts,
        priority=job.journal.options.priority,
    )


def _retry_fields(until: float | None, clock: Clock) -> dict[str, object]:
    """The status's words for a pause that lasts to monotonic time ``until``; empty: it is over."""
    seconds = (until or 0.0) - clock.monotonic()
    if until is None or seconds <= 0:
        return {}
    return {"retry_seconds": round(seconds, 1), "retry_at": float(round(clock.wall() + seconds))}


KEEPALIVE_SECONDS = 5.0
"""A status without news is rewritten so often, as a sign of life."""

MAX_LISTED_FILES = 100
"""At most so many waiting files are listed in the status."""


class StatusWriter:
    """Writes ``status.json`` and ``metrics.prom`` where there is news, and now and then else."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        dependencies: Dependencies,
        dispatcher: Dispatcher,
        batches: BatchTracker,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = dependencies.clock
        self._notifier = dependencies.notifier
        self._dispatcher = dispatcher
        self._batches = batches
        self._last_status: Status | None = None
        self._written = 0.0
        self._started = self._clock.wall()

    def write(self, state: DaemonState, inbox_view: InboxView, hold: str | None = None) -> None:
        """Tell the state of everything; ``seen`` is the last look at the inbox, ``hold`` why
        nothing starts. Raises SpoolUnavailable, OSError."""
        status = self._status(state, inbox_view, hold)
        news = status.model_copy(update={"written": 0.0, "devices": ()})  # these never rest
        stale = status.written - self._written >= KEEPALIVE_SECONDS
        if stale or news != self._last_status:
            self._notifier.status(status.summary())
            with translate_os_errors(self._spool.root):
                write_status(status, self._spool.state / "status.json")
            with suppress(OSError):  # an old file is told by its time; the status says the rest
                write_metrics(status, self._spool.state / "metrics.prom")
            self._last_status, self._written = news, status.written

    def _status(self, state: DaemonState, seen: InboxView, hold: str | None) -> Status:
        dispatcher = self._dispatcher
        waits = dispatcher.devices.wait_reason(None)
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
            jobs=tuple(job_statuses(dispatcher, self._clock)),
            batches=tuple(self._batches.statuses(dispatcher.running_jobs(), waits)),
            inbox=seen.list_entries(MAX_LISTED_FILES),
            devices=tuple(device_statuses(dispatcher)),
            finished=tuple(dispatcher.outcomes.finished),
            warnings=dispatcher.gpu_monitor.warnings,
            counts=build_counts(dispatcher),
        )
