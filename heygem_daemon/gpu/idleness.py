"""Which idle workers of ours had better end, so that what they hold is free. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heygem_daemon.gpu.occupancy import CONTEXT_BYTES, SETTLED_SECONDS, Held, Tenancy
from heygem_daemon.gpu.reading import Readings


@dataclass(frozen=True, slots=True)
class Patience:
    """``idle_seconds``: after so long without a job a worker ends; 0: never. ``yields``: it ends as
    well when others need its GPU and less than ``margin_bytes`` is free there."""

    idle_seconds: float = 0.0
    yields: bool = False
    margin_bytes: int = 0


def dispensable(
    readings: Readings, held: Sequence[Held], patience: Patience
) -> Iterator[tuple[Held, str]]:
    """The idle workers that should end, each with the reason, as a clause."""
    tenancies = {gpu.uuid: Tenancy.of(gpu, held) for gpu in readings.gpus}
    for worker in held:
        if worker.idle and (reason := _reason(worker, readings, tenancies, patience)):
            yield worker, reason


def _reason(
    worker: Held, readings: Readings, tenancies: dict[str, Tenancy], patience: Patience
) -> str | None:
    if 0 < patience.idle_seconds <= worker.idle_seconds:
        return f"it has had no job for {worker.idle_seconds / 60:.0f} minutes"
    if worker.uuid is None or readings.fault is not None:
        return None
    tenancy = tenancies.get(worker.uuid)
    if tenancy is None or tenancy.gpu.fault is not None:
        # Its CUDA context is lost with the GPU, also if that comes back.
        return "its GPU is lost"
    if patience.yields and worker.idle_seconds >= SETTLED_SECONDS:
        return _wanted(tenancy, patience.margin_bytes)
    return None


def _wanted(tenancy: Tenancy, margin_bytes: int) -> str | None:
    """Whether others are short of the GPU's memory."""
    free = tenancy.gpu.free
    if free is None or free >= max(margin_bytes, CONTEXT_BYTES) or not _shared(tenancy):
        return None
    return f"others need the GPU's memory, of which {free / (1 << 30):.1f} GiB are free"


def _shared(tenancy: Tenancy) -> bool:
    """Whether others are on it: by their number, else by what is used beyond our own."""
    if tenancy.others is not None:
        return tenancy.others > 0
    total, without_ours = tenancy.gpu.total, tenancy.without_ours
    # What cannot be told from our workers' own contexts and the driver's reserve is nobody's.
    return total is not None and without_ours is not None and without_ours < 0.9 * total
