"""Memory of the device that an engine computes on: how much is free, in use, and was at most.

On the CPU the same questions are asked of this process and its machine.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import torch

from heygem_daemon.system.host_memory import available_bytes, peak_resident_bytes, resident_bytes


class DeviceMemory(ABC):
    """Bytes, as this process sees them."""

    overhead_bytes: int
    """What it takes besides, which nobody can tell it: an upper estimate."""

    def capacity_bytes(self) -> int:
        """What there would be for this process' data if it had none yet."""
        return self.free_bytes() + self.used_bytes()

    @abstractmethod
    def free_bytes(self) -> int:
        """What this process could still take."""

    @abstractmethod
    def used_bytes(self) -> int:
        """What this process uses now."""

    @abstractmethod
    def peak_bytes(self) -> int:
        """What it used at most since ``forget_peak``; never less than since then."""

    @abstractmethod
    def reset_peak(self) -> None:
        """Let the peak be what is used now, as far as the system can."""

    @abstractmethod
    def release_cached(self) -> None:
        """Give back what is only cached."""


class CudaMemory(DeviceMemory):
    """What torch's allocator holds on one GPU. CUDA's own context lies beside it. ``keep_free``
    bytes are not for us."""

    overhead_bytes = 512 << 20

    def __init__(self, device: torch.device, keep_free: int = 0) -> None:
        self._device = device
        self._keep_free = keep_free

    def free_bytes(self) -> int:
        free, _ = torch.cuda.mem_get_info(self._device)
        # What the allocator has reserved and nobody uses is for us to take again.
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
    """This process' physical memory. Its peak is the kernel's, and is not forgotten."""

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
        """Not forgotten: reports tell a process' peak over all its life."""

    def release_cached(self) -> None:
        """The C library gives back by itself what is large."""


def device_memory(device: str, keep_free: int = 0) -> DeviceMemory:
    """The memory of a torch device, 'cpu' or 'cuda:0'; ``keep_free``: bytes of a GPU's that are
    to be left to others."""
    where = torch.device(device)
    return HostMemory() if where.type == "cpu" else CudaMemory(where, keep_free)
