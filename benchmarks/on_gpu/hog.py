"""A process that allocates and frees a GPU's memory on request.

``python -m benchmarks.on_gpu.hog DEVICE`` reads lines from stdin. A number: allocate all free
memory except that many MiB. An empty line: free everything. It prints the MiB held after each line.
"""

import sys

import torch

MIB = 1 << 20
LARGEST = 1 << 30
SMALLEST = 2 * MIB
"""CUDA allocates memory to processes in pages of this size."""
ON_THE_CPU = 256 * MIB
"""The most that is allocated on a CPU, where this program is only tried out."""


class HeldMemory:
    """Memory of a device that this process holds."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: list[torch.Tensor] = []
        self.take(0)

    @property
    def mebibytes(self) -> int:
        return sum(block.numel() for block in self._held) // MIB

    def fill(self, leave: int) -> None:
        """Allocate all free memory except ``leave`` bytes."""
        size = LARGEST
        while (size := min(size, self._free() - leave)) >= SMALLEST:
            try:
                self.take(size // SMALLEST * SMALLEST)
            except torch.cuda.OutOfMemoryError:
                size //= 2

    def take(self, count: int) -> None:
        """Allocate ``count`` bytes."""
        self._held.append(torch.zeros(count, dtype=torch.uint8, device=self._device))

    def give_back(self) -> None:
        """Free everything except CUDA's own context."""
        self._held.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _free(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.mem_get_info(self._device)[0]
        return ON_THE_CPU - self.mebibytes * MIB


def main() -> None:
    """Entry point."""
    held = HeldMemory(torch.device(sys.argv[1]))
    print(held.mebibytes, flush=True)
    for line in sys.stdin:
        if line.strip():
            held.fill(int(line) * MIB)
        else:
            held.give_back()
        print(held.mebibytes, flush=True)


if __name__ == "__main__":
    main()
