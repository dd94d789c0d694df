"""Who has what of one GPU: our own workers, idle and busy, and the others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.gpu.reading import GpuReading

CONTEXT_BYTES = 256 << 20
"""What CUDA itself takes in each worker, and torch's allocator does not see: at least so much."""

SETTLED_SECONDS = 5.0
"""A utilisation that was read so soon after a job of ours had ended may still be ours."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one worker of ours holds, as it told itself: the driver cannot tell it from others.

    ``uuid`` None: the CPU's worker. ``worker`` is its number. ``idle`` is false while it loads or
    renders, or is ``leaving``; ``idle_seconds`` says for how long it has been. ``reserved_bytes``
    is what its allocator has of the GPU's memory and ``active_bytes`` what of that is in use;
    ``spoken_bytes`` what the job in its hands may need in all. ``engines``: the loaded ones.
    """

    uuid: str | None
    worker: int
    idle: bool
    leaving: bool = False
    reserved_bytes: int = 0
    active_bytes: int = 0
    spoken_bytes: int = 0
    engines: frozenset[str] = frozenset()
    idle_seconds: float = 0.0

    @property
    def holds_bytes(self) -> int:
        """What its end would give back."""
        return self.reserved_bytes + CONTEXT_BYTES if self.reserved_bytes else 0

    @property
    def outstanding_bytes(self) -> int:
        """What its job may still take."""
        return max(0, self.spoken_bytes - self.holds_bytes)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """One GPU as read, and our workers on it. All bytes are None where its memory is unknown."""

    gpu: GpuReading
    ours: tuple[Held, ...]

    @classmethod
    def of(cls, gpu: GpuReading, held: Sequence[Held]) -> "Tenancy":
        """The tenancy of ``gpu``, given all workers of ours wherever they are."""
        return cls(gpu, tuple(worker for worker in held if worker.uuid == gpu.uuid))

    @property
    def busy(self) -> tuple[Held, ...]:
        """Workers that have a job, or are going away with the memory that they have."""
        return tuple(worker for worker in self.ours if not worker.idle)

    @property
    def idle(self) -> tuple[Held, ...]:
        """Workers that could take a job."""
        return tuple(worker for worker in self.ours if worker.idle)

    def idle_for(self, engine: str) -> Held | None:
        """The idle worker that gets the next job."""
        return best_idle(self.idle, engine)

    def available(self, engine: str) -> int | None:
        """Bytes that the next job can have: what is free and nobody of ours will still take, and
        what the worker that it runs in has already, less another engine that lies in there."""
        if self._unspoken is None:
            return None
        worker = self.idle_for(engine)
        if worker is None:
            return self._unspoken
        foreign = 0 if engine in worker.engines else worker.active_bytes
        return self._unspoken + worker.holds_bytes - foreign

    @property
    def without_idle(self) -> int | None:
        """Bytes that would be free without our idle workers."""
        if self._unspoken is None:
            return None
        return self._unspoken + sum(worker.holds_bytes for worker in self.idle)

    @property
    def without_ours(self) -> int | None:
        """Bytes that would be free without any worker of ours."""
        if self.gpu.free is None:
            return None
        return self.gpu.free + sum(worker.holds_bytes for worker in self.ours)

    @property
    def others(self) -> int | None:
        """How many processes of others compute on it."""
        if self.gpu.processes is None:
            return None
        return max(0, self.gpu.processes - len(self.ours))

    @property
    def others_percent(self) -> int | None:
        """How busy others keep it; None where that cannot be told from our own work."""
        if any(not each.idle or each.idle_seconds < SETTLED_SECONDS for each in self.ours):
            return None
        return self.gpu.utilisation

    @property
    def load(self) -> float:
        """How much others use it, 0-1: the larger of compute and memory; unknown is half."""
        free, total = self.without_ours, self.gpu.total
        memory = None if free is None or not total else 1 - free / total
        compute = None if self.others_percent is None else self.others_percent / 100
        return max((share for share in (memory, compute) if share is not None), default=0.5)

    @property
    def _unspoken(self) -> int | None:
        """Bytes that are free, and that no job of ours will still take."""
        if self.gpu.free is None:
            return None
        return self.gpu.free - sum(worker.outstanding_bytes for worker in self.busy)


def best_idle(idle: Sequence[Held], engine: str) -> Held | None:
    """Which of a device's idle workers gets a job: one that has the engine, else the fullest."""
    return min(
        idle,
        key=lambda each: (engine not in each.engines, -each.reserved_bytes, each.worker),
        default=None,
    )
