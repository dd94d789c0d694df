"""Lets idle workers of the CPU help with a running job, while nothing else wants them: they track
pieces of its video, and draw chunks of it.

Such a worker is an assistant, on this machine or another one. It works in a folder of its own; what
it has finished is moved into the workspace of the job, whose own worker takes it as what an earlier
attempt has made. It decides nothing about the job: whatever becomes of it, the job's worker makes
what is missing.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.jobs import ChunksShared, SharingEnded, TrackingShared, TrackingShareEnded
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice, Placed
from heygem_daemon.protocol import Assisted, Deferred, Progress
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
from heygem_daemon.service.whole_job import left_by_speed
from heygem_daemon.spool.assistants import AssistantFolders
from heygem_daemon.spool.job import Job
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent

LEAST_SECONDS = 10.0
"""A job that has less to draw is not shared: an assistant examines the files first."""
STOP_SECONDS = 20.0
"""How long an assistant may take to stop; it is killed after that."""


@dataclass(slots=True)
class Assistant:
    """A worker that helps with a job."""

    id: str
    """What the executor calls its job."""
    job: Job
    """The job that it helps with."""
    device: DeviceChoice
    folder: Path
    """In the job's workspace; it writes nowhere else."""
    stage: str
    """The stage in which it helps."""
    at: tuple[int, int] = (0, 0)
    """The chunk that it draws, from 1, and how many pieces it has tracked."""
    stopping_since: float | None = None
    """Monotonic time at which it was asked to stop; None: it was not."""


class ChunkSharing:
    """Starts assistants, and stops them where another job wants their place."""

    def __init__(
        self,
        settings: Settings,
        folders: AssistantFolders,
        queue: Queue,
        rest: Rest,
        devices: DeviceFinder,
        memory: MemoryCheck,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._queue = queue
        self._rest = rest
        self._devices = devices
        self._memory = memory
        self._executor = executor
        self._clock = clock
        self._numbers = count(1)
        self._assistants: dict[str, Assistant] = {}
        self._left: list[Path] = []
        """The folders of ended assistants that could not be taken from them yet."""
        self._barred: set[tuple[str, str, str]] = set()
        """Running jobs, by id, the nodes that give them no assistant any more, and in which
        stage."""
        self._losses: set[tuple[str, str]] = set()
        """Running jobs, and the nodes that were lost once while they gave them one."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings = settings

    def assistants_of(self, job_id: str) -> list[Assistant]:
        """Return the workers that help with a job, also those that were asked to stop."""
        return [each for each in self._assistants.values() if each.job.id == job_id]

    def note(self, event: WorkerEvent, running: Collection[str]) -> None:
        """Take an event into account that concerns an assistant. ``running``: the ids of the
        running jobs. When one ends, its files go, and an assistant may miss them."""
        message, assistant = event.message, self._assistants.get(event.job_id or "")
        if assistant is None:
            if isinstance(message, Verdict):  # perhaps of a job that has assistants
                for each in self.assistants_of(event.job_id or ""):
                    self._dismiss(each)
        elif isinstance(message, Progress):
            self._take_finished(assistant, message)
        elif isinstance(message, Assisted | Verdict):
            self._end(assistant, event, assistant.job.id in running)

    def update(self, running: list[RunningJob], rss_by_worker: dict[int, int]) -> None:
        """Start assistants of the ``running`` jobs on slots that nobody wants, and stop those that
        are in the way or whose job has ended. ``rss_by_worker``: the resident memory of each
        worker in bytes, by its number."""
        left, self._left = self._left, []
        for folder in left:
            self._close(folder)
        ids = {each.job.id for each in running}
        self._barred = {each for each in self._barred if each[0] in ids}
        self._losses = {each for each in self._losses if each[0] in ids}
        may_share = self._settings.share_chunks and not any(map(self._wants_a_place, self._queue))
        for assistant in self._assistants.values():
            if assistant.job.id not in ids:
                self._dismiss(assistant)
            elif not may_share:
                self._stop(assistant)
        if may_share:
            for each in running:
                self._start_missing(each, rss_by_worker)

    def _start_missing(self, running: RunningJob, rss_by_worker: dict[int, int]) -> None:
        for _ in range(self._missing_assistants(running)):
            workers = self._executor.occupancies()
            device = self._find_place(running, workers, rss_by_worker)
            if device is None or not self._start(running, device, workers):
                return

    def _wants_a_place(self, queued: QueuedJob) -> bool:
        """Whether a job waits that could start on a free slot."""
        is_due = queued.ready_at <= self._clock.monotonic()
        return is_due and queued.waits_for != "disk" and not self._rest.is_resting(queued.folder)

    def _missing_assistants(self, running: RunningJob) -> int:
        """Return how many more workers could take a piece or a chunk of a job each."""
        is_stopping = running.is_pausing or running.cancelled_by is not None
        if running.device.uuid is not None or is_stopping:
            return 0
        in_stage = self._clock.monotonic() - running.stage_began_at
        parts = chunks_to_share(running.progress) + pieces_to_share(running.progress, in_stage)
        return parts - len(self.assistants_of(running.job.id))

    def _find_place(
        self, running: RunningJob, workers: tuple[WorkerOccupancy, ...], rss: dict[int, int]
    ) -> DeviceChoice | None:
        """Return a slot of a CPU that is free, with memory, for an assistant of a job. ``rss``:
        the resident memory of each worker in bytes."""
        engine = running.job.journal.options.engine
        place = running.job.id, stage_of(running)
        barred = {node for job_id, node, stage in self._barred if (job_id, stage) == place}
        placed = self._devices.place_beside(engine, workers, barred)
        if isinstance(placed, Placed) and not placed.device.node:
            request = build_placement_request(self._settings, engine)
            share, held = build_memory_shares(request, placed.device, workers, rss)
            if self._memory.shortage_beside(share, held) is not None:
                placed = self._devices.place_beside(engine, workers, barred | {""})
        if not isinstance(placed, Placed) or placed.device.uuid is not None:
            return None
        return placed.device

    def _start(
        self, running: RunningJob, device: DeviceChoice, workers: Sequence[WorkerOccupancy]
    ) -> bool:
        """Start an assistant; return whether it was started."""
        job, stage = running.job, stage_of(running)
        busy = sum(not each.idle for each in workers if each.node == device.node)
        order = build_render(job, self._settings, self._devices.share_on(device, busy + 1))
        assistant_id = f"{job.id}+{next(self._numbers)}"
        try:
            folder = self._folders.open(job)
        except (EnvironmentFault, OSError):
            return False
        order = order.model_copy(update={"job_id": assistant_id, "assistant": str(folder)})
        try:
            self._executor.submit(device, order)
        except OSError:
            self._barred.add((job.id, device.node, stage))
            self._close(folder)
            return False
        self._assistants[assistant_id] = Assistant(assistant_id, job, device, folder, stage)
        event = TrackingShared if stage == "track" else ChunksShared
        event(device.label).log(job_logger(job))
        return True

    def _take_finished(self, assistant: Assistant, progress: Progress) -> None:
        """Take what an assistant has finished, where that is more."""
        at = progress.chunk, progress.pieces
        if at != assistant.at:
            assistant.at = at
            with suppress(EnvironmentFault, OSError):  # it is taken at the end
                self._folders.take_finished(assistant.folder)

    def _end(self, assistant: Assistant, event: WorkerEvent, is_running: bool) -> None:
        """Note that an assistant has ended. ``is_running``: whether its job has not."""
        del self._assistants[assistant.id]
        self._close(assistant.folder)
        self._devices.expire_waits()
        place = assistant.job.id, assistant.device.node
        is_lost = isinstance(event.message, Deferred) and event.message.of_node
        if is_lost and place not in self._losses:
            self._losses.add(place)  # when the node is back, it may help again
        elif assistant.stopping_since is None:
            # It found nothing to do any more, or it failed: another would do the same.
            self._barred.add((*place, assistant.stage))
        fault = _fault(event)
        if fault is not None and (isinstance(event.message, WorkerDied) or is_running):
            ended = TrackingShareEnded if assistant.stage == "track" else SharingEnded
            ended(assistant.device.label, fault).log(job_logger(assistant.job))

    def _dismiss(self, assistant: Assistant) -> None:
        """Stop an assistant whose job has ended, and let it write nothing more for it."""
        self._stop(assistant)
        self._close(assistant.folder)

    def _close(self, folder: Path) -> None:
        """Take what is finished and the folder of an assistant, now or later."""
        try:
            self._folders.close(folder)
        except (EnvironmentFault, OSError):
            self._left.append(folder)

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


def pieces_to_share(progress: Progress | None, in_stage: float) -> int:
    """Return how many pieces of its video others could track, beside the one that the job's worker
    tracks; 0: none, or it is not worth it. ``in_stage``: for how many seconds it tracks."""
    if progress is None or progress.stage != "track" or progress.all_pieces < 2:
        return 0
    left = left_by_speed(progress, in_stage)
    if left is None or left < LEAST_SECONDS:
        return 0
    return max(0, progress.all_pieces - progress.pieces - 1)


def stage_of(running: RunningJob) -> str:
    """Return the stage of a job; '' before the first."""
    return running.progress.stage if running.progress else ""


def _fault(event: WorkerEvent) -> str | None:
    """Return why an assistant could not go on, as a clause; None: it ended as it should."""
    message = event.message
    if isinstance(message, Assisted) or not isinstance(message, Verdict):
        return None
    reason = getattr(message, "reason", None)
    return attempt_error(message) or deferral_reason(message) or reason
