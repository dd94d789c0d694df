"""Sound as a mono waveform at 16 kHz, streamed."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.audio_decoder import measure_audio
from heygem_daemon.media.resample import resample

SAMPLE_RATE = 16_000
BLOCK_SAMPLES = 1 << 16


def measure_duration(path: Path) -> Fraction:
    """Seconds of the sound in ``path``, exact: decoded samples over their rate."""
    return measure_audio(path).duration


def read_waveform(path: Path, block: int = BLOCK_SAMPLES) -> Iterator[NDArray[np.float32]]:
    """Consecutive blocks of ``block`` samples (the last shorter): float32, mono, 16 kHz, -1 … 1.

    All together they are round(duration · 16000) samples. Channels are mixed down; packets that
    cannot be decoded are silence. Raises BadInput or EnvironmentFault.
    """
    held = np.zeros(0, dtype=np.float32)
    pending: list[NDArray[np.float32]] = []
    waiting = 0
    for piece in resample(path, SAMPLE_RATE, "mono"):
        pending.append(piece[0])
        waiting += piece.shape[1]
        if waiting < block:
            continue
        held = np.concatenate(pending)
        whole = waiting - waiting % block
        for start in range(0, whole, block):
            yield held[start : start + block]
        pending, waiting = [held[whole:]], waiting - whole
    if waiting:
        yield np.concatenate(pending)
