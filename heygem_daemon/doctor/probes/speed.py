"""``python -m heygem_daemon.doctor.probes.speed DEVICE ENGINE WEIGHTS CACHE THREADS``.

What a device, 'cpu' or 'cuda:0', does: matrix products in each type of numbers, checked against
the CPU's in float64; then the engine, loaded and exercised as a worker does.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heygem_daemon.doctor.answers import Exercise, Product, Speed, tell
from heygem_daemon.engines.base import SAMPLE_RATE, Device, Engine
from heygem_daemon.engines.catalogue import load_engine
from heygem_daemon.errors import EnvironmentFault

SIDES = {"cpu": 1024, "cuda": 4096}
"""Of the matrices, long enough to keep the device busy: 2 and 137 thousand million operations."""
CHECKED = 512
"""Side of the product that is compared."""
SOUND_SECONDS = 20
PICTURES = {"cpu": 8, "cuda": 64}
LEAST_SECONDS = 0.5
"""What is timed is repeated for at least that long."""
SEED = 7


def main() -> None:
    """Entry point."""
    name, engine, weights, cache, threads = sys.argv[1:]
    device = torch.device(name)
    torch.manual_seed(SEED)
    products = tuple(_product(device, precision) for precision in _precisions(device))
    try:
        resident, seconds = _loaded(device, engine, (Path(weights), Path(cache)), int(threads))
        tell(Speed(_uuid(device), products, _exercise(device, resident, seconds)))
    except EnvironmentFault as error:
        tell(Speed(_uuid(device), products, trouble=str(error)))


def _uuid(device: torch.device) -> str | None:
    return None if device.type == "cpu" else f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def _precisions(device: torch.device) -> Iterator[torch.dtype]:
    """Those that the device computes itself; emulated ones are no use to anybody."""
    yield torch.float32
    if device.type == "cpu":
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", bool)  # only on x86
        if supported():
            yield torch.bfloat16
        return
    yield torch.float16
    if torch.cuda.is_bf16_supported(including_emulation=False):
        yield torch.bfloat16


def _product(device: torch.device, precision: torch.dtype) -> Product:
    small = torch.randn(CHECKED, CHECKED, dtype=torch.float64)
    truth = small @ small
    found = small.to(device, precision) @ small.to(device, precision)
    error = (found.cpu().double() - truth).abs().max() / truth.abs().max()
    side = SIDES[device.type]
    matrix = torch.randn(side, side, device=device, dtype=precision)
    rate = _rate(device, lambda: matrix @ matrix)
    return Product(str(precision).removeprefix("torch."), 2 * side**3 * rate / 1e12, float(error))


def _loaded(
    device: torch.device, name: str, folders: tuple[Path, Path], threads: int
) -> tuple[Engine[Any], float]:
    """The engine from weights and cache ``folders``, and the seconds that its loading took.

    Raises EnvironmentFault where it cannot be loaded.
    """
    began = time.perf_counter()
    named = "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
    where = Device(str(device), named, _uuid(device))
    engine = load_engine(name, folders[0], where, folders[1], threads)
    return engine, time.perf_counter() - began


def _exercise(device: torch.device, engine: Engine[Any], load_seconds: float) -> Exercise:
    noise = np.random.default_rng(SEED).normal(0, 0.1, SOUND_SECONDS * SAMPLE_RATE)
    sound = noise.astype(np.float32)
    count = PICTURES[device.type]
    return Exercise(
        engine=engine.name,
        precision=engine.precision,
        load_seconds=load_seconds,
        hearing=SOUND_SECONDS * _rate(device, lambda: engine.listen([sound])),
        pictures=count * _rate(device, lambda: engine.exercise(count)),
    )


def _rate(device: torch.device, work: Callable[[], object]) -> float:
    """How often in a second ``work`` is done, once it has been done for the first time."""
    work()
    _wait(device)
    began, count, seconds = time.perf_counter(), 0, 0.0
    while seconds < LEAST_SECONDS:
        work()
        _wait(device)
        count, seconds = count + 1, time.perf_counter() - began
    return count / seconds


def _wait(device: torch.device) -> None:
    """CUDA answers before the work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
