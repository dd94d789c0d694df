"""Follows the jobs that workers render, from their start to the verdict of each."""

from collections import Counter
from collections.abc import Callable, ValuesView
from contextlib import suppress

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.devices import WorkerDead
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    Halted,
    LogMessage,
    MemoryUsage,
    Progress,
    Ready,
    Refused,
    Rendered,
    Unfit,
)
from heygem_daemon.service.chunk_sharing import ChunkSharing
from heygem_daemon.service.devices import DeviceFinder
from heygem_daemon.service.gpu_monitor import GpuMonitor
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.progress import record_progress
from heygem_daemon.service.reaper import WorkerReaper
from heygem_daemon.service.running_jobs import (
    EndedAttempt,
    RunningJob,
    Verdict,
    log_model_loaded,
    log_note,
)
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.attempt_count import record_work
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent, is_final


class Attempts:
    """The attempts that are under way. Whatever one of their messages raises concerns that attempt
    alone."""

    def __init__(
        self,
        spool: Spool,
        executor: Executor,
        clock: Clock,
        devices: DeviceFinder,
        gpu_monitor: GpuMonitor,
        reaper: WorkerReaper,
        outcomes: JobOutcomes,
        sharing: ChunkSharing,
    ) -> None:
        self._spool = spool
        self._executor = executor
        self._clock = clock
        self._devices = devices
        self._gpu_monitor = gpu_monitor
        self._reaper = reaper
        self._outcomes = outcomes
        self._tally = outcomes.tally
        self._faults = outcomes.faults
        self._sharing = sharing
        self._running: dict[str, RunningJob] = {}
        self._worker_memory: dict[int, tuple[DeviceChoice, MemoryUsage]] = {}
        """Where each worker is, and its memory, by the worker's number."""

    @property
    def running(self) -> ValuesView[RunningJob]:
        """The jobs that workers render, in the order in which they were started."""
        return self._running.values()

    @property
    def ids(self) -> set[str]:
        """The ids of these jobs."""
        return set(self._running)

    @property
    def oldest_start(self) -> float | None:
        """When the job that runs longest was started (UNIX time); None where none runs."""
        return min((each.started for each in self.running), default=None)

    @property
    def worker_memory(self) -> tuple[tuple[DeviceChoice, MemoryUsage], ...]:
        """Where each worker is, and the memory that it last reported."""
        return tuple(self._worker_memory.values())

    @property
    def rss_by_worker(self) -> dict[int, int]:
        """The resident main memory of each worker in bytes, by the worker's number."""
        return {number: usage.rss_bytes for number, (_, usage) in self._worker_memory.items()}

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._reaper.apply(settings)
        self._sharing.apply(settings)

    def add(self, running: RunningJob) -> None:
        """Follow an attempt that is about to start."""
        self._running[running.job.id] = running

    def find(self, job_id: str | None) -> RunningJob | None:
        """Return the running job of that id; None where there is none."""
        return self._running.get(job_id or "")

    def poll_events(self, stopping: bool = False) -> None:
        """Handle what the workers have reported. ``stopping``: the daemon ends its workers itself,
        so the end of one is no fault of its job."""
        for event in self._executor.poll():
            message = event.message
            self._tally.note_worker(event.worker_number)
            if stopping and isinstance(message, WorkerDied):
                message = Halted(job_id=message.job_id)
            running = self.find(event.job_id)
            try:
                self._sharing.note(event, self.ids)
                if isinstance(message, Verdict):
                    self._handle_verdict(event, message)
                else:
                    self._handle_update(event)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                reason = self._faults.log(f"a message of worker {event.worker_number}", error)
                if running is not None and isinstance(message, Verdict):
                    self.end_crashed(running, reason)

    def sample_gpus(self) -> None:
        """Record what the GPUs do. The status shows it even where no job runs."""
        self._devices.update_readings()
        self._devices.gpus.sample(self._devices.readings, self.running)
        self._gpu_monitor.sample(self._devices.readings, self.running, self._workers_per_gpu())

    def reap_workers(self) -> None:
        """End the workers whose GPU is lost, and idle ones that nobody needs or that hold memory
        which others need."""
        for each in list(self.running):
            self._try(f"the worker of job {each.job.id}", self._reaper.kill_if_stuck, each)
        self._reaper.retire_idle()

    def assistants_of(self, job_id: str) -> list[DeviceChoice]:
        """Return where other workers draw chunks of a job."""
        return [each.device for each in self._sharing.assistants_of(job_id)]

    def is_drawn(self, job_id: str) -> bool:
        """Whether a worker draws chunks of a job. That of a job that does not run still has the
        options of its last attempt."""
        return bool(self._sharing.assistants_of(job_id))

    def share_chunks(self) -> None:
        """Let idle workers draw chunks of long jobs, as far as nobody else wants them."""
        self._sharing.update(list(self.running), self.rss_by_worker)

    def interrupt_all(self) -> None:
        """End the attempts that still run as interrupted, after the executor was closed."""
        for each in list(self.running):
            self._try(f"job {each.job.id}", self.end, each.job.id, Halted(job_id=each.job.id))

    def end(self, job_id: str, verdict: Verdict) -> None:
        """End an attempt with ``verdict``: its outcome is recorded next."""
        running = self._running.pop(job_id)
        self._tally.add_progress(running, None, self._clock.monotonic())
        if isinstance(verdict, Refused | Crashed | WorkerDied) and not self._spool.is_mounted():
            # While the whole spool is gone, missing files are no fault of the job.
            verdict = Deferred(job_id=job_id, reason="the spool was gone during the rendering")
        verdict = self._reaper.excuse_device_loss(running, verdict)
        if isinstance(verdict, Rendered | Refused):
            self._devices.record_success(running.device)
        elif isinstance(verdict, Deferred) and verdict.of_memory and running.device.uuid:
            self._devices.gpus.note_shortage(running.device.uuid)
        elif isinstance(verdict, Deferred) and verdict.of_device:
            self._devices.record_failure(running.device, verdict.reason)
        has_other_device = not self._devices.has_no_healthy_device
        self._outcomes.add(EndedAttempt(running, verdict, self._clock.wall(), has_other_device))
        self._devices.expire_waits()

    def end_crashed(self, running: RunningJob, reason: str) -> None:
        """Count the attempt as crashed, unless its outcome waits already."""
        self._running.pop(running.job.id, None)
        if all(each.running is not running for each in self._outcomes.pending):
            crash = Crashed(job_id=running.job.id, error=reason, traceback="")
            self._outcomes.add(EndedAttempt(running, crash, self._clock.wall()))

    def _try(self, item: str, step: Callable[..., None], *arguments: object) -> None:
        """Take a step for one item. Whatever it raises concerns this item alone."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            self._faults.log(item, error)

    def _workers_per_gpu(self) -> Counter[str]:
        """How many of the daemon's workers are on each GPU, by its UUID."""
        return Counter(held.uuid for held in self._executor.occupancies() if held.uuid is not None)

    def _handle_update(self, event: WorkerEvent) -> None:
        message = event.message
        running = self.find(event.job_id)
        if isinstance(message, Ready):
            log_model_loaded(message)
        elif isinstance(message, MemoryUsage):
            self._worker_memory[event.worker_number] = (event.device, message)
        elif isinstance(message, LogMessage):
            log_note(message, running if message.job_id else None)
        elif isinstance(message, Progress) and running is not None:
            now = self._clock.monotonic()
            self._tally.add_progress(running, message, now)
            record_progress(running, message, now)
            self._record_work(running, message)

    def _record_work(self, running: RunningJob, progress: Progress) -> None:
        """Record once in the journal that an attempt is at work. Where that cannot be written, a
        death of the daemon counts as an attempt."""
        if progress.stage != "probe" and not running.job.journal.at_work:
            with suppress(EnvironmentFault, OSError):
                running.job = record_work(self._spool.files, running.job)

    def _handle_verdict(self, event: WorkerEvent, verdict: Verdict) -> None:
        if isinstance(verdict, Unfit):
            reason = f"the engine could not be loaded: {verdict.reason}"
            self._devices.record_failure(event.device, reason)
        if isinstance(verdict, WorkerDied):
            self._tally.worker_deaths += 1
        if is_final(verdict):
            self._worker_memory.pop(event.worker_number, None)
            self._gpu_monitor.forget_worker(event.worker_number, event.device)
        running = self.find(event.job_id)
        if running is not None:
            self._check_gpu(event, running, verdict)
            self.end(running.job.id, verdict)
        elif isinstance(verdict, WorkerDied) and event.job_id is None:
            WorkerDead(event.device.label, verdict.reason).log()

    def _check_gpu(self, event: WorkerEvent, running: RunningJob, verdict: Verdict) -> None:
        """Warn of what the GPU did during the attempt, and of memory that its worker retains."""
        self._gpu_monitor.check_ended(running)
        if isinstance(verdict, Rendered) and event.worker_number in self._worker_memory:
            _, usage = self._worker_memory[event.worker_number]
            worker_count = self._workers_per_gpu()[event.device.uuid or ""]
            self._gpu_monitor.check_worker_memory(
                running, event.worker_number, usage, self._devices.readings, worker_count
            )
