"""GPU readings that a driver could return."""

from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.system.units import GIB

NO_GPU = Readings(absence="no NVIDIA driver library, libnvidia-ml.so.1")


def gpu(index: int, free_gib: float = 20, fault: str | None = None) -> GpuReading:
    """Return the reading of a GPU of 24 GiB."""
    free = int(free_gib * GIB)
    return GpuReading(f"GPU-{index}", index, "L4", total=24 * GIB, free=free, fault=fault)


def driver(*gpus: GpuReading) -> Readings:
    """Return the readings of a driver that shows these GPUs."""
    return Readings("580", "13.0", gpus)
