"""Who holds what of one GPU: our own idle and busy workers, and other programs. Data and sums."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.system.units import MIB

CONTEXT_BYTES = 256 * MIB
"""The least that CUDA itself takes in each worker; torch's allocator does not count it."""

SETTLED_SECONDS = 5.0
"""A utilisation read this soon after one of our jobs has ended may still be caused by that job."""

Place = tuple[str | None, int, str]
"""The UUID of a GPU and 1, or None and a slot of the CPU; and the machine's node in the cluster,
'' for the daemon's own machine."""


@dataclass(frozen=True, slots=True)
class WorkerOccupancy:
    """What one of our workers holds, by its own account.

    The driver cannot tell our workers' memory from that of other programs.
    """

    uuid: str | None
    """UUID of its GPU; None for a worker on the CPU."""
    worker_number: int
    idle: bool
    """Whether it could take a job: false while it loads, renders, or is leaving."""
    leaving: bool = False
    """Whether it takes no more jobs and is about to exit."""
    reserved_bytes: int = 0
    """GPU memory that torch's allocator has reserved."""
    active_bytes: int = 0
    """The part of ``reserved_bytes`` that is in use."""
    committed_bytes: int = 0
    """GPU memory that its current job may need in all."""
    engines: frozenset[str] = frozenset()
    """Names of the engines that it has loaded."""
    idle_seconds: float = 0.0
    """For how long it has been idle."""
    slot: int = 1
    """Its slot of the CPU, from 1; always 1 on a GPU."""
    node: str = ""
    """Name of its machine's node in the cluster; '': the daemon's own machine."""

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.uuid, self.slot, self.node

    @property
    def held_bytes(self) -> int:
        """GPU memory that becomes free when it ends."""
        return self.reserved_bytes + CONTEXT_BYTES if self.reserved_bytes else 0

    @property
    def outstanding_bytes(self) -> int:
        """GPU memory that its job may still take."""
        return max(0, self.committed_bytes - self.held_bytes)


@dataclass(frozen=True, slots=True)
class GpuOccupancy:
    """One GPU as read, and our workers on it. Byte counts are None where its memory is unknown."""

    gpu: GpuReading
    workers: tuple[WorkerOccupancy, ...]

    @classmethod
    def of(cls, gpu: GpuReading, workers: Sequence[WorkerOccupancy]) -> "GpuOccupancy":
        """Return the occupancy of ``gpu``, given our workers on all devices."""
        return cls(gpu, tuple(worker for worker in workers if worker.uuid == gpu.uuid))

    @property
    def busy_workers(self) -> tuple[WorkerOccupancy, ...]:
        """Workers that have a job, or that are leaving and still hold their memory."""
        return tuple(worker for worker in self.workers if not worker.idle)

    @property
    def idle_workers(self) -> tuple[WorkerOccupancy, ...]:
        """Workers that could take a job."""
        return tuple(worker for worker in self.workers if worker.idle)

    def idle_worker_for(self, engine: str) -> WorkerOccupancy | None:
        """Return the idle worker that gets the next job."""
        return choose_idle_worker(self.idle_workers, engine)

    def available_bytes(self, engine: str) -> int | None:
        """Return the bytes that the next job can have.

        That is what is free and not committed to our running jobs, plus what the worker that gets
        the job holds already, minus another engine that is loaded in it.
        """
        if self._uncommitted_bytes is None:
            return None
        worker = self.idle_worker_for(engine)
        if worker is None:
            return self._uncommitted_bytes
        other_engine = 0 if engine in worker.engines else worker.active_bytes
        return self._uncommitted_bytes + worker.held_bytes - other_engine

    @property
    def free_without_idle_bytes(self) -> int | None:
        """Bytes that would be free without our idle workers."""
        if self._uncommitted_bytes is None:
            return None
        return self._uncommitted_bytes + sum(worker.held_bytes for worker in self.idle_workers)

    @property
    def free_without_workers_bytes(self) -> int | None:
        """Bytes that would be free without any of our workers."""
        if self.gpu.free is None:
            return None
        return self.gpu.free + sum(worker.held_bytes for worker in self.workers)

    @property
    def other_processes(self) -> int | None:
        """How many processes of other programs compute on it."""
        if self.gpu.processes is None:
            return None
        return max(0, self.gpu.processes - len(self.workers))

    @property
    def others_utilisation_percent(self) -> int | None:
        """How busy other programs keep it, 0-100; None where our own work may be included."""
        if any(not each.idle or each.idle_seconds < SETTLED_SECONDS for each in self.workers):
            return None
        return self.gpu.utilisation

    @property
    def others_load(self) -> float:
        """How much other programs use it, 0-1: the larger of compute and memory; 0.5 if unknown."""
        free, total = self.free_without_workers_bytes, self.gpu.total
        memory = None if free is None or not total else 1 - free / total
        percent = self.others_utilisation_percent
        compute = None if percent is None else percent / 100
        return max((share for share in (memory, compute) if share is not None), default=0.5)

    @property
    def _uncommitted_bytes(self) -> int | None:
        """Bytes that are free and that none of our running jobs will still take."""
        if self.gpu.free is None:
            return None
        return self.gpu.free - sum(worker.outstanding_bytes for worker in self.busy_workers)


def choose_idle_worker(idle: Sequence[WorkerOccupancy], engine: str) -> WorkerOccupancy | None:
    """Return the idle worker of a device that gets a job: one with the engine, else the fullest."""
    return min(
        idle,
        key=lambda each: (engine not in each.engines, -each.reserved_bytes, each.worker_number),
        default=None,
    )
