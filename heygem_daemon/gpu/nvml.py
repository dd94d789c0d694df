"""Reads this machine's GPUs through NVIDIA's management library (NVML), as plain data.

This is the only module that opens NVML, and the supervisor's only contact with GPUs: it never
creates a CUDA context. Every failure becomes part of the readings. A missing driver is a normal
state, a driver that disagrees with its library is a fault that holds the queue, and one lost GPU
does not hide the others.
"""

import _ctypes
import importlib
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from heygem_daemon.gpu.driver_errors import failed_readings, gpu_fault, is_mismatch
from heygem_daemon.gpu.figures import query, read_gpu
from heygem_daemon.gpu.reading import GpuReading, Readings, format_cuda_version
from heygem_daemon.gpu.xid import XidHistory, XidListener

UNREADABLE_GPU_NAME = "unreadable GPU"
RENEW_SECONDS = 600.0
"""How long NVML stays initialised where the kernel does not show that GPUs have changed."""
BOUND_GPUS_FOLDER = Path("/proc/driver/nvidia/gpus")
"""The kernel driver's folder, with an entry for each GPU that it manages."""


def read_once() -> Readings:
    """Read all GPUs once, in the caller's thread. Raises nothing.

    Takes milliseconds where the driver is resident, seconds per GPU where it is not (no persistence
    mode), and never returns where the driver hangs.
    """
    with closing(Nvml()) as nvml:
        return nvml.read()


class Nvml:
    """NVML, kept initialised while all is well. For use in one thread.

    It stays initialised because the driver reports an Xid only to processes that listen when it
    happens. At any fault it is shut down, so that it does not block a GPU reset or a reload of the
    driver.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, bound_folder: Path = BOUND_GPUS_FOLDER
    ) -> None:
        self._clock = clock
        self._bound_folder = bound_folder
        self._bound_gpus: list[str] = []
        self._xids = XidHistory(clock)
        self._nvml: ModuleType | None = None
        self._initialised_at = 0.0
        self._listener: XidListener | None = None
        self._last_gpus: dict[int, list[GpuReading]] = {}
        """The previous readings, by NVML's index."""

    def read(self) -> Readings:
        """Read all GPUs. Raises nothing, whatever the driver's state; hangs if the driver does."""
        try:
            import pynvml  # noqa: PLC0415 - a machine without GPUs need not have it
        except ImportError:
            return Readings(absence="the Python package nvidia-ml-py is not installed")
        try:
            self._open(pynvml)
            return self._read_all(pynvml)
        except pynvml.NVMLError as error:
            self.close()
            readings = failed_readings(pynvml, error)
            if is_mismatch(pynvml, error):
                _reload_library(pynvml)
            return readings

    def close(self) -> None:
        """Shut NVML down; the next ``read`` initialises it again."""
        nvml, self._nvml = self._nvml, None
        if nvml is None:
            return
        self._poll_xids()
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()

    def _open(self, nvml: ModuleType) -> None:
        """Initialise NVML, again if need be: it lists the GPUs as of its initialisation."""
        bound = _entries(self._bound_folder)
        if bound != self._bound_gpus or self._clock() - self._initialised_at >= RENEW_SECONDS:
            self.close()
        if self._nvml is None:
            nvml.nvmlInit()
            self._nvml, self._initialised_at, self._bound_gpus = nvml, self._clock(), bound
            self._listener = XidListener(nvml)

    def _poll_xids(self) -> None:
        for xid in self._listener.poll() if self._listener is not None else ():
            self._xids.record(*xid)

    def _read_all(self, nvml: ModuleType) -> Readings:
        self._poll_xids()
        cards = [self._read_card(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        gpus = self._restore_identities([gpu for card in cards for gpu in card])
        cuda = query(nvml, nvml.nvmlSystemGetCudaDriverVersion)
        readings = Readings(
            driver=query(nvml, nvml.nvmlSystemGetDriverVersion),
            cuda_version=None if cuda is None else format_cuda_version(cuda),
            gpus=tuple(self._xids.annotate(gpu) for gpu in gpus),
            absence=None if gpus else _absence_reason(len(cards)),
        )
        if any(gpu.fault is not None for gpu in gpus):
            self.close()
        return readings

    def _read_card(self, nvml: ModuleType, index: int) -> list[GpuReading]:
        """Return the GPU of an index, or its MIG instances where it is divided."""
        uuid = f"unknown-{index}"
        try:
            card = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = str(nvml.nvmlDeviceGetUUID(card))
            instances = _instances(nvml, card)
            if instances is None:
                return [read_gpu(nvml, card, card, index, None)]
            return [read_gpu(nvml, handle, card, index, uuid) for handle in instances]
        except nvml.NVMLError as error:
            fault = gpu_fault(nvml, error)
            if fault is None:
                raise
            return [GpuReading(uuid, index, UNREADABLE_GPU_NAME, fault=fault)]

    def _restore_identities(self, gpus: list[GpuReading]) -> list[GpuReading]:
        """Give unreadable GPUs the name, or the instances, that their index had last time.

        A GPU that did not even report its UUID is taken for the one that is missing at its index.
        """
        present = {gpu.uuid for gpu in gpus}
        identified: list[GpuReading] = []
        for gpu in gpus:
            same = [
                old for old in self._last_gpus.get(gpu.index, []) if _is_same_gpu(gpu, old, present)
            ]
            identified += [_identity_of(old, gpu.fault) for old in same] or [gpu]
        self._last_gpus = {}
        for gpu in identified:
            self._last_gpus.setdefault(gpu.index, []).append(gpu)
        return identified


def _entries(folder: Path) -> list[str]:
    """Return the names in a folder; none where it does not exist."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _instances(nvml: ModuleType, card: Any) -> list[Any] | None:
    """Return the handles of a GPU's MIG instances; None where it is not divided."""
    mode = query(nvml, nvml.nvmlDeviceGetMigMode, card)
    if mode is None or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    found = []
    for number in range(query(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, card) or 0):
        try:
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, number))
        except nvml.NVMLError_NotFound:
            continue
    return found


def _is_same_gpu(unreadable: GpuReading, old: GpuReading, present: set[str]) -> bool:
    if unreadable.name != UNREADABLE_GPU_NAME:
        return False
    if unreadable.uuid in (old.uuid, old.mig_parent):
        return True
    return unreadable.uuid.startswith("unknown-") and old.uuid not in present


def _identity_of(old: GpuReading, fault: str | None) -> GpuReading:
    """Return a reading with the identity of ``old`` and none of its figures."""
    return GpuReading(
        old.uuid,
        old.index,
        old.name,
        fault=fault,
        mig_parent=old.mig_parent,
        mig_instance=old.mig_instance,
    )


def _absence_reason(cards: int) -> str:
    if cards:
        return "MIG is on and no instance has been made: nvidia-smi mig -cgi"
    return "the NVIDIA driver lists no GPU"


def _reload_library(nvml: ModuleType) -> None:
    """Unload a library that does not match the driver.

    An update has replaced the file on disk. The next initialisation loads what is there then.
    """
    library = nvml.nvmlLib
    if library is not None:
        _ctypes.dlclose(library._handle)
    importlib.reload(nvml)
