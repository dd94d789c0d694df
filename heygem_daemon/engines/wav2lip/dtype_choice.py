"""Measure which number type and batch size a generator runs fastest with on a device.

When a checkpoint is first used on a device, a few dozen pictures are drawn; the result is kept in
the cache. A coarser type is chosen only if it stays within one code value of float32 and is clearly
faster.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.device.precision import dtype_name, half_precision_dtypes
from heygem_daemon.engines.wav2lip.network import MEL_BANDS, MEL_STEPS, PICTURE_CHANNELS, Generator
from heygem_daemon.engines.wav2lip.runner import PICTURES_PER_STREAM, GeneratorMode, GeneratorRunner
from heygem_daemon.engines.wav2lip.streams import stream_count
from heygem_daemon.system.atomic import write_atomically
from heygem_daemon.system.processor_features import describe_processor

ERROR_LIMIT = 1 / 255
"""Largest mean difference from float32 allowed for a coarser type; pictures are 0-1."""
MIN_SPEEDUP = 1.15
"""Least speed of a coarser type, relative to float32."""
ROUNDS_PER_STREAM = 2
"""Parts of a batch per stream on a CPU: a stream that finishes early takes another part."""
TRIAL_PICTURES = 4
"""Random pictures that the trials draw; larger batches repeat them."""
GPU_BATCHES = (8, 16, 32, 64, 128)
SHARE_OF_FREE = 0.5
"""Part of the free GPU memory that a batch may take."""
TIMED_RUNS = 2
"""Runs per batch size, of which the fastest counts."""
SEED = 20
VERSION = 5
"""Part of the cache's key; raise it when the measurement or the computation changes."""


class MeasuredMode(BaseModel):
    """One way to run a generator, as measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: str
    """The number type: 'float32', 'bfloat16' or 'float16'."""
    batch: int = Field(ge=1)
    """Pictures."""
    pictures_per_second: float
    error: float
    """Mean difference from float32; pictures are 0-1."""

    @property
    def reason(self) -> str:
        """Why this mode was chosen, as a clause."""
        speed = f"fastest here with {self.pictures_per_second:.0f} pictures a second"
        if self.precision == dtype_name(torch.float32):
            return f"{speed}; no coarser type was clearly faster and exact enough"
        return f"{speed}, and within {255 * self.error:.2f} code values of float32"

    @property
    def mode(self) -> GeneratorMode:
        return GeneratorMode(getattr(torch, self.precision), self.batch)


def choose_mode(
    generator: Generator, checkpoint: str, device: torch.device, cache: Path
) -> MeasuredMode:
    """Return the fastest mode of ``generator`` on ``device`` that is exact enough.

    ``checkpoint``: sha256 of its file. The result is kept in ``cache``, and measured again for
    another checkpoint, device, processor, number of threads or torch.
    """
    file = cache / "pace" / f"{_key(checkpoint, device)}.json"
    measured = _read_cached(file)
    if measured is None:
        measured = fastest_exact_mode(list(measure_modes(generator, device)))
        _write_cached(file, measured)
    return measured


def fastest_exact_mode(modes: list[MeasuredMode]) -> MeasuredMode:
    """Return the fastest of ``modes`` that is exact enough; at least one must be in float32."""
    exact = [mode for mode in modes if mode.precision == dtype_name(torch.float32)]
    coarse = [mode for mode in modes if mode not in exact and mode.error <= ERROR_LIMIT]
    fastest = max(exact, key=_speed)
    clearly_faster = [mode for mode in coarse if _speed(mode) > MIN_SPEEDUP * _speed(fastest)]
    return max([fastest, *clearly_faster], key=_speed)


def measure_modes(generator: Generator, device: torch.device) -> Iterator[MeasuredMode]:
    """Measure every mode that is worth trying on ``device``."""
    torch.manual_seed(SEED)
    sample = _TrialInput(
        torch.rand(TRIAL_PICTURES, 1, MEL_BANDS, MEL_STEPS) * 8 - 4,
        torch.rand(TRIAL_PICTURES, PICTURE_CHANNELS, generator.size, generator.size),
    )
    with torch.inference_mode():
        truth = generator(*sample.first(2))
    for precision in candidate_precisions(device):
        yield from _measure_precision(generator, precision, device, sample, truth)


def _measure_precision(
    generator: Generator,
    precision: torch.dtype,
    device: torch.device,
    sample: "_TrialInput",
    truth: Tensor,
) -> Iterator[MeasuredMode]:
    """Measure every batch size with one number type; its copy of the weights is freed
    afterwards."""
    runner = GeneratorRunner(
        generator, GeneratorMode(precision, candidate_batch_sizes(device)[0]), device
    )
    error = float((runner(*sample.first(2)).cpu() - truth).abs().mean())
    for batch in fitting_batch_sizes(runner, sample, device):
        yield MeasuredMode(
            precision=dtype_name(precision),
            batch=batch,
            pictures_per_second=_timed(runner, sample, batch),
            error=error,
        )


def candidate_precisions(device: torch.device) -> tuple[torch.dtype, ...]:
    """Return the number types to try on ``device``, float32 first."""
    if device.type == "cpu":
        return torch.float32, torch.bfloat16
    return torch.float32, *half_precision_dtypes(device)


def candidate_batch_sizes(device: torch.device) -> tuple[int, ...]:
    """Return the batch sizes to try on ``device``, the smallest first."""
    return (
        (ROUNDS_PER_STREAM * PICTURES_PER_STREAM * stream_count(device),)
        if device.type == "cpu"
        else GPU_BATCHES
    )


def fitting_batch_sizes(
    runner: GeneratorRunner, sample: "_TrialInput", device: torch.device
) -> tuple[int, ...]:
    """Return those of ``candidate_batch_sizes`` that fit into the device's free memory."""
    if device.type == "cpu":
        return candidate_batch_sizes(device)
    smallest = min(GPU_BATCHES)
    runner.batching = BatchSizer(smallest)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    runner(*sample.first(smallest))
    taken = (torch.cuda.max_memory_allocated(device) - before) / smallest
    free, _ = torch.cuda.mem_get_info(device)
    return tuple(
        batch for batch in GPU_BATCHES if batch == smallest or batch * taken < SHARE_OF_FREE * free
    )


@dataclass(frozen=True, slots=True)
class _TrialInput:
    mels: Tensor
    """(N, 1, 80, 16), -4 … 4."""
    pictures: Tensor
    """(N, 6, s, s), 0-1."""

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """Return ``count`` mel windows and pictures, repeated where there are fewer."""
        picked = torch.arange(count) % len(self.pictures)
        return self.mels[picked], self.pictures[picked]


def _timed(runner: GeneratorRunner, sample: _TrialInput, batch: int) -> float:
    """Return pictures per second in batches of ``batch``, from the fastest of some runs."""
    runner.batching = BatchSizer(batch)
    given = sample.first(batch)
    runner(*given)
    shortest = min(_seconds(runner, given) for _ in range(TIMED_RUNS))
    return batch / shortest


def _seconds(runner: GeneratorRunner, given: tuple[Tensor, Tensor]) -> float:
    started = time.perf_counter()
    runner(*given).cpu()
    return time.perf_counter() - started


def _speed(mode: MeasuredMode) -> float:
    return mode.pictures_per_second


def _key(checkpoint: str, device: torch.device) -> str:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else describe_processor()
    what = (VERSION, checkpoint, where, torch.get_num_threads(), torch.__version__)
    return sha256(json.dumps(what).encode()).hexdigest()[:32]


def _read_cached(file: Path) -> MeasuredMode | None:
    try:
        return MeasuredMode.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _write_cached(file: Path, measured: MeasuredMode) -> None:
    """Write the result where possible; without it the next start measures again."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, measured.model_dump_json(indent=1) + "\n")
