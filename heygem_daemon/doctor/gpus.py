"""Findings about each GPU, from readings; and where a job would run now."""

from dataclasses import asdict, dataclass, replace

from heygem_daemon.doctor.check import Check, Figures, failed, passed, warned
from heygem_daemon.gpu.placement import Placed, Waiting, permitted_gpus, place
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class TypicalJob:
    """The usual job, if it came now, with nothing of ours running: what it may use and needs.
    ``cuda_usable``: whether the installed torch can compute on a GPU. ``hot_celsius``: the
    temperature from which on a GPU is warned of; None: never."""

    policy: Policy
    request: PlacementRequest
    cuda_usable: bool = True
    hot_celsius: float | None = None

    def place(self, readings: Readings) -> Placed | Waiting:
        """Where it would run."""
        return place(
            readings, self.policy, self.request, PlacementContext(cuda_usable=self.cuda_usable)
        )

    def allows(self, gpu: GpuReading) -> bool:
        """Whether the settings let it use that GPU."""
        return self.policy.device != "cpu" and bool(permitted_gpus([gpu], self.policy))

    def can_use(self, gpu: GpuReading) -> bool:
        """Whether it works, and the settings and torch let the job use it."""
        return self.cuda_usable and gpu.fault is None and self.allows(gpu)


def gpu_checks(
    readings: Readings, typical_job: TypicalJob, daemon_running: bool = False
) -> list[Check]:
    """Each GPU, and the placement of a job that would come now.

    ``at_work``: a daemon runs here, whose own worker may be what fills a GPU.
    """
    return [
        *(_gpu(gpu, readings, typical_job, daemon_running) for gpu in readings.gpus),
        _placement(readings, typical_job, daemon_running),
    ]


def _gpu(
    gpu: GpuReading, readings: Readings, typical_job: TypicalJob, daemon_running: bool
) -> Check:
    name = f"GPU {gpu.index}"
    figures = _figures(gpu)
    if gpu.fault is not None:
        remedy = f"Stop what uses it, then: nvidia-smi --gpu-reset -i {gpu.index}; or reboot."
        # Jobs go on as long as another works.
        form = warned if any(map(typical_job.can_use, readings.gpus)) else failed
        return form(name, f"{gpu.name}, {gpu.uuid}: {gpu.fault}", remedy, figures)
    fit, room = _fit(gpu, readings, typical_job)
    detail = ", ".join([gpu.name, _memory(gpu), *_optional(gpu), fit, gpu.uuid])
    remedy = _health_remedy(gpu, typical_job.hot_celsius, daemon_running) or room
    return warned(name, detail, remedy, figures) if remedy else passed(name, detail, figures)


def _fit(gpu: GpuReading, readings: Readings, typical_job: TypicalJob) -> tuple[str, str]:
    """Whether the engine fits: now, or at least when nobody else uses it; and what to do."""
    if not typical_job.allows(gpu):
        return "not to be used (settings device and gpus)", ""
    if not typical_job.cuda_usable:
        return "of no use to a torch without CUDA", ""
    need = typical_job.request.need(gpu.name)
    told = f"{need.vram_bytes / GIB:.1f} GiB ({'measured' if need.measured else 'estimated'})"
    alone = replace(readings, gpus=(gpu,))
    if _is_placed_on_gpu(typical_job.place(alone)):
        return f"the engine fits with {told}", ""
    if _is_placed_on_gpu(typical_job.place(replace(alone, gpus=(_empty(gpu),)))):
        return f"no room now for the engine's {told}", "Others use it: jobs wait for room here."
    return f"too small for the engine's {told}", "Jobs go to other GPUs; here they never fit."


def _is_placed_on_gpu(answer: Placed | Waiting) -> bool:
    """Onto the GPU, that is: in want of one some jobs may go to the CPU."""
    return isinstance(answer, Placed) and answer.device.uuid is not None


def _empty(gpu: GpuReading) -> GpuReading:
    """The same GPU with nobody on it."""
    return replace(gpu, free=gpu.total, used=0, utilisation=0, processes=0, process_memory=())


def _health_remedy(gpu: GpuReading, hot: float | None, daemon_running: bool) -> str:
    """What to do about the worst of what a GPU that works says of itself; '' if all is well.

    At work it may well be at its power limit: the job's own evidence tells for how long.
    """
    if gpu.ecc_errors:
        return f"{gpu.ecc_errors} memory errors that could not be corrected: plan to replace it."
    if hot is not None and gpu.temperature is not None and gpu.temperature >= hot:
        return "It is hot and will slow down: look to its cooling."
    if gpu.throttled and not daemon_running:
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


def _placement(readings: Readings, typical_job: TypicalJob, daemon_running: bool) -> Check:
    name = "placement"
    answer = typical_job.place(readings)
    if isinstance(answer, Placed):
        where = f"a job would run on {answer.device.label}"
        if answer.notice is None:
            return passed(name, where)
        missing = "a torch that is built for CUDA" if readings.gpus else "a GPU and its driver"
        return warned(name, answer.notice, f"Install {missing} if this is too slow.")
    detail = f"a job would wait: {answer.reason}"
    if daemon_running:
        return warned(name, detail, "The daemon at work may hold it itself: see 'status'.")
    if _is_placed_on_gpu(
        typical_job.place(replace(readings, gpus=tuple(map(_empty, readings.gpus))))
    ):
        return warned(name, detail, "Nothing need be done, unless others stay there for ever.")
    return failed(name, detail, "Repair the device, or allow another: device and gpus.")
