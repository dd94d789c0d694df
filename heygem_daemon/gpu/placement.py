"""On which device the next job runs, decided from readings alone: a pure function.

What an idle worker of ours holds counts as free, because the next job runs inside that same worker;
what a busy one will still take does not. A GPU that is present but full, lost or at fault makes the
job wait: falling back to the CPU silently would turn one minute into twenty, so only a machine
without any usable GPU computes on the CPU, and says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.tenancy import Held, Tenancy

GIB = 1 << 30
CROWDED_PERCENT = 50
"""From this utilisation by others on, an idle GPU is worth loading the engine anew."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows.

    ``device``: 'auto', 'cuda', 'cpu', or a GPU's UUID. ``gpus``: UUIDs of the GPUs that may be
    used, those of divided GPUs standing for all their MIG instances; empty: all. ``margin_bytes``
    are to stay free for others on each. ``others_percent``: a GPU that others use more than that
    is left to them. ``jobs_per_gpu``: how many may run on one at a time.
    """

    device: str = "auto"
    gpus: tuple[str, ...] = ()
    margin_bytes: int = 0
    others_percent: int = 100
    jobs_per_gpu: int = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be placed: a job for ``engine``, which on a GPU of a given name has that need."""

    engine: str
    need: Callable[[str], Need]


@dataclass(frozen=True, slots=True)
class Ours:
    """What we know of the devices from our own side.

    ``held``: by all workers of ours. ``aside``: devices that are left alone for now, by UUID (None:
    the CPU), and why, as a clause. ``kept``: GPUs that are spoken for by a job that goes first.
    ``cuda_usable``: whether the installed torch can compute on a GPU at all.
    """

    held: Sequence[Held] = ()
    aside: Mapping[str | None, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    cuda_usable: bool = True


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device for a worker: ``torch_device`` is the name inside the worker, which sees no other
    GPU than the one of ``uuid``; ``uuid`` is None for the CPU. ``index``: the driver's number."""

    torch_device: Literal["cpu", "cuda:0"]
    uuid: str | None
    name: str
    index: int | None = None

    @property
    def label(self) -> str:
        """What people call it, where there may be several of one name."""
        return self.name if self.index is None else f"GPU {self.index} ({self.name})"


CPU = DeviceChoice("cpu", None, "CPU")


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
    awaited: frozenset[str] = frozenset()
    retire: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why a job cannot start on a GPU now. ``ours``: it is for our own workers alone."""

    text: str
    ours: bool = False
    retire: tuple[int, ...] = ()


def place(readings: Readings, policy: Policy, wish: Wish, ours: Ours) -> Placed | Waiting:
    """Choose a device for the next job."""
    if policy.device == "cpu":
        return _on_cpu(ours, None)
    unusable = _why_no_gpu(readings, ours.cuda_usable)
    if unusable is not None:
        if policy.device == "auto" and readings.fault is None:
            return _on_cpu(ours, f"{unusable}: rendering on the CPU, which is many times slower.")
        return Waiting(f"device = {policy.device!r}, but {unusable}.")
    candidates = permitted(readings.gpus, policy)
    if not candidates:
        return Waiting(_none_permitted(readings.gpus, policy))
    return _on_gpu(candidates, policy, wish, ours)


def permitted(gpus: Sequence[GpuReading], policy: Policy) -> list[GpuReading]:
    """The GPUs that the operator lets us use, whatever state they are in."""
    asked = _asked(policy)
    return [gpu for gpu in gpus if _is_named(gpu, policy.gpus) and _is_named(gpu, asked)]


def _asked(policy: Policy) -> tuple[str, ...]:
    """The UUID that ``device`` names, if it names one."""
    return () if policy.device in ("auto", "cuda") else (policy.device,)


def _is_named(gpu: GpuReading, uuids: Sequence[str]) -> bool:
    """By its own UUID or that of the GPU which it is an instance of; no UUIDs name every GPU."""
    own = {gpu.uuid.lower(), (gpu.mig_parent or gpu.uuid).lower()}
    return not uuids or any(uuid.lower() in own for uuid in uuids)


def _none_permitted(gpus: Sequence[GpuReading], policy: Policy) -> str:
    asked = _asked(policy)
    if policy.gpus and asked and any(_is_named(gpu, asked) for gpu in gpus):
        return f"device = {policy.device!r} is not among the GPUs that the setting gpus allows."
    named = ", ".join(asked or policy.gpus)
    present = ", ".join(f"GPU {gpu.index} ({gpu.name}, {gpu.uuid})" for gpu in gpus)
    return f"No GPU here has the UUID {named}; present: {present}."


def _why_no_gpu(readings: Readings, cuda_usable: bool) -> str | None:
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


def _on_cpu(ours: Ours, notice: str | None) -> Placed | Waiting:
    if any(worker.uuid is None and not worker.idle for worker in ours.held):
        return Waiting("The CPU's worker is busy with another job.")
    if None in ours.aside:
        return Waiting(f"CPU: {ours.aside[None]}.")
    return Placed(CPU, notice=notice)


def _on_gpu(gpus: Sequence[GpuReading], policy: Policy, wish: Wish, ours: Ours) -> Placed | Waiting:
    tenancies = [Tenancy.of(gpu, ours.held) for gpu in gpus]
    found = [(each, _obstacle(each, policy, wish, ours)) for each in tenancies]
    free = [each for each, obstacle in found if obstacle is None]
    if free:
        best = min(free, key=lambda each: _cost(each, wish)).gpu
        device = DeviceChoice("cuda:0", best.uuid, best.name, best.index)
        return Placed(device, wish.need(best.name).vram_bytes)
    hindered = [(each.gpu, obstacle) for each, obstacle in found if obstacle is not None]
    return Waiting(
        _told(hindered),
        frozenset(gpu.uuid for gpu, obstacle in hindered if obstacle.ours),
        next((obstacle.retire for _, obstacle in hindered if obstacle.retire), ()),
    )


def _cost(tenancy: Tenancy, wish: Wish) -> tuple[int, bool, bool, bool, float, int]:
    """The least is best: no work of ours, room to compute, the engine loaded, the emptiest."""
    crowded = (tenancy.others_percent or 0) >= CROWDED_PERCENT
    idle = tenancy.idle_for(wish.engine)
    loaded = idle is not None and wish.engine in idle.engines
    return (
        len(tenancy.busy), crowded, not loaded, idle is None, tenancy.load, tenancy.gpu.index,
    )  # fmt: skip


def _obstacle(tenancy: Tenancy, policy: Policy, wish: Wish, ours: Ours) -> _Obstacle | None:
    """Why the job cannot start on that GPU now, or None."""
    gpu = tenancy.gpu
    if gpu.fault is not None:
        return _Obstacle(gpu.fault)
    if gpu.uuid in ours.aside:
        return _Obstacle(ours.aside[gpu.uuid])
    if len(tenancy.busy) >= policy.jobs_per_gpu:
        return _Obstacle(_occupied(tenancy), ours=True)
    if gpu.uuid in ours.kept:
        return _Obstacle("kept for a job that goes first")
    if tenancy.others_percent is not None and tenancy.others_percent > policy.others_percent:
        allowed = f"at most {policy.others_percent} % allowed (others_utilisation_percent)"
        return _Obstacle(f"others use {tenancy.others_percent} % of it, {allowed}")
    return _lack_of_memory(tenancy, policy, wish)


def _occupied(tenancy: Tenancy) -> str:
    jobs = sum(not worker.leaving for worker in tenancy.busy)
    if not jobs:
        return "our last worker there is ending"
    return f"busy with {'another job' if jobs == 1 else f'{jobs} jobs'} of ours"


def _lack_of_memory(tenancy: Tenancy, policy: Policy, wish: Wish) -> _Obstacle | None:
    gpu = tenancy.gpu
    available = tenancy.available(wish.engine)
    required = wish.need(gpu.name).vram_bytes + policy.margin_bytes
    # Unknown is not zero: the worker tries, and answers an out-of-memory with Deferred.
    if available is None or available >= required:
        return None
    if tenancy.without_idle is not None and tenancy.without_idle >= required:
        idle = tuple(worker.worker for worker in tenancy.idle)
        return _Obstacle("our idle worker there is giving its memory back", retire=idle)
    room = f"{_gib(available)} GiB free of {_gib(gpu.total)}"
    margin = f" and {_gib(policy.margin_bytes)} to stay free" if policy.margin_bytes else ""
    needed = f"{_gib(required - policy.margin_bytes)} GiB needed{margin}"
    ours = tenancy.without_ours is not None and tenancy.without_ours >= required
    return _Obstacle(f"{room}, {needed}{_tenants(tenancy)}", ours=ours)


def _tenants(tenancy: Tenancy) -> str:
    """Who else is on a full GPU, as far as the driver tells."""
    if not (others := tenancy.others):
        return ""
    return f" ({others} other process{'es' if others > 1 else ''} on it)"


def _told(hindered: Sequence[tuple[GpuReading, _Obstacle]]) -> str:
    """One sentence; GPUs that lack the same are named together."""
    groups = groupby(sorted(hindered, key=lambda each: each[1].text), lambda each: each[1].text)
    said = {text: [gpu for gpu, _ in group] for text, group in groups}
    in_order = sorted(said.items(), key=lambda item: item[1][0].index)
    return "; ".join(f"{', '.join(map(_label, gpus))}: {text}" for text, gpus in in_order) + "."


def _label(gpu: GpuReading) -> str:
    """Short: a UUID's beginning tells the instances of a divided GPU apart."""
    return f"GPU {gpu.index} ({gpu.name}, {gpu.uuid[:12]})"


def _gib(count: int | None) -> str:
    return "an unknown size" if count is None else f"{count / GIB:.1f}"
