"""Findings about speed: what each device really does, and how much faster a GPU is here.

Measuring each device in a child process of its own, started as a worker is.
"""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.answers import DeviceSpeed, EngineSpeed, MatrixProduct
from heygem_daemon.doctor.check import Check, Figures, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.driver import HUNG_DRIVER_REMEDY
from heygem_daemon.gpu.placement import CPU, DeviceChoice
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.protocol import Load
from heygem_daemon.worker.pool import worker_environment

ERROR_LIMIT = 0.02
"""Largest error of a product over its largest value: bfloat16 makes 0.004, a broken chip any."""
MIN_GPU_SPEEDUP = 2.0
"""A GPU that does not multiply this many times faster than the CPU beside it sleeps or suffers."""
OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True)
class MeasuredGpu:
    """A GPU and what came of measuring it."""

    gpu: GpuReading
    answer: DeviceSpeed | ProbeFailure


def speed_checks(cpu: DeviceSpeed | ProbeFailure, gpus: Sequence[MeasuredGpu]) -> Iterator[Check]:
    """The CPU's figures, and each GPU's with how many times faster it is."""
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
        return failed(name, answer.reason, "Reinstall torch: remove .venv, run 'make venv'.")
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
        return failed(name, detail, "Its workers would refuse: restart the driver, or reboot.")
    if (wrong := _product_error(answer)) is not None:
        remedy = "Leave it out of the setting gpus, and test it: nvidia-smi -q -d ECC, dcgmi diag."
        return failed(name, wrong, remedy)
    times = {} if cpu is None else _speedups(answer, cpu)
    figures = {**_figures(answer), **{f"times_{key}": value for key, value in times.items()}}
    check = _speed_check(name, answer, figures, _comparison(times))
    if check.verdict == "pass" and _is_too_slow(times):
        remedy = "Look at its clocks, power limit and other users: nvidia-smi -q -d PERFORMANCE."
        return warned(name, check.detail, remedy, figures)
    return check


def _is_too_slow(times: dict[str, float]) -> bool:
    """Hearing does not count: an engine may do that on the CPU."""
    return (
        times.get("product", MIN_GPU_SPEEDUP) < MIN_GPU_SPEEDUP or times.get("pictures", 1.0) < 1.0
    )


def _speed_check(name: str, answer: DeviceSpeed, figures: Figures, comparison: str = "") -> Check:
    detail = comparison + ", ".join(map(_product, answer.products))
    if answer.exercise is None:
        told = f"{detail}; the engine could not be loaded: {answer.trouble}"
        return failed(name, told, "See the findings on weights.", figures)
    return passed(name, f"{detail}; {_engine(answer.exercise)}", figures)


def _product(product: MatrixProduct) -> str:
    large = product.teraflops >= 1
    amount, unit = (product.teraflops, "TFLOP/s") if large else (1e3 * product.teraflops, "GFLOP/s")
    return f"{product.precision} {amount:.3g} {unit}"


def _engine(exercise: EngineSpeed) -> str:
    return (
        f"{exercise.engine} in {exercise.precision} hears {exercise.hearing:.3g} s of sound, "
        f"tracks {exercise.tracking:.3g} and draws {exercise.drawing:.3g} pictures a second"
    )


def _product_error(answer: DeviceSpeed) -> str | None:
    """Which products came out wrong, or None; one that is no number at all is."""
    wrong = [each.precision for each in answer.products if not each.error <= ERROR_LIMIT]
    return f"it multiplies wrongly in {', '.join(wrong)}" if wrong else None


def _speedups(gpu: DeviceSpeed, cpu: DeviceSpeed) -> dict[str, float]:
    """How many times faster the GPU is, by what was measured on both."""
    times = {"product": _best(gpu) / _best(cpu)}
    if gpu.exercise is not None and cpu.exercise is not None:
        times["hearing"] = gpu.exercise.hearing / cpu.exercise.hearing
        times["pictures"] = gpu.exercise.frames_per_second / cpu.exercise.frames_per_second
    return times


def _best(answer: DeviceSpeed) -> float:
    return max(product.teraflops for product in answer.products)


def _comparison(times: dict[str, float]) -> str:
    """The engine's pictures are what a job is made of; without an engine, the product."""
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
    if (done := answer.exercise) is not None:
        figures |= {"engine": done.engine, "precision": done.precision}
        figures |= {"load_seconds": done.load_seconds, "hearing": done.hearing}
        figures |= {"tracking": done.tracking, "drawing": done.drawing}
    return figures


SPEED_PROBE = "heygem_daemon.doctor.speed_probe"
CPU_TIMEOUT_SECONDS = 180.0
"""For a checkpoint on a slow CPU; the built-in engine takes ten."""
GPU_TIMEOUT_SECONDS = 120.0
MAX_PARALLEL_GPUS = 4
"""GPUs that are measured at the same time; each needs a core."""


def measure_speeds(settings: Settings, gpus: Sequence[GpuReading]) -> Iterator[Check]:
    """Findings on the speed of the CPU, and then of each of ``gpus``.

    What an engine keeps on disk about a device goes to a folder of our own: the doctor may be run
    by another user than the daemon, and leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="heygem-doctor-") as folder:
        cpu = measure_device(settings, CPU, Path(folder))
        with ThreadPoolExecutor(max_workers=MAX_PARALLEL_GPUS) as threads:
            answers = threads.map(
                lambda gpu: measure_device(settings, _choice(gpu), Path(folder)), gpus
            )
            pairs = [MeasuredGpu(*pair) for pair in zip(gpus, answers, strict=True)]
    yield from speed_checks(cpu, pairs)


def measure_device(
    settings: Settings, device: DeviceChoice, cache: Path
) -> DeviceSpeed | ProbeFailure:
    """What the device does, or why it does not."""
    load = Load(
        engine=settings.engine,
        device=device.torch_device,
        device_name=device.name,
        uuid=device.uuid,
        weights=str(settings.weights),
        cache=str(cache),
        threads=settings.threads,
    )
    program = ["-m", SPEED_PROBE, load.model_dump_json()]
    seconds = CPU_TIMEOUT_SECONDS if device.uuid is None else GPU_TIMEOUT_SECONDS
    return run_probe(program, DeviceSpeed, seconds, worker_environment(os.environ, device))


def _choice(gpu: GpuReading) -> DeviceChoice:
    return DeviceChoice("cuda:0", gpu.uuid, gpu.name)
