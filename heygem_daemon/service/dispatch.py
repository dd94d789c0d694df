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
    Note,
    Progress,
    Ready,
    Refused,
    Rendered,
    Unfit,
    Vitals,
)
from heygem_daemon.service.admission import Memory, Room, shares
from heygem_daemon.service.devices import DeviceFinder, wish_of
from heygem_daemon.service.gpu_monitor import Sampler, limits_of
from heygem_daemon.service.outcomes import Conclusions
from heygem_daemon.service.queue import Queue, Queued
from heygem_daemon.service.reaper import Upkeep
from heygem_daemon.service.running_jobs import (
    VERDICTS,
    Ended,
    Running,
    Verdict,
    follow,
    log_note,
    log_of,
    log_ready,
    render_of,
)
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Died, Event, Executor, is_last


class Dispatcher:
    """Everything between a claimed job and its end, except the work itself."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        executor: Executor,
        read_gpus: Callable[[], Readings],
        clock: Clock,
        memory: Memory,
        on_end: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        """``on_end`` is told of each job that is published or failed."""
        self._settings = settings
        self._spool = spool
        self._executor = executor
        self._clock = clock
        self.queue = Queue()
        self.running: dict[str, Running] = {}
        self.vitals: dict[int, tuple[DeviceChoice, Vitals]] = {}
        """Where each worker is, and its memory, by the worker's number."""
        self.devices = DeviceFinder(settings, executor, read_gpus, clock)
        self._upkeep = Upkeep(settings, self.devices, executor, clock)
        self.sampler = Sampler(limits_of(settings), clock)
        self.memory = memory
        self.room = Room(spool.root, round(settings.free_space_gib * GIB))
        self.conclusions = Conclusions(spool, self.queue, settings.max_attempts, clock, on_end)

    def take_on(self, jobs: Iterable[Job]) -> None:
        """Queue claimed jobs."""
        for job in jobs:
            self.queue.append(job)

    def leave_behind(self) -> None:
        """Forget the queued jobs that are not in this spool; they wait in the one before it."""
        for queued in [each for each in self.queue if self._spool.lost(each.job)]:
            self.queue.take(queued)
            log_of(queued.job).warning(
                "the job lies on the disk that was here before; it goes on once that is back"
            )

    def at_work(self) -> list[Job]:
        """The jobs in workers' hands."""
        return [running.job for running in self.running.values()]

    def known(self) -> set[str]:
        """The ids of all claimed jobs, in whatever state."""
        waiting = {queued.job.id for queued in self.queue}
        ending = {ended.running.job.id for ended in self.conclusions.pending}
        return waiting | ending | set(self.running)

    def hear(self, stopping: bool = False) -> None:
        """Take in what the workers have said. ``stopping``: the end of a worker is our own doing,
        and no fault of its job."""
        for event in self._executor.poll():
            message = event.message
            if stopping and isinstance(message, Died):
                message = Halted(job_id=message.job_id)
            if isinstance(message, VERDICTS):
                self._hear_verdict(event, message)
            else:
                self._hear_news(event)

    def start(self) -> None:
        """Start what can be started now. Raises EnvironmentFault; the job then stays queued."""
        self.devices.begin()
        waiting: set[str | None] = set()
        for queued in self.queue.due(self._clock.monotonic()):
            engine = queued.job.journal.options.engine
            if engine in waiting:
                self._lacks_device(queued)
                continue
            if self._ends_untried(queued.job):
                self.queue.take(queued)
                continue
            if self._lacks_room(queued):
                continue
            choice = self.devices.choose(engine, bool(self.running))
            if choice is None:
                waiting.add(engine)
                self._lacks_device(queued)
                continue
            if self._lacks_memory(queued, choice):
                return
            self._submit(queued, choice)

    def sample(self) -> None:
        """Take down what the GPUs do; the status shows it, also where no job runs."""
        self.devices.look()
        self.sampler.sample(self.devices.readings, self.running.values(), self._workers())

    def _workers(self) -> Counter[str]:
        """How many workers of ours are on each GPU."""
        return Counter(held.uuid for held in self._executor.held() if held.uuid is not None)

    def tend(self) -> None:
        """Look after the devices: jobs whose GPU is lost, idle workers that hold what others
        need."""
        self._upkeep.end_stuck(self.running.values())
        self._upkeep.retire_idle()

    @property
    def hold(self) -> str | None:
        """Why no job can start, though none of ours runs."""
        if not len(self.queue):
            return None
        return self.devices.hold or self.room.hold or self.memory.hold

    def _lacks_room(self, queued: Queued) -> bool:
        running = (each.job for each in self.running.values())
        lack = self.room.lack(queued.job, running)
        if lack is not None:
            self.queue.explain(queued, lack)
        return lack is not None

    def _lacks_device(self, queued: Queued) -> None:
        """What it waited for before is there by now."""
        if queued.reason is not None:
            self.queue.explain(queued, None)

    def _lacks_memory(self, queued: Queued, choice: Placed) -> bool:
        engine = queued.job.journal.options.engine
        resident = {worker: vitals.rss_bytes for worker, (_, vitals) in self.vitals.items()}
        wish = wish_of(self._settings, engine)
        mine, others = shares(wish, choice.device, self._executor.held(), resident)
        lack = self.memory.lack(mine, others)
        if lack is not None:
            self.queue.explain(queued, lack)
        return lack is not None

    def _ends_untried(self, job: Job) -> bool:
        """Whether there is nothing to start: the job has been brought to its end instead."""
        if self._spool.lost(job):
            self.conclusions.drop(job)
        elif job.journal.refusal:
            self.conclusions.refuse(job)
        elif self.conclusions.exhausted(job):
            self.conclusions.give_up(job)
        else:
            return False
        return True

    def abandon(self) -> None:
        """The executor is closed: whatever has not answered by now was interrupted."""
        for job_id in list(self.running):
            self._end(job_id, Halted(job_id=job_id))

    def _submit(self, queued: Queued, choice: Placed) -> None:
        job = self._spool.begin_attempt(queued.job)
        self.queue.take(queued)
        self.running[job.id] = Running(
            queued, job, choice.device, choice.notice, self._clock.wall(), self._clock.monotonic()
        )
        place = f", {member.number} of {member.of}" if (member := job.journal.member) else ""
        log_of(job).info(
            "job started on {}, attempt {}{}", choice.device.label, job.journal.attempts, place
        )
        try:
            order = render_of(job, self._settings)
            self._executor.submit(choice.device, order, choice.need_bytes)
        except OSError as error:
            reason = f"no worker process could be started: {error}"
            self._end(job.id, Deferred(job_id=job.id, reason=reason))

    def _hear_verdict(self, event: Event, verdict: Verdict) -> None:
        if isinstance(verdict, Unfit):
            reason = f"the engine could not be loaded: {verdict.reason}"
            self.devices.failed(event.device, reason)
        if is_last(verdict):
            self.vitals.pop(event.worker, None)
            self.sampler.worker_gone(event.worker, event.device)
        running = self.running.get(event.job_id or "")
        if running is not None:
            self._judge(event, running, verdict)
            self._end(running.job.id, verdict)
        elif isinstance(verdict, Died):
            logger.warning("the idle worker on {} {}", event.device.label, verdict.reason)

    def _judge(self, event: Event, running: Running, verdict: Verdict) -> None:
        """What its GPU did meanwhile, and what memory the worker holds now."""
        self.sampler.ended(running)
        if isinstance(verdict, Rendered) and event.worker in self.vitals:
            _, vitals = self.vitals[event.worker]
            ours = self._workers()[event.device.uuid or ""]
            self.sampler.left(running, event.worker, vitals, self.devices.readings, ours)

    def _end(self, job_id: str, verdict: Verdict) -> None:
        running = self.running.pop(job_id)
        if isinstance(verdict, Refused | Crashed | Died) and not self._spool.mounted():
            # Files that cannot be found say nothing of the job while the whole spool is gone.
            verdict = Deferred(job_id=job_id, reason="the spool was gone during the rendering")
        verdict = self._upkeep.excused(running, verdict)
        if isinstance(verdict, Rendered | Refused):
            self.devices.proved(running.device)
        elif isinstance(verdict, Deferred) and verdict.of_device:
            self.devices.failed(running.device, verdict.reason)
        elsewhere = not self.devices.exhausted
        self.conclusions.add(Ended(running, verdict, self._clock.wall(), elsewhere))
        self.devices.ask_anew()

    def _hear_news(self, event: Event) -> None:
        message = event.message
        if isinstance(message, Ready):
            log_ready(message)
        elif isinstance(message, Vitals):
            self.vitals[event.worker] = (event.device, message)
        elif isinstance(message, Note):
            log_note(message, self.running.get(message.job_id or ""))
        elif isinstance(message, Progress) and message.job_id in self.running:
            follow(self.running[message.job_id], message, self._clock.monotonic())
