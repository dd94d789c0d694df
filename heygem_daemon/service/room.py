"""Pauses a running job for another owner's, if that one could start in its place."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.jobs import JobPauses
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice, Placed
from heygem_daemon.service.admission import DiskSpaceCheck, MemoryCheck, build_memory_shares
from heygem_daemon.service.attempts import Attempts
from heygem_daemon.service.devices import DeviceFinder, build_placement_request
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.pauses import find_jobs_that_may_pause, may_interrupt
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob, job_logger
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import Executor


@dataclass(frozen=True, slots=True)
class StartCheck:
    """What a start needs: a device, space on the disk, and memory. Changes and logs nothing."""

    disk_space: DiskSpaceCheck
    memory: MemoryCheck
    devices: DeviceFinder
    executor: Executor
    attempts: Attempts

    def could_replace(self, queued: QueuedJob, running: RunningJob, settings: Settings) -> bool:
        """Return whether ``queued`` could start on the device of ``running`` once that has paused.
        Raises SpoolUnavailable or OSError where the disk cannot be read."""
        others = [each.job for each in self.attempts.running if each is not running]
        if self.disk_space.shortage_beside(queued.job, others) is not None:
            return False
        engine = queued.job.journal.options.engine
        workers = free_one_worker(self.executor.occupancies(), running.device)
        placed = self.devices.place_beside(engine, workers)
        if not isinstance(placed, Placed) or placed.device.place != running.device.place:
            return False
        if placed.device.node:
            return True
        request = build_placement_request(settings, engine)
        share, held = build_memory_shares(
            request, placed.device, workers, self.attempts.rss_by_worker
        )
        return self.memory.shortage_beside(share, held) is None


def free_one_worker(
    workers: tuple[WorkerOccupancy, ...], device: DeviceChoice
) -> tuple[WorkerOccupancy, ...]:
    """Return the workers as they will be when a job on ``device`` has paused. Where several jobs
    run there, the one that holds the least counts as paused."""
    busy = [each for each in workers if each.place == device.place and not each.idle]
    least = min(busy, key=lambda each: each.reserved_bytes, default=None)
    return tuple(
        replace(each, idle=True, leaving=False, committed_bytes=0, idle_seconds=0.0)
        if each is least
        else each
        for each in workers
    )


@dataclass(frozen=True, slots=True)
class RoomForOthers:
    """Chooses the job that pauses, and asks its worker to."""

    check: StartCheck
    spool: Spool
    outcomes: JobOutcomes
    executor: Executor
    clock: Clock
    faults: ItemFaults

    def make_room(
        self,
        due: Iterable[QueuedJob],
        capacity: int,
        settings: Settings,
        may_start: Callable[[QueuedJob], bool],
    ) -> None:
        """Ask the worker of a job to stop it, if somebody else's job waits too long for its end.
        ``due``: the jobs that could be tried now, in their turns; ``capacity``: how many can run
        at once; ``may_start``: whether the active hours let a job start, or go on."""
        running = list(self.check.attempts.running)
        found = find_jobs_that_may_pause(running, capacity, self.clock.monotonic())
        may_pause = [each for each in found if may_start(each.queued)]
        if not may_pause:
            return
        for queued in filter(may_start, due):
            chosen = self._find_job_to_replace(queued, may_pause, settings)
            if chosen is None:
                continue
            if may_interrupt(queued, running):
                chosen.is_pausing, chosen.first = True, printable(queued.job.title)
                self.executor.pause(chosen.job.id)
                JobPauses(chosen.first).log(job_logger(chosen.job))
            return

    def _find_job_to_replace(
        self, queued: QueuedJob, may_pause: Sequence[RunningJob], settings: Settings
    ) -> RunningJob | None:
        """Return the job without which ``queued`` could start now; None: there is none."""
        try:
            if self._is_unstartable(queued):
                return None
            for each in may_pause:
                if self.check.could_replace(queued, each, settings):
                    return each
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            if not is_environment_fault(error):
                self.faults.log(f"job {queued.job.title}", error)
        return None

    def _is_unstartable(self, queued: QueuedJob) -> bool:
        """Whether a job ends without another attempt."""
        job = queued.job
        refused = bool(job.journal.refusal)
        return refused or self.spool.is_lost(job) or self.outcomes.is_exhausted(job)
