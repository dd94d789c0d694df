"""What is known of this machine's GPUs at one moment. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one MIG instance of a GPU. None: the driver does not tell, which is not zero.

    ``uuid`` is the identity; ``index`` is NVML's own order and means nothing to CUDA.
    ``total``, ``free``, ``used``: bytes of memory; ``free`` is without what the driver keeps for
    itself. ``unified``: it has no memory of its own and shares the host's, so these are None.
    ``utilisation``, ``memory_utilisation``: per cent of the last second in which anything
    computed, in which memory was read or written. ``temperature``: °C. ``power`` and
    ``power_limit``: watts. ``throttled``: why its clocks are held down, in plain words.
    ``processes`` counts compute processes and ``process_memory`` has the bytes of each, ours
    included, in no order: inside a container process ids mean nothing. ``ecc_errors``:
    uncorrected memory errors since the driver was loaded. ``xid``: the last error that the driver
    reported of it by that number. ``fault``: why it must not be used, as a clause without a full
    stop. ``mig_parent``, ``mig_instance``: the UUID of the GPU that it is an instance of, and the
    number there; temperature, power, throttling and memory errors are then the whole GPU's.
    """

    uuid: str
    index: int
    name: str
    total: int | None = None
    free: int | None = None
    used: int | None = None
    utilisation: int | None = None
    memory_utilisation: int | None = None
    temperature: int | None = None
    power: float | None = None
    power_limit: float | None = None
    throttled: tuple[str, ...] = ()
    processes: int | None = None
    process_memory: tuple[int, ...] | None = None
    ecc_errors: int | None = None
    xid: int | None = None
    fault: str | None = None
    mig_parent: str | None = None
    mig_instance: int | None = None
    unified: bool = False


@dataclass(frozen=True, slots=True)
class Readings:
    """All of this machine's GPUs.

    ``absence``: why there is no GPU to speak of (no library, no driver, no device), else None.
    ``fault``: what is wrong with a driver that should work, with what to do about it, else None.
    Both are clauses without a full stop. ``cuda_version`` is the newest that the driver serves.
    """

    driver: str | None = None
    cuda_version: str | None = None
    gpus: tuple[GpuReading, ...] = ()
    absence: str | None = None
    fault: str | None = None
