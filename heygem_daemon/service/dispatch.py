"""Starts claimed jobs on devices, in their turns."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.jobs import JobOnOtherDisk, JobStarted
from heygem_daemon.gpu.placement import Placed
from heygem_daemon.protocol import Deferred
from heygem_daemon.service.admission import (
    build_memory_shares,
    estimate_waiting_bytes,
)
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.devices import build_placement_request
from heygem_daemon.service.dispatch_parts import MAX_ENDED, MAX_FAULTS, DispatchParts, build_parts
from heygem_daemon.service.gpu_monitor import build_warning_limits
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.job_log import JobLog
from heygem_daemon.service.pace import pace_of
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.room import RoomForOthers, StartCheck
from heygem_daemon.service.running_jobs import RunningJob, build_render, job_logger, owner_of
from heygem_daemon.service.runtime import Clock, Dependencies
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.service.steered_jobs import SteeredJobs
from heygem_daemon.service.turns import DeviceLoad, WaitingJob
from heygem_daemon.service.unstartable import Unstartable
from heygem_daemon.service.whole_job import with_kept_percent
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor


class Dispatcher:
    """Queues claimed jobs, places them on devices, and hands their outcomes to the spool. The
    rendering itself is the executor's."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        executor: Executor,
        clock: Clock,
        parts: DispatchParts,
        faults: ItemFaults,
        log: JobLog,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._executor = executor
        self._clock = clock
        self._faults, self._log = faults, log
        self._queue = parts.queue
        self._devices = parts.devices
        self._disk_space = parts.disk_space
        self._memory = parts.memory
        self._gpu_monitor = parts.gpu_monitor
        self._outcomes = parts.outcomes
        self.attempts = parts.attempts
        """The jobs that workers render."""
        self._signer = parts.signer
        self._tally = parts.tally
        self._rest = parts.rest
        self._notes = parts.notes
        check = StartCheck(parts.disk_space, parts.memory, parts.devices, executor, parts.attempts)
        self.steered = SteeredJobs(spool, parts.queue, parts.attempts, parts.outcomes, executor)
        """What requests do with claimed jobs."""
        self._unstartable = Unstartable(spool, parts.outcomes, parts.disk_space)
        self._room = RoomForOthers(check, spool, parts.outcomes, executor, clock, faults)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        spool: Spool,
        executor: Executor,
        dependencies: Dependencies,
        on_end: Callable[[Job], None] = lambda _job: None,
    ) -> "Dispatcher":
        """Build a dispatcher and its parts. ``on_end`` is called with each job that is
        published or failed."""
        parts = build_parts(settings, spool, executor, dependencies, on_end)
        faults, log = dependencies.faults, dependencies.job_log
        return cls(settings, spool, executor, dependencies.clock, parts, faults, log)

    def apply(self, settings: Settings) -> None:
        """Follow changed settings, with every job that starts from now on."""
        self._settings = settings
        caps = PriorityCaps.of(settings.max_priority, settings.folders)
        self._queue.limit_priorities(caps)
        self._devices.apply(settings)
        self._disk_space.keep_free(round(settings.free_space_gib * GIB))
        self._gpu_monitor.apply(build_warning_limits(settings))
        self.attempts.apply(settings)
        self._outcomes.allow_attempts(settings.max_attempts)
        self._signer.apply(settings)
        self._rest.apply(settings)
        self._notes.apply(settings)

    @property
    def capacity(self) -> int:
        """How many jobs could run at the same time if nobody else used the devices; 1 or more."""
        return self._devices.capacity

    def in_turn_with(self, candidates: Iterable[WaitingJob]) -> Iterator[WaitingJob]:
        """Yield the jobs that may be tried now, and candidates as if queued, in their turns."""
        return self._queue.in_turn_with(candidates, self._clock.monotonic(), self._load)

    def record_owners(self, candidates: Iterable[WaitingJob]) -> None:
        """Record whose candidates wait: who is new goes behind those who wait already."""
        self._queue.record_owners(each.key.owner for each in candidates)

    def can_start_soon(self, item: WaitingJob) -> bool:
        """Whether nothing but its turn and a device keeps a queued job or a candidate from its
        start: active hours, room on disk and in memory, and weights of its engine. Raises
        SpoolUnavailable."""
        if self._rest.is_resting(item.folder):
            return False
        if isinstance(item, QueuedJob | Candidate) and self.awaits_weights(item):
            return False
        if isinstance(item, QueuedJob):
            return not item.lacks_room
        if not isinstance(item, Candidate):
            return True
        if item.engines <= self._memory.short.keys():
            return False
        need = estimate_waiting_bytes(item.source)
        return self._disk_space.has_room(need, (each.job for each in self.attempts.running))

    def awaits_weights(self, item: QueuedJob | Candidate) -> bool:
        """Whether ``item`` asks for an engine whose weights cannot be used; another job tries."""
        return not item.engines.isdisjoint(self.faults_of_weights)

    @property
    def faults_of_weights(self) -> dict[str | None, str]:
        """The engines whose weights cannot be used, and why."""
        return self._queue.faults_of_weights(self._clock.monotonic())

    def claimed_ids(self) -> set[str]:
        """Return the ids of all claimed jobs: queued, running, or waiting for their outcome."""
        queued = {job.id for job in self._queue.jobs}
        ending = {ended.running.job.id for ended in self._outcomes.pending}
        return queued | ending | self.attempts.ids

    @property
    def queued_jobs(self) -> list[QueuedJob]:
        """The claimed jobs that do not run, the next one first."""
        return list(self._queue)

    def snapshot(self) -> DispatchSnapshot:
        """Return the present state. The jobs in it are the dispatcher's own objects: use it at
        once, do not keep it."""
        queued = tuple(self._queue)
        engines = {None, *(each.job.journal.options.engine for each in queued)}
        return DispatchSnapshot(
            running=tuple(self.attempts.running),
            pending=tuple(self._outcomes.pending),
            queued=queued,
            hold=self._hold(),
            signing_fault=self._signer.fault,
            wait_reasons={engine: self._devices.wait_reason(engine) for engine in engines},
            worker_memory=self.attempts.worker_memory,
            readings=self._devices.readings,
            quarantined=self._devices.quarantined(),
            tally=self._tally,
            rest=self._rest.reason,
            rests_until=self._rest.until,
            hours=self._rest.hours,
            rests={name: self._rest.reason_in(name) for name in self._rest.hours},
            warnings=self._gpu_monitor.warnings,
            warning_counts=dict(self._gpu_monitor.warning_counts),
            assistants=self.attempts.assistants_of,
            in_turn=self.in_turn_with,
        )

    def enqueue(self, jobs: Iterable[Job]) -> None:
        """Queue claimed jobs. One that raises anything fails alone."""
        for job in jobs:
            try:
                known = with_kept_percent(job, self._settings.chunk_seconds)
                queued = self._queue.append(known, owner=owner_of(job))
                with suppress(EnvironmentFault, OSError):  # the next round tries again
                    self._waits_for_disk_space(queued)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                self._fail_unhandled(job, self._faults.log(f"job {job.title}", error), error)

    def forget(self) -> None:
        """Forget the queued jobs that are not in this spool; they wait in the one before it."""
        for queued in [each for each in self._queue if self._spool.is_lost(each.job)]:
            self._queue.remove(queued)
            JobOnOtherDisk().log(job_logger(queued.job))

    def update_hours(self) -> None:
        """Look whether jobs may start by the active hours."""
        self._rest.update()

    def update_readings(self) -> None:
        """Take the driver's latest readings into account."""
        self._devices.update_readings()

    def settle_outcomes(self, *, stopping: bool = False) -> None:
        """Publish, fail or requeue the jobs whose attempt is over, as far as the spool can take
        them now. While the daemon is ``stopping``, what pauses shows no progress any more."""
        at_work = [*self.attempts.running, *self._outcomes.pausing]
        self._notes.update(at_work, () if stopping else self._queue)
        self._outcomes.settle()

    def start_jobs(self) -> None:
        """Start what can be started now. Raises the first fault after others were tried, an
        EnvironmentFault or OSError; those jobs stay queued."""
        self._devices.begin_round()
        self._disk_space.begin_round()
        self._memory.begin_round()
        waiting = set(self.faults_of_weights)
        faults, ended = list[Exception](), 0
        for queued in self._queue.due(self._clock.monotonic(), self._load):
            try:
                ended += self._try_to_start(queued, waiting)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                if is_environment_fault(error) and not _is_users_fault(error, queued.job):
                    faults.append(error)
                else:
                    self._set_aside(queued, error)
            if len(faults) == MAX_FAULTS or ended == MAX_ENDED:
                break
        is_running, jobs = bool(self.attempts.running), self._queue.jobs
        self._disk_space.end_round(jobs, is_running=is_running)
        self._memory.end_round(has_queued=bool(jobs), is_running=is_running)
        due = self._queue.due(self._clock.monotonic(), self._load)
        # Where memory is short, the devices are as full as they can be.
        places = len(self.attempts.running) if self._memory.short else self.capacity
        self._room.make_room(due, places, self._settings, self._may_start)
        if faults:
            raise faults[0]

    def _try_to_start(self, queued: QueuedJob, waiting: set[str | None]) -> bool:
        """Start a job if it can be started now, or end it if it never can; return whether it ended.
        ``waiting``: the engines whose jobs cannot, since there is no device or memory for them."""
        engine, rest = queued.job.journal.options.engine, self._rest.reason_in(queued.folder)
        if engine in waiting and rest is None:
            if queued.waits_for != "disk" or not self._waits_for_disk_space(queued):
                self._record_wait(queued)
        elif engine not in waiting and self._unstartable.is_ended(
            queued.job, is_resting=rest is not None
        ):
            self._queue.remove(queued)
            return True
        elif rest is not None:
            self._queue.set_reason(queued, rest, "hours")
        elif not (self._waits_for_disk_space(queued) or self.attempts.is_drawn(queued.job.id)):
            choice = self._devices.choose(engine, bool(self.attempts.running))
            if choice is None or self._lacks_memory(engine, choice):
                waiting.add(engine)
                self._record_wait(queued)
            elif queued.job.journal.refusal:
                self._outcomes.fail_refused(queued.job)
                self._queue.remove(queued)
                return True
            else:
                self._submit(queued, choice)
        return False

    def _may_start(self, queued: QueuedJob) -> bool:
        """Return whether the active hours let a job start."""
        return not self._rest.is_resting(queued.folder)

    def _set_aside(self, queued: QueuedJob, error: Exception) -> None:
        """End a job that raised something when it was to be started."""
        job = queued.job
        reason = self._faults.log(f"job {job.title}", error)
        if (running := self.attempts.find(job.id)) is not None:
            self.attempts.end_crashed(running, reason)
            return
        if self._fail_unhandled(job, reason, error):
            self._queue.remove(queued)
        else:
            self._queue.put_back(queued, job, reason, self._clock.monotonic())

    def _fail_unhandled(self, job: Job, reason: str, error: Exception) -> bool:
        """Fail a job that raised ``error``. Return whether that could be recorded."""
        try:
            self._outcomes.fail_unhandled(job, reason, error)
        except Exception as another:  # noqa: BLE001 - concerns this item alone
            self._faults.log(f"job {job.title}, on its way to failed/", another)
            return False
        return True

    @property
    def _load(self) -> DeviceLoad:
        batch_jobs = sum(each.job.journal.member is not None for each in self.attempts.running)
        return DeviceLoad(self.capacity, batch_jobs)

    def _hold(self) -> str | None:
        if all(self._rest.is_resting(job.journal.folder) for job in self._queue.jobs):
            return None  # Nothing waits, or all of it for the active hours.
        return self._devices.hold or self._disk_space.hold or self._memory.hold

    def _waits_for_disk_space(self, queued: QueuedJob) -> bool:
        running = (each.job for each in self.attempts.running)
        shortage = self._disk_space.find_shortage(queued.job, running)
        if shortage is not None:
            self._queue.set_reason(queued, shortage, "disk")
        return shortage is not None

    def _lacks_memory(self, engine: str | None, choice: Placed) -> bool:
        if choice.device.node:  # its agent counts slots by the memory there
            return False
        request = build_placement_request(self._settings, engine)
        next_job, running = build_memory_shares(
            request, choice.device, self._executor.occupancies(), self.attempts.rss_by_worker
        )
        return self._memory.find_shortage(next_job, running, engine) is not None

    def _record_wait(self, queued: QueuedJob) -> None:
        """Record that a job waits for memory, or for nothing of its own where it waits for a
        device. A reason for which it waited before does not hold any more."""
        shortage = self._memory.short.get(queued.job.journal.options.engine)
        if queued.reason != shortage:
            self._queue.set_reason(queued, shortage, "memory" if shortage else None)

    def _submit(self, queued: QueuedJob, choice: Placed) -> None:
        job = self._spool.begin_attempt(queued.job, choice.device.node)
        self._queue.record_start(queued, self._clock.monotonic())
        self._queue.remove(queued)
        now = self._clock.monotonic()
        running = RunningJob(queued, job, choice.device, choice.notice, self._clock.wall(), now)
        running.pace = pace_of(tuple(self._tally.finished), job.journal.options.engine)
        self.attempts.add(running)
        member = job.journal.member
        place = (member.number, member.of) if member else (None, None)
        self._log.log(JobStarted(choice.device.label, job.journal.attempts, *place), job)
        try:
            count = len(self.attempts.running) + len(self._queue)
            share = self._devices.share_on(choice.device, count)
            order = build_render(job, self._settings, share)
            self._executor.submit(choice.device, order, choice.need_bytes)
        except OSError as error:
            reason = f"no worker could be started: {error}"
            self.attempts.end(job.id, Deferred(job_id=job.id, reason=reason))


def _is_users_fault(error: Exception, job: Job) -> bool:
    """Return whether a user has withheld what belongs to the job, so that it concerns him alone."""
    return is_users_fault(error, job.folder.parent if job.journal.member else job.folder)
