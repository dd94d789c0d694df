"""On which device the next job runs, decided from readings alone: a pure function.

What an idle worker of ours holds counts as free, because the next job runs inside that same worker;
what a busy one will still take does not. A GPU that is present but full, lost or at fault makes the
job wait: falling back to the CPU silently would turn one minute into twenty, so only a machine
without any usable GPU computes on the CPU, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from heygem_daemon.gpu.blockers import Blocker, find_blocker
from heygem_daemon.gpu.occupancy import GpuOccupancy
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings

CROWDED_PERCENT = 50
"""From this utilisation by others on, an idle GPU is worth loading the engine anew."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device for a worker: ``torch_device`` is the name inside the worker, which sees no other
    GPU than the one of ``uuid``; ``uuid`` is None for the CPU. ``index``: the driver's number;
    ``instance``: that of a divided GPU's part."""

    torch_device: Literal["cpu", "cuda:0"]
    uuid: str | None
    name: str
    index: int | None = None
    instance: int | None = None

    @property
    def label(self) -> str:
        """What people call it, where there may be several of one name."""
        if self.index is None:
            return self.name
        part = "" if self.instance is None else f", instance {self.instance}"
        return f"GPU {self.index}{part} ({self.name})"


CPU = DeviceChoice("cpu", None, "CPU")


def device_choice(gpu: GpuReading) -> DeviceChoice:
    """That GPU, for a worker."""
    return DeviceChoice("cuda:0", gpu.uuid, gpu.name, gpu.index, gpu.mig_instance)


@dataclass(frozen=True, slots=True)
class Placed:
    """The job may start on ``device``, where it may take ``need_bytes`` in all (0 on the CPU).
    ``notice`` is to be said loudly, once."""

    device: DeviceChoice
    need_bytes: int = 0
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job stays in the queue; ``reason`` is a sentence for the status and the log.

    ``awaited``: GPUs that it could have if our own workers there were done. ``retire``: numbers of
    idle workers that stand in its way.
    """

    reason: str
    awaited_gpus: frozenset[str] = frozenset()
    retire_workers: tuple[int, ...] = ()


def place(
    readings: Readings, policy: Policy, request: PlacementRequest, context: PlacementContext
) -> Placed | Waiting:
    """Choose a device for the next job."""
    if policy.device == "cpu":
        return _on_cpu(context, None)
    unusable = _no_gpu_reason(readings, context.cuda_usable)
    if unusable is not None:
        if policy.device == "auto" and readings.fault is None:
            return _on_cpu(
                context, f"{unusable}: rendering on the CPU, which is many times slower."
            )
        return Waiting(f"device = {policy.device!r}, but {unusable}.")
    candidates = permitted_gpus(readings.gpus, policy)
    if not candidates:
        return Waiting(_none_permitted(readings.gpus, policy))
    return _on_gpu(candidates, policy, request, context)


def permitted_gpus(gpus: Sequence[GpuReading], policy: Policy) -> list[GpuReading]:
    """The GPUs that the operator lets us use, whatever state they are in."""
    asked = _requested_uuids(policy)
    return [gpu for gpu in gpus if _is_named(gpu, policy.gpus) and _is_named(gpu, asked)]


def _requested_uuids(policy: Policy) -> tuple[str, ...]:
    """The UUID that ``device`` names, if it names one."""
    return () if policy.device in ("auto", "cuda") else (policy.device,)


def _is_named(gpu: GpuReading, uuids: Sequence[str]) -> bool:
    """By its own UUID or that of the GPU which it is an instance of; no UUIDs name every GPU."""
    own = {gpu.uuid.lower(), (gpu.mig_parent or gpu.uuid).lower()}
    return not uuids or any(uuid.lower() in own for uuid in uuids)


def _none_permitted(gpus: Sequence[GpuReading], policy: Policy) -> str:
    asked = _requested_uuids(policy)
    if policy.gpus and asked and any(_is_named(gpu, asked) for gpu in gpus):
        return f"device = {policy.device!r} is not among the GPUs that the setting gpus allows."
    named = ", ".join(asked or policy.gpus)
    present = ", ".join(f"GPU {gpu.index} ({gpu.name}, {gpu.uuid})" for gpu in gpus)
    return f"No GPU here has the UUID {named}; present: {present}."


def _no_gpu_reason(readings: Readings, cuda_usable: bool) -> str | None:
    """Why no GPU of this machine can be used at all, or None."""
    if readings.fault is not None:
        return readings.fault
    if readings.absence is not None:
        return f"there is no GPU ({readings.absence})"
    if not readings.gpus:
        return "there is no GPU (the driver lists none)"
    if not cuda_usable:
        names = ", ".join(gpu.name for gpu in readings.gpus)
        return f"the installed torch is built without CUDA and cannot use the {names}"
    return None


def _on_cpu(context: PlacementContext, notice: str | None) -> Placed | Waiting:
    if any(worker.uuid is None and not worker.idle for worker in context.workers):
        return Waiting("The CPU's worker is busy with another job.")
    if None in context.quarantined:
        return Waiting(f"CPU: {context.quarantined[None]}.")
    return Placed(CPU, notice=notice)


def _on_gpu(
    gpus: Sequence[GpuReading], policy: Policy, request: PlacementRequest, context: PlacementContext
) -> Placed | Waiting:
    tenancies = [GpuOccupancy.of(gpu, context.workers) for gpu in gpus]
    found = [(each, find_blocker(each, policy, request, context)) for each in tenancies]
    free = [each for each, obstacle in found if obstacle is None]
    if free:
        best = min(free, key=lambda each: _cost(each, request)).gpu
        return Placed(device_choice(best), request.need(best.name).vram_bytes)
    hindered = [(each.gpu, obstacle) for each, obstacle in found if obstacle is not None]
    return Waiting(
        _waiting_reason(hindered),
        frozenset(gpu.uuid for gpu, obstacle in hindered if obstacle.by_own_workers),
        next((obstacle.retire_workers for _, obstacle in hindered if obstacle.retire_workers), ()),
    )


def _cost(
    occupancy: GpuOccupancy, request: PlacementRequest
) -> tuple[int, bool, bool, bool, float, int]:
    """The least is best: no work of ours, room to compute, the engine loaded, the emptiest."""
    crowded = (occupancy.others_utilisation_percent or 0) >= CROWDED_PERCENT
    idle = occupancy.idle_worker_for(request.engine)
    loaded = idle is not None and request.engine in idle.engines
    return (
        len(occupancy.busy_workers),
        crowded,
        not loaded,
        idle is None,
        occupancy.others_load,
        occupancy.gpu.index,
    )


def _waiting_reason(hindered: Sequence[tuple[GpuReading, Blocker]]) -> str:
    """One sentence; GPUs that lack the same are named together."""
    groups = groupby(sorted(hindered, key=lambda each: each[1].text), lambda each: each[1].text)
    said = {text: [gpu for gpu, _ in group] for text, group in groups}
    in_order = sorted(said.items(), key=lambda item: item[1][0].index)
    return "; ".join(f"{', '.join(map(_label, gpus))}: {text}" for text, gpus in in_order) + "."


def _label(gpu: GpuReading) -> str:
    """Short: a UUID's beginning tells the instances of a divided GPU apart."""
    return f"GPU {gpu.index} ({gpu.name}, {gpu.uuid[:12]})"
