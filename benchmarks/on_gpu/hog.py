"""Another tenant: a process that takes a GPU's memory and gives it back, as it is told.

``python -m benchmarks.on_gpu.hog DEVICE``: a line with a number on stdin, and all but so many MiB
of what is free is taken; an empty line, and all is given back. Each is answered with the MiB held.
"""

import sys

import torch

MIB = 1 << 20
LARGEST = 1 << 30
SMALLEST = 2 * MIB
"""CUDA gives memory to processes in pages of that size."""
ON_THE_CPU = 256 * MIB
"""All that is taken there: it is for trying this program out."""


class Hoard:
    """Memory of a device that nobody else can use."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: list[torch.Tensor] = []
        self.take(0)

    @property
    def mebibytes(self) -> int:
        return sum(block.numel() for block in self._held) // MIB

    def fill(self, leave: int) -> None:
        """Take all but ``leave`` bytes of what is free now."""
        size = LARGEST
        while (size := min(size, self._free() - leave)) >= SMALLEST:
            try:
                self.take(size // SMALLEST * SMALLEST)
            except torch.cuda.OutOfMemoryError:
                size //= 2

    def take(self, count: int) -> None:
        """Take ``count`` bytes."""
        self._held.append(torch.zeros(count, dtype=torch.uint8, device=self._device))

    def give_back(self) -> None:
        """Hold nothing but CUDA's own context."""
        self._held.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _free(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.mem_get_info(self._device)[0]
        return ON_THE_CPU - self.mebibytes * MIB


def main() -> None:
    """Entry point."""
    hoard = Hoard(torch.device(sys.argv[1]))
    print(hoard.mebibytes, flush=True)
    for line in sys.stdin:
        if line.strip():
            hoard.fill(int(line) * MIB)
        else:
            hoard.give_back()
        print(hoard.mebibytes, flush=True)


if __name__ == "__main__":
    main()
