"""Read the sound of a file as a mono waveform at 16 kHz, in blocks."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.resample import mean_or_channel, resample
from heygem_daemon.media.sound_blocks import SoundBlock, read_blocks

SAMPLE_RATE = 16_000
BLOCK_SAMPLES = 1 << 16


def measure_duration(path: Path) -> Fraction:
    """Return the exact length of a file's sound in seconds: decoded samples over their rate."""
    return measure_audio(path).duration


def sound_start(path: Path, guard: MediaGuard = NO_LIMITS) -> Fraction:
    """Return when the first sample is heard, in seconds of the file; 0 where there is none.

    Raises BadInput, TooLarge or EnvironmentFault.
    """
    blocks = (piece for piece in read_blocks(path, guard) if isinstance(piece, SoundBlock))
    first = next(blocks, None)
    return first.start if first else Fraction(0)


def read_waveform(
    path: Path,
    block: int = BLOCK_SAMPLES,
    voice_channel: int | None = None,
    guard: MediaGuard = NO_LIMITS,
    delay: Fraction = Fraction(0),
) -> Iterator[NDArray[np.float32]]:
    """Yield consecutive blocks of ``block`` samples (the last shorter): float32, 16 kHz, -1 … 1.

    Together they have round(duration · 16000) samples, and ``delay`` seconds of silence before
    them. ``voice_channel``: index of the channel to take, as ``measure_audio`` finds it; None: the
    mean of all. What is missing or cannot be decoded is silence. Raises BadInput, TooLarge or
    EnvironmentFault.
    """
    waiting = round(delay * SAMPLE_RATE)
    pending = [np.zeros(waiting, np.float32)]
    for piece in resample(path, SAMPLE_RATE, 1, mean_or_channel(voice_channel), guard):
        pending.append(piece[0].clip(-1, 1))
        waiting += piece.shape[1]
        if waiting < block:
            continue
        joined = np.concatenate(pending)
        complete = waiting - waiting % block
        for start in range(0, complete, block):
            yield joined[start : start + block]
        pending, waiting = [joined[complete:]], waiting - complete
    if waiting:
        yield np.concatenate(pending)
