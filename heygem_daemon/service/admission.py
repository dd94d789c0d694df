"""Whether the spool's disk has room for another job, so that the queue waits before it is full.

Whether main memory has room for another job, so that the queue waits before the kernel kills.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.placement_request import PlacementRequest
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.job import Job
from heygem_daemon.system import host_memory
from heygem_daemon.system.disk_space import describe_shortage, read_disk_space
from heygem_daemon.system.units import GIB

_OVERHEAD_BYTES = 16 << 20
"""Tracks, reports, pictures: what a job writes beside its video."""


def estimate_output_bytes(job: Job) -> int:
    """Bytes that a job will write, from its inputs alone: about as much as they hold. A worker
    knows lengths and sizes of the pictures, and asks again with those."""
    inputs = (job.audio, job.video)
    return sum(path.lstat().st_size for path in inputs if path.exists()) + _OVERHEAD_BYTES


class DiskSpaceCheck:
    """Looks at the disk before each start, and remembers what the queue waits for."""

    def __init__(self, root: Path, keep_free_bytes: int) -> None:
        """``keep_bytes`` are to stay free below ``root``; 0: nothing is looked at."""
        self._root = root
        self._keep = keep_free_bytes
        self.hold: str | None = None
        """What is lacking, where nothing could be started for want of it."""

    def find_shortage(self, job: Job, running: Iterable[Job]) -> str | None:
        """Why ``job`` cannot be started now beside those that are ``running``; None if it can.
        Raises SpoolUnavailable."""
        others = [estimate_output_bytes(each) for each in running]
        reason = self._reason(estimate_output_bytes(job), sum(others)) if self._keep else None
        if reason is None and self.hold is not None:
            logger.info("the queue goes on: the disk has room again")
        if reason is not None and not others and self.hold is None:
            logger.warning("jobs wait for room on the disk: {}", reason)
        self.hold = None if others else reason
        return reason

    def _reason(self, need: int, reserved: int) -> str | None:
        with translate_os_errors(self._root):
            space = read_disk_space(self._root)
        if space.has_room(reserved + need + self._keep):
            return None
        return describe_shortage("the next job", need, space.free_bytes - reserved, self._keep)


MIN_FREE_BYTES = 1 * GIB
"""With less than this no job is begun, whatever is known of it."""


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """A worker's memory: what its job will need in all, and what of that it has now; bytes.
    ``measured``: false where the need is an estimate."""

    need_bytes: int
    held_bytes: int = 0
    is_measured: bool = True

    @property
    def outstanding_bytes(self) -> int:
        """What it will still take."""
        return max(0, self.need_bytes - self.held_bytes)


def build_memory_shares(
    request: PlacementRequest,
    device: DeviceChoice,
    held: Sequence[WorkerOccupancy],
    rss_by_worker: Mapping[int, int],
) -> tuple[MemoryShare, list[MemoryShare]]:
    """The share of a job that is to start on ``device``, and those of the jobs at work.

    ``held``: all workers of ours; ``resident``: bytes of main memory of each, by its number. Jobs
    at work are taken to need as much as the next one.
    """
    need = request.need(device.name)
    idle = [each for each in held if each.uuid == device.uuid and each.idle]
    worker = choose_idle_worker(idle, request.engine)
    mine = 0 if worker is None else rss_by_worker.get(worker.worker_number, 0)
    others = [rss_by_worker.get(each.worker_number, 0) for each in held if not each.idle]
    return MemoryShare(need.host_bytes, mine, need.measured), [
        MemoryShare(need.host_bytes, has, need.measured) for has in others
    ]


class MemoryCheck:
    """Looks at main memory before each start, and remembers what the queue waits for."""

    def __init__(
        self,
        available: Callable[[], int] = host_memory.available_bytes,
        total: Callable[[], int] = host_memory.total_bytes,
    ) -> None:
        self._available = available
        self._total = total
        self.hold: str | None = None
        """What is lacking, where nothing could be started for want of it."""

    def find_shortage(self, next_job: MemoryShare, running: Iterable[MemoryShare]) -> str | None:
        """Why ``next_job`` cannot be started now beside those that are ``running``; None if it
        can. ``next_job.has``: what the idle worker has that it will run in.

        Alone, a job may try where waiting would not help: where it asks for more than there ever
        is, and where nobody has measured yet what it takes.
        """
        others = list(running)
        reason = self._reason(
            next_job, sum(each.outstanding_bytes for each in others), bool(others)
        )
        if reason is None and self.hold is not None:
            logger.info("the queue goes on: there is memory again")
        if reason is not None and not others and self.hold is None:
            logger.warning("jobs wait for memory: {}", reason)
        self.hold = None if others else reason
        return reason

    def _reason(self, next_job: MemoryShare, spoken_for: int, others: bool) -> str | None:
        free = max(0, self._available() - spoken_for)
        unsure = next_job.need_bytes > self._total() or not next_job.is_measured
        least = MIN_FREE_BYTES if unsure and not others else next_job.outstanding_bytes
        if free >= min(least, next_job.outstanding_bytes):
            return None
        return (
            f"{free / GIB:.1f} GiB of memory are free; the next job needs up to "
            f"{next_job.outstanding_bytes / GIB:.1f}"
        )
