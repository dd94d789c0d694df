"""Lets idle workers of the CPU draw chunks of a running job, while nothing else wants them.

Such a worker is an assistant. It draws chunks into the workspace of the job, whose own worker takes
them as it takes those of an earlier attempt. It decides nothing about the job: whatever becomes of
it, the job's worker draws what is missing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.jobs import ChunksShared, SharingEnded
from heygem_daemon.gpu.placement import DeviceChoice, Placed
from heygem_daemon.protocol import Assisted, Progress
from heygem_daemon.service.admission import MemoryCheck, build_memory_shares
from heygem_daemon.service.devices import DeviceFinder, build_placement_request
from heygem_daemon.service.drawn import seconds_to_draw
from heygem_daemon.service.queue import Queue, QueuedJob
from heygem_daemon.service.rest import Rest
from heygem_daemon.service.running_jobs import (
    RunningJob,
    Verdict,
    attempt_error,
    build_render,
    deferral_reason,
    job_logger,
)
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.job import Job
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent

LEAST_SECONDS = 10.0
"""A job that has less to draw is not shared: an assistant examines the files first."""
STOP_SECONDS = 20.0
"""How long an assistant may take to stop; it is killed after that."""


@dataclass(slots=True)
class Assistant:
    """A worker that draws chunks of a job."""

    id: str
    """What the executor calls its job."""
    job: Job
    """The job whose chunks it draws."""
    device: DeviceChoice
    stopping_since: float | None = None
    """Monotonic time at which it was asked to stop; None: it was not."""


class ChunkSharing:
    """Starts assistants, and stops them where another job wants their place."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        rest: Rest,
        devices: DeviceFinder,
        memory: MemoryCheck,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._rest = rest
        self._devices = devices
        self._memory = memory
        self._executor = executor
        self._clock = clock
        self._numbers = count(1)
        self._assistants: dict[str, Assistant] = {}
        self._unshared: set[str] = set()
        """The running jobs that get no assistant any more."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings = settings

    def assistants_of(self, job_id: str) -> list[Assistant]:
        """Return the workers that draw chunks of a job, also those that were asked to stop."""
        return [each for each in self._assistants.values() if each.job.id == job_id]

    def note(self, event: WorkerEvent, running: Collection[str]) -> None:
        """Take an event into account if it ends the work of an assistant. ``running``: the ids of
        the running jobs. When one ends, its files go, and an assistant may miss them."""
        if not isinstance(event.message, Assisted | Verdict):
            return
        assistant = self._assistants.pop(event.job_id or "", None)
        if assistant is None:
            return
        self._devices.expire_waits()
        if assistant.stopping_since is None:
            # It found nothing to draw any more, or it failed: another would do the same.
            self._unshared.add(assistant.job.id)
        fault = _fault(event)
        has_died = isinstance(event.message, WorkerDied)
        if fault is not None and (has_died or assistant.job.id in running):
            SharingEnded(assistant.device.label, fault).log(job_logger(assistant.job))

    def update(self, running: list[RunningJob], rss_by_worker: dict[int, int]) -> None:
        """Start assistants of the ``running`` jobs on slots that nobody wants, and stop those that
        are in the way or whose job has ended. ``rss_by_worker``: the resident memory of each
        worker in bytes, by its number."""
        ids = {each.job.id for each in running}
        self._unshared &= ids
        is_wanted = any(map(self._wants_a_place, self._queue))
        for assistant in self._assistants.values():
            if is_wanted or assistant.job.id not in ids or not self._settings.share_chunks:
                self._stop(assistant)
        if is_wanted or not self._settings.share_chunks:
            return
        for each in running:
            for _ in range(self._missing_assistants(each)):
                if not self._start(each, rss_by_worker):
                    return

    def _wants_a_place(self, queued: QueuedJob) -> bool:
        """Whether a job waits that could start on a free slot."""
        is_due = queued.ready_at <= self._clock.monotonic()
        return is_due and queued.waits_for != "disk" and not self._rest.is_resting(queued.folder)

    def _missing_assistants(self, running: RunningJob) -> int:
        """Return how many more workers could draw a chunk of a job each."""
        is_stopping = running.is_pausing or running.cancelled_by is not None
        if not _is_cpu_here(running.device) or running.job.id in self._unshared or is_stopping:
            return 0
        return chunks_to_share(running.progress) - len(self.assistants_of(running.job.id))

    def _start(self, running: RunningJob, rss_by_worker: dict[int, int]) -> bool:
        """Start an assistant if a slot and memory are free; return whether it was started."""
        engine, workers = running.job.journal.options.engine, self._executor.occupancies()
        placed = self._devices.place_beside(engine, workers, here=True)
        if not isinstance(placed, Placed) or not _is_cpu_here(placed.device):
            return False
        request = build_placement_request(self._settings, engine)
        share, held = build_memory_shares(request, placed.device, workers, rss_by_worker)
        if self._memory.shortage_beside(share, held) is not None:
            return False
        number = next(self._numbers)
        assistant = Assistant(f"{running.job.id}+{number}", running.job, placed.device)
        busy = sum(not each.idle for each in workers)
        order = build_render(
            running.job, self._settings, self._devices.share_on(placed.device, busy + 1)
        )
        order = order.model_copy(update={"job_id": assistant.id, "assistant": number})
        try:
            self._executor.submit(placed.device, order)
        except OSError:
            self._unshared.add(running.job.id)
            return False
        self._assistants[assistant.id] = assistant
        ChunksShared(placed.device.label).log(job_logger(running.job))
        return True

    def _stop(self, assistant: Assistant) -> None:
        now = self._clock.monotonic()
        if assistant.stopping_since is None:
            assistant.stopping_since = now
            self._executor.pause(assistant.id)
        elif now - assistant.stopping_since >= STOP_SECONDS:
            self._executor.kill(assistant.id, f"did not stop within {STOP_SECONDS:g} s")


def chunks_to_share(progress: Progress | None) -> int:
    """Return how many chunks of a job others could draw, beside the one that its worker draws; 0:
    none, or it is not worth it."""
    if progress is None or progress.stage != "render" or progress.chunks < 2:
        return 0
    left = seconds_to_draw(progress)
    if left is None or left < LEAST_SECONDS:
        return 0
    frames_left = progress.total_frames - progress.frames
    chunk_frames = -(-progress.total_frames // progress.chunks)
    return max(0, frames_left // chunk_frames - 1)


def _is_cpu_here(device: DeviceChoice) -> bool:
    """Whether a device is the CPU of the daemon's own machine. A node that is cut off would go on
    drawing into the workspace of a job that others draw."""
    return device.uuid is None and not device.node


def _fault(event: WorkerEvent) -> str | None:
    """Return why an assistant could not go on, as a clause; None: it ended as it should."""
    message = event.message
    if isinstance(message, Assisted) or not isinstance(message, Verdict):
        return None
    reason = getattr(message, "reason", None)
    return attempt_error(message) or deferral_reason(message) or reason
