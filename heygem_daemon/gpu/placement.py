"""Chooses the device on which the next job runs, from readings alone. Pure functions.

What one of our idle workers holds counts as free, because the next job runs inside that worker.
What a busy worker will still take does not. A GPU that is present but full, lost or at fault makes
the job wait: falling back to the CPU silently would turn one minute into twenty. Only a machine
without any usable GPU computes on the CPU, and the daemon says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from heygem_daemon.gpu.blockers import Blocker, find_blocker
from heygem_daemon.gpu.occupancy import (
    GpuOccupancy,
    Place,
    WorkerOccupancy,
    choose_idle_worker,
)
from heygem_daemon.gpu.placement_request import (
    NodeCpu,
    PlacementContext,
    PlacementRequest,
    Policy,
)
from heygem_daemon.gpu.reading import GpuReading, Readings, gpu_label

CROWDED_PERCENT = 50
"""Where other programs use a GPU at least this much, an idle GPU is better, even if the engine has
to be loaded there first."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device for a worker."""

    torch_device: Literal["cpu", "cuda:0"]
    """The device's name inside the worker, which sees only this one GPU."""
    uuid: str | None
    """UUID of the GPU or MIG instance; None for the CPU."""
    name: str
    index: int | None = None
    """The driver's number of the GPU."""
    instance: int | None = None
    """Number of the MIG instance on the GPU."""
    slot: int = 1
    """The slot of the CPU, from 1; always 1 on a GPU."""
    slots: int = 1
    """How many slots the CPU has."""
    node: str = ""
    """Name of its machine's node in the cluster; '': the daemon's own machine."""

    @property
    def place(self) -> Place:
        """Where the worker is."""
        return self.uuid, self.slot, self.node

    @property
    def key(self) -> str | None:
        """What distinguishes it from other devices; a CPU counts as one, whatever its slots."""
        return self.uuid if self.uuid is not None else cpu_key(self.node)

    @property
    def label(self) -> str:
        """A short name for people, with the number where there may be several of one name, and the
        node if it is not the daemon's machine."""
        return _on_node(self._name_here, self.node)

    @property
    def _name_here(self) -> str:
        if self.uuid is None and self.slots > 1:
            return f"{self.name}, worker {self.slot}"
        if self.index is None:
            return self.name
        part = "" if self.instance is None else f", instance {self.instance}"
        return f"GPU {self.index}{part} ({self.name})"


CPU = DeviceChoice("cpu", None, "CPU")


def _on_node(name: str, node: str) -> str:
    return f"{name} (node {node})" if node else name


def cpu_key(node: str) -> str | None:
    """Return the ``DeviceChoice.key`` of a node's CPU; ``node``: '' for the daemon's machine."""
    return f"cpu@{node}" if node else None


def device_choice(gpu: GpuReading) -> DeviceChoice:
    """Return that GPU as a device for a worker."""
    return DeviceChoice("cuda:0", gpu.uuid, gpu.name, gpu.index, gpu.mig_instance, node=gpu.node)


def join_labels(devices: Sequence[DeviceChoice]) -> str:
    """Return the name of a device, or of several slots of CPUs, for people: those of one machine
    together."""
    nodes = dict.fromkeys(each.node for each in devices)
    return "; ".join(_join_here([each for each in devices if each.node == node]) for node in nodes)


def _join_here(devices: Sequence[DeviceChoice]) -> str:
    first = devices[0]
    if len(devices) == 1:
        return first.label
    slot_numbers = ", ".join(str(each.slot) for each in devices)
    return _on_node(f"{first.name}, workers {slot_numbers}", first.node)


@dataclass(frozen=True, slots=True)
class Placed:
    """The job may start on ``device``."""

    device: DeviceChoice
    need_bytes: int = 0
    """GPU memory that it may take in all; 0 on the CPU."""
    notice: str | None = None
    """A sentence that the operator must see once, or None."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job stays in the queue."""

    reason: str
    """A sentence for the status and the log."""
    awaited_gpus: frozenset[str] = frozenset()
    """UUIDs of GPUs that it could have once our own workers there are done."""
    retire_workers: tuple[int, ...] = ()
    """Numbers of idle workers that must end first."""


def place(
    readings: Readings, policy: Policy, request: PlacementRequest, context: PlacementContext
) -> Placed | Waiting:
    """Choose a device for the next job."""
    if policy.device == "cpu":
        return _on_cpu(request, context, None)
    unusable = _no_gpu_reason(readings, context.cuda_usable)
    if unusable is not None:
        if policy.device == "auto" and readings.fault is None:
            notice = f"{unusable}: rendering on the CPU, which is many times slower."
            return _on_cpu(request, context, notice)
        return Waiting(f"device = {policy.device!r}, but {unusable}.")
    candidates = permitted_gpus(readings.gpus, policy)
    if not candidates:
        return Waiting(_none_permitted(readings.gpus, policy))
    return _on_gpu(candidates, policy, request, context)


def permitted_gpus(gpus: Sequence[GpuReading], policy: Policy) -> list[GpuReading]:
    """Return the GPUs that the operator allows, whatever state they are in."""
    requested = _requested_uuids(policy)
    return [gpu for gpu in gpus if _is_named(gpu, policy.gpus) and _is_named(gpu, requested)]


def _requested_uuids(policy: Policy) -> tuple[str, ...]:
    """Return the UUID that ``device`` names, if it names one."""
    return () if policy.device in ("auto", "cuda") else (policy.device,)


def _is_named(gpu: GpuReading, uuids: Sequence[str]) -> bool:
    """Return whether ``uuids`` has the GPU's own or its whole GPU's UUID; empty names every GPU."""
    own = {gpu.uuid.lower(), (gpu.mig_parent or gpu.uuid).lower()}
    return not uuids or any(uuid.lower() in own for uuid in uuids)


def _none_permitted(gpus: Sequence[GpuReading], policy: Policy) -> str:
    requested = _requested_uuids(policy)
    if policy.gpus and requested and any(_is_named(gpu, requested) for gpu in gpus):
        return f"device = {policy.device!r} is not among the GPUs that the setting gpus allows."
    named = ", ".join(requested or policy.gpus)
    present = ", ".join(map(gpu_label, gpus))
    return f"No GPU here has the UUID {named}; present: {present}."


def _no_gpu_reason(readings: Readings, cuda_usable: bool) -> str | None:
    """Return why no GPU of this machine can be used at all, or None."""
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


def _on_cpu(
    request: PlacementRequest, context: PlacementContext, notice: str | None
) -> Placed | Waiting:
    machines = (NodeCpu("", context.cpu_slots), *context.nodes)
    cpus = [_CpuPlaces.of(each, context.workers) for each in machines]
    slots = sum(each.cpu.slots for each in cpus)
    free = [each for each in cpus if each.free_slots]
    if not free:
        if slots == 1:
            return Waiting("The CPU's worker is busy with another job.")
        return Waiting(f"The CPU's {slots} workers are busy with other jobs.")
    usable = [each for each in free if each.key not in context.quarantined]
    if not usable:
        return Waiting(f"CPU: {context.quarantined[free[0].key]}.")
    best = min(usable, key=lambda each: each.cost(request.engine))
    worker = choose_idle_worker(best.idle, request.engine)
    slot = worker.slot if worker else best.free_slots[0]
    device = replace(CPU, slot=slot, slots=best.cpu.slots, node=best.cpu.node)
    return Placed(device, notice=notice)


@dataclass(frozen=True, slots=True)
class _CpuPlaces:
    """The CPU of one machine, and our workers there."""

    cpu: NodeCpu
    free_slots: tuple[int, ...]
    """The slots that a new worker may take."""
    idle: tuple[WorkerOccupancy, ...]
    """The workers that could take a job."""

    @classmethod
    def of(cls, cpu: NodeCpu, workers: Sequence[WorkerOccupancy]) -> "_CpuPlaces":
        here = [each for each in workers if each.uuid is None and each.node == cpu.node]
        busy = {each.slot for each in here if not each.idle}
        slots = range(1, cpu.slots + 1)
        idle = tuple(each for each in here if each.idle and each.slot in slots)
        free = [each for each in slots if each not in busy]
        # A worker in a slot that is no more still has its share of the machine.
        return cls(cpu, tuple(free[: max(0, cpu.slots - len(busy))]), idle)

    @property
    def key(self) -> str | None:
        return cpu_key(self.cpu.node)

    def cost(self, engine: str) -> tuple[float, bool, bool]:
        """Return a sort key; the lowest is best: the smallest share of busy slots, the engine
        loaded, an idle worker."""
        busy = 1 - len(self.free_slots) / self.cpu.slots
        loaded = any(engine in each.engines for each in self.idle)
        return busy, not loaded, not self.idle


def _on_gpu(
    gpus: Sequence[GpuReading], policy: Policy, request: PlacementRequest, context: PlacementContext
) -> Placed | Waiting:
    occupancies = [GpuOccupancy.of(gpu, context.workers) for gpu in gpus]
    pairs = [(each, find_blocker(each, policy, request, context)) for each in occupancies]
    free = [each for each, blocker in pairs if blocker is None]
    if free:
        best = min(free, key=lambda each: _cost(each, request)).gpu
        return Placed(device_choice(best), request.need(best.name).vram_bytes)
    blocked = [(each.gpu, blocker) for each, blocker in pairs if blocker is not None]
    return Waiting(
        _waiting_reason(blocked),
        frozenset(gpu.uuid for gpu, blocker in blocked if blocker.by_own_workers),
        next((blocker.retire_workers for _, blocker in blocked if blocker.retire_workers), ()),
    )


def _cost(
    occupancy: GpuOccupancy, request: PlacementRequest
) -> tuple[int, bool, bool, bool, float, int]:
    """Return a sort key; the lowest is best.

    In this order: fewest of our own jobs, not crowded by others, the engine loaded, an idle worker,
    the least used by others.
    """
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


def _waiting_reason(blocked: Sequence[tuple[GpuReading, Blocker]]) -> str:
    """Return one sentence that names GPUs with the same blocker together."""
    groups = groupby(sorted(blocked, key=lambda each: each[1].text), lambda each: each[1].text)
    gpus_by_text = {text: [gpu for gpu, _ in group] for text, group in groups}
    in_order = sorted(gpus_by_text.items(), key=lambda item: item[1][0].index)
    return (
        "; ".join(f"{', '.join(map(_short_label, gpus))}: {text}" for text, gpus in in_order) + "."
    )


def _short_label(gpu: GpuReading) -> str:
    """The beginning of a UUID is enough to tell the instances of a divided GPU apart."""
    return f"GPU {gpu.index} ({gpu.name}, {gpu.uuid[:12]})"
