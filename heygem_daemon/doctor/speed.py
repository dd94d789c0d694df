"""Findings about speed: how fast each device is, and how much faster a GPU is than the CPU.

Each device is measured in its own child process, which is started like a worker.
"""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.answers import DeviceSpeed, EngineSpeed, MatrixProduct
from heygem_daemon.doctor.check import Check, Figures, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.driver import HUNG_DRIVER_REMEDY
from heygem_daemon.gpu.placement import CPU, DeviceChoice, device_choice
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.system.installation import find_installation, shipped_weights
from heygem_daemon.worker.pool import WorkerLimits, load_message, worker_environment

ERROR_LIMIT = 0.02
"""Largest error of a product, relative to its largest value: bfloat16 has 0.004, a broken chip
any."""
MIN_GPU_SPEEDUP = 2.0
"""A GPU that does not multiply this many times faster than the CPU is idle, throttled or in use."""
OUT_OF_MEMORY = "out of memory"
"""In the error message of torch."""
SPEED_PROBE = "heygem_daemon.doctor.speed_probe"
CPU_TIMEOUT_SECONDS = 180.0
"""Enough for a checkpoint on a slow CPU; the built-in engine takes ten seconds."""
GPU_TIMEOUT_SECONDS = 120.0
MAX_PARALLEL_GPUS = 4
"""How many GPUs are measured at the same time; each needs a CPU core."""


@dataclass(frozen=True, slots=True)
class MeasuredGpu:
    """A GPU, and its speed or why it could not be measured."""

    gpu: GpuReading
    answer: DeviceSpeed | ProbeFailure


def speed_checks(cpu: DeviceSpeed | ProbeFailure, gpus: Sequence[MeasuredGpu]) -> Iterator[Check]:
    """Yield the CPU's figures, then each GPU's, with how many times faster it is."""
    yield _cpu(cpu)
    for each in gpus:
        name = f"speed of GPU {each.gpu.index}"
        if isinstance(each.answer, ProbeFailure):
            yield _failed_probe_check(name, each.answer)
        else:
            yield _gpu(name, each.gpu, each.answer, cpu if isinstance(cpu, DeviceSpeed) else None)


def _cpu(answer: DeviceSpeed | ProbeFailure) -> Check:
    name = "speed of CPU"
    if isinstance(answer, ProbeFailure):
        remedy = f"Install torch again: {find_installation().renew('torch')}."
        return failed(name, answer.reason, remedy)
    if (wrong := _product_error(answer)) is not None:
        return failed(name, wrong, "Test this machine's memory and processor.")
    return _speed_check(name, answer, _figures(answer))


def _failed_probe_check(name: str, answer: ProbeFailure) -> Check:
    if answer.hung:
        return failed(name, answer.reason, HUNG_DRIVER_REMEDY)
    if OUT_OF_MEMORY in answer.reason:
        return warned(name, "not measured: others have all of its memory", "Try again later.")
    return failed(name, answer.reason, "See the findings on driver and CUDA, and dmesg.")


def _gpu(name: str, gpu: GpuReading, answer: DeviceSpeed, cpu: DeviceSpeed | None) -> Check:
    if answer.uuid is not None and not gpu.mig_parent and answer.uuid != gpu.uuid:
        detail = f"CUDA gave {answer.uuid} for {gpu.uuid}"
        return failed(
            name, detail, "Workers would refuse to run there: restart the driver, or reboot."
        )
    if (wrong := _product_error(answer)) is not None:
        remedy = "Leave it out of the setting gpus, and test it: nvidia-smi -q -d ECC, dcgmi diag."
        return failed(name, wrong, remedy)
    times = {} if cpu is None else _speedups(answer, cpu)
    figures = {**_figures(answer), **{f"times_{key}": value for key, value in times.items()}}
    check = _speed_check(name, answer, figures, _comparison(times))
    if check.verdict == "pass" and _is_too_slow(times):
        remedy = "Check its clocks, power limit and other users: nvidia-smi -q -d PERFORMANCE."
        return warned(name, check.detail, remedy, figures)
    return check


def _is_too_slow(times: dict[str, float]) -> bool:
    """Audio analysis does not count: an engine may do that on the CPU."""
    return (
        times.get("product", MIN_GPU_SPEEDUP) < MIN_GPU_SPEEDUP or times.get("pictures", 1.0) < 1.0
    )


def _speed_check(name: str, answer: DeviceSpeed, figures: Figures, comparison: str = "") -> Check:
    detail = comparison + ", ".join(map(_product, answer.products))
    if answer.engine_speed is None:
        detail = f"{detail}; the engine could not be loaded: {answer.problem}"
        return failed(name, detail, "See the findings on weights.", figures)
    return passed(name, f"{detail}; {_describe_engine(answer.engine_speed)}", figures)


def _product(product: MatrixProduct) -> str:
    large = product.teraflops >= 1
    amount, unit = (product.teraflops, "TFLOP/s") if large else (1e3 * product.teraflops, "GFLOP/s")
    return f"{product.precision} {amount:.3g} {unit}"


def _describe_engine(speed: EngineSpeed) -> str:
    return (
        f"{speed.engine} in {speed.precision} analyses {speed.hearing:.3g} s of audio, "
        f"tracks {speed.tracking:.3g} and draws {speed.drawing:.3g} pictures a second"
    )


def _product_error(answer: DeviceSpeed) -> str | None:
    """Return which products are wrong, or None; a result that is not a number is wrong."""
    wrong = [each.precision for each in answer.products if not each.error <= ERROR_LIMIT]
    return f"it multiplies wrongly in {', '.join(wrong)}" if wrong else None


def _speedups(gpu: DeviceSpeed, cpu: DeviceSpeed) -> dict[str, float]:
    """Return how many times faster the GPU is, by what was measured on both."""
    times = {"product": _best(gpu) / _best(cpu)}
    if gpu.engine_speed is not None and cpu.engine_speed is not None:
        times["hearing"] = gpu.engine_speed.hearing / cpu.engine_speed.hearing
        times["pictures"] = gpu.engine_speed.frames_per_second / cpu.engine_speed.frames_per_second
    return times


def _best(answer: DeviceSpeed) -> float:
    return max(product.teraflops for product in answer.products)


def _comparison(times: dict[str, float]) -> str:
    """Compare by the engine's pictures, which a job consists of; without an engine, by products."""
    if not times:
        return ""
    times_faster = times.get("pictures", times["product"])
    return f"the GPU is {times_faster:.3g} times faster here; "


def _figures(answer: DeviceSpeed) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    for product in answer.products:
        figures[f"{product.precision}_teraflops"] = product.teraflops
        figures[f"{product.precision}_error"] = (
            product.error if math.isfinite(product.error) else "not a number"
        )
    if answer.engine_speed is not None:
        figures |= asdict(answer.engine_speed)
    return figures


def measure_speeds(settings: Settings, gpus: Sequence[GpuReading]) -> Iterator[Check]:
    """Measure the CPU and each of ``gpus``, and yield findings on their speed.

    An engine caches data about a device on disk. Here it uses a temporary folder, because another
    user than the daemon's may run the doctor, and because the doctor leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="heygem-doctor-") as folder:
        cpu = measure_device(settings, CPU, Path(folder))
        with ThreadPoolExecutor(max_workers=MAX_PARALLEL_GPUS) as threads:
            answers = threads.map(
                lambda gpu: measure_device(settings, device_choice(gpu), Path(folder)), gpus
            )
            pairs = [MeasuredGpu(*pair) for pair in zip(gpus, answers, strict=True)]
    yield from speed_checks(cpu, pairs)


def measure_device(
    settings: Settings, device: DeviceChoice, cache: Path
) -> DeviceSpeed | ProbeFailure:
    """Return how fast the device is, or why that could not be measured.

    ``cache`` is the folder for what the engine keeps on disk about the device.
    """
    limits = WorkerLimits(settings.threads, checkpoints=settings.checkpoints)
    load = load_message(settings.engine, device, shipped_weights(), cache, limits)
    program = ["-m", SPEED_PROBE, load.model_dump_json()]
    seconds = CPU_TIMEOUT_SECONDS if device.uuid is None else GPU_TIMEOUT_SECONDS
    return run_probe(program, DeviceSpeed, seconds, worker_environment(os.environ, device))
