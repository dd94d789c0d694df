"""What the NVIDIA driver reports about this machine's GPUs at one moment. Data only."""

from dataclasses import dataclass

from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one MIG instance of a GPU.

    None means that the driver does not report a value, which is not the same as zero. For a MIG
    instance, temperature, power, throttling and memory errors are those of the whole GPU.
    """

    uuid: str
    """The identity of the GPU or instance."""
    index: int
    """NVML's own number of the GPU, from 0. CUDA may number the GPUs differently."""
    name: str
    """The product name, such as 'NVIDIA L4'."""
    total: int | None = None
    """Memory in bytes."""
    free: int | None = None
    """Free memory in bytes, without what the driver reserves for itself."""
    used: int | None = None
    """Memory in use, in bytes."""
    utilisation: int | None = None
    """Share of the last second in which anything computed, 0-100 %."""
    memory_utilisation: int | None = None
    """Share of the last second in which memory was read or written, 0-100 %."""
    temperature: int | None = None
    """°C."""
    power: float | None = None
    """Power draw in watts."""
    power_limit: float | None = None
    """Enforced power limit in watts."""
    throttled: tuple[str, ...] = ()
    """Why the clocks are held down, in plain words; empty if they are not."""
    processes: int | None = None
    """How many processes compute on it, our own included."""
    process_memory: tuple[int, ...] | None = None
    """Memory of each of these processes in bytes, largest first. Without process ids, because
    they mean nothing inside a container."""
    ecc_errors: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    xid: int | None = None
    """Number of the last error (Xid) that the driver reported for it."""
    fault: str | None = None
    """Why it must not be used: a clause without a full stop."""
    mig_parent: str | None = None
    """UUID of the GPU that this is an instance of; None for a whole GPU."""
    mig_instance: int | None = None
    """Number of the instance on that GPU."""
    unified: bool = False
    """Whether it shares the host's memory; ``total``, ``free`` and ``used`` are then None."""
    node: str = ""
    """Name of its machine's node in the cluster; '': the daemon's own machine."""


@dataclass(frozen=True, slots=True)
class Readings:
    """All of this machine's GPUs, or why there are none."""

    driver: str | None = None
    """Version of the driver, such as '580.65.06'."""
    cuda_version: str | None = None
    """The newest CUDA version that the driver supports, such as '13.0'."""
    gpus: tuple[GpuReading, ...] = ()
    absence: str | None = None
    """Why there is no GPU (no library, no driver, no device): a clause without a full stop."""
    fault: str | None = None
    """What is wrong with a driver that should work, and what to do about it: a clause without a
    full stop."""
    fault_here: str | None = None
    """The same of this machine's driver where GPUs of other machines are there all the same."""

    def find(self, uuid: str) -> GpuReading | None:
        """Return the GPU or MIG instance with that UUID, or None."""
        return next((gpu for gpu in self.gpus if gpu.uuid == uuid), None)


def gpu_label(gpu: GpuReading) -> str:
    """Return a GPU's number, name and UUID, and its node if it is not the daemon's machine."""
    text = f"GPU {gpu.index} ({gpu.name}, {gpu.uuid})"
    return f"{text} (node {gpu.node})" if gpu.node else text


def describe_memory(gpu: GpuReading) -> str:
    """Return how much of a GPU's memory is free, such as '20.0 of 24.0 GiB free'."""
    if gpu.unified:
        return "shares the host's memory"
    if gpu.free is None or gpu.total is None:
        return "memory unknown"
    return f"{gpu.free / GIB:.1f} of {gpu.total / GIB:.1f} GiB free"


def format_cuda_version(number: int) -> str:
    """Return CUDA's version number (1000 * major + 10 * minor) as 'major.minor'."""
    return f"{number // 1000}.{number % 1000 // 10}"
