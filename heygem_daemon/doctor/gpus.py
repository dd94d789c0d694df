"""Findings about each GPU, from its readings, and about where a job would run now."""

from dataclasses import asdict, dataclass, replace

from heygem_daemon.counts import counted
from heygem_daemon.doctor.check import Check, Figures, failed, passed, warned
from heygem_daemon.gpu.placement import Placed, Waiting, permitted_gpus, place
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings, describe_memory
from heygem_daemon.system.units import GIB


@dataclass(frozen=True, slots=True)
class TypicalJob:
    """A typical job, if it arrived now and none of our workers ran."""

    policy: Policy
    """What it may use."""
    request: PlacementRequest
    """What it needs."""
    cuda_usable: bool = True
    """Whether the installed torch can compute on a GPU."""
    hot_celsius: float | None = None
    """Warn of a GPU at this temperature and above; None: never."""

    def place(self, readings: Readings) -> Placed | Waiting:
        """Return where it would run."""
        return place(
            readings, self.policy, self.request, PlacementContext(cuda_usable=self.cuda_usable)
        )

    def allows(self, gpu: GpuReading) -> bool:
        """Return whether the settings let it use that GPU."""
        return self.policy.device != "cpu" and bool(permitted_gpus([gpu], self.policy))

    def can_use(self, gpu: GpuReading) -> bool:
        """Return whether the GPU works, and the settings and torch let the job use it."""
        return self.cuda_usable and gpu.fault is None and self.allows(gpu)


def gpu_checks(
    readings: Readings, typical_job: TypicalJob, daemon_running: bool = False
) -> list[Check]:
    """Return a finding for each GPU, and one for where a job would run now.

    ``daemon_running``: a daemon runs here, and its own worker may be what fills a GPU.
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
        # Jobs go on as long as another GPU works.
        form = warned if any(map(typical_job.can_use, readings.gpus)) else failed
        return form(name, f"{gpu.name}, {gpu.uuid}: {gpu.fault}", remedy, figures)
    fit, room = _fit(gpu, readings, typical_job)
    detail = ", ".join([gpu.name, describe_memory(gpu), *_optional(gpu), fit, gpu.uuid])
    remedy = _health_remedy(gpu, typical_job.hot_celsius, daemon_running) or room
    return warned(name, detail, remedy, figures) if remedy else passed(name, detail, figures)


def _fit(gpu: GpuReading, readings: Readings, typical_job: TypicalJob) -> tuple[str, str]:
    """Return whether the engine fits now, or when no other program uses the GPU; and a remedy."""
    if not typical_job.allows(gpu):
        return "not to be used (settings device and gpus)", ""
    if not typical_job.cuda_usable:
        return "of no use to a torch without CUDA", ""
    need = typical_job.request.need(gpu.name)
    required = f"{need.vram_bytes / GIB:.1f} GiB ({'measured' if need.measured else 'estimated'})"
    alone = replace(readings, gpus=(gpu,))
    if _is_placed_on_gpu(typical_job.place(alone)):
        return f"the engine fits with {required}", ""
    if _is_placed_on_gpu(typical_job.place(replace(alone, gpus=(_empty(gpu),)))):
        return f"no room now for the engine's {required}", "Others use it: jobs wait for room here."
    return f"too small for the engine's {required}", "Jobs go to other GPUs; they never fit here."


def _is_placed_on_gpu(answer: Placed | Waiting) -> bool:
    """Return whether the job runs on a GPU; without one, some jobs may go to the CPU."""
    return isinstance(answer, Placed) and answer.device.uuid is not None


def _empty(gpu: GpuReading) -> GpuReading:
    """Return the same GPU without any program on it."""
    return replace(gpu, free=gpu.total, used=0, utilisation=0, processes=0, process_memory=())


def _health_remedy(gpu: GpuReading, hot: float | None, daemon_running: bool) -> str:
    """Return what to do about a working GPU's worst problem; '' if all is well.

    A GPU at work may well be at its power limit; the evidence of the job says for how long.
    """
    if gpu.ecc_errors:
        errors = counted(gpu.ecc_errors, "1 memory error", "{count} memory errors")
        return f"{errors} that could not be corrected: plan to replace it."
    if hot is not None and gpu.temperature is not None and gpu.temperature >= hot:
        return "It is hot and will slow down: check its cooling."
    if gpu.throttled and not daemon_running:
        return f"It is slowed down ({', '.join(gpu.throttled)}): check cooling and power supply."
    return ""


def _optional(gpu: GpuReading) -> list[str]:
    """Return the figures that not every GPU reports."""
    figures = [
        ("{value} % busy", gpu.utilisation),
        ("{value} °C", gpu.temperature),
        ("{value} W", gpu.power),
    ]
    reported = [form.format(value=round(value)) for form, value in figures if value is not None]
    if gpu.processes is not None:
        reported.append(counted(gpu.processes, "1 process", "{count} processes"))
    return [*reported, *(["a MIG instance"] if gpu.mig_parent else [])]


def _figures(gpu: GpuReading) -> Figures:
    """Return all readings that are single values."""
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
    fits_when_empty = _is_placed_on_gpu(
        typical_job.place(replace(readings, gpus=tuple(map(_empty, readings.gpus))))
    )
    if fits_when_empty and daemon_running:
        return warned(name, detail, "The running daemon may occupy it itself: see 'status'.")
    if fits_when_empty:
        return warned(name, detail, "Nothing to do, unless other programs stay there for ever.")
    if not readings.gpus:
        remedy = 'Make the driver work (see NVIDIA driver), or set device to "auto" or "cpu".'
        return failed(name, detail, remedy)
    return failed(
        name, detail, "Repair the device, or allow another one (settings device and gpus)."
    )
