"""Why a job cannot start on a GPU now, in words that an operator understands. Pure."""

from dataclasses import dataclass

from heygem_daemon.gpu.occupancy import Tenancy
from heygem_daemon.gpu.placement_request import Ours, Policy, Wish
from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a job cannot start on a GPU now. ``ours``: it is for our own workers alone."""

    text: str
    ours: bool = False
    retire: tuple[int, ...] = ()


def obstacle_of(tenancy: Tenancy, policy: Policy, wish: Wish, ours: Ours) -> Obstacle | None:
    """Why the job cannot start on that GPU now, or None."""
    gpu = tenancy.gpu
    fault = gpu.fault or ours.aside.get(gpu.uuid)
    if fault is not None:
        return Obstacle(fault)
    required = wish.need(gpu.name).vram_bytes + policy.margin_bytes
    return (
        _taken_by_others(tenancy, required, policy)
        or _taken_by_ours(tenancy, policy, ours)
        or _short_of_memory(tenancy, required, policy, wish)
    )


def _taken_by_others(tenancy: Tenancy, required: int, policy: Policy) -> Obstacle | None:
    """What would be in the way without any work of ours."""
    if tenancy.without_ours is not None and tenancy.without_ours < required:
        return Obstacle(_lack(tenancy, tenancy.without_ours, required, policy))
    if tenancy.others_percent is not None and tenancy.others_percent > policy.others_percent:
        allowed = f"at most {policy.others_percent} % allowed (others_utilisation_percent)"
        return Obstacle(f"others use {tenancy.others_percent} % of it, {allowed}")
    return None


def _taken_by_ours(tenancy: Tenancy, policy: Policy, ours: Ours) -> Obstacle | None:
    if len(tenancy.busy) >= policy.jobs_per_gpu:
        return Obstacle(_occupied(tenancy), ours=True)
    if tenancy.gpu.uuid in ours.kept:
        return Obstacle("kept for a job that goes first")
    return None


def _short_of_memory(
    tenancy: Tenancy, required: int, policy: Policy, wish: Wish
) -> Obstacle | None:
    available = tenancy.available(wish.engine)
    # Unknown is not zero: the worker tries, and answers an out-of-memory with Deferred.
    if available is None or available >= required:
        return None
    if tenancy.without_idle is not None and tenancy.without_idle >= required:
        idle = tuple(worker.worker for worker in tenancy.idle)
        return Obstacle("our idle worker there is giving its memory back", ours=True, retire=idle)
    return Obstacle(_lack(tenancy, available, required, policy), ours=True)


def _occupied(tenancy: Tenancy) -> str:
    jobs = sum(not worker.leaving for worker in tenancy.busy)
    if not jobs:
        return "our last worker there is ending"
    return f"busy with {'another job' if jobs == 1 else f'{jobs} jobs'} of ours"


def _lack(tenancy: Tenancy, available: int, required: int, policy: Policy) -> str:
    """What there is, what is needed, and who has the rest."""
    margin = f" and {_gib(policy.margin_bytes)} to stay free" if policy.margin_bytes else ""
    needed = f"{_gib(required - policy.margin_bytes)} GiB needed{margin}"
    room = f"{_gib(max(0, available))} GiB free of {_gib(tenancy.gpu.total)}"
    return f"{room}, {needed}{_tenants(tenancy)}"


def _tenants(tenancy: Tenancy) -> str:
    """Who else is on a full GPU, as far as the driver tells."""
    if not (others := tenancy.others):
        return ""
    return f" ({others} other process{'es' if others > 1 else ''} on it)"


def _gib(count: int | None) -> str:
    return "an unknown size" if count is None else f"{count / GIB:.1f}"
