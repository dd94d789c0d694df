"""``python -m heygem_daemon.doctor.speed_probe LOAD``: measures how fast a device is.

LOAD is the message that makes a worker load the engine on the device. First matrix products are
measured in each number type, and checked against the CPU's product in float64; then the engine on
synthetic input.
"""

import sys
import time
from collections.abc import Callable, Iterator

import torch

from heygem_daemon.doctor.answers import DeviceSpeed, EngineSpeed, MatrixProduct, print_answer
from heygem_daemon.engines import trial
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.protocol import Load
from heygem_daemon.worker.loading import Loader, require_on_device

MATRIX_SIDES = {"cpu": 1024, "cuda": 4096}
"""Rows of the matrices, enough to keep the device busy: 2e9 and 137e9 operations a product."""
CHECKED_SIDE = 512
"""Rows of the matrices whose product is checked."""
LEAST_SECONDS = 0.5
"""Work is repeated for at least this long while it is timed."""
TRACKED_PICTURES = 64
"""More pictures than a tracker reads at once."""
SEED = 7


def probe_speed() -> None:
    """Entry point."""
    load = Load.model_validate_json(sys.argv[1])
    device = torch.device(load.device)
    torch.manual_seed(SEED)
    products = tuple(_measure_product(device, precision) for precision in _precisions(device))
    try:
        print_answer(DeviceSpeed(_uuid(device), products, _measure_engine(device, load)))
    except EnvironmentFault as error:
        print_answer(DeviceSpeed(_uuid(device), products, problem=str(error)))


def _uuid(device: torch.device) -> str | None:
    return None if device.type == "cpu" else f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def _precisions(device: torch.device) -> Iterator[torch.dtype]:
    """Yield the number types that the device computes without emulation, which would be slow."""
    yield torch.float32
    if device.type == "cpu":
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", bool)  # only on x86
        if supported():
            yield torch.bfloat16
        return
    yield torch.float16
    if torch.cuda.is_bf16_supported(including_emulation=False):
        yield torch.bfloat16


def _measure_product(device: torch.device, precision: torch.dtype) -> MatrixProduct:
    small = torch.randn(CHECKED_SIDE, CHECKED_SIDE, dtype=torch.float64)
    truth = small @ small
    found = small.to(device, precision) @ small.to(device, precision)
    error = (found.cpu().double() - truth).abs().max() / truth.abs().max()
    side = MATRIX_SIDES[device.type]
    matrix = torch.randn(side, side, device=device, dtype=precision)
    rate = _measure_rate(device, lambda: matrix @ matrix)
    return MatrixProduct(
        str(precision).removeprefix("torch."), 2 * side**3 * rate / 1e12, float(error)
    )


def _measure_engine(device: torch.device, load: Load) -> EngineSpeed:
    """Raises EnvironmentFault where the engine cannot be loaded, or is on another device."""
    began = time.perf_counter()
    engine = Loader().load(load)
    require_on_device(engine)
    seconds = time.perf_counter() - began
    draw = trial.prepare_drawing(engine, trial.extract_noise_features(engine), engine.batch)
    return EngineSpeed(
        engine=engine.name,
        precision=engine.precision,
        load_seconds=seconds,
        hearing=trial.SOUND_SECONDS
        * _measure_rate(device, lambda: trial.extract_noise_features(engine)),
        tracking=TRACKED_PICTURES
        * _measure_rate(device, lambda: engine.tracker.read_blank_pictures(TRACKED_PICTURES)),
        drawing=engine.batch * _measure_rate(device, draw),
    )


def _measure_rate(device: torch.device, work: Callable[[], object]) -> float:
    """Return how often ``work`` runs in a second, after a first run that is not timed."""
    work()
    _synchronize(device)
    began, count, seconds = time.perf_counter(), 0, 0.0
    while seconds < LEAST_SECONDS:
        work()
        _synchronize(device)
        count, seconds = count + 1, time.perf_counter() - began
    return count / seconds


def _synchronize(device: torch.device) -> None:
    """Wait for the device: CUDA calls return before the work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    probe_speed()
