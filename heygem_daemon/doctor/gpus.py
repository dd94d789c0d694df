"""Findings about each GPU, from readings; and where a job would run now."""

from collections.abc import Callable
from dataclasses import asdict, replace

from heygem_daemon.doctor.check import Check, Figures, failed, passed, warned
from heygem_daemon.gpu.placement import GIB, Placed, Waiting
from heygem_daemon.gpu.reading import GpuReading, Readings

HOT = 87
"""°C; around this most of NVIDIA's data-centre and desktop chips begin to slow down."""

Place = Callable[[Readings], Placed | Waiting]
"""Where a job would run, with nothing of ours running and readings like these."""


def gpu_checks(readings: Readings, place: Place, at_work: bool = False) -> list[Check]:
    """Each GPU, and the placement of a job that would come now.

    ``at_work``: a daemon runs here, whose own worker may be what fills a GPU.
    """
    return [
        *(_gpu(gpu, readings, place) for gpu in readings.gpus),
        _placement(readings, place, at_work),
    ]


def _gpu(gpu: GpuReading, readings: Readings, place: Place) -> Check:
    name = f"GPU {gpu.index}"
    figures = _figures(gpu)
    if gpu.fault is not None:
        remedy = f"Stop what uses it, then: nvidia-smi --gpu-reset -i {gpu.index}; or reboot."
        return failed(name, f"{gpu.name}, {gpu.uuid}: {gpu.fault}", remedy, figures)
    fit, room = _fit(gpu, readings, place)
    detail = ", ".join([gpu.name, _memory(gpu), *_optional(gpu), fit, gpu.uuid])
    remedy = _worry(gpu) or room
    return warned(name, detail, remedy, figures) if remedy else passed(name, detail, figures)


def _fit(gpu: GpuReading, readings: Readings, place: Place) -> tuple[str, str]:
    """Whether the engine fits: now, or at least when nobody else uses it; and what to do."""
    alone = replace(readings, gpus=(gpu,))
    if _takes(place(alone)):
        return "the engine fits", ""
    if _takes(place(replace(alone, gpus=(_empty(gpu),)))):
        return "the engine would fit", "Others use it: jobs wait until there is room."
    return "the engine does not fit", "Jobs go to other GPUs; here they never fit."


def _takes(answer: Placed | Waiting) -> bool:
    """Onto the GPU, that is: in want of one some jobs may go to the CPU."""
    return isinstance(answer, Placed) and answer.device.uuid is not None


def _empty(gpu: GpuReading) -> GpuReading:
    """The same GPU with nobody on it."""
    return replace(gpu, free=gpu.total, used=0, utilisation=0, processes=0, process_memory=())


def _worry(gpu: GpuReading) -> str:
    """What to do about the worst of what a GPU that works says of itself; '' if all is well."""
    if gpu.ecc_errors:
        return f"{gpu.ecc_errors} memory errors that could not be corrected: plan to replace it."
    if gpu.temperature is not None and gpu.temperature >= HOT:
        return "It is hot and will slow down: look to its cooling."
    if gpu.throttled:
        return f"It is held back ({', '.join(gpu.throttled)}): look to cooling and power supply."
    return ""


def _memory(gpu: GpuReading) -> str:
    if gpu.unified:
        return "shares the host's memory"
    if gpu.free is None or gpu.total is None:
        return "memory unknown"
    return f"{gpu.free / GIB:.1f} of {gpu.total / GIB:.1f} GiB free"


def _optional(gpu: GpuReading) -> list[str]:
    """What not every GPU tells."""
    figures = [
        ("{} % busy", gpu.utilisation),
        ("{} °C", gpu.temperature),
        ("{:.0f} W", gpu.power),
        ("{} processes", gpu.processes),
    ]
    told = [form.format(value) for form, value in figures if value is not None]
    return [*told, *(["a MIG instance"] if gpu.mig_parent else [])]


def _figures(gpu: GpuReading) -> Figures:
    """All readings that are single values."""
    return {key: value for key, value in asdict(gpu).items() if not isinstance(value, tuple)}


def _placement(readings: Readings, place: Place, at_work: bool) -> Check:
    name = "placement"
    answer = place(readings)
    if isinstance(answer, Placed):
        where = f"a job would run on {answer.device.label}"
        if answer.notice is None:
            return passed(name, where)
        return warned(name, answer.notice, "Install a GPU and its driver if this is too slow.")
    detail = f"a job would wait: {answer.reason}"
    if at_work:
        return warned(name, detail, "The daemon at work may hold it itself: see 'status'.")
    if _takes(place(replace(readings, gpus=tuple(map(_empty, readings.gpus))))):
        return warned(name, detail, "Nothing need be done, unless others stay there for ever.")
    return failed(name, detail, "Repair the device, or allow another: device and gpus.")
