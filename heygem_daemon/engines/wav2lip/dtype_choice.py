"""Which type of numbers and which batch a generator runs best with here: measured, not guessed.

A few dozen pictures are drawn when a checkpoint is first used on a device, and the answer is
kept beside the templates. A coarser type counts only if it stays within one code value of float32
and is clearly faster.
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

ERROR_LIMIT = 1 / 255
"""Largest mean difference from float32 that a coarser type may make; pictures are 0-1."""
MIN_SPEEDUP = 1.15
"""A coarser type must be faster than float32 by this factor."""
ROUNDS_PER_STREAM = 2
"""Of each stream on a CPU, in a batch: who is done early takes one more."""
TRIAL_PICTURES = 4
"""Made-up pictures that the trials draw, over and over in larger batches."""
GPU_BATCHES = (8, 16, 32, 64, 128)
SHARE_OF_FREE = 0.5
"""Part of the free GPU memory that a batch may take."""
TIMED_RUNS = 2
SEED = 20
VERSION = 5
CPUINFO = Path("/proc/cpuinfo")


class MeasuredMode(BaseModel):
    """One way to run a generator: pictures a second, and the mean difference from float32."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: str
    batch: int = Field(ge=1)
    pictures_per_second: float
    error: float

    @property
    def reason(self) -> str:
        """Why this way, as a clause."""
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
    """The fastest way to run ``generator`` on ``device`` that is exact enough.

    ``checkpoint``: sha256 of its file. The answer is kept in ``cache`` for the next start, and
    measured again for another checkpoint, device, processor or torch.
    """
    file = cache / "pace" / f"{_key(checkpoint, device)}.json"
    measured = _read_cached(file)
    if measured is None:
        measured = fastest_exact_mode(list(measure_modes(generator, device)))
        _write_cached(file, measured)
    return measured


def fastest_exact_mode(ways: list[MeasuredMode]) -> MeasuredMode:
    """The fastest of ``ways``, one of them in float32, that is exact enough to be used."""
    exact = [way for way in ways if way.precision == dtype_name(torch.float32)]
    coarse = [way for way in ways if way not in exact and way.error <= ERROR_LIMIT]
    fastest = max(exact, key=_speed)
    return max([fastest, *(way for way in coarse if _speed(way) > MIN_SPEEDUP * _speed(fastest))],
               key=_speed)  # fmt: skip


def measure_modes(generator: Generator, device: torch.device) -> Iterator[MeasuredMode]:
    """Every way worth trying on ``device``, tried."""
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
    """Every batch size with one type of numbers; its copy of the weights is gone afterwards."""
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
    """The types to try on ``device``, float32 first."""
    if device.type == "cpu":
        return torch.float32, torch.bfloat16
    return torch.float32, *half_precision_dtypes(device)


def candidate_batch_sizes(device: torch.device) -> tuple[int, ...]:
    """The batch sizes worth trying on ``device``, the smallest first."""
    return (
        (ROUNDS_PER_STREAM * PICTURES_PER_STREAM * stream_count(device),)
        if device.type == "cpu"
        else GPU_BATCHES
    )


def fitting_batch_sizes(
    runner: GeneratorRunner, sample: "_TrialInput", device: torch.device
) -> tuple[int, ...]:
    """Those of ``batches``; on a GPU those that fit into the free memory."""
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
    pictures: Tensor

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """``count`` windows and pictures, repeated where there are fewer."""
        picked = torch.arange(count) % len(self.pictures)
        return self.mels[picked], self.pictures[picked]


def _timed(runner: GeneratorRunner, sample: _TrialInput, batch: int) -> float:
    """Pictures a second in batches of ``batch``, the better of some trials."""
    runner.batching = BatchSizer(batch)
    given = sample.first(batch)
    runner(*given)
    shortest = min(_seconds(runner, given) for _ in range(TIMED_RUNS))
    return batch / shortest


def _seconds(runner: GeneratorRunner, given: tuple[Tensor, Tensor]) -> float:
    started = time.perf_counter()
    runner(*given).cpu()
    return time.perf_counter() - started


def _speed(way: MeasuredMode) -> float:
    return way.pictures_per_second


def _key(checkpoint: str, device: torch.device) -> str:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    what = (VERSION, checkpoint, where, torch.get_num_threads(), torch.__version__)
    return sha256(json.dumps(what).encode()).hexdigest()[:32]


def _processor() -> str:
    """The processor's model and features; ``platform.processor`` is empty on Linux."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.exists() else []
    told = {line.partition(":")[0].strip(): line for line in lines}
    return " ".join(told.get(key, "") for key in ("model name", "flags", "Features")).strip()


def _read_cached(file: Path) -> MeasuredMode | None:
    try:
        return MeasuredMode.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _write_cached(file: Path, measured: MeasuredMode) -> None:
    """Best effort: without it the next start measures again."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, measured.model_dump_json(indent=1) + "\n")
