"""Checks whether disk and main memory have room for another job before it starts.

The queue then waits before the disk is full, and before the kernel kills a process.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.events.devices import DiskAwaited, MemoryAwaited, QueueGoesOn
from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.placement_request import PlacementRequest
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.system import host_memory
from heygem_daemon.system.disk_space import (
    DiskSpace,
    describe_shortage,
    format_bytes,
    read_disk_space,
)
from heygem_daemon.system.units import GIB

_OVERHEAD_BYTES = 16 << 20
"""What a job writes beside its video: tracks, reports, pictures."""

BLOCK_BYTES = 512
"""Unit of ``st_blocks``, see stat(3type)."""

TOO_LARGE_REMEDY = "Use a smaller or shorter video, or put the spool on a larger disk."

MIN_FREE_BYTES = 1 * GIB
"""With less memory than this no job starts, whatever its measured need."""


def estimate_output_bytes(media: Iterable[Path]) -> int:
    """Return how many bytes a job will write, estimated as what its media take on the disk: the
    holes of a sparse file count nothing. A worker knows the length and the size of the pictures,
    and checks the disk again with those."""
    return sum(map(_allocated_bytes, set(media))) + _OVERHEAD_BYTES


def estimate_waiting_bytes(source: Pair | Path) -> int:
    """Return how many bytes a pair in the inbox will write, or the least member of a batch."""
    if isinstance(source, Pair):
        return estimate_output_bytes(source.files)
    try:
        videos = [path for path in source.iterdir() if media_kind(path.name) == "video"]
    except OSError:
        videos = []
    return min(map(_allocated_bytes, videos), default=0) + _OVERHEAD_BYTES


def _allocated_bytes(path: Path) -> int:
    """Return how many bytes a file takes on its disk, at most its size; 0: it is gone."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return min(status.st_size, status.st_blocks * BLOCK_BYTES)


class DiskSpaceCheck:
    """Checks the disk before each start, and remembers what the queue waits for."""

    def __init__(self, root: Path, keep_free_bytes: int) -> None:
        """``keep_free_bytes`` must stay free on the disk of ``root``; 0 turns the check off."""
        self._root = root
        self._keep = keep_free_bytes
        self._short: dict[str, str] = {}
        """What is missing for each job that had no room though none ran, by the job's id."""
        self._is_announced = False
        """Whether the log says that jobs wait for room."""
        self._has_fit = False
        """Whether a job had room in this round."""
        self.hold: str | None = None
        """What is missing, while no job runs and none could start without it; else None."""

    def keep_free(self, count: int) -> None:
        """Change how many bytes must stay free; 0 turns the check off."""
        self._keep = count

    def begin_round(self) -> None:
        """Begin to try the queued jobs."""
        self._has_fit = False

    def end_round(self, queued: Iterable[Job], *, is_running: bool) -> None:
        """Log what changed since the round before. ``queued``: the jobs that still wait;
        ``is_running``: whether any job runs."""
        ids = {job.id for job in queued}
        self._short = {each: reason for each, reason in self._short.items() if each in ids}
        reason = next(iter(self._short.values()), None)
        if reason is not None and not self._is_announced:
            DiskAwaited(reason).log()
        elif reason is None and self._is_announced:
            QueueGoesOn("the disk has room again").log()
        self._is_announced = reason is not None
        self.hold = None if is_running or self._has_fit else reason

    def find_shortage(self, job: Job, running: Iterable[Job]) -> str | None:
        """Return why ``job`` cannot start now beside the ``running`` jobs; None if it can. Raises
        SpoolUnavailable."""
        others = list(running)
        reason = self._reason(_need_of(job), others)
        if reason is None:
            self._short.pop(job.id, None)
            self._has_fit = True
        elif not others:
            self._short[job.id] = reason
        return reason

    def shortage_beside(self, job: Job, running: Iterable[Job]) -> str | None:
        """As ``find_shortage``, but remember nothing. Raises SpoolUnavailable."""
        return self._reason(_need_of(job), running)

    def has_room(self, need_bytes: int, running: Iterable[Job]) -> bool:
        """Whether a job that is not claimed yet could start now beside the ``running`` jobs. Raises
        SpoolUnavailable."""
        return self._reason(need_bytes, running) is None

    def find_excess(self, job: Job) -> str | None:
        """Return why ``job`` would not fit even on the empty disk; None if it would. Raises
        SpoolUnavailable."""
        need, total = _need_of(job), self._read().total_bytes
        if self._keep == 0 or total == 0 or need + self._keep <= total:
            return None
        return (
            f"The job needs about {format_bytes(need)} of disk; the spool's disk has only "
            f"{format_bytes(total)} in all, of which {format_bytes(self._keep)} stay free."
        )

    def _reason(self, need: int, running: Iterable[Job]) -> str | None:
        if self._keep == 0:
            return None
        reserved = sum(map(_need_of, running))
        space = self._read()
        if space.has_room(reserved + need + self._keep):
            return None
        return describe_shortage("the next job", need, space.free_bytes - reserved, self._keep)

    def _read(self) -> DiskSpace:
        with translate_os_errors(self._root):
            return read_disk_space(self._root)


def _need_of(job: Job) -> int:
    return estimate_output_bytes((job.audio, job.video))


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """The main memory of one worker and its job."""

    need_bytes: int
    """What the whole job needs."""

    held_bytes: int = 0
    """What the worker has already."""

    is_measured: bool = True
    """Whether the need was measured on this machine; otherwise it is an estimate."""

    @property
    def outstanding_bytes(self) -> int:
        """What the worker will still take."""
        return max(0, self.need_bytes - self.held_bytes)


def build_memory_shares(
    request: PlacementRequest,
    device: DeviceChoice,
    held: Sequence[WorkerOccupancy],
    rss_by_worker: Mapping[int, int],
) -> tuple[MemoryShare, list[MemoryShare]]:
    """Return the share of a job that is to start on ``device``, and those of the running jobs.

    ``held``: all of the daemon's workers. ``rss_by_worker``: the resident memory of each in bytes,
    by its number. A running job is assumed to need as much as the next one. Those on other machines
    do not count.
    """
    held = [each for each in held if each.node == device.node]
    need = request.need(device.name)
    idle = [each for each in held if each.place == device.place and each.idle]
    worker = choose_idle_worker(idle, request.engine)
    idle_rss = 0 if worker is None else rss_by_worker.get(worker.worker_number, 0)
    busy_rss = [rss_by_worker.get(each.worker_number, 0) for each in held if not each.idle]
    return MemoryShare(need.host_bytes, idle_rss, need.measured), [
        MemoryShare(need.host_bytes, rss, need.measured) for rss in busy_rss
    ]


class MemoryCheck:
    """Checks main memory before each start, and remembers what the queue waits for."""

    def __init__(
        self,
        available: Callable[[], int] = host_memory.available_bytes,
        total: Callable[[], int] = host_memory.total_bytes,
    ) -> None:
        self._available = available
        self.total = total
        """Returns the main memory of the machine or the control group, in bytes."""
        self._is_announced = False
        """Whether the log says that jobs wait for memory."""
        self._has_fit = False
        """Whether a job had room in this round."""
        self.short: dict[str | None, str] = {}
        """What was missing in the last round for the jobs of an engine, by the engine's name; None
        stands for the engine of the settings."""
        self.hold: str | None = None
        """What is missing, while no job runs and none could start without it; else None."""

    def begin_round(self) -> None:
        """Begin to try the queued jobs."""
        self.short, self._has_fit = {}, False

    def end_round(self, *, has_queued: bool, is_running: bool) -> None:
        """Log what changed since the round before. ``has_queued``: whether any job still waits;
        ``is_running``: whether any job runs."""
        reason = next(iter(self.short.values()), None)
        if reason is None and not self._has_fit and has_queued:  # they wait for something else
            self.hold = None if is_running else self.hold
            return
        self.hold = None if is_running or self._has_fit else reason
        if self.hold is not None and not self._is_announced:
            MemoryAwaited(self.hold).log()
            self._is_announced = True
        elif reason is None and self._is_announced:
            self._is_announced = False
            if self._has_fit:
                QueueGoesOn("there is memory again").log()

    def find_shortage(
        self, next_job: MemoryShare, running: Iterable[MemoryShare], engine: str | None = None
    ) -> str | None:
        """Return why ``next_job``, a job of ``engine``, cannot start now beside the ``running``
        jobs; None if it can. ``next_job.held_bytes`` is what the idle worker has in which it will
        run.

        With no other job running, a job may try where waiting would not help: where it needs more
        than the machine has, and where its need was never measured.
        """
        reason = self.shortage_beside(next_job, list(running))
        if reason is None:
            self._has_fit = True
        else:
            self.short[engine] = reason
        return reason

    def shortage_beside(self, next_job: MemoryShare, running: Sequence[MemoryShare]) -> str | None:
        """As ``find_shortage``, but remember and log nothing."""
        reserved = sum(each.outstanding_bytes for each in running)
        return self._reason(next_job, reserved, bool(running))

    def _reason(self, next_job: MemoryShare, reserved: int, has_others: bool) -> str | None:
        free = max(0, self._available() - reserved)
        if free >= next_job.outstanding_bytes:
            return None
        waiting_is_useless = next_job.need_bytes > self.total() or not next_job.is_measured
        may_try = waiting_is_useless and not has_others
        if may_try and free >= MIN_FREE_BYTES:
            return None
        return (
            f"{free / GIB:.1f} GiB of memory are free; the next job needs up to "
            f"{next_job.outstanding_bytes / GIB:.1f}"
        )
