"""Why a job cannot start on a GPU now, in words for the operator. Pure functions."""

from dataclasses import dataclass

from heygem_daemon.counts import counted
from heygem_daemon.gpu.occupancy import GpuOccupancy
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a job cannot start on a GPU now."""

    text: str
    """A clause without a full stop."""
    by_own_workers: bool = False
    """Whether only our own workers are in the way."""
    retire_workers: tuple[int, ...] = ()
    """Numbers of idle workers that must end first."""


def find_blocker(
    occupancy: GpuOccupancy, policy: Policy, request: PlacementRequest, context: PlacementContext
) -> Blocker | None:
    """Return why the job cannot start on that GPU now, or None if it can."""
    gpu = occupancy.gpu
    fault = gpu.fault or context.quarantined.get(gpu.uuid)
    if fault is not None:
        return Blocker(fault)
    required = request.need(gpu.name).vram_bytes + policy.margin_bytes
    return (
        _taken_by_others(occupancy, required, policy)
        or _blocked_by_own_workers(occupancy, policy, context)
        or _short_of_memory(occupancy, required, policy, request)
    )


def _taken_by_others(occupancy: GpuOccupancy, required: int, policy: Policy) -> Blocker | None:
    """Return what would be in the way even without our own workers."""
    if (
        occupancy.free_without_workers_bytes is not None
        and occupancy.free_without_workers_bytes < required
    ):
        return Blocker(
            _memory_shortage(occupancy, occupancy.free_without_workers_bytes, required, policy)
        )
    if (
        occupancy.others_utilisation_percent is not None
        and occupancy.others_utilisation_percent > policy.others_utilisation_percent
    ):
        allowed = (
            f"at most {policy.others_utilisation_percent} % allowed (others_utilisation_percent)"
        )
        return Blocker(f"others use {occupancy.others_utilisation_percent} % of it, {allowed}")
    return None


def _blocked_by_own_workers(
    occupancy: GpuOccupancy, policy: Policy, context: PlacementContext
) -> Blocker | None:
    slots = context.gpu_slots.get(occupancy.gpu.uuid, policy.jobs_per_gpu)
    if len(occupancy.busy_workers) >= slots:
        return Blocker(_busy_reason(occupancy), by_own_workers=True)
    if occupancy.gpu.uuid in context.reserved_gpus:
        return Blocker("kept for a job that goes first")
    return None


def _short_of_memory(
    occupancy: GpuOccupancy, required: int, policy: Policy, request: PlacementRequest
) -> Blocker | None:
    available = occupancy.available_bytes(request.engine)
    # Unknown is not zero: the worker tries, and answers Deferred if it runs out of memory.
    if available is None or available >= required:
        return None
    if (
        occupancy.free_without_idle_bytes is not None
        and occupancy.free_without_idle_bytes >= required
    ):
        idle = tuple(worker.worker_number for worker in occupancy.idle_workers)
        return Blocker(
            "our idle worker there is releasing its memory",
            by_own_workers=True,
            retire_workers=idle,
        )
    return Blocker(_memory_shortage(occupancy, available, required, policy), by_own_workers=True)


def _busy_reason(occupancy: GpuOccupancy) -> str:
    jobs = sum(not worker.leaving for worker in occupancy.busy_workers)
    if not jobs:
        return "our last worker there is ending"
    return f"busy with {'another job' if jobs == 1 else f'{jobs} jobs'} of this daemon"


def _memory_shortage(occupancy: GpuOccupancy, available: int, required: int, policy: Policy) -> str:
    """Return what is free, what is needed, and how many other processes hold the rest."""
    margin = f" and {_gib(policy.margin_bytes)} to stay free" if policy.margin_bytes else ""
    needed = f"{_gib(required - policy.margin_bytes)} GiB needed{margin}"
    room = f"{_gib(max(0, available))} GiB free of {_gib(occupancy.gpu.total)}"
    return f"{room}, {needed}{_other_processes_note(occupancy)}"


def _other_processes_note(occupancy: GpuOccupancy) -> str:
    """Return a note on the other processes on the GPU, if the driver reports any."""
    if not (others := occupancy.other_processes):
        return ""
    return counted(others, " (1 other process on it)", " ({count} other processes on it)")


def _gib(count: int | None) -> str:
    return "an unknown size" if count is None else f"{count / GIB:.1f}"
