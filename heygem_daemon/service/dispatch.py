"""The jobs that are claimed: started one after the other, followed, and concluded."""

from collections import Counter
from collections.abc import Callable, Iterable

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import DeviceChoice, Placed
from heygem_daemon.gpu.reading import Readings
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
from heygem_daemon.service.admission import DiskSpaceCheck, MemoryCheck, build_memory_shares
from heygem_daemon.service.devices import DeviceFinder, build_placement_request
from heygem_daemon.service.gpu_monitor import GpuMonitor, build_warning_limits
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.queue import Queue, QueuedJob
from heygem_daemon.service.reaper import WorkerReaper
from heygem_daemon.service.running_jobs import (
    VERDICTS,
    EndedAttempt,
    RunningJob,
    Verdict,
    build_render,
    job_logger,
    log_model_loaded,
    log_note,
    record_progress,
)
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent, is_final


class Dispatcher:
    """Everything between a claimed job and its end, except the work itself."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        executor: Executor,
        read_gpus: Callable[[], Readings],
        clock: Clock,
        memory: MemoryCheck,
        on_end: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        """``on_end`` is told of each job that is published or failed."""
        self._settings = settings
        self._spool = spool
        self._executor = executor
        self._clock = clock
        self.queue = Queue()
        self.running: dict[str, RunningJob] = {}
        self.vitals: dict[int, tuple[DeviceChoice, MemoryUsage]] = {}
        """Where each worker is, and its memory, by the worker's number."""
        self.devices = DeviceFinder(settings, executor, read_gpus, clock)
        self._reaper = WorkerReaper(settings, self.devices, executor, clock)
        self.gpu_monitor = GpuMonitor(build_warning_limits(settings), clock)
        self.memory = memory
        self.disk_space = DiskSpaceCheck(spool.root, round(settings.free_space_gib * GIB))
        self.outcomes = JobOutcomes(spool, self.queue, settings.max_attempts, clock, on_end)

    def enqueue(self, jobs: Iterable[Job]) -> None:
        """Queue claimed jobs."""
        for job in jobs:
            self.queue.append(job)

    def forget(self) -> None:
        """Forget the queued jobs that are not in this spool; they wait in the one before it."""
        for queued in [each for each in self.queue if self._spool.is_lost(each.job)]:
            self.queue.remove(queued)
            job_logger(queued.job).warning(
                "the job lies on the disk that was here before; it goes on once that is back"
            )

    def running_jobs(self) -> list[Job]:
        """The jobs in workers' hands."""
        return [running.job for running in self.running.values()]

    def claimed_ids(self) -> set[str]:
        """The ids of all claimed jobs, in whatever state."""
        waiting = {queued.job.id for queued in self.queue}
        ending = {ended.running.job.id for ended in self.outcomes.pending}
        return waiting | ending | set(self.running)

    def poll_events(self, stopping: bool = False) -> None:
        """Take in what the workers have said. ``stopping``: the end of a worker is our own doing,
        and no fault of its job."""
        for event in self._executor.poll():
            message = event.message
            if stopping and isinstance(message, WorkerDied):
                message = Halted(job_id=message.job_id)
            if isinstance(message, VERDICTS):
                self._handle_verdict(event, message)
            else:
                self._handle_update(event)

    def start_jobs(self) -> None:
        """Start what can be started now. Raises EnvironmentFault; the job then stays queued."""
        self.devices.begin_round()
        waiting: set[str | None] = set()
        for queued in self.queue.due(self._clock.monotonic()):
            engine = queued.job.journal.options.engine
            if engine in waiting:
                self._clear_wait_reason(queued)
                continue
            if self._end_unstartable(queued.job):
                self.queue.remove(queued)
                continue
            if self._waits_for_disk_space(queued):
                continue
            choice = self.devices.choose(engine, bool(self.running))
            if choice is None:
                waiting.add(engine)
                self._clear_wait_reason(queued)
                continue
            if self._waits_for_memory(queued, choice):
                return
            self._submit(queued, choice)

    def sample_gpus(self) -> None:
        """Take down what the GPUs do; the status shows it, also where no job runs."""
        self.devices.update_readings()
        self.gpu_monitor.sample(self.devices.readings, self.running.values(), self._workers())

    def _workers(self) -> Counter[str]:
        """How many workers of ours are on each GPU."""
        return Counter(held.uuid for held in self._executor.occupancies() if held.uuid is not None)

    def reap_workers(self) -> None:
        """Look after the devices: jobs whose GPU is lost, idle workers that hold what others
        need."""
        self._reaper.kill_stuck(self.running.values())
        self._reaper.retire_idle()

    @property
    def hold(self) -> str | None:
        """Why no job can start, though none of ours runs."""
        if not len(self.queue):
            return None
        return self.devices.hold or self.disk_space.hold or self.memory.hold

    def _waits_for_disk_space(self, queued: QueuedJob) -> bool:
        running = (each.job for each in self.running.values())
        lack = self.disk_space.find_shortage(queued.job, running)
        if lack is not None:
            self.queue.set_reason(queued, lack)
        return lack is not None

    def _clear_wait_reason(self, queued: QueuedJob) -> None:
        """What it waited for before is there by now."""
        if queued.reason is not None:
            self.queue.set_reason(queued, None)

    def _waits_for_memory(self, queued: QueuedJob, choice: Placed) -> bool:
        engine = queued.job.journal.options.engine
        resident = {worker: vitals.rss_bytes for worker, (_, vitals) in self.vitals.items()}
        wish = build_placement_request(self._settings, engine)
        mine, others = build_memory_shares(
            wish, choice.device, self._executor.occupancies(), resident
        )
        lack = self.memory.find_shortage(mine, others)
        if lack is not None:
            self.queue.set_reason(queued, lack)
        return lack is not None

    def _end_unstartable(self, job: Job) -> bool:
        """Whether there is nothing to start: the job has been brought to its end instead."""
        if self._spool.is_lost(job):
            self.outcomes.drop(job)
        elif job.journal.refusal:
            self.outcomes.fail_refused(job)
        elif self.outcomes.is_exhausted(job):
            self.outcomes.fail_exhausted(job)
        else:
            return False
        return True

    def interrupt_running(self) -> None:
        """The executor is closed: whatever has not answered by now was interrupted."""
        for job_id in list(self.running):
            self._end(job_id, Halted(job_id=job_id))

    def _submit(self, queued: QueuedJob, choice: Placed) -> None:
        job = self._spool.begin_attempt(queued.job)
        self.queue.remove(queued)
        self.running[job.id] = RunningJob(
            queued, job, choice.device, choice.notice, self._clock.wall(), self._clock.monotonic()
        )
        place = f", {member.number} of {member.of}" if (member := job.journal.member) else ""
        job_logger(job).info(
            "job started on {}, attempt {}{}", choice.device.label, job.journal.attempts, place
        )
        try:
            order = build_render(job, self._settings)
            self._executor.submit(choice.device, order, choice.need_bytes)
        except OSError as error:
            reason = f"no worker process could be started: {error}"
            self._end(job.id, Deferred(job_id=job.id, reason=reason))

    def _handle_verdict(self, event: WorkerEvent, verdict: Verdict) -> None:
        if isinstance(verdict, Unfit):
            reason = f"the engine could not be loaded: {verdict.reason}"
            self.devices.record_failure(event.device, reason)
        if is_final(verdict):
            self.vitals.pop(event.worker_number, None)
            self.gpu_monitor.forget_worker(event.worker_number, event.device)
        running = self.running.get(event.job_id or "")
        if running is not None:
            self._check_gpu(event, running, verdict)
            self._end(running.job.id, verdict)
        elif isinstance(verdict, WorkerDied):
            logger.warning("the idle worker on {} {}", event.device.label, verdict.reason)

    def _check_gpu(self, event: WorkerEvent, running: RunningJob, verdict: Verdict) -> None:
        """What its GPU did meanwhile, and what memory the worker holds now."""
        self.gpu_monitor.check_ended(running)
        if isinstance(verdict, Rendered) and event.worker_number in self.vitals:
            _, vitals = self.vitals[event.worker_number]
            ours = self._workers()[event.device.uuid or ""]
            self.gpu_monitor.check_worker_memory(
                running, event.worker_number, vitals, self.devices.readings, ours
            )

    def _end(self, job_id: str, verdict: Verdict) -> None:
        running = self.running.pop(job_id)
        if isinstance(verdict, Refused | Crashed | WorkerDied) and not self._spool.is_mounted():
            # Files that cannot be found say nothing of the job while the whole spool is gone.
            verdict = Deferred(job_id=job_id, reason="the spool was gone during the rendering")
        verdict = self._reaper.excuse_device_loss(running, verdict)
        if isinstance(verdict, Rendered | Refused):
            self.devices.record_success(running.device)
        elif isinstance(verdict, Deferred) and verdict.of_device:
            self.devices.record_failure(running.device, verdict.reason)
        elsewhere = not self.devices.has_no_healthy_device
        self.outcomes.add(EndedAttempt(running, verdict, self._clock.wall(), elsewhere))
        self.devices.expire_waits()

    def _handle_update(self, event: WorkerEvent) -> None:
        message = event.message
        if isinstance(message, Ready):
            log_model_loaded(message)
        elif isinstance(message, MemoryUsage):
            self.vitals[event.worker_number] = (event.device, message)
        elif isinstance(message, LogMessage):
            log_note(message, self.running.get(message.job_id or ""))
        elif isinstance(message, Progress) and message.job_id in self.running:
            record_progress(self.running[message.job_id], message, self._clock.monotonic())
