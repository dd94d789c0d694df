"""Memory of the device that an engine computes on: free, in use and at its peak.

On the CPU the figures are those of this process and its machine.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import torch

from heygem_daemon.system.host_memory import available_bytes, peak_resident_bytes, resident_bytes


class DeviceMemory(ABC):
    """The memory of one device as this process sees it; all figures in bytes."""

    overhead_bytes: int
    """Upper estimate of what the process takes beside ``used_bytes``, which nothing reports."""

    def capacity_bytes(self) -> int:
        """Return what this process could take if it used nothing yet."""
        return self.free_bytes() + self.used_bytes()

    @abstractmethod
    def free_bytes(self) -> int:
        """Return what this process can still take."""

    @abstractmethod
    def used_bytes(self) -> int:
        """Return what this process uses now."""

    @abstractmethod
    def peak_bytes(self) -> int:
        """Return the largest use since ``reset_peak``, or since the start of the process where the
        system cannot reset it."""

    @abstractmethod
    def reset_peak(self) -> None:
        """Set the peak to what is used now, where the system can."""

    @abstractmethod
    def release_cached(self) -> None:
        """Free what is only cached."""


class CudaMemory(DeviceMemory):
    """What torch's allocator holds on one GPU, without CUDA's own context. ``keep_free``: bytes
    that are left to others."""

    overhead_bytes = 512 << 20

    def __init__(self, device: torch.device, keep_free: int = 0) -> None:
        self._device = device
        self._keep_free = keep_free

    def free_bytes(self) -> int:
        free, _ = torch.cuda.mem_get_info(self._device)
        # The allocator reuses what it has reserved and no tensor occupies.
        cached = torch.cuda.memory_reserved(self._device) - self.used_bytes()
        return max(0, free + cached - self._keep_free)

    def used_bytes(self) -> int:
        return torch.cuda.memory_allocated(self._device)

    def peak_bytes(self) -> int:
        return torch.cuda.max_memory_allocated(self._device)

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)

    def release_cached(self) -> None:
        torch.cuda.empty_cache()


class HostMemory(DeviceMemory):
    """This process's physical memory. The kernel keeps the peak, which is never reset."""

    overhead_bytes = 0

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def free_bytes(self) -> int:
        return available_bytes(self._proc)

    def used_bytes(self) -> int:
        return resident_bytes(self._proc)

    def peak_bytes(self) -> int:
        return peak_resident_bytes(self._proc)

    def reset_peak(self) -> None:
        """Do nothing: reports give a process's peak over its whole life."""

    def release_cached(self) -> None:
        """Do nothing: the C library frees large blocks by itself."""


def device_memory(device: str, keep_free: int = 0) -> DeviceMemory:
    """Return the memory of a torch device, 'cpu' or 'cuda:0'; ``keep_free``: bytes of a GPU's
    memory that are left to others."""
    where = torch.device(device)
    return HostMemory() if where.type == "cpu" else CudaMemory(where, keep_free)
