"""Ends workers whose GPU is lost, and idle workers whose memory others need."""

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.devices import GpuLost, WorkerRetired
from heygem_daemon.gpu.idleness import IdlePolicy, find_dispensable_workers
from heygem_daemon.protocol import Crashed, Deferred
from heygem_daemon.service.devices import DeviceFinder
from heygem_daemon.service.running_jobs import RunningJob, Verdict, attempt_error, job_logger
from heygem_daemon.service.runtime import Clock
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor, WorkerDied

SILENT_SECONDS = 60.0
"""A worker that makes no progress on a lost GPU for this long hangs in the driver."""


def build_idle_policy(settings: Settings) -> IdlePolicy:
    """Return how long idle workers keep the memory that they hold."""
    return IdlePolicy(
        idle_seconds=60.0 * settings.idle_unload_minutes,
        yields_to_others=settings.yield_vram,
        margin_bytes=round(settings.vram_margin_gib * GIB),
    )


class WorkerReaper:
    """Compares the daemon's workers with the driver's readings, and ends those that hang or only
    hold memory."""

    def __init__(
        self, settings: Settings, devices: DeviceFinder, executor: Executor, clock: Clock
    ) -> None:
        self._idle_policy = build_idle_policy(settings)
        self._devices = devices
        self._executor = executor
        self._clock = clock

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._idle_policy = build_idle_policy(settings)

    def retire_idle(self) -> None:
        """End the idle workers that have not been used for long, or whose memory others need."""
        held = self._executor.occupancies()
        for worker, reason in find_dispensable_workers(
            self._devices.readings, held, self._idle_policy
        ):
            WorkerRetired(self._devices.label(worker), reason).log()
            self._executor.retire(worker.worker_number)
        for worker in held:
            slots = self._devices.cpu_slots_on(worker.node)
            if worker.uuid is None and worker.idle and worker.slot > slots:
                WorkerRetired(self._devices.label(worker), "the CPU has fewer workers now").log()
                self._executor.retire(worker.worker_number)

    def kill_if_stuck(self, running: RunningJob) -> None:
        """End the worker of a job if it makes no progress because its GPU is lost."""
        now = self._clock.monotonic()
        fault = self._devices.device_fault(running.device.uuid)
        if fault is None:
            running.device_lost_at = None
            return
        if running.device_lost_at is None:
            running.device_lost_at = now
            GpuLost(running.device.label, fault).log(job_logger(running.job))
        if now - max(running.device_lost_at, running.progress_at) > SILENT_SECONDS:
            reason = f"made no progress on a GPU that is lost ({fault}), and was killed"
            self._executor.kill(running.job.id, reason)

    def excuse_device_loss(self, running: RunningJob, verdict: Verdict) -> Verdict:
        """Return ``verdict``, or a Deferred where the worker ended because its GPU was lost: that
        costs the job no attempt."""
        fault = self._devices.device_fault(running.device.uuid)
        if fault is None or not isinstance(verdict, WorkerDied | Crashed):
            return verdict
        reason = f"{running.device.label} failed ({fault}): {attempt_error(verdict)}"
        return Deferred(job_id=running.job.id, reason=reason, of_device=True)
