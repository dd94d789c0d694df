"""Who has what of one GPU: our own workers, idle and busy, and the others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.gpu.reading import GpuReading

CONTEXT_BYTES = 256 << 20
"""What CUDA itself takes in each worker, and torch's allocator does not see: at least so much."""

SETTLED_SECONDS = 5.0
"""A utilisation that was read so soon after a job of ours had ended may still be ours."""


@dataclass(frozen=True, slots=True)
class WorkerOccupancy:
    """What one worker of ours holds, as it told itself: the driver cannot tell it from others.

    ``uuid`` None: the CPU's worker. ``worker`` is its number. ``idle`` is false while it loads or
    renders, or is ``leaving``; ``idle_seconds`` says for how long it has been. ``reserved_bytes``
    is what its allocator has of the GPU's memory and ``active_bytes`` what of that is in use;
    ``spoken_bytes`` what the job in its hands may need in all. ``engines``: the loaded ones.
    """

    uuid: str | None
    worker_number: int
    idle: bool
    leaving: bool = False
    reserved_bytes: int = 0
    active_bytes: int = 0
    committed_bytes: int = 0
    engines: frozenset[str] = frozenset()
    idle_seconds: float = 0.0

    @property
    def held_bytes(self) -> int:
        """What its end would give back."""
        return self.reserved_bytes + CONTEXT_BYTES if self.reserved_bytes else 0

    @property
    def outstanding_bytes(self) -> int:
        """What its job may still take."""
        return max(0, self.committed_bytes - self.held_bytes)


@dataclass(frozen=True, slots=True)
class GpuOccupancy:
    """One GPU as read, and our workers on it. All bytes are None where its memory is unknown."""

    gpu: GpuReading
    workers: tuple[WorkerOccupancy, ...]

    @classmethod
    def of(cls, gpu: GpuReading, workers: Sequence[WorkerOccupancy]) -> "GpuOccupancy":
        """The tenancy of ``gpu``, given all workers of ours wherever they are."""
        return cls(gpu, tuple(worker for worker in workers if worker.uuid == gpu.uuid))

    @property
    def busy_workers(self) -> tuple[WorkerOccupancy, ...]:
        """Workers that have a job, or are going away with the memory that they have."""
        return tuple(worker for worker in self.workers if not worker.idle)

    @property
    def idle_workers(self) -> tuple[WorkerOccupancy, ...]:
        """Workers that could take a job."""
        return tuple(worker for worker in self.workers if worker.idle)

    def idle_worker_for(self, engine: str) -> WorkerOccupancy | None:
        """The idle worker that gets the next job."""
        return choose_idle_worker(self.idle_workers, engine)

    def available_bytes(self, engine: str) -> int | None:
        """Bytes that the next job can have: what is free and nobody of ours will still take, and
        what the worker that it runs in has already, less another engine that lies in there."""
        if self._uncommitted_bytes is None:
            return None
        worker = self.idle_worker_for(engine)
        if worker is None:
            return self._uncommitted_bytes
        foreign = 0 if engine in worker.engines else worker.active_bytes
        return self._uncommitted_bytes + worker.held_bytes - foreign

    @property
    def free_without_idle_bytes(self) -> int | None:
        """Bytes that would be free without our idle workers."""
        if self._uncommitted_bytes is None:
            return None
        return self._uncommitted_bytes + sum(worker.held_bytes for worker in self.idle_workers)

    @property
    def free_without_workers_bytes(self) -> int | None:
        """Bytes that would be free without any worker of ours."""
        if self.gpu.free is None:
            return None
        return self.gpu.free + sum(worker.held_bytes for worker in self.workers)

    @property
    def other_processes(self) -> int | None:
        """How many processes of others compute on it."""
        if self.gpu.processes is None:
            return None
        return max(0, self.gpu.processes - len(self.workers))

    @property
    def others_utilisation_percent(self) -> int | None:
        """How busy others keep it; None where that cannot be told from our own work."""
        if any(not each.idle or each.idle_seconds < SETTLED_SECONDS for each in self.workers):
            return None
        return self.gpu.utilisation

    @property
    def others_load(self) -> float:
        """How much others use it, 0-1: the larger of compute and memory; unknown is half."""
        free, total = self.free_without_workers_bytes, self.gpu.total
        memory = None if free is None or not total else 1 - free / total
        compute = (
            None
            if self.others_utilisation_percent is None
            else self.others_utilisation_percent / 100
        )
        return max((share for share in (memory, compute) if share is not None), default=0.5)

    @property
    def _uncommitted_bytes(self) -> int | None:
        """Bytes that are free, and that no job of ours will still take."""
        if self.gpu.free is None:
            return None
        return self.gpu.free - sum(worker.outstanding_bytes for worker in self.busy_workers)


def choose_idle_worker(idle: Sequence[WorkerOccupancy], engine: str) -> WorkerOccupancy | None:
    """Which of a device's idle workers gets a job: one that has the engine, else the fullest."""
    return min(
        idle,
        key=lambda each: (engine not in each.engines, -each.reserved_bytes, each.worker_number),
        default=None,
    )
