"""Measuring each device in a child process of its own, started as a worker is."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heygem_daemon.doctor.answers import Speed
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.child import Trouble, ask
from heygem_daemon.doctor.speed import Measured, speed_checks
from heygem_daemon.gpu.placement import CPU, DeviceChoice
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.protocol import Load
from heygem_daemon.settings import Settings
from heygem_daemon.worker.pool import worker_environment

PROGRAM = "heygem_daemon.doctor.probes.speed"
CPU_SECONDS = 180.0
"""For a checkpoint on a slow CPU; the built-in engine takes ten."""
GPU_SECONDS = 120.0
AT_ONCE = 4
"""GPUs that are measured at the same time; each needs a core."""


def measured(settings: Settings, gpus: Sequence[GpuReading]) -> Iterator[Check]:
    """Findings on the speed of the CPU, and then of each of ``gpus``.

    What an engine keeps on disk about a device goes to a folder of our own: the doctor may be run
    by another user than the daemon, and leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="heygem-doctor-") as folder:
        cpu = measure(settings, CPU, Path(folder))
        with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
            answers = threads.map(lambda gpu: measure(settings, _choice(gpu), Path(folder)), gpus)
            pairs = [Measured(*pair) for pair in zip(gpus, answers, strict=True)]
    yield from speed_checks(cpu, pairs)


def measure(settings: Settings, device: DeviceChoice, cache: Path) -> Speed | Trouble:
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
    program = ["-m", PROGRAM, load.model_dump_json()]
    seconds = CPU_SECONDS if device.uuid is None else GPU_SECONDS
    return ask(program, Speed, seconds, worker_environment(os.environ, device))


def _choice(gpu: GpuReading) -> DeviceChoice:
    return DeviceChoice("cuda:0", gpu.uuid, gpu.name)
