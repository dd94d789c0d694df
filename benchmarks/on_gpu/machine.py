"""The machine, and the doctor's findings about it."""

import json
import os
import platform
import subprocess

import torch

from benchmarks.on_gpu.bench import Bench, Rows
from benchmarks.on_gpu.program import PROGRAM
from heygem_daemon.gpu.nvml import Nvml
from heygem_daemon.system.units import GIB


def machine(bench: Bench) -> Rows:
    """Return names and versions, then each of the doctor's findings."""
    nvml = Nvml()
    readings = nvml.read()
    nvml.close()
    for gpu in readings.gpus:
        memory = "unknown memory" if gpu.total is None else f"{gpu.total / GIB:.0f} GiB"
        limit = "unknown power limit" if gpu.power_limit is None else f"{gpu.power_limit:.0f} W"
        yield "GPU", f"{gpu.name}, {memory}, {limit}"
    yield "driver, CUDA", f"{readings.driver}, {readings.cuda_version}"
    yield "processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores"
    versions = (platform.python_version(), torch.__version__, torch.version.cuda)
    yield "Python, torch, CUDA", ", ".join(map(str, versions))
    spool = bench.folder / "doctor"
    # The shipped weights: this part runs before the benchmark makes its own.
    environment = bench.environment(spool, weights="")
    done = subprocess.run(
        [*PROGRAM, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise RuntimeError(
            f"the doctor ended with {done.returncode}: {done.stderr[-500:]}"
        ) from None
    yield "doctor", "fit" if answer["fit"] else "not fit"
    for check in answer["checks"]:
        yield f"{check['verdict']}: {check['name']}", f"{check['detail']} {check['remedy']}".strip()


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()
