"""Which idle workers of ours had better end, so that what they hold is free. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heygem_daemon.gpu.occupancy import (
    CONTEXT_BYTES,
    SETTLED_SECONDS,
    GpuOccupancy,
    WorkerOccupancy,
)
from heygem_daemon.gpu.reading import Readings


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """``idle_seconds``: after so long without a job a worker ends; 0: never. ``yields``: it ends as
    well when others need its GPU and less than ``margin_bytes`` is free there."""

    idle_seconds: float = 0.0
    yields_to_others: bool = False
    margin_bytes: int = 0


def find_dispensable_workers(
    readings: Readings, workers: Sequence[WorkerOccupancy], policy: IdlePolicy
) -> Iterator[tuple[WorkerOccupancy, str]]:
    """The idle workers that should end, each with the reason, as a clause."""
    tenancies = {gpu.uuid: GpuOccupancy.of(gpu, workers) for gpu in readings.gpus}
    for worker in workers:
        if worker.idle and (reason := _retirement_reason(worker, readings, tenancies, policy)):
            yield worker, reason


def _retirement_reason(
    worker: WorkerOccupancy,
    readings: Readings,
    occupancies: dict[str, GpuOccupancy],
    policy: IdlePolicy,
) -> str | None:
    if 0 < policy.idle_seconds <= worker.idle_seconds:
        return f"it has had no job for {worker.idle_seconds / 60:.0f} minutes"
    if worker.uuid is None or readings.fault is not None:
        return None
    tenancy = occupancies.get(worker.uuid)
    if tenancy is None or tenancy.gpu.fault is not None:
        # Its CUDA context is lost with the GPU, also if that comes back.
        return "its GPU is lost"
    if policy.yields_to_others and worker.idle_seconds >= SETTLED_SECONDS:
        return _memory_shortage_reason(tenancy, policy.margin_bytes)
    return None


def _memory_shortage_reason(occupancy: GpuOccupancy, margin_bytes: int) -> str | None:
    """Whether others are short of the GPU's memory."""
    free = occupancy.gpu.free
    if free is None or free >= max(margin_bytes, CONTEXT_BYTES) or not _is_shared(occupancy):
        return None
    return f"others need the GPU's memory, of which {free / (1 << 30):.1f} GiB are free"


def _is_shared(occupancy: GpuOccupancy) -> bool:
    """Whether others are on it: by their number, else by what is used beyond our own."""
    if occupancy.other_processes is not None:
        return occupancy.other_processes > 0
    total, without_ours = occupancy.gpu.total, occupancy.free_without_workers_bytes
    # What cannot be told from our workers' own contexts and the driver's reserve is nobody's.
    return total is not None and without_ours is not None and without_ours < 0.9 * total
