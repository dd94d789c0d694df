"""What has changed from one reading of the GPUs to the next, in words for the log. Pure."""

from collections.abc import Iterator
from typing import Literal

from heygem_daemon.gpu.reading import GpuReading, Readings

GIB = 1 << 30

Line = tuple[Literal["INFO", "WARNING", "ERROR"], str]
"""A level and a sentence."""


def changes(before: Readings | None, after: Readings) -> list[Line]:
    """All that is new in ``after``; None: it is the first."""
    if after.fault is not None:
        known = before is not None and before.fault == after.fault
        return [] if known else [("ERROR", f"no GPU can be used: {after.fault}")]
    if after.absence is not None:
        known = before is not None and before.absence == after.absence
        # At the start it is a fact about the machine, later it is a loss.
        level: Literal["INFO", "WARNING"] = "INFO" if before is None else "WARNING"
        return [] if known else [(level, f"no GPU here: {after.absence}")]
    return list(_of_gpus(before, after))


def _of_gpus(before: Readings | None, after: Readings) -> Iterator[Line]:
    if before is None or before.fault is not None or before.absence is not None:
        yield "INFO", _driver(after)
    then = {gpu.uuid: gpu for gpu in before.gpus} if before is not None else {}
    for gpu in after.gpus:
        yield from _of_gpu(then.pop(gpu.uuid, None), gpu)
    for gpu in then.values():
        yield "WARNING", f"{label(gpu)} is gone"


def _of_gpu(before: GpuReading | None, after: GpuReading) -> Iterator[Line]:
    if before is None:
        yield "INFO", f"{label(after)} is here: {_memory(after)}"
    fault, xid = (before.fault, before.xid) if before is not None else (None, None)
    if after.fault is not None and after.fault != fault:
        yield "ERROR", f"{label(after)} is not used: {after.fault}"
    if after.fault is None and fault is not None:
        yield "INFO", f"{label(after)} can be used again"
    if after.fault is None and after.xid not in (None, xid):
        yield "WARNING", f"the driver reported Xid {after.xid} of {label(after)}; see dmesg"


def label(gpu: GpuReading) -> str:
    """A GPU's number, name and UUID."""
    return f"GPU {gpu.index} ({gpu.name}, {gpu.uuid})"


def _driver(readings: Readings) -> str:
    cuda = f", serves CUDA up to {readings.cuda_version}" if readings.cuda_version else ""
    return f"NVIDIA driver {readings.driver or 'of unknown version'}{cuda}"


def _memory(gpu: GpuReading) -> str:
    if gpu.unified:
        return "it shares the host's memory"
    if gpu.free is None or gpu.total is None:
        return "memory unknown"
    return f"{gpu.free / GIB:.1f} of {gpu.total / GIB:.1f} GiB free"
