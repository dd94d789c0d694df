"""Findings about the GPUs, from readings; and where a job would run now."""

from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.gpu.placement import GIB, Need, Waiting, place
from heygem_daemon.gpu.reading import GpuReading, Readings

HOT = 87
"""°C; around this most of NVIDIA's data-centre and desktop chips begin to slow down."""


def gpu_checks(readings: Readings, device: str, need: Need, cuda_usable: bool) -> list[Check]:
    """The driver, each GPU, and the placement of a job that would come now."""
    return [
        _driver(readings, device),
        *(_gpu(gpu) for gpu in readings.gpus),
        _placement(readings, device, need, cuda_usable),
    ]


def _driver(readings: Readings, device: str) -> Check:
    name = "NVIDIA driver"
    if readings.fault is not None:
        return failed(name, readings.fault, "Jobs wait until this is repaired.")
    if readings.absence is None:
        cuda = readings.cuda_version or "unknown"
        return passed(name, f"{readings.driver or 'unknown'}, serves CUDA up to {cuda}")
    if device in ("auto", "cpu"):
        return passed(name, f"none: {readings.absence}")
    return failed(
        name, readings.absence, 'Install the NVIDIA driver, or set device to "auto" or "cpu".'
    )


def _gpu(gpu: GpuReading) -> Check:
    name = f"GPU {gpu.index}"
    if gpu.fault is not None:
        return failed(name, f"{gpu.name}, {gpu.uuid}: {gpu.fault}", "Reset it or reboot.")
    detail = ", ".join(
        [gpu.name, gpu.uuid, _memory(gpu), *_optional(gpu)],
    )
    if gpu.temperature is not None and gpu.temperature >= HOT:
        return warned(name, detail, "It is hot and will slow down; look to its cooling.")
    return passed(name, detail)


def _memory(gpu: GpuReading) -> str:
    if gpu.free is None or gpu.total is None:
        return "memory unknown"
    return f"{gpu.free / GIB:.1f} of {gpu.total / GIB:.1f} GiB free"


def _optional(gpu: GpuReading) -> list[str]:
    """What not every GPU tells."""
    figures = [
        ("{} % busy", gpu.utilisation),
        ("{} °C", gpu.temperature),
        ("{:.0f} W", gpu.power),
        ("{} compute processes", gpu.processes),
    ]
    return [form.format(value) for form, value in figures if value is not None]


def _placement(readings: Readings, device: str, need: Need, cuda_usable: bool) -> Check:
    name = "placement"
    answer = place(readings, device, need, held=(), cuda_usable=cuda_usable)
    if isinstance(answer, Waiting):
        return failed(name, f"a job would wait: {answer.reason}", "Free or repair the device.")
    where = f"a job would run on {answer.device.name}"
    if answer.notice is None:
        return passed(name, where)
    return warned(name, answer.notice, "Install a GPU and its driver if this is too slow.")
