"""On which device the next job runs, decided from readings alone: a pure function.

A device with a job of ours on it is never given a second one; what an idle worker of ours holds
counts as free, because the next job runs inside that same worker. A GPU that is present but full,
lost or at fault makes the job wait: falling back to the CPU silently would turn one minute into
twenty, so only a machine without any usable GPU computes on the CPU, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from heygem_daemon.gpu.reading import GpuReading, Readings

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Need:
    """What the engine needs on a GPU for one job, in bytes (weights and working memory)."""

    vram_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """What one worker of ours holds. ``uuid`` None: the CPU's worker. ``vram_bytes`` is what its
    allocator has reserved; ``idle`` is false while it loads, renders, or is going away."""

    uuid: str | None
    vram_bytes: int
    idle: bool


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device for a worker: ``torch_device`` is the name inside the worker, which sees no other
    GPU than the one of ``uuid``; ``uuid`` is None for the CPU."""

    torch_device: Literal["cpu", "cuda:0"]
    uuid: str | None
    name: str


CPU = DeviceChoice("cpu", None, "CPU")


@dataclass(frozen=True, slots=True)
class Placed:
    """The job may start on ``device``. ``notice`` is to be said loudly, once."""

    device: DeviceChoice
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job stays in the queue; ``reason`` is a sentence for the status and the log."""

    reason: str


def place(
    readings: Readings,
    wanted: str,
    need: Need,
    held: Sequence[Held],
    cuda_usable: bool = True,
) -> Placed | Waiting:
    """Choose a device for the next job.

    ``wanted``: 'auto', 'cuda', 'cpu', or a GPU's UUID. ``held``: all workers of ours.
    ``cuda_usable``: whether the installed torch can compute on a GPU at all.
    """
    if wanted == "cpu":
        return _on_cpu(held, None)
    unusable = _why_no_gpu(readings, cuda_usable)
    if unusable is not None:
        if wanted == "auto" and readings.fault is None:
            return _on_cpu(held, f"{unusable}: rendering on the CPU, which is many times slower.")
        return Waiting(f"device = {wanted!r}, but {unusable}.")
    candidates = _matching(readings.gpus, wanted)
    if not candidates:
        present = ", ".join(_label(gpu) for gpu in readings.gpus)
        return Waiting(f"No GPU here has the UUID {wanted}; present: {present}.")
    return _on_gpu(candidates, need, held)


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


def _matching(gpus: Sequence[GpuReading], wanted: str) -> list[GpuReading]:
    if wanted in ("auto", "cuda"):
        return list(gpus)
    return [gpu for gpu in gpus if gpu.uuid.lower() == wanted.lower()]


def _on_cpu(held: Sequence[Held], notice: str | None) -> Placed | Waiting:
    if any(worker.uuid is None and not worker.idle for worker in held):
        return Waiting("The CPU's worker is busy with another job.")
    return Placed(CPU, notice)


def _on_gpu(gpus: Sequence[GpuReading], need: Need, held: Sequence[Held]) -> Placed | Waiting:
    obstacles = {gpu.uuid: _obstacle(gpu, need, held) for gpu in gpus}
    free = [gpu for gpu in gpus if obstacles[gpu.uuid] is None]
    if not free:
        return Waiting("; ".join(f"{_label(g)}: {obstacles[g.uuid]}" for g in gpus) + ".")
    best = min(free, key=lambda gpu: (not _resident(gpu, held), _load(gpu, held), gpu.index))
    return Placed(DeviceChoice("cuda:0", best.uuid, best.name))


def _obstacle(gpu: GpuReading, need: Need, held: Sequence[Held]) -> str | None:
    """Why the job cannot start on ``gpu`` now, or None."""
    if gpu.fault is not None:
        return gpu.fault
    if any(worker.uuid == gpu.uuid and not worker.idle for worker in held):
        return "busy with another job of ours"
    available = _available(gpu, held)
    # Unknown is not zero: the worker tries, and answers an out-of-memory with Deferred.
    if available is None or available >= need.vram_bytes:
        return None
    room = f"{_gib(available)} GiB free of {_gib(gpu.total)}"
    return f"{room}, {_gib(need.vram_bytes)} GiB needed{_tenants(gpu, held)}"


def _tenants(gpu: GpuReading, held: Sequence[Held]) -> str:
    """Who else is on a full GPU, as far as the driver tells."""
    others = None if gpu.processes is None else gpu.processes - len(_workers(gpu, held))
    if not others or others < 0:
        return ""
    return f" ({others} other process{'es' if others > 1 else ''} on it)"


def _workers(gpu: GpuReading, held: Sequence[Held]) -> list[Held]:
    return [worker for worker in held if worker.uuid == gpu.uuid]


def _resident(gpu: GpuReading, held: Sequence[Held]) -> bool:
    return bool(_workers(gpu, held))


def _available(gpu: GpuReading, held: Sequence[Held]) -> int | None:
    """Bytes that a worker of ours can use: what is free and what ours already holds."""
    if gpu.free is None:
        return None
    return gpu.free + sum(worker.vram_bytes for worker in _workers(gpu, held))


def _load(gpu: GpuReading, held: Sequence[Held]) -> float:
    """How much others use the GPU, 0-1: the larger of compute and memory; unknown is half."""
    available = _available(gpu, held)
    memory = None if available is None or not gpu.total else 1 - available / gpu.total
    compute = None if gpu.utilisation is None else gpu.utilisation / 100
    known = [share for share in (memory, compute) if share is not None]
    return max(known, default=0.5)


def _label(gpu: GpuReading) -> str:
    return f"GPU {gpu.index} ({gpu.name}, {gpu.uuid})"


def _gib(count: int | None) -> str:
    return "an unknown size" if count is None else f"{count / GIB:.1f}"
