"""What NVIDIA's management library says of this machine's GPUs, as plain data.

The one module that talks to NVML, and the supervisor's only contact with GPUs: no CUDA context is
ever made here. Every failure becomes part of the readings: no driver is a normal state, a driver
that disagrees with its library is a fault that holds the queue, and one lost GPU does not hide
the others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from heygem_daemon.gpu.reading import GpuReading, Readings

T = TypeVar("T")

LOST = "lost to the driver; it needs a reset or a reboot"


def read() -> Readings:
    """Ask NVML afresh. Takes milliseconds where the driver is resident, up to seconds a GPU
    where it is not (no persistence mode); raises nothing for any state of the driver."""
    try:
        import pynvml  # noqa: PLC0415 - a machine without GPUs need not have it
    except ImportError:
        return Readings(absence="the Python package nvidia-ml-py is not installed")
    try:
        with _session(pynvml):
            return _readings(pynvml)
    except pynvml.NVMLError as error:
        return _failure(pynvml, error)


@contextmanager
def _session(nvml: ModuleType) -> Iterator[None]:
    """Initialise for one reading only: a driver that comes, goes or recovers is seen at once."""
    nvml.nvmlInit()
    try:
        yield
    finally:
        nvml.nvmlShutdown()


def _failure(nvml: ModuleType, error: Exception) -> Readings:
    """The readings of a machine whose NVML as a whole answers with ``error``."""
    absences = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver library, libnvidia-ml.so.1",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA kernel driver is not loaded",
        nvml.NVML_ERROR_GPU_NOT_FOUND: "the NVIDIA driver finds no GPU",
    }
    faults = {
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
            "the NVIDIA driver and its library have different versions, as after an update;"
            " reboot or reload the driver, then restart this service"
        ),
        nvml.NVML_ERROR_NO_PERMISSION: (
            "the NVIDIA driver refuses access; let this service's user read /dev/nvidia*"
        ),
    }
    code = getattr(error, "value", None)
    if code in absences:
        return Readings(absence=absences[code])
    return Readings(fault=faults.get(code, f"the NVIDIA driver answers '{error}'; see dmesg"))


def _readings(nvml: ModuleType) -> Readings:
    gpus = tuple(gpu for index in range(nvml.nvmlDeviceGetCount()) for gpu in _device(nvml, index))
    cuda = _ask(nvml, nvml.nvmlSystemGetCudaDriverVersion)
    return Readings(
        driver=_ask(nvml, nvml.nvmlSystemGetDriverVersion),
        cuda_version=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        gpus=gpus,
        absence=None if gpus else "the NVIDIA driver lists no GPU",
    )


def _device(nvml: ModuleType, index: int) -> list[GpuReading]:
    """The GPU of an index, its MIG instances in its place where it is divided."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        instances = _instances(nvml, handle)
        if instances is None:
            return [_reading(nvml, handle, index)]
        return [_reading(nvml, instance, index) for instance in instances]
    except nvml.NVMLError as error:
        if not _is_loss(nvml, error):
            raise
        # Without a handle there is no UUID to know it by; the PCI slot may hold another tomorrow.
        return [GpuReading(uuid=f"lost-{index}", index=index, name="lost GPU", fault=LOST)]


def _instances(nvml: ModuleType, handle: Any) -> list[Any] | None:
    """Handles of a GPU's MIG instances; None where it is not divided."""
    mode = _ask(nvml, nvml.nvmlDeviceGetMigMode, handle)
    if mode is None or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    found = []
    for number in range(_ask(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        try:
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
        except nvml.NVMLError_NotFound:
            continue
    return found


def _reading(nvml: ModuleType, handle: Any, index: int) -> GpuReading:
    """Everything of one device; a loss half-way leaves what is known by then."""
    uuid = str(nvml.nvmlDeviceGetUUID(handle))
    try:
        return _figures(nvml, handle, uuid, index)
    except nvml.NVMLError as error:
        if not _is_loss(nvml, error):
            raise
        return GpuReading(uuid=uuid, index=index, name="lost GPU", fault=LOST)


def _figures(nvml: ModuleType, handle: Any, uuid: str, index: int) -> GpuReading:
    memory = _memory(nvml, handle)
    rates = _ask(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    power = _ask(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    processes = _ask(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return GpuReading(
        uuid=uuid,
        index=index,
        name=_ask(nvml, nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
        total=None if memory is None else int(memory.total),
        free=None if memory is None else int(memory.free),
        used=None if memory is None else int(memory.used),
        utilisation=None if rates is None else int(rates.gpu),
        memory_utilisation=None if rates is None else int(rates.memory),
        temperature=_ask(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        power=None if power is None else power / 1000,
        processes=None if processes is None else len(processes),
        process_memory=None if processes is None else _process_memory(processes),
    )


def _memory(nvml: ModuleType, handle: Any) -> Any | None:
    """Version 2 keeps the driver's own reserve out of ``used``; older drivers have version 1."""
    memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle, nvml.nvmlMemory_v2)
    return memory if memory is not None else _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)


def _process_memory(processes: list[Any]) -> tuple[int, ...] | None:
    """What each process uses; None where the driver hides it of one of them."""
    used = [process.usedGpuMemory for process in processes]
    return None if any(count is None for count in used) else tuple(sorted(used, reverse=True))


def _ask(nvml: ModuleType, question: Callable[..., T], *arguments: Any) -> T | None:
    """The answer, or None where this device, driver or user does not get one.

    One figure that fails is no reason to hold the queue; a lost GPU is, and is raised.
    """
    try:
        return question(*arguments)
    except nvml.NVMLLibraryMismatchError:
        return None
    except nvml.NVMLError as error:
        if _is_loss(nvml, error):
            raise
        return None


def _is_loss(nvml: ModuleType, error: Exception) -> bool:
    codes = (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED)
    return getattr(error, "value", None) in codes
