"""Which of our own idle workers should end, so that their memory becomes free. Pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heygem_daemon.counts import counted
from heygem_daemon.gpu.occupancy import (
    CONTEXT_BYTES,
    SETTLED_SECONDS,
    GpuOccupancy,
    WorkerOccupancy,
)
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """When an idle worker ends."""

    idle_seconds: float = 0.0
    """After this time without a job; 0: never."""
    yields_to_others: bool = False
    """Whether it also ends when other programs need its GPU's memory."""
    margin_bytes: int = 0
    """Other programs need memory when less than this is free, in bytes."""


def find_dispensable_workers(
    readings: Readings, workers: Sequence[WorkerOccupancy], policy: IdlePolicy
) -> Iterator[tuple[WorkerOccupancy, str]]:
    """Yield the idle workers that should end, each with the reason as a clause."""
    occupancies = {gpu.uuid: GpuOccupancy.of(gpu, workers) for gpu in readings.gpus}
    for worker in workers:
        if worker.idle and (reason := _retirement_reason(worker, readings, occupancies, policy)):
            yield worker, reason


def _retirement_reason(
    worker: WorkerOccupancy,
    readings: Readings,
    occupancies: dict[str, GpuOccupancy],
    policy: IdlePolicy,
) -> str | None:
    if 0 < policy.idle_seconds <= worker.idle_seconds:
        minutes = counted(round(worker.idle_seconds / 60), "1 minute", "{count} minutes")
        return f"it has had no job for {minutes}"
    if worker.uuid is None or readings.fault is not None:
        return None
    occupancy = occupancies.get(worker.uuid)
    if occupancy is None or occupancy.gpu.fault is not None:
        # The worker's CUDA context is lost with the GPU, even if the GPU comes back.
        return "its GPU is lost"
    if policy.yields_to_others and worker.idle_seconds >= SETTLED_SECONDS:
        return _memory_shortage_reason(occupancy, policy.margin_bytes)
    return None


def _memory_shortage_reason(occupancy: GpuOccupancy, margin_bytes: int) -> str | None:
    """Return a reason if other programs are short of the GPU's memory."""
    free = occupancy.gpu.free
    if free is None or free >= max(margin_bytes, CONTEXT_BYTES) or not _is_shared(occupancy):
        return None
    return f"others need the GPU's memory, of which {free / GIB:.1f} GiB are free"


def _is_shared(occupancy: GpuOccupancy) -> bool:
    """Return whether others use the GPU: by process count, else by memory beyond our own."""
    if occupancy.other_processes is not None:
        return occupancy.other_processes > 0
    total, without_workers = occupancy.gpu.total, occupancy.free_without_workers_bytes
    # Up to a tenth may be our workers' own CUDA contexts and the driver's reserve.
    return total is not None and without_workers is not None and without_workers < 0.9 * total
