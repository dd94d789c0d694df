"""Reads the figures of one GPU or MIG instance from an initialised NVML, one by one.

``nvml`` is the ``pynvml`` module. A figure that the driver does not report is None and does not
affect the others. A GPU that is lost in the meantime raises NVMLError.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from heygem_daemon.gpu.driver_errors import is_loss
from heygem_daemon.gpu.reading import GpuReading

T = TypeVar("T")

THROTTLE_REASONS = (
    (0x04, "at its power limit"),
    (0x20, "slowed by the driver: too hot"),
    (0x40, "slowed by the hardware: far too hot"),
    (0x80, "slowed by the hardware: its power supply asks for less"),
)
"""Bits of nvmlClocksEventReasons (nvml.h) that cost speed and that no user has set."""
SLOWDOWN = 0x08
"""Set with either of the two hardware reasons, or alone where the hardware reports neither."""
HARDWARE_REASONS = 0x40 | 0x80

RECOVERY_ACTIONS = {
    1: "the driver asks for a reset of it: nvidia-smi --gpu-reset, with this service stopped",
    2: "the driver asks for a reboot of this machine because of it",
    4: "the driver asks for a reset of it once nothing runs on it",
    6: "the driver asks for a reset of it by its bus",
    7: "the driver asks for a reboot of this machine because of it",
}
"""Values of NVML_GPU_RECOVERY_ACTION (nvml.h) after which no new work may start."""


def query(nvml: ModuleType, function: Callable[..., T], *arguments: Any) -> T | None:
    """Return NVML's answer, or None where device, driver or permissions do not provide one.

    Raises NVMLError if the GPU is lost.
    """
    try:
        return function(*arguments)
    except nvml.NVMLLibraryMismatchError:
        return None
    except nvml.NVMLError as error:
        if is_loss(nvml, error):
            raise
        return None


def read_gpu(
    nvml: ModuleType, handle: Any, card: Any, index: int, parent: str | None
) -> GpuReading:
    """Return all figures of the device ``handle``.

    ``card`` is the handle of the whole GPU, which is ``handle`` itself where the GPU is not divided
    into MIG instances. ``parent`` is the whole GPU's UUID, None where it is not divided. Raises
    NVMLError.
    """
    memory = _memory(nvml, handle)
    rates = query(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    processes = query(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return GpuReading(
        uuid=str(nvml.nvmlDeviceGetUUID(handle)),
        index=index,
        name=query(nvml, nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
        total=None if memory is None else int(memory.total),
        free=None if memory is None else int(memory.free),
        used=None if memory is None else int(memory.used),
        utilisation=None if rates is None else int(rates.gpu),
        memory_utilisation=None if rates is None else int(rates.memory),
        temperature=query(nvml, nvml.nvmlDeviceGetTemperature, card, nvml.NVML_TEMPERATURE_GPU),
        power=_watts(query(nvml, nvml.nvmlDeviceGetPowerUsage, card)),
        power_limit=_watts(query(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, card)),
        throttled=_throttled(nvml, card),
        processes=None if processes is None else len(processes),
        process_memory=None if processes is None else _process_memory(processes),
        ecc_errors=query(
            nvml,
            nvml.nvmlDeviceGetTotalEccErrors,
            card,
            nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            nvml.NVML_VOLATILE_ECC,
        ),
        fault=_recovery_fault(nvml, card),
        mig_parent=parent,
        mig_instance=query(nvml, nvml.nvmlDeviceGetGpuInstanceId, handle) if parent else None,
        unified=memory is None and _shares_host_memory(nvml, handle),
    )


def _memory(nvml: ModuleType, handle: Any) -> Any | None:
    """Version 2 leaves the driver's reserve out of ``used``; older drivers have only version 1."""
    memory = query(nvml, nvml.nvmlDeviceGetMemoryInfo, handle, nvml.nvmlMemory_v2)
    return memory if memory is not None else query(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)


def _shares_host_memory(nvml: ModuleType, handle: Any) -> bool:
    """Drivers answer "not supported" for a chip that shares the host's memory (Jetson, GB10)."""
    try:
        nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError_NotSupported:
        return True
    except nvml.NVMLError:
        return False
    return False


def _process_memory(processes: list[Any]) -> tuple[int, ...] | None:
    """Return what each process uses, or None where the driver hides it for any of them."""
    used = [process.usedGpuMemory for process in processes]
    return None if any(count is None for count in used) else tuple(sorted(used, reverse=True))


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _throttled(nvml: ModuleType, card: Any) -> tuple[str, ...]:
    """Return the reasons in words. Drivers before 535 only have the older query."""
    bits = query(nvml, nvml.nvmlDeviceGetCurrentClocksEventReasons, card)
    if bits is None:
        bits = query(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, card) or 0
    reasons = [reason for bit, reason in THROTTLE_REASONS if bits & bit]
    if bits & SLOWDOWN and not bits & HARDWARE_REASONS:
        reasons.append("slowed by the hardware: heat or power")
    return tuple(reasons)


def _recovery_fault(nvml: ModuleType, card: Any) -> str | None:
    """Return what must be done before new work starts; only drivers from R555 on report it."""
    field = nvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION
    values = query(nvml, nvml.nvmlDeviceGetFieldValues, card, [field])
    if values is None or values[0].nvmlReturn != nvml.NVML_SUCCESS:
        return None
    return RECOVERY_ACTIONS.get(values[0].value.uiVal)
